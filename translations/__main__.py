"""`python -m translations update|check|write`: see translations/__init__.py."""

import argparse
import sys

from translations.catalogues import problems, update
from translations.made import write_made_files
from translations.pages import LANGUAGES, markdown_of, pages


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m translations", description=__doc__)
    parser.add_argument("action", choices=ACTIONS)
    return ACTIONS[parser.parse_args(arguments).action]()


def update_all() -> int:
    for language in LANGUAGES:
        for page in pages():
            open_messages = update(language, page, markdown_of(page))
            if open_messages:
                print(f"{language} {page.as_posix()}: {open_messages} to translate")
    return 0


def check_all() -> int:
    """1 when something is wrong."""
    found = [
        sentence
        for language in LANGUAGES
        for page in pages()
        for sentence in problems(language, page, markdown_of(page))
    ]
    print("\n".join(found) or "All translations are complete.")
    return int(bool(found))


def write_all() -> int:
    for language in LANGUAGES:
        for path in write_made_files(language):
            print(f"written: {path.as_posix()}")
    return 0


ACTIONS = {"update": update_all, "check": check_all, "write": write_all}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

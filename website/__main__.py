"""`python -m website [FOLDER]`: build the reading site into out/site, or into FOLDER."""

import argparse
import importlib.util
import sys
from pathlib import Path

from minicompress.lab.paths import OUT, SOLUTIONS, shown
from website.build import NEEDED, build


def main(arguments: list[str]) -> int:
    """Build; 2 when it cannot begin, 1 when Sphinx found something wrong."""
    parser = argparse.ArgumentParser(prog="python -m website", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=OUT / "site")
    folder = parser.parse_args(arguments).folder
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"{', '.join(missing)} must be installed for this: run `python -m minicompress site`",
            file=sys.stderr,
        )
        return 2
    if not SOLUTIONS.is_dir():
        print("The site is built from the reference: a student's copy has no solutions/", file=sys.stderr)
        return 2
    try:
        build(folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Open {shown(folder / 'index.html')} in a browser; it needs no server and no network.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

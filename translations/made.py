"""The files of the repository that the catalogues make: README.ko.md, docs/ko/ and notebooks/ko/."""

import os
from pathlib import Path

from minicompress.lab.files import atomic_write
from minicompress.lab.paths import ROOT
from translations.pages import CAPTIONS, LANGUAGES, LINK, START, in_language, pages, with_markdown


def made_path(page: Path, language: str) -> Path:
    """Where the translation of a page lies: docs/setup.md -> docs/ko/setup.md."""
    if page == START:
        return page.with_suffix(f".{language}{page.suffix}")
    return page.parent / language / page.name


def made_files(language: str) -> dict[Path, str]:
    """Each file that a language's catalogues make, and its text. A notebook keeps the English outputs."""
    return {made_path(page, language): made_text(page, language) for page in pages() if page != CAPTIONS}


def made_text(page: Path, language: str) -> str:
    text = with_markdown(in_language(page, language), page, lambda markdown: moved(markdown, page, language))
    if page == START:
        text = text.replace(
            f"[{LANGUAGES[language]}]({made_path(START, language)})", f"[English]({START})", 1
        )
    return text


def moved(markdown: str, page: Path, language: str) -> str:
    """The same text in the file that is made: its links lead to translations where there are some."""
    folder = made_path(page, language).parent

    def target(found) -> str:
        if not found[1]:
            return found[0]
        file = Path(os.path.normpath(page.parent / found[1]))
        file = made_path(file, language) if file in pages() else file
        return Path(os.path.relpath(file, folder)).as_posix() + (found[2] or "")

    return LINK.sub(target, markdown)


def write_made_files(language: str) -> list[Path]:
    """Write them; the paths of those that have changed."""
    changed = []
    for path, text in made_files(language).items():
        target = ROOT / path
        if target.is_file() and target.read_text(encoding="utf-8") == text:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
        changed.append(path)
    return changed

"""A page in another language, and which pages there are."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from minicompress.lab.paths import ROOT
from translations.catalogues import read_catalogue, say_from
from translations.messages import Say, blocks, spoken, translated

LANGUAGES = {"ko": "한국어"}
START = Path("README.md")
CAPTIONS = Path("website/captions.md")  # what stands on the site besides its pages
CHAPTERS = ("00", "01", "02")  # the others are in English
ENGLISH_ONLY = ("teaching",)  # for teachers; on no page of the site
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:)([^)\s#]*)(#[^)\s]+)?(?=\))")


def pages() -> list[Path]:
    """The pages that are translated, relative to the repository."""
    guides = sorted(path for path in (ROOT / "docs").glob("*.md") if path.stem not in ENGLISH_ONLY)
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    found = [*guides, *(path for path in notebooks if path.name.startswith(CHAPTERS))]
    return [START, CAPTIONS, Path("notebooks/README.md"), *(path.relative_to(ROOT) for path in found)]


def read(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def markdown_of(page: Path) -> Iterator[str]:
    """The Markdown of a page: a file's, or that of each of a notebook's cells."""
    if page.suffix == ".ipynb":
        yield from ("".join(cell["source"]) for cell in markdown_cells(json.loads(read(page))))
    else:
        yield read(page)


def markdown_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def with_markdown(text: str, page: Path, turned: Say) -> str:
    """The text of a page, its Markdown turned into another; a notebook keeps its code and its outputs."""
    if page.suffix != ".ipynb":
        return turned(text)
    content = json.loads(text)
    for cell in markdown_cells(content):
        cell["source"] = turned("".join(cell["source"])).splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def say_of(page: Path, language: str) -> Say:
    return say_from(read_catalogue(language, page))


def in_language(page: Path, language: str) -> str:
    """The page's text in a language, where its messages are translated."""
    say = say_of(page, language)
    return with_markdown(
        read(page), page, lambda markdown: with_anchors(translated(markdown, say), page, language)
    )


# ---------------------------------------------------------------- links to headings


def with_anchors(markdown: str, page: Path, language: str) -> str:
    """The same text, its links leading to headings as they are called in that language."""

    def relinked(found: re.Match) -> str:
        target, heading = found[1], found[2]
        if not heading:
            return found[0]
        file = Path(os.path.normpath(page.parent / target)) if target else page
        return target + anchors(file, language).get(heading, heading)

    return LINK.sub(relinked, markdown)


def anchors(page: Path, language: str) -> dict[str, str]:
    """`#English-heading` -> `#its-translation` of a page; nothing for a page in English."""
    if page not in pages():
        return {}
    say = say_of(page, language)
    titles = [title for markdown in markdown_of(page) for title in headings(markdown)]
    return {anchor(title): anchor(spoken(title, say)) for title in titles}


def headings(markdown: str) -> list[str]:
    lines = markdown.split("\n")
    return [block.text for block in blocks(markdown) if lines[block.first].startswith("#")]


def anchor(title: str) -> str:
    """The anchor of a heading as Jupyter makes it."""
    return "#" + title.replace(" ", "-")

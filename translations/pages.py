"""Which pages are translated, and what is made of them."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from minicompress.lab.files import atomic_write
from minicompress.lab.paths import ROOT
from translations.catalogues import read_catalogue, say_from
from translations.messages import blocks, spoken, translated

LANGUAGES = {"ko": "한국어"}
CHAPTERS = ("00", "01", "02")  # the others are in English
ENGLISH_ONLY = ("teaching",)  # for teachers; on no page of the site
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:)([^)\s#]*)(#[^)\s]+)?(?=\))")


def pages() -> list[Path]:
    """The pages that are translated, relative to the repository."""
    guides = sorted(path for path in (ROOT / "docs").glob("*.md") if path.stem not in ENGLISH_ONLY)
    notebooks = [
        path for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if path.name.startswith(CHAPTERS)
    ]
    found = [ROOT / "README.md", ROOT / "notebooks" / "README.md", *guides, *notebooks]
    return [path.relative_to(ROOT) for path in found]


def markdown_of(page: Path) -> Iterator[str]:
    """The Markdown of a page: a file's, or that of each of a notebook's cells."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        yield text
        return
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "markdown":
            yield "".join(cell["source"])


# ---------------------------------------------------------------- translated pages


def in_language(text: str, page: Path, language: str) -> str:
    """The page's text in a language; a notebook keeps its code and its outputs."""
    say = say_from(read_catalogue(language, page))

    def turned(markdown: str) -> str:
        return with_anchors(translated(markdown, say), page, language)

    if page.suffix != ".ipynb":
        return turned(text)
    content = json.loads(text)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = turned("".join(cell["source"])).splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def with_anchors(markdown: str, page: Path, language: str) -> str:
    """The same text, its links leading to headings as they are called in that language."""

    def relinked(found: re.Match) -> str:
        target, anchor = found[1], found[2]
        if not anchor:
            return found[0]
        file = Path(os.path.normpath(page.parent / target)) if target else page
        return target + anchors(file, language).get(anchor, anchor)

    return LINK.sub(relinked, markdown)


def anchors(page: Path, language: str) -> dict[str, str]:
    """`#English-heading` -> `#its-translation` of a page; nothing for a page in English."""
    if page not in pages():
        return {}
    say = say_from(read_catalogue(language, page))
    return {
        anchor(title): anchor(spoken(title, say))
        for markdown in markdown_of(page)
        for title in headings(markdown)
    }


def headings(markdown: str) -> list[str]:
    lines = markdown.split("\n")
    return [block.text for block in blocks(markdown) if lines[block.first].startswith("#")]


def anchor(title: str) -> str:
    """The anchor of a heading as Jupyter makes it."""
    return "#" + title.replace(" ", "-")


# ---------------------------------------------------------------- files of the repository


def made_files(language: str) -> dict[Path, str]:
    """Each file that the catalogues of a language make, and its text."""
    made = {Path(f"README.{language}.md"): in_language(read("README.md"), Path("README.md"), language)}
    for page in pages():
        if page.suffix == ".ipynb":
            text = moved(in_language(read(page), page, language), page, made_notebook(page, language))
            made[made_notebook(page, language)] = without_outputs(text)
    return made


def read(page: str | Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def made_notebook(page: Path, language: str) -> Path:
    return page.parent / language / page.name


def moved(text: str, page: Path, to: Path) -> str:
    """The notebook's text for another folder: its links lead to the same files as before, or to the page in
    that language where there is one.
    """
    content = json.loads(text)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            markdown = LINK.sub(
                lambda found: relative(found[1], page, to) + (found[2] or ""), "".join(cell["source"])
            )
            cell["source"] = markdown.splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def relative(target: str, page: Path, to: Path) -> str:
    if not target:
        return target
    file = Path(os.path.normpath(page.parent / target))
    beside = to.parent / file.name
    is_made = file.suffix == ".ipynb" and file in pages()
    return Path(os.path.relpath(beside if is_made else file, to.parent)).as_posix()


def without_outputs(text: str) -> str:
    """The notebook as it is before it runs."""
    content = json.loads(text)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


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

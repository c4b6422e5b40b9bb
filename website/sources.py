"""Gather the pages of the site in one folder, laid out like the repository, so that their links hold.

README.md becomes the start page. Notebooks are taken as they were committed, with their outputs. A linked
file that is no page (results/*.json, a source file) is copied, too, and offered as a download; a linked
module of `lab` leads to its page of the reference.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from minicompress.lab.paths import ROOT
from translations.messages import spoken
from translations.pages import CAPTIONS, LANGUAGES, in_language, read, say_of
from translations.pages import pages as translated_pages
from website.reference import reference_pages, write_pages

# Guides in the order in which a reader needs them; those that are not named follow by name.
GUIDES = ("setup", "course", "use", "compress", "export", "cheatsheet", "glossary", "projects", "results")
FOR_TEACHERS = ("teaching",)  # has answers: on no page that students read
FOR_CONTRIBUTORS = ("CONTRIBUTING.md", "CHANGELOG.md")

# In README.md: a link to it in another language, for which every page of the site has a button.
LANGUAGE_LINE = re.compile(r"^\[\w+\]\(README\.\w+\.md\)\n\n", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)(?=[)#])")

# What JupyterLab keeps of a cell that was folded, and what myst-nb calls it.
FOLDED = {"outputs_hidden": "hide-output", "source_hidden": "hide-input"}


def listed_files() -> dict[str, list[Path]]:
    """Heading -> the files that become pages, relative to the repository, in the order of the list."""
    guides = [path for path in (ROOT / "docs").glob("*.md") if path.stem not in FOR_TEACHERS]
    guides.sort(key=lambda path: (place(path.stem), path.stem))
    more = [ROOT / name for name in FOR_CONTRIBUTORS if (ROOT / name).is_file()]
    notebooks = [ROOT / "notebooks" / "README.md", *sorted((ROOT / "notebooks").glob("*.ipynb"))]
    found = {"Notebooks": notebooks, "Guides": [*guides, *more]}
    return {heading: [path.relative_to(ROOT) for path in paths] for heading, paths in found.items()}


def place(guide: str) -> int:
    """Where a guide stands in the list."""
    return GUIDES.index(guide) if guide in GUIDES else len(GUIDES)


def gather(folder: Path, language: str = "en") -> None:
    """Write every source of the site below `folder`, in a language where a page is translated into it."""
    files, reference = listed_files(), reference_pages()
    pages = {path: path for paths in files.values() for path in paths}  # file -> page
    pages[Path("README.md")] = Path("index.md")
    sources = list(pages)
    for texts in reference.values():
        write_pages(folder, texts)
        pages |= {Path(f"minicompress{name.removeprefix('api')}.py"): Path(f"{name}.md") for name in texts}
    translated = translated_pages() if language in LANGUAGES else []
    for path in sources:
        text = in_language(path, language) if path in translated else read(path)
        write_page(folder, path, LANGUAGE_LINE.sub("", text), pages)
    lists = {heading: [path.with_suffix("").as_posix() for path in paths] for heading, paths in files.items()}
    lists |= {heading: list(texts) for heading, texts in reference.items()}
    with (folder / "index.md").open("a", encoding="utf-8") as index:
        index.writelines(contents(caption(heading, language), names) for heading, names in lists.items())


def caption(heading: str, language: str) -> str:
    """What stands above a list of pages, in a language."""
    return spoken(heading, say_of(CAPTIONS, language)) if language in LANGUAGES else heading


def write_page(folder: Path, path: Path, text: str, pages: dict[Path, Path]) -> None:
    """Write the page of one file: its links lead to pages, or to files that are copied."""

    def relinked(text: str) -> str:
        return LINK.sub(lambda found: linked(found[1], folder, path, pages), text)

    text = notebook(text, relinked) if path.suffix == ".ipynb" else relinked(text)
    page = folder / pages[path]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")


def linked(target: str, folder: Path, path: Path, pages: dict[Path, Path]) -> str:
    """What a link to `target` on the page of `path` becomes; a file that is no page is copied."""
    file = (ROOT / path.parent / target).resolve()
    if not file.is_file() or not file.is_relative_to(ROOT):
        return target  # Sphinx says that it is not there
    file = file.relative_to(ROOT)
    copy = Path(f"{file}.txt") if file.suffix == ".md" else file  # Sphinx takes every other .md for a page
    if file not in pages:
        (folder / copy.parent).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, folder / copy)
    return Path(os.path.relpath(pages.get(file, copy), pages[path].parent)).as_posix()


def notebook(text: str, relinked: Callable[[str], str]) -> str:
    """A notebook whose links are `relinked`; what was folded in JupyterLab is folded on the site."""
    content = json.loads(text)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = relinked("".join(cell["source"]))
        folded = cell["metadata"].get("jupyter", {})
        tags = [tag for name, tag in FOLDED.items() if folded.get(name)]
        if tags:
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), *tags]
    return json.dumps(content, ensure_ascii=False)


def contents(heading: str, pages: list[str]) -> str:
    """A list of pages beside the text, under a heading."""
    lines = "\n".join(pages)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n:maxdepth: 1\n\n{lines}\n```\n"

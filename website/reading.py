"""What Sphinx is told of our pages: headings' anchors, and docstrings with the exercise they specify."""

from minicompress.grading.course import exercises
from minicompress.lab.paths import ROOT
from translations.pages import LANGUAGES
from translations.pages import anchor as anchor_of
from website.docstrings import as_restructured_text


def anchor(title: str) -> str:
    """The anchor of a heading as Jupyter makes it, which is how notebooks link to each other."""
    return anchor_of(title).removeprefix("#")


def in_other_languages(page: str, language: str) -> dict[str, str]:
    """Name of each other language -> where the page lies in it, from the root of the site in `language`."""
    if language in LANGUAGES:  # a folder of the English site
        others = {"English": ".."} | {
            name: f"../{code}" for code, name in LANGUAGES.items() if code != language
        }
    else:
        others = {name: code for code, name in LANGUAGES.items()}
    return {name: f"{folder}/{page}.html" for name, folder in others.items()}


def process_docstring(app, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Put reStructuredText in the place of a docstring, below the exercise that asks for it."""
    lines[:] = [*exercise_line(name), *as_restructured_text("\n".join(lines))]


def exercise_line(name: str) -> list[str]:
    """`minicompress.pruning.nm_mask` -> the number, title and notebook of its exercise."""
    for task in exercises().values():
        if name in {f"minicompress.{task.module}.{each}" for each in task.names}:
            notebook = next((ROOT / "notebooks").glob(f"{int(task.chapter):02d}_*.ipynb")).stem
            return [f":doc:`Exercise {task.id} · {task.title} </notebooks/{notebook}>`", ""]
    return []

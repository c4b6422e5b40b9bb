"""The README and the pages of docs/: what they quote is what was measured, and what they link is there."""

import re

import pytest

from benchmarks import readme
from minicompress.grading.course import exercises
from minicompress.lab.paths import CHAPTERS, ROOT

PAGES = [ROOT / "README.md", ROOT / "notebooks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")


@pytest.mark.parametrize("path", readme.PAGES, ids=lambda path: path.stem)
def test_the_tables_of_a_page_are_those_of_the_committed_results_and_of_the_syllabus(path):
    text = path.read_text(encoding="utf-8")
    assert readme.filled(text) == text, "run `python -m benchmarks.readme`"


def test_every_part_stands_on_exactly_one_page():
    text = "\n".join(path.read_text(encoding="utf-8") for path in readme.PAGES)
    assert sorted(re.findall(r"^<!-- (\w+) -->$", text, re.M)) == sorted(readme.PARTS)


@every_page
def test_a_linked_file_is_there(path):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_readme_is_a_screen_and_a_half_and_names_every_file_to_write_in():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    assert all(f"`{chapter}.py`" in text for chapter in CHAPTERS)
    for words in ("make run", "make lab", "minicompress check", "hint(", "doctor", "will be able to"):
        assert words in text


def test_the_exercise_that_the_readme_explains_is_the_one_it_names():
    task = exercises()["2.3"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Exercise 2.3 is `{task.names[0]}` in `{task.module}.py`" in text

"""What a reader finds in every notebook, and in every exercise of it, in the same order."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from minicompress.grading import course
from minicompress.lab.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
EXERCISES = {key: task for key, task in course.exercises().items()}
PARTS = ("Summary", "Questions", "Going further", "Reading")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
every_exercise = pytest.mark.parametrize("key", EXERCISES)


@dataclass(frozen=True)
class Cell:
    kind: str
    source: str
    text: str  # what it printed or shows as text
    pictures: int
    folded: bool


def read_cell(cell: dict) -> Cell:
    """A cell with the text of its outputs."""
    outputs = cell.get("outputs", [])
    texts = ["".join(output.get("text", "")) for output in outputs]
    for output in outputs:
        data = output.get("data", {})
        texts.append("".join(data.get("text/markdown", data.get("text/plain", ""))))
    return Cell(
        cell["cell_type"],
        "".join(cell["source"]),
        "\n".join(texts).strip(),
        sum("image/png" in output.get("data", {}) for output in outputs),
        cell["metadata"].get("jupyter", {}).get("outputs_hidden", False),
    )


@cache
def cells(path: Path) -> tuple[Cell, ...]:
    return tuple(read_cell(cell) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])


def notebook_of(key: str) -> Path:
    """The notebook of an exercise's chapter."""
    return next(path for path in NOTEBOOKS if int(path.stem[:2]) == int(key.split(".")[0]))


def headed(path: Path) -> dict[str, list[Cell]]:
    """Heading of the second rank -> the cells below it, up to the next one."""
    found, here = {}, []
    for cell in cells(path):
        if cell.kind == "markdown" and (heading := re.match(r"## (.+)", cell.source)):
            here = found.setdefault(heading[1].strip(), [])
        here.append(cell)
    return found


def heading_of(key: str) -> str:
    star = " ★" if EXERCISES[key].stretch else ""
    return f"Exercise {key}{star} · {EXERCISES[key].title}"


def section_of(key: str) -> list[Cell]:
    """The cells of one exercise."""
    sections = headed(notebook_of(key))
    assert heading_of(key) in sections, f"{notebook_of(key).name} has no `## {heading_of(key)}`"
    return sections[heading_of(key)]


# ------------------------------------------------------------ a notebook


@every_notebook
def test_a_notebook_opens_with_what_one_will_do_what_one_needs_how_long_it_takes_and_the_symbols(path):
    opening = cells(path)[0].source
    places = [opening.find(f"**{part}") for part in ("You will be able to", "You need", "Time", "Symbols")]
    assert -1 not in places and places == sorted(places), places
    assert re.match(r"# \d\d · .+\n\n\*\*Question", opening)


@every_notebook
def test_the_minutes_in_the_opening_are_those_of_the_syllabus(path):
    chapter = str(int(path.stem[:2]))
    minutes = sum(task.minutes for task in EXERCISES.values() if task.chapter == chapter)
    told = re.search(r"\*\*Time[^\n]*", cells(path)[0].source)[0]
    assert not minutes or f"{minutes} minutes" in told, f"{minutes} minutes are in course.toml; {told}"


@every_notebook
def test_a_notebook_shows_where_it_stands_in_the_course(path):
    call = f"diagrams.course_map(here={int(path.stem[:2])})"
    assert [cell for cell in cells(path)[:6] if call in cell.source and cell.pictures]


@every_notebook
def test_a_notebook_closes_with_a_summary_five_questions_two_extensions_and_things_to_read(path):
    sections = headed(path)
    assert tuple(sections)[-4:] == PARTS, list(sections)[-5:]
    text = {part: "\n".join(cell.source for cell in sections[part]) for part in PARTS}
    assert 100 <= len(text["Summary"].split()) <= 400, "half a page"
    folded = re.findall(r"<details>\s*<summary>(.+?)</summary>(.+?)</details>", text["Questions"], re.S)
    assert len(folded) == 5 and all(len(answer.split()) >= 12 for _, answer in folded)
    assert len(re.findall(r"^(?:\d\.|-) ", text["Going further"], re.M)) >= 2
    assert len(re.findall(r"\]\((?:https://|\.\./)", text["Reading"])) >= 4


@every_notebook
def test_files_that_a_notebook_links_are_there(path):
    for target in re.findall(r"\]\((\.\./[^)#]+)", "\n".join(cell.source for cell in cells(path))):
        assert (path.parent / target).exists(), target


@every_notebook
def test_a_notebook_has_one_slider(path):
    assert sum(len(re.findall(r"^slider\(", cell.source, re.M)) for cell in cells(path)) == 1


# ------------------------------------------------------------ an exercise


@every_exercise
def test_an_exercise_has_a_heading_with_its_title(key):
    assert section_of(key)


@every_exercise
def test_an_exercise_shows_a_figure_or_a_printed_toy(key):
    shown = [cell for cell in section_of(key) if "check(" not in cell.source and "hint(" not in cell.source]
    seen = any(cell.pictures or cell.text for cell in shown if "predict(" not in cell.source)
    assert seen, "no cell shows a picture or text: was the notebook run? `python -m benchmarks.notebooks`"


@every_exercise
def test_an_exercise_asks_for_a_prediction_before_it_shows_the_answer(key):
    section = section_of(key)
    asked = [place for place, cell in enumerate(section) if f'predict("{key}"' in cell.source]
    compared = [place for place, cell in enumerate(section) if f'measured("{key}"' in cell.source]
    assert asked and compared and asked[0] < compared[-1], f'predict("{key}", ...), below it measured(...)'
    for place in compared:
        assert section[place].folded, "the answer's output stands open right under the question"


@every_exercise
def test_what_is_compared_has_the_name_under_which_it_was_predicted(key):
    source = "\n".join(cell.source for cell in section_of(key))

    def names(function: str) -> set[str]:
        calls = re.findall(rf'{function}\("{re.escape(key)}", ?(.*)', source)
        return {name for call in calls for name in re.findall(r"(\w+)=", call)}

    assert names("predict") <= names("measured")


@every_exercise
def test_help_lies_right_under_the_check(key):
    section = section_of(key)
    sources = [cell.source for cell in section]
    assert f'check("{key}")' in sources, f'no cell is `check("{key}")` and nothing else'
    below = sources[sources.index(f'check("{key}")') + 1]
    assert below == f'hint("{key}")\nreveal("{key}")\nmore("{key}")'


# ------------------------------------------------------------ numbers


def claim_tables(path: Path) -> list[list[str]]:
    """The rows of tables in Markdown whose heading speaks of claims."""
    text = "\n".join(cell.source for cell in cells(path) if cell.kind == "markdown")
    tables = re.findall(r"(?:^\|.*\|\n?)+", text, re.M)
    return [table.splitlines() for table in tables if "claim" in table.splitlines()[0]]


@every_notebook
def test_measured_numbers_of_claims_are_computed_and_not_typed(path):
    assert not claim_tables(path), "write the table as tables.claims(...) in a code cell"
    for cell in cells(path):
        if "tables.claims(" in cell.source:
            assert "{" in cell.source, "no measured value comes in"


NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?: ?%|x)?(?![\w-])")


def numbers_in_prose(text: str) -> list[str]:
    """Numbers with a point, a percent sign or an x, or of three digits; not those of code and links."""
    bare = re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|arXiv [\d.]+|[Ee]xercises? [\d., and]+", " ", text)
    found = [number.group().rstrip(",") for number in NUMBER.finditer(bare)]
    return [number for number in found if re.search(r"[.%x]", number) or len(re.sub(r"\D", "", number)) > 2]


def test_numbers_in_prose_are_found_and_those_of_code_links_and_exercises_are_not():
    text = "About 27.5% of `0.3` at 80x, 14,025 tokens, Exercise 1.3 in [it](https://a.b/1234) on 2 cores."
    assert numbers_in_prose(text) == ["27.5%", "80x", "14,025"]


@every_notebook
def test_every_number_of_the_summary_stands_in_an_output_of_the_notebook(path):
    shown = "\n".join(cell.text for cell in cells(path))
    summary = "\n".join(cell.source for cell in headed(path)["Summary"])
    for number in numbers_in_prose(summary):
        assert number in shown or re.sub(r"[ %x]", "", number) in shown, f"{number} is shown nowhere"

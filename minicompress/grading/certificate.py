"""One page of what a learner has solved: `minicompress progress --html FILE`.

It is made of the journal alone, and of no exercise that is not noted there as passed.
"""

import datetime
from pathlib import Path

from minicompress.grading import journal, pages
from minicompress.grading.course import Exercise, exercises

LONGEST_NAME = 100
HEADINGS = ("", "Exercise", "Solved", "Points", "Hints", "Predictions")
ORIGIN = (
    "What `minicompress check` noted on this computer: an exercise is solved when all of its graders passed. "
    "Nobody has signed this page."
)


def write(file: Path, name: str | None = None) -> None:
    """Write the page into a file, all or nothing. ValueError: a name that is empty or too long."""
    pages.write_page(as_page(name), file)


def as_page(name: str | None = None) -> str:
    """The page as HTML that needs no other file. ValueError: a name that is empty or too long."""
    if name is not None and not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise ValueError(f"a name has 1 to {LONGEST_NAME} characters, got {len(name.strip())}")
    owner = f" of {name.strip()}" if name else ""
    chapters: dict[str, list[Exercise]] = {}
    for task in exercises().values():
        chapters.setdefault(task.chapter, []).append(task)
    today = datetime.date.today().isoformat()
    return pages.page(
        f"How large language models are made small: the progress{owner}",
        [
            f"<p>{today}: {pages.text(total(list(exercises().values())))}</p>",
            *(part for number, tasks in chapters.items() for part in chapter(number, tasks)),
            f'<p class="small">{pages.prose(ORIGIN)}</p>',
        ],
    )


def total(tasks: list[Exercise]) -> str:
    """What is solved of these exercises, in a sentence."""
    solved = solved_of(tasks)
    hints, guesses = sum(map(hints_used, solved)), sum(map(predicted, solved))
    points = f"{sum(task.points for task in solved)} of {sum(task.points for task in tasks)} points"
    rest = f", with {counted(hints, 'hint')} and {counted(guesses, 'prediction')}" if solved else ""
    return f"{len(solved)} of {len(tasks)} exercises solved, {points}{rest}."


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def solved_of(tasks: list[Exercise]) -> list[Exercise]:
    """Those that the journal says were passed."""
    passed = journal.read()["passed"]
    return [task for task in tasks if task.id in passed]


def chapter(number: str, tasks: list[Exercise]) -> list[str]:
    """A heading, what is solved, and a row for each solved exercise, as HTML."""
    heading = f"<h2>Chapter {pages.text(number)}: {pages.text(tasks[0].module.replace('_', ' '))}</h2>"
    rows = [
        [
            pages.text(task.id),
            pages.text(task.title),
            pages.text(day(journal.read()["passed"][task.id])),
            str(task.points),
            str(hints_used(task)),
            str(predicted(task)),
        ]
        for task in solved_of(tasks)
    ]
    listed = [pages.table(HEADINGS, rows, [3, 4, 5])] if rows else []
    return ["<section>", heading, f"<p>{pages.text(total(tasks))}</p>", *listed, "</section>"]


def day(when: object) -> str:
    """A noted time as a date; what is no time gives none."""
    try:
        return datetime.datetime.fromisoformat(when).date().isoformat()
    except (TypeError, ValueError):
        return "no date noted"


def hints_used(task: Exercise) -> int:
    """How many of an exercise's hints were shown."""
    return min(journal.hints_told(task.id), len(task.hints))


def predicted(task: Exercise) -> int:
    """How many guesses were noted for an exercise, right or wrong."""
    return len(journal.predictions(task.id))

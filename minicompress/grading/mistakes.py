"""Known wrong implementations: tests/mutants/ex_1_1.py and so on, each with the misconception behind it.

A file holds sections that begin with `### MUTANT name: One sentence that states the misconception.`; what
follows is a learner's file in small.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from minicompress.grading.assemble import assemble
from minicompress.grading.course import Exercise
from minicompress.grading.graders import run_graders, same
from minicompress.grading.report import Result
from minicompress.lab.paths import TESTS


class Mistake(NamedTuple):
    name: str
    sentence: str
    source: str


def known_mistakes(exercise: Exercise) -> list[Mistake]:
    """The exercise's wrong implementations, in the order of their file; none when there is no file."""
    return [Mistake(*parts) for parts in sections(exercise, "mutants", "MUTANT")]


def sections(exercise: Exercise, folder: str, word: str) -> list[list[str]]:
    """The (name, sentence, source) of every section of an exercise's file in a folder of `tests`."""
    path = TESTS / folder / f"ex_{exercise.id.replace('.', '_')}.py"
    heading = re.compile(rf"^### {word} (\w+): (.+)\n", re.M)
    parts = heading.split(path.read_text(encoding="utf-8"))[1:] if path.is_file() else []
    return [parts[start : start + 3] for start in range(0, len(parts), 3)]


def run_mistake(
    exercise: Exercise, mistake: Mistake, device: str = "cpu", seed: int = 0, expected: Result | None = None
) -> Result:
    """Grade a wrong implementation."""
    source = assemble(exercise, mistake.source, f"<{mistake.name}>", complete=False)
    return run_graders(exercise, source, device, seed, expected=expected)


def recognise(
    exercise: Exercise,
    result: Result,
    device: str = "cpu",
    seed: int = 0,
    run: Callable[..., Result] = run_mistake,
) -> Mistake | None:
    """Find the known mistake that fails the very same graders, and of which they say the very same.

    None for a slip of the pen, such as a name that is not defined: it says nothing about what was thought.
    """
    if any(outcome.slip for outcome in result.outcomes):
        return None
    for mistake in known_mistakes(exercise):
        there = run(exercise, mistake, device, seed, expected=result)
        if alike(there, result, exercise.timed):
            return mistake
    return None


def alike(there: Result, here: Result, timed: bool) -> bool:
    """Whether the graders say the same of two answers."""
    return len(there.outcomes) == len(here.outcomes) and all(
        same(outcome, here, timed) for outcome in there.outcomes
    )

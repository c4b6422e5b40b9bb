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

HEADING = re.compile(r"^### MUTANT (\w+): (.+)\n", re.M)


class Mistake(NamedTuple):
    name: str
    sentence: str
    source: str


def known_mistakes(exercise: Exercise) -> list[Mistake]:
    """The exercise's wrong implementations, in the order of their file; none when there is no file."""
    path = TESTS / "mutants" / f"ex_{exercise.id.replace('.', '_')}.py"
    parts = HEADING.split(path.read_text(encoding="utf-8"))[1:] if path.is_file() else []
    return [Mistake(*parts[start : start + 3]) for start in range(0, len(parts), 3)]


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
    """Find the known mistake that fails the very same graders with the very same first lines of their errors.

    Of several such, take the one that agrees with the most of what stands below those lines.
    """
    best, most = None, -1
    for mistake in known_mistakes(exercise):
        there = run(exercise, mistake, device, seed, expected=result)
        if len(there.outcomes) == len(result.outcomes) and all(
            same(outcome, result, exercise.timed) for outcome in there.outcomes
        ):
            messages = {outcome.name: outcome.message for outcome in there.outcomes}
            agreeing = sum(outcome.message == messages.get(outcome.name) for outcome in result.outcomes)
            if agreeing > most:
                best, most = mistake, agreeing
            if exercise.timed or agreeing == len(result.outcomes):
                break
    return best

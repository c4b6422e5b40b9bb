"""Judge, for each exercise, what is known to be right or wrong: `python -m benchmarks.judging [ID ...]`.

The reference and the right answers in other styles must get all points, the stubs and the known wrong
implementations none. Prints a line for each, and at the end how many were judged otherwise; ends with code 1
where there was one. `--mistakes N` takes N of the wrong implementations of each exercise instead of all.
"""

import argparse
import concurrent.futures
import os
import resource
import sys
from typing import NamedTuple

from minicompress.classroom.judging import judge
from minicompress.classroom.verdict import ExerciseVerdict
from minicompress.grading import stubs
from minicompress.grading.assemble import assemble
from minicompress.grading.course import Exercise, exercise, exercises
from minicompress.grading.mistakes import Mistake, known_mistakes, sections


class Case(NamedTuple):
    """A chapter to judge, and what has to come of it."""

    exercise: Exercise
    name: str
    source: str
    right: bool


def cases(task: Exercise, mistakes: int | None) -> list[Case]:
    """All that is known about one exercise; of the wrong implementations only so many, evenly spaced."""
    reference = task.solution.read_text(encoding="utf-8")
    wrong = known_mistakes(task)
    step = max(1, len(wrong) // mistakes) if mistakes else 1
    others = [Mistake(*parts) for parts in sections(task, "alternatives", "ALTERNATIVE")]
    made = [
        *((mistake, False) for mistake in wrong[::step][:mistakes]),
        *((other, True) for other in others),
    ]
    return [
        Case(task, "reference", reference, True),
        Case(task, "stubs", assemble(task, stubs.stub(task.module, reference)), False),
        *(Case(task, part.name, assemble(task, part.source, complete=False), right) for part, right in made),
    ]


def line(case: Case, verdict: ExerciseVerdict) -> str:
    passed = sum(grader.passed for grader in verdict.graders)
    hard = sum(not grader.soft for grader in verdict.graders)
    judged = "ok   " if verdict.solved == case.right else "WRONG"
    counts = f"{passed} of {len(verdict.graders)} pass, {hard} hard, {verdict.seconds:.1f} s"
    return f"{judged} {case.exercise.id:<5} {case.name:<40} {counts} {verdict.message}".rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ids", nargs="*", default=list(exercises()))
    parser.add_argument("--mistakes", type=int)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    words = parser.parse_args()
    every = [case for key in words.ids for case in cases(exercise(key), words.mistakes)]
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(words.workers) as pool:
        for case, verdict in zip(every, pool.map(lambda c: judge(c.exercise, c.source), every), strict=True):
            print(line(case, verdict), flush=True)
            wrong += verdict.solved != case.right
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = (used.ru_utime + used.ru_stime) / len(every)
    print(f"{wrong} of {len(every)} judged otherwise; {seconds:.1f} s of computing each")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

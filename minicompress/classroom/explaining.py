"""Explain what is wrong with an answer: the graders once more, on the inputs that everybody can read.

This runs in the judge's process, which was told the public seed and nothing of the private one.
"""

import dataclasses
from pathlib import Path

from minicompress.classroom.peer import Peer
from minicompress.classroom.questioning import Answers, NotImported, clean, question, start
from minicompress.classroom.verdict import Explanation
from minicompress.grading.course import Exercise
from minicompress.grading.graders import settings
from minicompress.grading.isolation import isolated, load
from minicompress.grading.mistakes import recognise
from minicompress.grading.report import Result


def explain(exercise: Exercise, folder: Path, seed: int, peer: Peer, seconds: float) -> dict:
    """An Explanation of the worker's functions as a dictionary; `folder` and `seconds` as for `judge`."""
    with isolated(exercise.module), settings():
        module = load(exercise.module, exercise.solution.read_text(encoding="utf-8"))
        try:
            start(peer, exercise, module.__name__)
        except NotImported as error:
            return dataclasses.asdict(Explanation(message=clean(str(error))))
        answers = question(exercise, module, folder, seed, peer, seconds)
    return dataclasses.asdict(explanation(exercise, answers, seed))


def explanation(exercise: Exercise, answers: Answers, seed: int) -> Explanation:
    """What is to be learnt from what the graders said."""
    if trouble := answers.counted.trouble():
        return Explanation(message=trouble)
    result = Result(exercise.id, list(answers.listener.outcomes.values()))
    if result.solved:
        return Explanation(passed=True)
    first = next(outcome for outcome in result.outcomes if not outcome.passed)
    mistake = recognise(exercise, result, seed=seed)
    return Explanation(False, first.title, clean(first.reason), mistake.sentence if mistake else "")

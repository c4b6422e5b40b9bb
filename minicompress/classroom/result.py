"""The result of grading one submission: a dictionary that is written as JSON.

    {"format": "minicompress grade 2",
     "complete": true,                      false: the grading was ended before it was through
     "submission": {"name": "alice", "sha256": "..."},
     "grader": "...",                       digest of the course and the private seed: what graded
     "seed": 7,                             private: not for students
     "score": 3, "possible": 60, "seconds": 41.5, "message": "",
     "exercises": {"1.1": {"title": "Magnitude masks", "module": "pruning", "points": 2, "possible": 2,
                           "message": "",   why there are no points, where the graders did not decide it
                           "seconds": 2.9,
                           "layers": {"landlock": true, ...},
                           "shape": "...",  answers that are alike have the same
                           "graders": [{"name": ..., "title": ..., "passed": true, "message": ""}],
                           "public": null}}}

The messages of graders hold inputs drawn from the private seed: they are for the teacher. `public` is for an
answer that was judged and is wrong, and comes from the inputs of `check` alone:

    {"passed": false,         true: the answer is right on the public inputs
     "grader": "prunes the two smallest of four",    the first that failed
     "said": "...",           its sentence, which quotes a public input
     "misconception": "...",  of the known wrong answer of which the graders say the same, or empty
     "message": ""}           why there is none of all that
"""

import dataclasses
from collections.abc import Iterable

from minicompress.classroom.verdict import ExerciseVerdict, Explanation
from minicompress.grading.course import Exercise, exercises
from minicompress.grading.events import clean

FORMAT = "minicompress grade 2"
LONGEST = 2000  # characters of a message
UNFINISHED = "The grading was ended before it was through."


def zero_result(name: str, seed: int, tasks: Iterable[Exercise], message: str = UNFINISHED) -> dict:
    """A valid result without a point: it stands until the grading is through."""
    verdicts = [ExerciseVerdict(task.id, task.points, message=message) for task in tasks]
    return result_of(name, "", "", seed, verdicts, 0.0) | {"complete": False, "message": message}


def result_of(
    name: str, sha256: str, grader: str, seed: int, verdicts: list[ExerciseVerdict], seconds: float
) -> dict:
    """What was found out about a submission."""
    return {
        "format": FORMAT,
        "complete": True,
        "submission": {"name": name, "sha256": sha256},
        "grader": grader,
        "seed": seed,
        "score": sum(verdict.points for verdict in verdicts),
        "possible": sum(verdict.possible for verdict in verdicts),
        "seconds": round(seconds, 2),
        "message": "",
        "exercises": {
            verdict.exercise: entry(exercises()[verdict.exercise], verdict) for verdict in verdicts
        },
    }


def entry(task: Exercise, verdict: ExerciseVerdict) -> dict:
    """One exercise of a result."""
    return {
        "title": task.title,
        "module": task.module,
        "points": verdict.points,
        "possible": verdict.possible,
        "message": said(verdict.message),
        "seconds": round(verdict.seconds, 2),
        "layers": dict(verdict.layers),
        "shape": verdict.shape,
        "graders": [
            dataclasses.asdict(grader) | {"title": said(grader.title), "message": said(grader.message)}
            for grader in verdict.graders
        ],
        "public": explained(verdict.public),
    }


def explained(public: Explanation | None) -> dict | None:
    """An explanation as it can be written; None where there is none."""
    if public is None:
        return None
    texts = {name: said(getattr(public, name)) for name in ("grader", "said", "misconception", "message")}
    return {"passed": public.passed} | texts


def said(text: str) -> str:
    """A message as it can be written and shown everywhere: of bounded length, and of whole characters."""
    return clean(text if len(text) <= LONGEST else f"{text[:LONGEST]} [...]")

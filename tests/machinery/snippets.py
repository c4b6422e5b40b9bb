"""Parts of the solutions and of the known wrong answers, for the tests of grading."""

from minicompress.grading import stubs
from minicompress.grading.course import exercise, exercises
from minicompress.grading.mistakes import Mistake, known_mistakes, sections


def graded_exercises() -> list[str]:
    """The exercises that have graders."""
    return [
        key
        for key, task in exercises().items()
        if f"def {task.prefix}" in task.graders.read_text(encoding="utf-8")
    ]


def reference(key: str) -> str:
    """The whole solution file that an exercise belongs to."""
    return exercise(key).solution.read_text(encoding="utf-8")


def solution_of(key: str, name: str) -> str:
    """One function or class of the solutions."""
    return stubs.definitions(reference(key))[name]


def mistake_of(key: str, name: str) -> Mistake:
    """One known wrong answer."""
    return next(mistake for mistake in known_mistakes(exercise(key)) if mistake.name == name)


def alternatives(key: str) -> list[Mistake]:
    """Right answers in other styles: in form the same as known mistakes."""
    return [Mistake(*parts) for parts in sections(exercise(key), "alternatives", "ALTERNATIVE")]

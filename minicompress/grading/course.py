"""The syllabus, as read from course.toml."""

import ast
import contextlib
import difflib
import functools
import re
import tomllib
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from minicompress.grading import stubs
from minicompress.lab.paths import ROOT, SOLUTIONS, STUBS, STUDENT_COPY, TESTS


@dataclass(frozen=True)
class Exercise:
    """One exercise: some top-level names of one module that are graded together."""

    id: str
    module: str
    names: list[str]
    title: str
    points: int
    minutes: int
    difficulty: int  # 1 to 3
    prerequisites: list[str]
    hints: list[str]  # three, from a nudge to nearly there
    seconds: float = 10  # of computing, for each of its graders
    stretch: bool = False
    variants: list[str] = field(default_factory=list)  # harder ones, for who has solved it
    timed: bool = False  # its graders quote measured seconds, which differ a little from run to run

    @property
    def chapter(self) -> str:
        """What stands before the point: the 1 of 1.10."""
        return self.id.partition(".")[0]

    @property
    def file(self) -> Path:
        """The learner's."""
        return ROOT / "minicompress" / f"{self.module}.py"

    @property
    def solution(self) -> Path:
        """The reference; in a student's copy the file as it was given, with its stubs."""
        return (STUBS if STUDENT_COPY else SOLUTIONS) / f"{self.module}.py"

    @property
    def graders(self) -> Path:
        return TESTS / "graders" / f"test_{self.module}.py"

    @property
    def prefix(self) -> str:
        """What the names of its graders begin with; the last underscore tells 1.1 from 1.10."""
        return f"test_{self.id.replace('.', '_')}_"

    @functools.cached_property
    def returning(self) -> dict[str, bool]:
        """For each of its functions, whether it returns something: a return annotation without None."""
        tree = ast.parse(self.solution.read_text(encoding="utf-8"))
        functions = [
            node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in self.names
        ]
        return {node.name: "None" not in ast.unparse(node.returns) for node in functions if node.returns}

    @property
    def stars(self) -> str:
        """The difficulty, and a star for a stretch, readable without colour."""
        return "●" * self.difficulty + "○" * (3 - self.difficulty) + " ★" * self.stretch


@functools.cache
def exercises() -> dict[str, Exercise]:
    """Id -> exercise, in the order of course.toml."""
    entries = tomllib.loads((ROOT / "course.toml").read_text(encoding="utf-8"))["exercise"]
    return {key: Exercise(id=key, **entry) for key, entry in entries.items()}


class NoExercise(ValueError):
    """A notebook shows one line of it instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"NoExercise: {self}"]


def exercise(key: str) -> Exercise:
    """Return one exercise, by its id ("1.1") or by the name of a function or class of it ("magnitude_mask").

    NoExercise, a ValueError, when there is none: it proposes the nearest ones.
    """
    if not isinstance(key, str):
        raise NoExercise(f'exercises are named by texts: write quotes, as in "1.10", got {key!r}')
    by_name = {name: task for task in exercises().values() for name in task.names}
    task = exercises().get(key) or by_name.get(key)
    if task is None:
        raise NoExercise(f"there is no exercise {key!r}: {_proposal(key, by_name)}")
    return task


def _proposal(key: str, by_name: dict[str, Exercise]) -> str:
    """What may have been meant: names spelt alike, or the ids of that chapter, or all ids."""
    lower = {name.lower(): name for name in by_name}
    near = [lower[name] for name in difflib.get_close_matches(key.lower(), lower)]
    if near:
        return f"did you mean {' or '.join(f'{name} ({by_name[name].id})' for name in near)}?"
    chapter = re.match(r"\d*", key)[0]
    ids = [task.id for task in exercises().values() if task.chapter == chapter]
    if ids:
        return f"chapter {chapter} has {', '.join(ids)}"
    return f"use one of {', '.join(exercises())}, or the name of a function"


def unwritten(exercise: Exercise, text: str) -> list[str]:
    """The exercise's names whose definition in `text` is still exactly the stub, docstrings aside."""
    fresh = stubs.stub(exercise.module, exercise.solution.read_text(encoding="utf-8"))
    stub, mine = _definitions(fresh), _definitions(text)
    return [name for name in exercise.names if name in mine and mine[name] == stub.get(name)]


def written(exercise: Exercise, text: str) -> list[str]:
    """The exercise's names that `text` defines, and not as the stub."""
    left = unwritten(exercise, text)
    return [name for name in exercise.names if name in _definitions(text) and name not in left]


@functools.lru_cache(maxsize=16)  # the graders ask again and again about the same few files
def _definitions(text: str) -> dict[str, str]:
    """Name -> shape of each top-level function and class, without docstrings, comments and layout."""
    shapes = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's advice about a learner's text comes when it is run
        tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner) is not None:
                    inner.body = inner.body[1:]
            with contextlib.suppress(RecursionError):  # no stub is nested so deeply
                shapes[node.name] = ast.dump(node)
    return shapes

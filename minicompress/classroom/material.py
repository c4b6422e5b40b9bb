"""What a worker gets: a package `minicompress` with lab/, the learner's part of one exercise in its chapter,
the reference for what that exercise builds on, and stubs for all the rest.
"""

import ast
import re
import shutil
from pathlib import Path

from minicompress.grading import stubs
from minicompress.grading.assemble import Source, names_in
from minicompress.grading.course import Exercise, exercises
from minicompress.lab.paths import CHAPTERS, ROOT, SOLUTIONS

DEFINITION = re.compile(r"^(?:def|class) (\w+)", re.M)


def built_on(exercise: Exercise) -> set[str]:
    """The ids of all exercises that this one builds on, directly or through others."""
    direct = set(exercise.prerequisites)
    return direct.union(*(built_on(exercises()[key]) for key in direct))


def without_answers(chapter: str, text: str, allowed: set[str]) -> str:
    """The text of a chapter in which only these exercises keep their answers; the others are stubs."""
    ids = stubs.exercise_of()

    def stub(match: re.Match) -> str:
        name = DEFINITION.findall(text[: match.start()])[-1]
        key = ids.get((chapter, name))
        return match[0] if key is None or key in allowed else f'{match[1]}{stubs.MARK}{key} {name}")\n'

    hidden = set(ids.values()) - allowed
    text = stubs.without_helpers(chapter, text, hidden)
    return stubs.BLOCK.sub(stub, text)


def write_package(folder: Path, exercise: Exercise, source: str) -> None:
    """Write the worker's `minicompress` into `folder`; `source` is the chapter with the learner's part."""
    package = folder / "minicompress"
    shutil.copytree(
        ROOT / "minicompress" / "lab", package / "lab", ignore=shutil.ignore_patterns("__pycache__")
    )
    (package / "__init__.py").write_text("", encoding="utf-8")
    allowed = built_on(exercise)
    for chapter in CHAPTERS:
        if chapter == exercise.module:
            text = without_answers(chapter, source, allowed | {exercise.id})
        else:
            reference = (SOLUTIONS / f"{chapter}.py").read_text(encoding="utf-8")
            text = without_answers(chapter, reference, allowed)
        (package / f"{chapter}.py").write_text(text, encoding="utf-8")


def model_classes(exercise: Exercise) -> tuple[str, set[str]]:
    """The classes that the graders' file defines, with the imports and functions that these refer to; names.

    The worker gets them because a model is an input: its layers have to run where the learner's code runs.
    """
    source = Source(exercise.graders.read_text(encoding="utf-8"), exercise.graders.name)
    classes = [node for node in source.tree.body if isinstance(node, ast.ClassDef)]
    taken, waiting = list(classes), [name for node in classes for name in names_in(node)]
    while waiting:
        for node in source.binders.get(waiting.pop(), []):
            if node not in taken:
                taken.append(node)
                waiting += names_in(node)
    taken.sort(key=lambda node: node.lineno)
    return "\n\n".join(map(ast.unparse, taken)), {node.name for node in taken if hasattr(node, "name")}

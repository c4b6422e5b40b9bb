"""Answers that are alike: one syntax tree, whatever the local names, docstrings and comments are.

It runs where a learner's file is parsed anyway, in a process with limits (minicompress.classroom.preparing).
"""

import ast
import functools
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from minicompress.grading import stubs
from minicompress.grading.course import Exercise

LEAST = 50  # nodes of the syntax tree beyond what was given: shorter answers are often alike by chance
NAMED = {
    ast.Name: "id",
    ast.arg: "arg",
    ast.alias: "asname",
    ast.ExceptHandler: "name",
    ast.FunctionDef: "name",
    ast.ClassDef: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
}  # what can bind a local name -> where the name stands
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def shape(exercise: Exercise, text: str) -> str:
    """SHA-256 of what the learner wrote for an exercise: equal for answers that differ in local names alone.

    Only the exercise's own functions and classes count, without those that are as they were given. Empty when
    they have fewer than LEAST nodes more than the given ones, and when the text cannot be parsed.
    """
    try:
        given = shapes(stubs.stub(exercise.module, exercise.solution.read_text(encoding="utf-8")))
        mine = shapes(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    written = [name for name in exercise.names if name in mine and mine[name] != given.get(name)]
    if sum(mine[name].size - given[name].size for name in written) < LEAST:
        return ""
    whole = "\n".join(mine[name].tree for name in written)
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()


class Shape(NamedTuple):
    tree: str  # as text
    size: int  # number of nodes


@functools.lru_cache(maxsize=16)  # asked for again and again, for the exercises of one file
def shapes(text: str) -> dict[str, Shape]:
    """Name -> shape of each top-level function and class; of several with one name, the last."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, FUNCTION):
            rename(node)
            size = sum(not isinstance(inner, ast.expr_context) for inner in ast.walk(node))
            found[node.name] = Shape(ast.dump(node), size)
    return found


def rename(definition: ast.AST) -> None:
    """Take the docstrings out of a definition, and number its local names in the order of the tree.

    Names from outside, its own name, methods, attributes and keywords of calls stay.
    """
    for inner in ast.walk(definition):
        if isinstance(inner, FUNCTION) and ast.get_docstring(inner, clean=False) is not None:
            del inner.body[0]
    numbers = {name: f"_{number}" for number, name in enumerate(dict.fromkeys(local_names(definition)))}
    methods = methods_in(definition)
    for inner in ast.walk(definition):
        field = NAMED.get(type(inner))
        if field and inner is not definition and id(inner) not in methods:
            setattr(inner, field, numbers.get(getattr(inner, field), getattr(inner, field)))
        elif isinstance(inner, ast.Nonlocal):
            inner.names = [numbers.get(name, name) for name in inner.names]


def local_names(definition: ast.AST) -> Iterator[str]:
    """Every name that is bound inside, in the order of the tree."""
    nodes = list(ast.walk(definition))
    outside = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    methods = methods_in(definition)
    for node in nodes:
        read = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        if type(node) in NAMED and node is not definition and id(node) not in methods and not read:
            name = getattr(node, NAMED[type(node)])
            if name and name not in outside:
                yield name


def methods_in(definition: ast.AST) -> set[int]:
    """The ids of the definitions that stand in the body of a class: they are called as attributes."""
    classes = [node for node in ast.walk(definition) if isinstance(node, ast.ClassDef)]
    return {id(node) for each in classes for node in each.body if isinstance(node, FUNCTION)}

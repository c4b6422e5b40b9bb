"""Write the learner's modules from the solutions: `python -m minicompress.grading.stubs [--force]`.

Each part between `### BEGIN SOLUTION` and `### END SOLUTION` becomes one `raise NotImplementedError` that
names the exercise; one that is not indented holds helpers of the reference and is left out. In a module that
exists, only definitions that are still wholly stubs are written anew; what the learner has begun, and
everything else in the file, stays. `--force` starts every module over.
"""

import ast
import functools
import io
import re
import sys
import tomllib
from collections.abc import Collection

from minicompress.lab.files import atomic_write
from minicompress.lab.paths import ROOT, SOLUTIONS, STUBS, STUDENT_COPY

HELPERS = re.compile(r"^### BEGIN SOLUTION\n.*?^### END SOLUTION\n\n\n", re.M | re.S)
BLOCK = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION\n", re.M | re.S)
DEFINITION = re.compile(r"^(?:def|class) (\w+)", re.M)
MARK = 'raise NotImplementedError("Exercise '


@functools.cache
def exercise_of() -> dict[tuple[str, str], str]:
    """(module, top-level name) -> exercise id, from course.toml."""
    course = tomllib.loads((ROOT / "course.toml").read_text(encoding="utf-8"))
    return {
        (exercise["module"], name): key
        for key, exercise in course["exercise"].items()
        for name in exercise["names"]
    }


@functools.lru_cache(maxsize=16)  # asked for again and again, for the exercises of one module
def stub(module: str, solution: str) -> str:
    """Return the learner's version of one solution file. ValueError: a part of it belongs to no exercise."""
    ids = exercise_of()
    solution = HELPERS.sub("", solution)

    def replace(match: re.Match) -> str:
        name = DEFINITION.findall(solution[: match.start()])[-1]
        if (module, name) not in ids:
            raise ValueError(f"solutions/{module}.py: {name} is in the `names` of no exercise of course.toml")
        return f'{match[1]}{MARK}{ids[module, name]} {name}")\n'

    return BLOCK.sub(replace, solution)


def without_helpers(module: str, solution: str, exercises: Collection[str]) -> str:
    """Blank the helpers that the reference has for these exercises; every line keeps its number.

    Where an answer stands in the reference's place, it must not find them.
    """

    def blank(match: re.Match) -> str:
        name = DEFINITION.findall(solution[: match.start()])[-1]
        return "\n" * match[0].count("\n") if exercise_of()[module, name] in exercises else match[0]

    return HELPERS.sub(blank, solution)


def definitions(text: str) -> dict[str, str]:
    """Name -> source of each top-level function and class, from `def` or `class` on (without decorators)."""
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    lines = list(io.StringIO(text, newline=""))  # split once: ast.get_source_segment does so for every node
    return {node.name: _segment(lines, node) for node in nodes}


def _segment(lines: list[str], node: ast.stmt) -> str:
    """The source of a statement. `ast` counts lines from 1, and columns in bytes."""
    *whole, last = lines[node.lineno - 1 : node.end_lineno]
    return "".join(whole) + last.encode()[: node.end_col_offset].decode()


def renew(existing: str, fresh: str) -> str:
    """Replace the definitions in `existing` that are still wholly stubs by those in `fresh`."""
    new = definitions(fresh)
    for name, source in definitions(existing).items():
        if MARK in source and name in new and source.count(MARK) == new[name].count(MARK):
            existing = existing.replace(source, new[name], 1)
    return existing


def main(force: bool) -> None:
    for path in sorted((STUBS if STUDENT_COPY else SOLUTIONS).glob("*.py")):
        target, fresh = ROOT / "minicompress" / path.name, stub(path.stem, path.read_text(encoding="utf-8"))
        new = fresh if force or not target.exists() else renew(target.read_text(encoding="utf-8-sig"), fresh)
        with atomic_write(target) as temporary:
            temporary.write_text(new, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main("--force" in sys.argv)

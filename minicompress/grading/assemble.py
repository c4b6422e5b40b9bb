"""Put the learner's part of one exercise into the reference module, so that one early mistake costs one
exercise.

The result is a whole module as text. Lines such as `#line 31 "minicompress/pruning.py"` say where the lines
after them come from; `minicompress.grading.graders` reads them, so that a traceback shows the learner's file
and line.
"""

import ast
import difflib
import functools
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from minicompress.grading import stubs
from minicompress.grading.course import Exercise, exercises
from minicompress.lab.paths import STUDENT_COPY, shown

Import = ast.Import | ast.ImportFrom

LARGEST = 1_000_000  # bytes of a learner's file: a hundred times the longest reference
TOO_DEEP = "its brackets or operators are nested too deeply for Python to read"


def assemble(exercise: Exercise, learner: Path | str, name: str | None = None, complete: bool = True) -> str:
    """Return the reference module with the learner's objects of `exercise` in the place of the reference's.

    The top-level helpers, constants and imports that these refer to come along. Names of other exercises, and
    given code, stay the reference's. `learner` is a file or its text, `name` how to call it; unless
    `complete`, the reference stands in for missing names. In a student's copy, which has no reference, the
    result is the learner's whole module. ValueError naming the line: a syntax error, a
    missing name, an import that clashes. ValueError also for what is no text of Python at all.
    """
    text = read_answer(learner) if isinstance(learner, Path) else learner
    name = name or (spelt(learner) if isinstance(learner, Path) else f"<your {exercise.module}.py>")
    mine = Source(text, name)
    source = exercise.solution.read_text(encoding="utf-8")
    if set(exercise.names) <= set(mine.binders):  # nothing of the reference's answer is needed
        source = stubs.without_helpers(exercise.module, source, [exercise.id])
    reference = Source(source, shown(exercise.solution))
    missing = [wanted for wanted in exercise.names if complete and wanted not in mine.binders]
    if missing:
        raise ValueError(f"{name} defines no {missing[0]}{mine.similar(missing[0])}")
    imports, helpers, own = collect(exercise, mine, reference)
    if not own:
        raise ValueError(f"{name} defines none of {', '.join(exercise.names)}")
    if STUDENT_COPY:  # there is no reference: the exercise is graded among the learner's own earlier ones
        return "\n".join([mine.marker(1), *mine.lines]) + "\n"
    edits = []  # (first line, last line, what stands there instead)
    for number, (wanted, nodes) in enumerate(
        sorted(own.items(), key=lambda item: reference.binders[item[0]][0].lineno)
    ):
        first, last = reference.span(reference.binders[wanted][0])
        edits.append((first, last, mine.quote([*helpers, *nodes] if number == 0 else nodes)))
    if imports:
        end = max((node.end_lineno for node in reference.tree.body if isinstance(node, Import)), default=1)
        edits.append((end + 1, end, imports))
    lines = reference.lines
    for first, last, new in sorted(edits, reverse=True):
        lines[first - 1 : last] = [*new, reference.marker(last + 1)]
    return "\n".join(lines) + "\n"


def collect(
    exercise: Exercise, mine: "Source", reference: "Source"
) -> tuple[list[str], list[ast.stmt], dict[str, list[ast.stmt]]]:
    """What to take from the learner's file: import lines, helpers in the order of the file, and definitions
    by name.
    """
    others = {
        name for other in exercises().values() if other.module == exercise.module for name in other.names
    } - set(exercise.names)
    own: dict[str, list[ast.stmt]] = {
        name: mine.binders[name] for name in exercise.names if name in mine.binders
    }
    taken = {id(node) for nodes in own.values() for node in nodes}
    helpers, imports, seen = [], [], set(exercise.names) | others
    waiting = sorted({used for nodes in own.values() for node in nodes for used in names_in(node)})
    while waiting:
        name = waiting.pop()
        if name in seen or name not in mine.binders:
            continue
        seen.add(name)
        refuse_clash(name, mine, reference)
        for node in mine.binders[name] if name not in reference.binders else []:
            if isinstance(node, Import):
                imports.append(import_line(node, name))
            elif id(node) not in taken:
                taken.add(id(node))
                helpers.append(node)
                waiting += names_in(node)
    return imports, sorted(helpers, key=lambda node: node.lineno), own


def refuse_clash(name: str, mine: "Source", reference: "Source") -> None:
    """Refuse a name that one file imports and the other defines, or imports from somewhere else."""
    if name not in reference.binders or mine.targets.get(name) == reference.targets.get(name):
        return
    node = mine.binders[name][-1]
    meant = f"stands for {reference.targets[name]} in" if name in reference.targets else "is defined by"
    statement = ast.unparse(node).splitlines()[0]
    taken = f"takes the name {name}, which {meant} the given code: rename yours"
    raise ValueError(f"{mine.name}, line {node.lineno}: `{statement}` {taken}")


def read_answer(file: Path, name: str | None = None) -> str:
    """The text of a learner's file, which messages call `name`. ValueError in words where there is none to be
    read.
    """
    name = name or spelt(file)
    if file.is_symlink() and not file.exists():
        raise ValueError(f"{name} is a link to a file that is not there")
    if file.is_dir():
        raise ValueError(f"{name} is a folder, where a file of Python is needed")
    if not file.is_file():
        raise ValueError(f"there is no file {name}")
    if (size := file.stat().st_size) > LARGEST:
        raise ValueError(f"{name} has {size:,} bytes: an answer has at most {LARGEST:,}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line, byte = error.object[: error.start].count(b"\n") + 1, error.object[error.start]
        raise ValueError(f"{name}, line {line}: byte {byte:#x} is no UTF-8: save it as UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(f"{name}, line {line}: a character of value 0, which no text of Python holds")
    return text


def spelt(file: Path) -> str:
    """A path as people write it; of a link that leads nowhere, its own."""
    return shown(file) if file.exists() else file.as_posix()


@functools.lru_cache(maxsize=4)  # the reference is asked for again with every known mistake
def parse(text: str, name: str) -> ast.Module:
    """The syntax tree of a learner's text. Python's advice about it comes when it is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        shortened = (error.text or "").strip()[:200]
        raise ValueError(f"{name}, line {error.lineno}: {error.msg}: `{shortened}`") from None
    except (RecursionError, MemoryError):
        raise ValueError(f"{name}: {TOO_DEEP}") from None
    except ValueError as error:  # a character that no text may hold
        raise ValueError(f"{name}: {error}") from None


class Source:
    """A parsed file: who binds which top-level name."""

    def __init__(self, text: str, name: str):
        self.tree = parse(text, name)
        self.name, self.lines = name, text.split("\n")
        self.binders: dict[str, list[ast.stmt]] = {}  # name -> statements, in order
        self.targets: dict[str, str] = {}  # imported name -> what it stands for, as a dotted path
        for node in self.tree.body:
            for bound in dict.fromkeys(self.bound_by(node)):
                self.binders.setdefault(bound, []).append(node)
            if isinstance(node, Import):
                self.targets |= dict(import_targets(node))
        if "*" in self.binders:
            node = self.binders["*"][0]
            advice = "hides which names it brings: import them one by one"
            raise ValueError(f"{name}, line {node.lineno}: `{ast.unparse(node)}` {advice}")

    def bound_by(self, node: ast.stmt) -> list[str]:
        """The names that a statement binds. Walking down it meets the limit before the parser does."""
        try:
            return list(names_bound(node))
        except RecursionError:
            raise ValueError(f"{self.name}, line {node.lineno}: {TOO_DEEP}") from None

    def span(self, node: ast.stmt) -> tuple[int, int]:
        """First and last line, from the decorators to the mark that ends a solution."""
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        marked = (
            node.end_lineno < len(self.lines) and self.lines[node.end_lineno].strip() == "### END SOLUTION"
        )
        return first, node.end_lineno + marked

    def marker(self, line: int) -> str:
        return f'#line {line} "{self.name}"'

    def quote(self, nodes: list[ast.stmt]) -> list[str]:
        """The lines of these statements, each after a line that says where they stand."""
        spans = dict.fromkeys(map(self.span, nodes))  # two statements on one line are quoted once
        return [
            line
            for first, last in spans
            for line in (self.marker(first), *self.lines[first - 1 : last], "", "")
        ]

    def similar(self, name: str) -> str:
        """A question, when a name is spelt much like the one that is missing."""
        nearest = difflib.get_close_matches(name, self.binders, 1)
        return "".join(f": did you rename it to {n}, line {self.binders[n][0].lineno}?" for n in nearest)


def names_in(node: ast.AST) -> list[str]:
    """Every name that is read anywhere inside (a few local ones too many do no harm)."""
    return [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]


def names_bound(node: ast.AST) -> Iterator[str]:
    """The top-level names that a statement binds or changes: `f.calls = 0` counts as a part of f."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, Import):
        yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
        root = node
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        yield from [root.id] if isinstance(root, ast.Name) else []
    elif not isinstance(node, ast.Lambda | ast.comprehension):
        for child in ast.iter_child_nodes(node):
            yield from names_bound(child)


def import_targets(node: Import) -> Iterable[tuple[str, str]]:
    """(bound name, dotted path of what it stands for): the same for every spelling of one import."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"
        else:
            yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2


def import_line(node: Import, name: str) -> str:
    """The import statement reduced to what binds `name`."""
    aliases = [alias for alias in node.names if (alias.asname or alias.name.split(".")[0]) == name]
    return ast.unparse(
        ast.ImportFrom(node.module, aliases, node.level)
        if isinstance(node, ast.ImportFrom)
        else ast.Import(aliases)
    )

"""Import a source text as one of our modules for a while, and leave the process as it was."""

import ast
import contextlib
import importlib.machinery
import linecache
import re
import sys
from collections.abc import Iterator
from types import ModuleType

import minicompress
from minicompress.lab.paths import SOLUTIONS, TESTS

LINE = re.compile(r'#line (\d+) "(.+)"$')  # as `assemble` writes it


@contextlib.contextmanager
def isolated(module: str) -> Iterator[None]:
    """Forget all our modules, find the chapters other than `module` in the solutions, and undo it all
    afterwards.
    """
    own_tests = {"conftest", *(path.stem for path in TESTS.rglob("*.py"))}

    def ours() -> dict[str, ModuleType]:
        return {
            name: imported
            for name, imported in sys.modules.items()
            if name in own_tests
            or (name.startswith("minicompress.") and not name.startswith("minicompress.grading"))
        }

    others = [
        chapter
        for chapter in minicompress.CHAPTERS
        if chapter != module and (SOLUTIONS / f"{chapter}.py").is_file()
    ]
    modules, attributes, path, finders = ours(), dict(vars(minicompress)), sys.path[:], sys.meta_path[:]
    try:
        for name in modules:
            del sys.modules[name]
            vars(minicompress).pop(name.removeprefix("minicompress."), None)
        sys.meta_path.insert(0, minicompress.SolutionFinder(others))
        yield
    finally:
        for name in ours():
            del sys.modules[name]
        for name in set(vars(minicompress)) - set(attributes):
            delattr(minicompress, name)
        sys.modules.update(modules)
        vars(minicompress).update(attributes)
        sys.path[:], sys.meta_path[:] = path, finders


def load(name: str, source: str) -> ModuleType:
    """Import `source` as `minicompress.<name>`.

    Its lines keep the files and numbers that their `#line` marks give them.
    """
    module = ModuleType(f"minicompress.{name}")
    module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
    file, shift, places, texts = f"solutions/{name}.py", 0, {}, {}
    for number, line in enumerate(source.split("\n"), 1):
        if mark := LINE.match(line):
            file, shift = mark[2], int(mark[1]) - number - 1
        else:
            places[number] = file, shift
            texts.setdefault(file, {})[number + shift] = f"{line}\n"
    for file, lines in texts.items():
        linecache.cache[file] = (
            len(source),
            None,
            [lines.get(number, "\n") for number in range(1, max(lines) + 1)],
            file,
        )
    module.__file__ = next((file for file in texts if file != f"solutions/{name}.py"), f"solutions/{name}.py")
    sys.modules[module.__name__] = module
    setattr(minicompress, name, module)
    for node in ast.parse(source).body:
        file, shift = places[node.lineno]
        exec(compile(ast.Module([ast.increment_lineno(node, shift)], []), file, "exec"), vars(module))
    return module

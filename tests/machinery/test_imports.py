"""Who may import whom: cli -> job, disk, train, interop, classroom -> grading -> the seven -> lab -> nothing.

And `python -m minicompress` -> setup -> lab, of which it takes what the standard library can run.

And what a notebook may import, so that a mistake in one of the learner's files breaks nothing that does not
need it.
"""

import ast
import graphlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minicompress import CHAPTERS
from minicompress.grading import stubs
from minicompress.lab.paths import ROOT, SOLUTIONS

# ------------------------------------------------------------ the arrows

MAY_IMPORT = {
    "__main__": {"setup"},
    "cli": {"job", "disk", "train", "interop", "classroom", "grading", "setup", "chapter", "lab"},
    "setup": {"setup", "lab"},
    "job": {"job", "chapter", "lab"},
    "disk": {"disk", "interop", "chapter", "lab"},
    "train": {"train", "chapter", "lab"},
    "interop": {"interop", "chapter", "lab"},
    "classroom": {"classroom", "grading", "chapter", "lab", "switch"},
    "grading": {"grading", "chapter", "lab", "switch"},
    "chapter": {"chapter", "lab"},
    "lab": {"lab"},
    "switch": {"lab"},  # minicompress/__init__.py
}


def layer(module: str) -> str:
    """`minicompress.lab.corpus` -> lab, `minicompress.pruning` -> chapter, `minicompress` -> switch."""
    part = f"{module}.".split(".")[1] or "switch"
    return "chapter" if part in CHAPTERS else part


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module of ours that a text imports, also inside functions."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            inside = [f"{node.module}.{name}" for name in names]
            names = [name if name in MODULES else node.module for name in inside]
        yield from (name for name in names if name.split(".")[0] == "minicompress")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


# The stub or the learner's own text stands for a chapter, and the solution for it once more.
MODULES = {module_name(path): [path] for path in sorted((ROOT / "minicompress").rglob("*.py"))}
for chapter in CHAPTERS:
    MODULES[f"minicompress.{chapter}"].append(SOLUTIONS / f"{chapter}.py")
ARROWS = {
    name: {target for path in paths for target in imported(ast.parse(path.read_text(encoding="utf-8")))}
    for name, paths in MODULES.items()
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_lies_below_it(module):
    wrong = [name for name in ARROWS[module] if layer(name) not in MAY_IMPORT[layer(module)]]
    assert not wrong


def test_there_is_no_circle():
    graphlib.TopologicalSorter(ARROWS).prepare()  # raises CycleError, which names the circle


def test_the_package_itself_holds_the_seven_and_three_files_more():
    here = {path.stem for path in (ROOT / "minicompress").glob("*.py")}
    assert here == {*CHAPTERS, "__init__", "__main__", "cli"}
    assert {path.stem for path in SOLUTIONS.glob("*.py")} == set(CHAPTERS)


# ------------------------------------------------------------ the notebooks

TAUGHT = {
    "00_baseline": {"metrics"},
    "01_pruning": {"metrics", "pruning"},
    "02_structured_pruning": {"metrics", "structured_pruning"},
    "03_distillation": {"metrics", "distillation"},
    "04_low_rank": {"metrics", "low_rank"},
    "05_quantization": {"metrics", "quantization"},
    "06_combined_80x": {"metrics", "pipeline", "job"},  # its finale uses everything
    "07_real_llm": {"pruning", "low_rank", "quantization", "pipeline"},  # and checks nothing
}


def our_imports(notebook: str) -> list[str]:
    """The import statements of a notebook that name our modules."""
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("%")]
    statements = ast.parse("\n".join(lines)).body
    return [ast.unparse(statement) for statement in statements if list(imported(statement))]


def test_the_table_holds_every_notebook():
    assert set(TAUGHT) == {path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}


@pytest.mark.parametrize("notebook", TAUGHT)
def test_a_notebook_imports_what_it_teaches_and_the_library(notebook):
    names = {name for line in our_imports(notebook) for name in imported(ast.parse(line))}
    assert {f"{name}.".split(".")[1] for name in names} <= TAUGHT[notebook] | {"lab", "grading"}


# ------------------------------------------------------------ a learner's file that is broken

BREAK_EACH = """
import contextlib, importlib, json, pathlib, sys
package, trials, report = pathlib.Path("minicompress"), json.load(sys.stdin), {}
for broken in trials["chapters"]:
    file = package / f"{broken}.py"
    whole = file.read_text(encoding="utf-8")
    file.write_text("def f(:", encoding="utf-8")
    report[broken] = []
    for name, lines in trials["texts"].items():
        for module in [module for module in sys.modules if module.split(".")[0] == "minicompress"]:
            del sys.modules[module]
        importlib.invalidate_caches()
        with contextlib.suppress(SyntaxError):
            exec(lines, {})
            report[broken].append(name)
    file.write_text(whole, encoding="utf-8")
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def importable(tmp_path_factory) -> dict[str, list[str]]:
    """Chapter -> the notebooks and chapters that can be imported although this chapter is broken.

    In one process for all seven: importing torch takes longer than everything else here.
    """
    folder = tmp_path_factory.mktemp("broken")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "minicompress", folder / "minicompress", ignore=ignored)
    for name in CHAPTERS:
        fresh = stubs.stub(name, (SOLUTIONS / f"{name}.py").read_text(encoding="utf-8"))
        (folder / "minicompress" / f"{name}.py").write_text(fresh, encoding="utf-8")
    texts = {notebook: "\n".join(our_imports(notebook)) for notebook in TAUGHT}
    texts |= {name: f"import minicompress.{name}" for name in CHAPTERS}
    environment = os.environ | {
        "MINICOMPRESS_SOLUTIONS": "",
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", BREAK_EACH],
        input=json.dumps({"chapters": CHAPTERS, "texts": texts}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("broken", CHAPTERS)
def test_a_broken_chapter_breaks_only_the_notebooks_that_teach_it(broken, importable):
    others = {name for name, taught in TAUGHT.items() if broken not in taught and "job" not in taught}
    assert others <= set(importable[broken])


@pytest.mark.parametrize("broken", CHAPTERS)
def test_a_broken_chapter_breaks_only_the_chapters_that_import_it(broken, importable):
    others = {name for name in CHAPTERS if name != broken and broken not in needs(name)}
    assert others <= set(importable[broken])


def needs(chapter: str) -> set[str]:
    """The chapters that a chapter imports, directly or through others."""
    direct = {name.split(".")[1] for name in ARROWS[f"minicompress.{chapter}"] if layer(name) == "chapter"}
    return direct.union(*(needs(name) for name in direct))

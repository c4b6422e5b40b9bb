"""The notebooks: with the solutions they run (nbval, see the Makefile); with stubs they stop where there is
something to do.
"""

import ast
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from minicompress.grading import course, stubs
from minicompress.lab.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))

pytestmark = pytest.mark.slow


@pytest.fixture
def fresh_package(tmp_path):
    """A copy of the package whose exercises are all stubs, as on a fresh clone (a learner's own may be
    solved).
    """
    for name in ("solutions", "course.toml", "assets", "tests", "results"):
        (tmp_path / name).symlink_to(ROOT / name)
    package = tmp_path / "minicompress"
    shutil.copytree(
        ROOT / "minicompress", package, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile
    )
    for solution in (ROOT / "solutions").glob("*.py"):
        (package / solution.name).write_text(stubs.stub(solution.stem, solution.read_text()))
    return tmp_path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_with_stubs_a_notebook_stops_at_the_first_exercise_with_one_line_that_says_what_to_do(
    path, fresh_package, monkeypatch
):
    monkeypatch.setenv("MINICOMPRESS_SOLUTIONS", "")
    monkeypatch.setenv("PYTHONPATH", str(fresh_package))
    notebook = nbformat.read(path, as_version=4)
    asking = [
        number
        for number, cell in enumerate(notebook.cells)
        if re.search(r"^(check|require)\(", cell.source, re.M)
    ]
    exercise = re.search(r'^(?:check|require)\("([\d.]+)"', notebook.cells[asking[0]].source, re.M)[1]
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(fresh_package)}}
    )
    with pytest.raises(CellExecutionError) as stopped:
        client.execute()
    failed = [
        number
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    assert failed == [asking[0]], f"it stopped in cell {failed}, expected {asking[0]}: {stopped.value}"
    error = next(output for output in notebook.cells[asking[0]].outputs if output.output_type == "error")
    assert error.ename == "Unsolved" and len(error.traceback) == 1 and "\n" not in error.traceback[0].strip()
    assert f"Exercise {exercise} " in error.evalue and course.exercise(exercise).names[0] in error.evalue


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_whole_small_and_without_errors(path):
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert path.stat().st_size <= 300_000, f"{path.stat().st_size:,} bytes: at most 300 kB"
    assert all(cell["execution_count"] for cell in code), "run it with the solutions before committing"
    assert not [output for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    assert str(Path.home()) + "/" not in path.read_text()
    for cell in code:
        source = "".join(cell["source"])
        assert len(source.splitlines()) <= 20, f"a cell is too long to be read at a glance: {source[:60]}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_checks_every_exercise_of_its_chapter_once_and_asserts_no_time(path):
    source = [
        "".join(cell["source"])
        for cell in json.loads(path.read_text())["cells"]
        if cell["cell_type"] == "code"
    ]
    checked = re.findall(r'check\("([\d.]+)"\)', "\n".join(source))
    chapter = str(int(path.stem[:2]))
    assert checked == [key for key in course.exercises() if key.split(".")[0] == chapter]
    for cell in source:
        for node in ast.walk(ast.parse(re.sub(r"^%.*$", "", cell, flags=re.M))):
            if isinstance(node, ast.Assert):
                assert not re.search(r"second|speed|timed|throughput|milli", ast.unparse(node)), (
                    "never assert on time"
                )


def headings(path: Path) -> set[str]:
    """The anchors that Jupyter gives a notebook's headings: the words with hyphens between them."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "markdown"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    return {re.sub(r"^#+ ", "", line).strip().replace(" ", "-") for line in lines if re.match(r"#+ ", line)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_to_other_notebooks_lead_to_headings_that_exist(path):
    text = "".join(line for cell in json.loads(path.read_text())["cells"] for line in cell["source"])
    for name, anchor in re.findall(r"\]\((\w*\.ipynb)?#([^)]*(?:\([^)]*\))?[^)]*)\)", text):
        target = path.with_name(name) if name else path
        assert target in NOTEBOOKS and unquote(anchor) in headings(target), (
            f"no heading {unquote(anchor)!r} in {target.name}"
        )

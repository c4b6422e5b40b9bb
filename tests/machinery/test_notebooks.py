"""The notebooks: with the solutions they run (nbval, see the Makefile); with stubs they stop where there is
something to do.
"""

import ast
import json
import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from minicompress.grading import course
from minicompress.lab.paths import CHAPTERS, ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))

pytestmark = pytest.mark.slow


def code_cells(path: Path) -> list[str]:
    """The sources of a notebook's code cells."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def parsed(source: str) -> ast.Module:
    """A code cell without its magics."""
    return ast.parse(re.sub(r"^%.*$", "", source, flags=re.M))


def errors(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for output in cell.get("outputs", []) if output.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_with_stubs_a_notebook_stops_at_the_first_exercise_with_one_line_that_says_what_to_do(
    path, fresh_package, monkeypatch
):
    monkeypatch.setenv("MINICOMPRESS_SOLUTIONS", "")
    monkeypatch.setenv("PYTHONPATH", str(fresh_package))
    notebook = nbformat.read(path, as_version=4)
    asking = next(cell for cell in notebook.cells if re.search(r"^(check|require)\(", cell.source, re.M))
    exercise = re.search(r'^(?:check|require)\("([\d.]+)"', asking.source, re.M)[1]
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(fresh_package)}}
    )
    with pytest.raises(CellExecutionError) as stopped:
        client.execute()
    failed = [cell for cell in notebook.cells if errors(cell)]
    assert failed == [asking], f"it stopped in {[cell.id for cell in failed]}: {stopped.value}"
    box, error = asking.outputs
    assert error in errors(asking) and error.evalue == box.data["text/plain"], "its sentence, and no more"
    assert "minicompress/" in re.search(r'href="([^"]*)"', box.data["text/html"])[1]
    assert error.ename == "Unsolved" and len(error.traceback) == 1 and "\n" not in error.traceback[0].strip()
    assert (
        re.search(rf"Exercises? {re.escape(exercise)}\b", error.evalue)
        and course.exercise(exercise).names[0] in error.evalue
    )


def chapter_modules(path: Path) -> set[str]:
    """The modules whose exercises a notebook asks for."""
    chapter = str(int(path.stem[:2]))
    return {task.module for key, task in course.exercises().items() if key.split(".")[0] == chapter}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_only_what_it_teaches_the_four_numbers_and_what_is_given(path):
    allowed = {"lab", "grading", "metrics"} | chapter_modules(path)
    if path.stem.startswith("06"):
        allowed.add("job")  # the finale runs the whole pipeline
    if path.stem.startswith("07"):
        allowed |= set(CHAPTERS)  # all that was written is used on a real LLM, and nothing new is
    for cell in code_cells(path):
        for node in ast.walk(parsed(cell)):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "minicompress":
                inside = node.module.split(".")[1:2] or [name.name for name in node.names]
                assert set(inside) <= allowed, f"{ast.unparse(node)}: allowed are {sorted(allowed)}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_first_where_its_long_figures_come_from_and_what_measures_them_again(path):
    opening = "".join(json.loads(path.read_text())["cells"][0]["source"])
    calls = [line for cell in code_cells(path) for line in cell.splitlines() if "paths.results" in line]
    for name in re.findall(r'"(\w+)"', "\n".join(line.split("paths.results")[1] for line in calls)):
        if (ROOT / "results" / f"{name}.json").is_file():
            assert f"{name}.json`" in opening and f"benchmarks.{name}`" in opening


def test_the_article_is_named_in_the_first_notebook_and_beside_the_notebooks():
    for path in (NOTEBOOKS[0], ROOT / "notebooks" / "README.md"):
        assert path.read_text().count("LLM Inference Optimization #10: Model Compression") == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_whole_small_and_without_errors(path):
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert path.stat().st_size <= 300_000, f"{path.stat().st_size:,} bytes: at most 300 kB"
    assert all(cell["execution_count"] for cell in code), "run it with the solutions before committing"
    assert not [output for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    assert str(Path.home()) + "/" not in path.read_text()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_code_cell_can_be_read_at_a_glance_20_lines_of_110_characters(path):
    for source in code_cells(path):
        lines = source.splitlines()
        assert len(lines) <= 20, f"{len(lines)} lines: {source[:60]}"
        assert max(map(len, lines)) <= 110, f"{max(lines, key=len)[:60]}... is too long"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_checks_every_exercise_of_its_chapter_once_and_asserts_no_time(path):
    source = code_cells(path)
    checked = re.findall(r'check\("([\d.]+)"\)', "\n".join(source))
    chapter = str(int(path.stem[:2]))
    wanted = [key for key in course.exercises() if key.split(".")[0] == chapter]
    assert checked == wanted, "each exercise is checked once, in the order of course.toml"
    for cell in source:
        for node in ast.walk(parsed(cell)):
            if isinstance(node, ast.Assert):
                timed = re.search(r"second|speed|timed|throughput|milli", ast.unparse(node))
                assert not timed, "never assert on time"


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

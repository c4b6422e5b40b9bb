"""A student's copy of the course: no solutions in it, and it works all the same."""

import json
import os
import re
import subprocess
import sys

import pytest
from snippets import mistake_of, solution_of

from minicompress.classroom import release as module
from minicompress.classroom.release import files, release
from minicompress.grading import stubs
from minicompress.grading.course import exercises
from minicompress.lab.paths import CHAPTERS, ROOT


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """One copy for all these tests; they write into minicompress/pruning.py at most."""
    folder = tmp_path_factory.mktemp("released") / "course"
    release(folder)
    return folder


def run(copy, *words):
    """A command in the copy, as a student would give it there."""
    environment = {name: value for name, value in os.environ.items() if "MINICOMPRESS" not in name}
    environment |= {"COLUMNS": "200", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def pruning(copy, answer):
    """Let the student's pruning.py be the stubs, and this answer below them."""
    file = copy / "minicompress" / "pruning.py"
    file.write_text((copy / "stubs" / "pruning.py").read_text(encoding="utf-8") + answer, encoding="utf-8")


def pairs_of_lines(text):
    """Two lines of code in a row that are long enough to be nobody's idiom."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    long = [len(line) > 25 and not line.startswith(("raise ", "from ", "import ")) for line in lines]
    return {tuple(lines[i : i + 2]) for i in range(len(lines) - 1) if all(long[i : i + 2])}


def test_it_has_no_solution_in_any_file(copy):
    """No two lines in a row of a solution's body stand in any file."""
    own = set()
    for name in CHAPTERS:
        whole = (ROOT / "solutions" / f"{name}.py").read_text(encoding="utf-8")
        for body in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", whole, re.S):
            own |= pairs_of_lines(body)
    assert len(own) > 100
    texts = [path for path in copy.rglob("*") if path.suffix in (".py", ".ipynb", ".md", ".toml")]
    assert len(texts) > 100
    for path in texts:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        assert not own & pairs_of_lines(text), path


def test_it_has_nothing_that_grades_a_class(copy):
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*")}
    away = ("solutions", "tests/mutants", "tests/alternatives", "tests/machinery", "tests/attacks")
    assert not {
        name for name in names if name.startswith((*away, "minicompress/classroom", "assets/next", ".git/"))
    }
    assert {"tests/conftest.py", "tests/graders/test_pruning.py", "notebooks/00_baseline.ipynb"} <= names
    assert not {name for name in names if "__pycache__" in name}


def test_what_is_added_to_the_repository_stays_at_home_until_it_is_named():
    assert not [path for path in files() if path.parts[0] in (".git", "out", ".venv", "solutions")]
    named = [name for name in module.COPIED if name.startswith("docs")]
    named.remove("docs/ko")  # the translations of pages that are named
    pages = {name.removeprefix("docs/") for name in named}
    assert {path.name for path in (ROOT / "docs" / "ko").iterdir()} <= pages
    assert named and "docs" not in named and all((ROOT / name).is_file() for name in named)


def test_the_seven_files_are_fresh_stubs(copy):
    for name in CHAPTERS:
        whole = (ROOT / "solutions" / f"{name}.py").read_text(encoding="utf-8")
        assert (copy / "stubs" / f"{name}.py").read_text(encoding="utf-8") == stubs.stub(name, whole)


def test_check_tells_right_wrong_and_not_begun_apart(copy):
    pruning(copy, "")
    fresh = run(copy, "minicompress.cli", "check", "1.1")
    assert fresh.returncode == 1 and "Exercise 1.1 is not written yet" in fresh.stdout
    pruning(copy, f"\n\n{solution_of('1.1', 'magnitude_mask')}\n")
    right = run(copy, "minicompress.cli", "check", "1.1")
    assert right.returncode == 0 and "solved" in right.stdout, right.stdout + right.stderr
    pruning(copy, f"\n\n{mistake_of('1.1', 'inverted').source}\n")
    wrong = run(copy, "minicompress.cli", "check", "1.1")
    assert wrong.returncode == 1 and "graders pass, 0 of 2 points" in wrong.stdout


def test_the_learners_own_earlier_exercises_stand_in_for_the_reference(copy):
    """1.5 uses 1.1 to 1.4: without them it says which one is needed."""
    name = exercises()["1.5"].names[0]
    pruning(copy, f"\n\n{solution_of('1.5', name)}\n")
    said = run(copy, "minicompress.cli", "check", "1.5").stdout
    assert "sparsity_schedule (Exercise 1.4) is needed here, and is not written yet" in said
    names = [name for key in ("1.1", "1.2", "1.3", "1.4", "1.5") for name in exercises()[key].names]
    pruning(copy, "".join(f"\n\n{solution_of('1.5', name)}\n" for name in names))
    assert "solved" in run(copy, "minicompress.cli", "check", "1.5").stdout


def test_the_pages_of_the_copy_link_nothing_that_stayed_at_home(copy):
    for page in (*copy.glob("*.md"), *(copy / "docs").glob("*.md"), *(copy / "notebooks").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


def test_the_guide_for_teachers_stays_at_home_and_the_tables_can_be_made_without_it(copy):
    assert (ROOT / "docs" / "teaching.md").is_file() and not (copy / "docs" / "teaching.md").exists()
    before = {page: page.read_text(encoding="utf-8") for page in (copy / "docs").glob("*.md")}
    done = run(copy, "benchmarks.readme")
    assert done.returncode == 0, done.stderr
    assert before == {page: page.read_text(encoding="utf-8") for page in (copy / "docs").glob("*.md")}


def test_make_test_passes_over_what_is_not_written(copy):
    pruning(copy, "")
    done = run(copy, "pytest", "tests/graders/test_metrics.py", "-ktest_0_1", "-p", "no:cacheprovider", "-rs")
    assert done.returncode == 0, done.stdout
    assert "Exercise 0.1 is not written yet" in done.stdout and "failed" not in done.stdout
    assert run(copy, "ruff", "check", "--no-cache", ".").returncode == 0


def test_make_test_runs_no_notebook_as_a_whole(copy):
    (copy / "ask.py").write_text(
        "from minicompress.setup.commands import test_runs\nprint(test_runs(1))\n", encoding="utf-8"
    )
    said = run(copy, "ask").stdout
    assert "pytest" in said and "notebooks" not in said
    (copy / "ask.py").unlink()


def test_reveal_and_the_commands_for_teachers_refuse(copy):
    told = run(copy, "minicompress.cli", "reveal", "1.1")
    assert told.returncode == 2 and "no solutions: ask your teacher" in told.stderr
    asked = run(copy, "minicompress.cli", "grade", "x", "--out", "y")
    assert asked.returncode == 2 and "No such command 'grade'" in asked.stderr


def test_a_notebook_asks_for_an_earlier_exercise_and_offers_no_reference(copy):
    (copy / "ask.py").write_text(
        "from minicompress.grading import require\nrequire('0.1')\n", encoding="utf-8"
    )
    said = run(copy, "ask").stderr
    assert "Exercise 0.1 is needed here: write perplexity (0.1) in minicompress/metrics.py first." in said
    assert "reference" not in said
    (copy / "ask.py").unlink()


def test_it_is_written_into_a_new_or_empty_folder_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is there already"):
        release(tmp_path)
    with pytest.raises(ValueError, match="inside of what is copied"):
        release(ROOT / "assets" / "course")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_copy_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    def full(module, copy):
        raise OSError("no space left")

    monkeypatch.setattr(module, "write_stub", full)
    with pytest.raises(OSError, match="no space"):
        release(tmp_path / "course")
    assert not list(tmp_path.iterdir())


def test_the_papers_of_a_copy_link_to_what_is_in_it(copy):
    for paper in (copy / "AGENTS.md", *sorted((copy / "docs").glob("*.md"))):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", paper.read_text(encoding="utf-8")):
            assert (paper.parent / target).exists(), f"{paper.name}: {target}"

"""Shared by the tests of grading: a journal of their own, a learner's file, a check without a process, a
fresh package.
"""

import shutil
import sys

import pytest
import snippets

from minicompress.grading import checking, journal, stubs
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.graders import run_graders
from minicompress.lab.paths import ROOT


@pytest.fixture(scope="session", autouse=True)
def kept_bytecode():
    """Grading imports the same files hundreds of times: keep the bytecode, whatever the environment says."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    yield
    sys.dont_write_bytecode = before


@pytest.fixture(autouse=True)
def no_record(tmp_path, monkeypatch):
    """The tests keep a journal of their own."""
    monkeypatch.setattr(journal, "FILE", tmp_path / "journal" / "progress.json")


@pytest.fixture
def work(tmp_path):
    """Write a learner's file: the stubs of a module, with some definitions written below them."""

    def write(key: str, text: str = "") -> str:
        file = tmp_path / f"{exercise(key).module}.py"
        file.write_text(stubs.stub(exercise(key).module, snippets.reference(key)) + text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def in_this_process(monkeypatch):
    """Let `examine` run the graders here: seconds cheaper, and the same but for the time limit, the known
    mistake and the import of the whole file.
    """

    def run_here(report, file, device, seed):
        report.outcomes = run_graders(report.exercise, assemble(report.exercise, file)).outcomes
        report.total = len(report.outcomes)

    monkeypatch.setattr(checking, "run_child", run_here)


@pytest.fixture
def fresh_package(tmp_path):
    """A copy of the package whose exercises are all stubs, as on a fresh clone (a learner's own may be
    solved).
    """
    for name in ("solutions", "course.toml", "assets", "tests", "results"):
        (tmp_path / name).symlink_to(ROOT / name)
    package = tmp_path / "minicompress"
    shutil.copytree(ROOT / "minicompress", package, ignore=shutil.ignore_patterns("__pycache__"))
    for solution in (ROOT / "solutions").glob("*.py"):
        (package / solution.name).write_text(stubs.stub(solution.stem, solution.read_text()))
    return tmp_path

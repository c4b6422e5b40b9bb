"""`minicompress doctor`: each check says what is wrong, and what helps."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from typer.testing import CliRunner

from minicompress import cli
from minicompress.lab import smollm2
from minicompress.lab.paths import ROOT
from minicompress.setup import doctor, environment, machine_checks, python_checks
from minicompress.setup.environment import Environment
from minicompress.setup.findings import Finding, State

TORCH = {"version": environment.TORCH.split("==")[1] + "+cpu", "threads": 2, "capability": "AVX2", "gpu": ""}


@pytest.fixture(autouse=True)
def whole(monkeypatch, tmp_path):
    """A machine where nothing is wrong, without asking torch."""
    own = Environment(tmp_path / ".venv", ())
    own.python.parent.mkdir(parents=True)
    own.python.touch()
    own.stamp.touch()
    pinned = {**python_checks.pins(ROOT / "requirements.lock")}
    monkeypatch.setattr(sys, "prefix", str(own.folder))
    monkeypatch.setattr(python_checks, "LEARNERS", own)
    monkeypatch.setattr(python_checks, "torch_facts", lambda: TORCH)
    monkeypatch.setattr(python_checks, "installed", lambda name: pinned.get(name, "1.0"))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8e9, available=4e9))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=8e9))
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path / "cache"))
    converted = tmp_path / "cache" / "smollm2-135m" / "card.json"
    converted.parent.mkdir(parents=True)
    converted.touch()


def without(*names):
    """Every package is installed but these."""
    return lambda name: None if name in names else "1.0"


def a_file(folder: Path) -> str:
    """The path of something below a file, where no folder can be."""
    (folder / "file").touch()
    return str(folder / "file" / "inside")


# Check -> what breaks it, the state it then has, and a part of what it says.
BROKEN = {
    "Python": (lambda patch, tmp: patch(environment, "TOO_NEW", (3, 11)), "FAILED", "the course needs 3.11"),
    "environment": (lambda patch, tmp: (tmp / ".venv" / "ready").unlink(), "FAILED", "not made to the end"),
    "packages": (lambda patch, tmp: patch(python_checks, "installed", without("rich")), "FAILED", "rich"),
    "torch": (
        lambda patch, tmp: patch(python_checks, "torch_facts", lambda: {"error": "No module named 'torch'"}),
        "FAILED",
        "No module named 'torch'",
    ),
    "GPU": (
        lambda patch, tmp: patch(python_checks, "torch_facts", lambda: {"error": "broken"}),
        "note",
        "torch cannot be asked",
    ),
    "memory": (
        lambda patch, tmp: patch(psutil, "virtual_memory", lambda: SimpleNamespace(total=1e9, available=1e9)),
        "FAILED",
        "1.0 GB",
    ),
    "disk": (
        lambda patch, tmp: patch(shutil, "disk_usage", lambda path: SimpleNamespace(free=5e8)),
        "FAILED",
        "0.5 GB are free",
    ),
    "this folder": (lambda patch, tmp: patch(machine_checks, "ROOT", tmp / "gone"), "FAILED", "cannot write"),
    "cache": (
        lambda patch, tmp: patch(machine_checks.os, "environ", {"MINICOMPRESS_CACHE": a_file(tmp)}),
        "FAILED",
        "cannot be made",
    ),
    "corpus": (
        lambda patch, tmp: patch(machine_checks.sysconfig, "get_path", lambda name: str(tmp)),
        "FAILED",
        "0 source files",
    ),
    "shipped models": (
        lambda patch, tmp: (patch(machine_checks, "ASSETS", tmp), patch(machine_checks, "ROOT", tmp)),
        "FAILED",
        "not there: tokenizer.json",
    ),
    "SmolLM2": (
        lambda patch, tmp: (tmp / "cache" / "smollm2-135m" / "card.json").unlink(),
        "note",
        "not on this machine",
    ),
    "extras": (lambda patch, tmp: patch(python_checks, "installed", without("onnx")), "note", "onnx"),
    "ipywidgets": (
        lambda patch, tmp: patch(python_checks, "installed", without("ipywidgets")),
        "note",
        "still pictures",
    ),
}


@pytest.mark.parametrize("name", doctor.CHECKS)
def test_a_check_passes_where_nothing_is_wrong(name):
    found = doctor.found_by(name)
    assert found.state is State.OK and found.said and not found.remedy


@pytest.mark.parametrize("name", doctor.CHECKS)
def test_a_check_says_what_is_wrong_and_what_helps_in_one_sentence(name, monkeypatch, tmp_path):
    broken, state, said = BROKEN[name]
    broken(monkeypatch.setattr, tmp_path)
    found = doctor.found_by(name)
    assert found.state is State(state) and said in found.said
    assert found.remedy.endswith(".") and len(found.remedy.split(". ")) == 1


# ------------------------------------------------------------ more that a check tells apart


def test_an_environment_older_than_its_lock_file_is_a_note(monkeypatch):
    monkeypatch.setattr(Environment, "is_ready", lambda self: False)
    found = python_checks.environment()
    assert found.state is State.NOTE and "older than requirements.lock" in found.said


def test_the_course_installed_in_another_environment_is_fine(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "elsewhere")
    monkeypatch.setattr(python_checks, "course_is_installed_here", lambda: True)
    assert python_checks.environment() == Finding(State.OK, "the course is installed in elsewhere")


def test_a_python_without_the_course_is_told_to_set_up(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "elsewhere")
    monkeypatch.setattr(python_checks, "course_is_installed_here", lambda: False)
    found = python_checks.environment()
    assert found.state is State.FAILED and found.remedy == "Run `python -m minicompress setup`."


def test_a_tool_of_the_tests_that_is_missing_is_a_note(monkeypatch):
    monkeypatch.setattr(python_checks, "installed", without("nbval"))
    assert python_checks.packages().state is State.NOTE and "nbval" in python_checks.packages().said


def test_another_version_than_the_pinned_one_is_a_note(monkeypatch):
    pinned = {**python_checks.pins(ROOT / "requirements.lock"), "numpy": "1.0"}
    monkeypatch.setattr(python_checks, "installed", lambda name: pinned[name])
    found = python_checks.packages()
    assert found.state is State.NOTE and "numpy 1.0 (not " in found.said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_torch", "No module named 'no_such_torch'"),
        ("import os; os._exit(9)", "its process ended with code 9"),
    ],
)
def test_a_torch_that_ends_its_process_does_not_end_the_doctor(text, said, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(python_checks, "ASK_TORCH", text)
    monkeypatch.setattr(python_checks, "torch_facts", python_checks.torch_facts.__wrapped__)
    found = python_checks.torch()
    assert found.state is State.FAILED and said in found.said


@pytest.mark.parametrize(("version", "state"), [("2.8.1", "FAILED"), ("2.10.0+cu128", "note")])
def test_a_torch_that_is_too_old_fails_and_another_one_is_a_note(version, state, monkeypatch):
    monkeypatch.setattr(python_checks, "torch_facts", lambda: TORCH | {"version": version})
    assert python_checks.torch().state is State(state)


def test_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(python_checks, "torch_facts", lambda: TORCH | {"gpu": "A card"})
    assert python_checks.gpu() == Finding(State.OK, "A card")


@pytest.mark.parametrize(("total", "available"), [(3e9, 3e9), (8e9, 1e9)])
def test_little_memory_is_a_note(total, available, monkeypatch):
    found = SimpleNamespace(total=total, available=available)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: found)
    assert machine_checks.memory().state is State.NOTE


def test_before_the_installation_more_room_is_needed(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3e9))
    assert machine_checks.disk().state is State.OK
    monkeypatch.setattr(sys, "prefix", "elsewhere")
    monkeypatch.setattr(python_checks, "course_is_installed_here", lambda: False)
    assert machine_checks.disk().state is State.FAILED


@pytest.mark.parametrize(
    ("platform", "index", "needed"), [("linux", "", 8e9), ("linux", "URL", 4e9), ("win32", "", 4e9)]
)
def test_a_torch_for_cuda_needs_more_room(platform, index, needed, monkeypatch):
    monkeypatch.setattr(machine_checks.sys, "platform", platform)
    monkeypatch.setenv("MINICOMPRESS_TORCH_INDEX", index)
    assert machine_checks.disk_for_setup() == needed


def test_the_folder_of_the_real_llm_is_the_library_s_own(tmp_path):
    assert smollm2.is_ready() and smollm2.folder() == tmp_path / "cache" / "smollm2-135m"


def test_nothing_is_left_behind(tmp_path):
    before = sorted(ROOT.glob(".doctor*"))
    machine_checks.repository()
    assert sorted(ROOT.glob(".doctor*")) == before


# ------------------------------------------------------------ the whole


def test_where_nothing_is_wrong_the_command_ends_with_0():
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 0 and "Everything that the course needs is here." in done.output


def test_a_note_does_not_fail(monkeypatch):
    monkeypatch.setattr(python_checks, "installed", without("ipywidgets"))
    monkeypatch.setitem(doctor.CHECKS, "packages", python_checks.ipywidgets)
    assert doctor.main() == 0


def test_what_failed_is_named_and_ends_with_1(monkeypatch):
    BROKEN["torch"][0](monkeypatch.setattr, None)
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1 and done.output.endswith("FAILED: torch.\n")


def test_a_check_that_breaks_is_a_finding_and_the_others_are_shown(monkeypatch, capsys):
    monkeypatch.setitem(doctor.CHECKS, "GPU", lambda: 1 / 0)
    assert doctor.main() == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "ZeroDivisionError" in said and "SmolLM2" in said and "FAILED: GPU." in said


def test_without_rich_there_are_plain_lines(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(python_checks, "installed", without("rich"))
    assert doctor.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("OK      Python: ")
    assert "FAILED  packages: not installed: rich  -> Run `python -m minicompress setup` again." in lines

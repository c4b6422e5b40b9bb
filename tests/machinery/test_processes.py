"""Running a module in a process of its own: time, encoding, and nothing left behind."""

import time

import psutil
import pytest

from minicompress.grading.processes import run_module

# Starts a sleeper, whose number it writes down, in a way that hides it from its grandparent.
ORPHAN = """
import pathlib, subprocess, sys
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], start_new_session=True)
pathlib.Path("number.txt").write_text(str(sleeper.pid))
"""
PARENT = "import subprocess, sys\nsubprocess.run([sys.executable, 'orphan.py'])\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a text as a module of a temporary folder; return the exit code and what it wrote to stderr."""

    def run_text(text: str, seconds: float = 30) -> tuple[int | None, str]:
        (tmp_path / "sent.py").write_text(f"import os\nos.chdir({str(tmp_path)!r})\n{text}", encoding="utf-8")
        code = run_module(["sent"], seconds, tmp_path / "complaints")
        return code, (tmp_path / "complaints").read_text(encoding="utf-8")

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "orphan.py").write_text(ORPHAN)
    return run_text


def test_the_exit_code_comes_back(run):
    assert run("raise SystemExit(3)") == (3, "")


def test_stderr_is_utf_8_whatever_the_environment_says(run, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "")
    monkeypatch.setenv("LC_ALL", "C")
    assert run("import sys; print('größer ✓', file=sys.stderr)") == (0, "größer ✓\n")


def test_a_process_that_takes_too_long_is_ended(run):
    started = time.monotonic()
    assert run("import time; time.sleep(100)", seconds=1) == (None, "")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("end", ["", "raise SystemExit(1)", "import time; time.sleep(100)"])
def test_what_a_process_started_ends_with_it(run, tmp_path, end):
    run(PARENT + end, seconds=5 if "sleep" in end else 30)
    assert not psutil.pid_exists(int((tmp_path / "number.txt").read_text()))

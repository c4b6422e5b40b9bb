"""What a worker gives up: each layer is in force exactly when it says so."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from minicompress.classroom import landlock, sandbox

LINUX = pytest.mark.skipif(not landlock.version(), reason="this system has no Landlock: see docs/grading.md")
NO_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
ENTER = """
import json, os, pathlib, sys, threading
from minicompress.classroom import landlock, sandbox
folder, seconds = pathlib.Path(sys.argv[1]), 5
{before}
layers = sandbox.enter(folder, seconds, 2_000_000_000)
{after}
"""
TRIED = """
def works(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True

print(json.dumps([layers, {
    "write in the folder": works(lambda: (folder / "a").write_text("x")),
    "write a large file": works(lambda: (folder / "b").write_bytes(bytes(sandbox.FILE_BYTES + 1))),
    "write beside": works(lambda: (folder.parent / "c").write_text("x")),
    "read beside": works(lambda: (folder.parent / "secret").read_text()),
    "read Python": works(lambda: pathlib.Path(os.__file__).read_text()),
    "fork": works(os.fork),
    "signal": works(lambda: os.kill(os.getppid(), 0)),
}]))
"""
TWO_THREADS = "threading.Thread(target=threading.Event().wait, daemon=True).start()"


def run_inside(folder: Path, before: str = "", after: str = "") -> subprocess.CompletedProcess:
    """Enter the sandbox in a Python of its own, with something done before and afterwards."""
    (folder / "inside").mkdir()
    (folder / "secret").write_text("secret")
    text = ENTER.format(before=before, after=after)
    return subprocess.run(
        [sys.executable, "-c", text, folder / "inside"], capture_output=True, text=True, timeout=60
    )


@LINUX
def test_inside_only_the_folder_and_python_are_left(tmp_path):
    done = run_inside(tmp_path, after=TRIED)
    layers, works = json.loads(done.stdout)
    assert layers["limits"] and layers["landlock"] and layers["seccomp"] and layers["no privileges"]
    assert {what for what, worked in works.items() if worked} == {"write in the folder", "read Python"}


@LINUX
def test_with_a_second_thread_the_layers_for_one_thread_say_that_they_are_not_in_force(tmp_path):
    done = run_inside(tmp_path, TWO_THREADS, "print(json.dumps(layers), flush=True); os._exit(0)")
    layers = json.loads(done.stdout)
    assert not layers["landlock"] and not layers["seccomp"]


@NO_WINDOWS
def test_computing_beyond_the_limit_ends_the_process(tmp_path):
    done = run_inside(tmp_path, "seconds = 1", "while True: pass")
    assert done.returncode < 0


def test_what_is_readable_inside_does_not_name_the_home_folder():
    assert Path.home() not in sandbox.readable() and Path("/") not in sandbox.readable()


@NO_WINDOWS
def test_a_file_is_open_to_all_when_it_and_each_folder_above_it_are():
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder, file = Path(name), Path(name) / "file"
        file.touch()
        modes = {(0o755, 0o644): True, (0o755, 0o600): False, (0o700, 0o644): False}
        for (folder_mode, mode), expected in modes.items():
            folder.chmod(folder_mode)
            file.chmod(mode)
            assert sandbox.open_to_all(file) == expected


@LINUX
def test_only_root_can_become_another_user(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not sandbox.become_nobody(tmp_path)


@LINUX
def test_threads_are_counted():
    before, over = sandbox.threads(), threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()
    assert sandbox.threads() == before + 1
    over.set()

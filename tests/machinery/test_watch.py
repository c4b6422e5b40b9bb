"""What a grading process does to itself.

It ends when its time is over or its parent is gone, and its memory and its files are limited.
"""

import subprocess
import sys

import psutil
import pytest

from minicompress.grading.events import Told, read_events
from minicompress.grading.watch import LONGEST, bounded
from minicompress.lab.paths import ROOT

BEGIN = """
import os, sys, time
from minicompress.grading import watch
events = os.open({events!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
"""
SPIN = "def helper():\n    while True: pass\n"


@pytest.fixture
def run(tmp_path):
    """Run a text in a Python of its own that may use `watch` and `events`: (exit code, events, stderr)."""

    def run_text(text: str) -> tuple[int, Told, str]:
        words = [sys.executable, "-c", BEGIN.format(events=str(tmp_path / "events")) + text]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8")
        return done.returncode, read_events(tmp_path / "events"), done.stderr

    return run_text


def test_a_phase_that_computes_too_long_ends_the_process_and_tells_where(run):
    code, told, _ = run(f"{SPIN}w = watch.Watch(events)\nw.tell({{'running': 'a'}}, 0.3)\nhelper()")
    assert (
        code == 1 and told.hung and not told.idle and told.names[0] == "helper" and "in helper" in told.trace
    )


def test_a_phase_that_waits_too_long_is_told_as_waiting(run):
    code, told, _ = run("w = watch.Watch(events)\nw.tell({'running': 'a'}, 0.1)\ntime.sleep(100)")
    assert code == 1 and told.hung and told.idle


def test_each_event_starts_the_time_anew(run):
    busy = "    end = time.process_time() + 0.5\n    while time.process_time() < end: pass\n"
    phases = f"for i in range(3):\n    w.tell({{'running': str(i)}}, 1)\n{busy}"
    assert run(f"w = watch.Watch(events)\n{phases}")[:2] == (0, Told(running="2"))


def test_replacing_the_clock_and_the_exit_changes_nothing(run):
    spoil = "os._exit = sys.exit = time.sleep = time.process_time = time.monotonic = lambda *_: 0\n"
    code, told, _ = run(f"{SPIN}{spoil}w = watch.Watch(events)\nw.tell({{}}, 0.3)\nhelper()")
    assert code == 1 and told.hung


CHILD = """
import subprocess
watch.Watch(events)
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(os.getpid(), sleeper.pid, flush=True)
time.sleep(100)
"""
PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, encoding="utf-8")
print(child.stdout.readline(), flush=True)
os._exit(0)
"""


def test_a_process_whose_parent_is_gone_ends_with_what_it_started(tmp_path):
    child = BEGIN.format(events=str(tmp_path / "events")) + CHILD
    words = [sys.executable, "-c", PARENT, child]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    numbers = [int(number) for number in done.stdout.split()]
    left = [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]
    assert len(numbers) == 2 and not psutil.wait_procs(left, timeout=30)[1]


def test_memory_beyond_the_limit_is_an_error_of_python(run):
    pytest.importorskip("resource")
    code, _, complaint = run("watch.limit_resources(500_000_000, events)\nkept = [0] * 10**9")
    assert code == 1 and "MemoryError" in complaint


def test_a_file_without_end_is_an_error_of_python(run, tmp_path):
    pytest.importorskip("resource")
    grow = f"open({str(tmp_path / 'file')!r}, 'wb').truncate(10**10)"
    code, _, complaint = run(f"watch.limit_resources(10**10, events)\n{grow}")
    assert code == 1 and "OSError" in complaint


def test_a_crash_tells_where_it_was(run):
    crash = "import ctypes\ndef helper(): ctypes.string_at(0)\nhelper()"
    code, told, _ = run(f"watch.limit_resources(10**10, events)\n{crash}")
    assert code and "helper" in told.names


def test_long_texts_are_cut_at_any_depth():
    event = bounded({"outcome": {"message": "a" * LONGEST + "b" * LONGEST, "passed": True}})
    message = event["outcome"]["message"]
    assert len(message) < LONGEST + 20 and message.startswith("aa") and message.endswith("bb")
    assert event["outcome"]["passed"] is True

"""Running a module in a process of its own: limits, encoding, and nothing left behind."""

import _thread
import json
import os
import threading

import psutil
import pytest

from minicompress.grading import processes
from minicompress.grading.processes import Ending, Limit, Limits, allowance, run_module

# Starts a sleeper, whose number it writes down, in a way that hides it from its grandparent.
ORPHAN = """
import pathlib, subprocess, sys
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], start_new_session=True)
pathlib.Path("number.txt").write_text(str(sleeper.pid))
"""
PARENT = "import subprocess, sys\nsubprocess.run([sys.executable, 'orphan.py'])\n"
DAEMON = """
import os, pathlib, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
pathlib.Path("number.txt").write_text(str(os.getpid()))
time.sleep(100)
"""
POOL = """
import multiprocessing, pathlib, time
if __name__ == "__main__":
    pool = multiprocessing.get_context("spawn").Pool(1)
    number = pool.apply(os.getpid)
    pool.apply_async(time.sleep, [100])
    pathlib.Path("number.txt").write_text(str(number))
    os._exit(0)
"""
SLEEP = "import time; time.sleep(100)\n"
SPIN = "while True: pass\n"
ELSEWHERE = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', TEXT])\n"
SOON = Limits(starting=0.3)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a text as a module of a temporary folder; return how it ended and what it wrote to stderr."""

    def run_text(text: str, limits: Limits = processes.LIMITS) -> tuple[Ending, str]:
        (tmp_path / "sent.py").write_text(f"import os\nos.chdir({str(tmp_path)!r})\n{text}", encoding="utf-8")
        ending = run_module(["sent"], tmp_path, limits)
        return ending, (tmp_path / "complaints").read_text(encoding="utf-8", errors="replace")

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "orphan.py").write_text(ORPHAN)
    (tmp_path / "daemon.py").write_text(DAEMON)
    return run_text


@pytest.fixture
def gone(tmp_path):
    """Whether the process whose number was written down has ended."""
    return lambda: not psutil.pid_exists(int((tmp_path / "number.txt").read_text()))


def test_the_exit_code_comes_back(run):
    assert run("raise SystemExit(3)") == (Ending(3), "")


def test_stderr_is_utf_8_whatever_the_environment_says(run, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "")
    monkeypatch.setenv("LC_ALL", "C")
    assert run("import sys; print('größer ✓', file=sys.stderr)") == (Ending(0), "größer ✓\n")


# ------------------------------------------------------------ limits


@pytest.mark.parametrize(
    "text",
    [SPIN, "sum(range(10**13))", SLEEP, ELSEWHERE.replace("TEXT", repr(SPIN))],
    ids=["a loop", "a loop in C", "sleep", "a loop in another process"],
)  # fmt: skip
def test_what_takes_too_long_is_ended(run, text):
    assert run(text, SOON)[0] == Ending(None, Limit.TIME)


def test_an_event_allows_more_time(run):
    busy = "import time\nwhile time.process_time() < 1.5: pass\n"
    event = "open('events', 'a').write('{\"limit\": 10}\\n')\n"
    assert run(event + busy, SOON)[0] == Ending(0)


@pytest.mark.parametrize("where", ["here", "in another process"])
def test_what_needs_too_much_memory_is_ended(run, where):
    text = f"kept = bytearray(b'x') * 300_000_000\n{SLEEP}"
    text = text if where == "here" else ELSEWHERE.replace("TEXT", repr(text))
    assert run(text, Limits(memory=200_000_000))[0] == Ending(None, Limit.MEMORY)


@pytest.mark.parametrize("file", ["complaints", "events"])
def test_what_writes_without_end_is_ended(run, file):
    text = f"file = open({file!r}, 'a')\nwhile True: file.write('x' * 10_000)"
    assert run(text, Limits(written=1_000_000))[0] == Ending(None, Limit.OUTPUT)


def test_temporary_files_go_where_they_are_removed(run, tmp_path):
    run("import sys, tempfile; print(tempfile.mkdtemp(), end='', file=sys.stderr)")
    assert [path.parent for path in (tmp_path / "temporary").iterdir()] == [tmp_path / "temporary"]


JUNK = ["\n", "[1]", "3", "null", '{"limit": "x"}', '{"limit": -1}', '{"limit": 1e99}', "\0", "[" * 4000]


@pytest.mark.parametrize("last", JUNK)
def test_junk_in_the_events_allows_nothing(last, tmp_path):
    (tmp_path / "events").write_text(f"{json.dumps({'limit': 5})}\n{last}", encoding="utf-8")
    assert allowance(tmp_path / "events") is None


# ------------------------------------------------------------ nothing is left


@pytest.mark.parametrize("end", ["", "raise SystemExit(1)", SLEEP])
def test_what_a_process_started_ends_with_it(run, gone, end):
    run(PARENT + end, Limits(starting=1))
    assert gone()


def test_a_pool_of_processes_ends_too(run, gone):
    run(POOL)
    assert gone()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="daemons are made with fork")
def test_a_daemon_that_gave_up_its_session_and_its_parents_ends_too(run, gone):
    run("import subprocess, sys\nsubprocess.run([sys.executable, 'daemon.py'])\nimport time; time.sleep(1)\n")
    assert gone()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="daemons are made with fork")
def test_a_daemon_that_threw_its_environment_away_ends_too(run, gone):
    adopt = "from minicompress.grading.watch import adopt_orphans; adopt_orphans()\n"
    start = "import subprocess, sys\nsubprocess.run([sys.executable, 'daemon.py'], env={})\n"
    run(f"{adopt}{start}import time; time.sleep(2)\n")
    assert gone()


def test_ctrl_c_leaves_nothing_running(run, gone, tmp_path):
    def interrupt():
        while not (tmp_path / "number.txt").is_file() or not (tmp_path / "number.txt").read_text():
            threading.Event().wait(0.05)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(PARENT + SLEEP)
    assert gone()

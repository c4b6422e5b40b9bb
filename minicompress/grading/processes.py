"""Run a Python module in a process of its own, under limits, and leave nothing of it behind.

All this works on every system.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import psutil

from minicompress.lab.paths import ROOT

MARK = "MINICOMPRESS_PROCESS"  # an environment variable, which whatever a process starts inherits
POLL = 0.2  # seconds between two looks at what runs
SLACK = 2  # what we allow of time beyond what the process allows itself: it knows better where it hangs
LAST_WORDS = 3  # seconds for writing down where it hung
WALL = 6  # seconds on the clock for one second of computing: what only waits has to end some day
HELD_BACK = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONWARNINGS")  # they would change what is graded


class Limit(Enum):
    """What a process can have too much of."""

    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"


@dataclass(frozen=True)
class Limits:
    """How much a process may use, with all that it starts."""

    starting: float = 120  # seconds of computing before it says what it allows itself
    memory: int = int(min(6e9, 0.6 * psutil.virtual_memory().total))  # bytes that are in use at a time
    written: int = 32_000_000  # bytes in `events`, and in `complaints`
    disk: int = 1_000_000_000  # bytes of all files in the folder that it works in


LIMITS = Limits()


class Ending(NamedTuple):
    """How a process ended: its exit code, or the limit that it met."""

    code: int | None
    limit: Limit | None = None


def run_module(words: list[str], folder: Path, limits: Limits) -> Ending:
    """Run `python -m words...` at the repository's root until it ends or meets a limit.

    It uses the solutions, and UTF-8 on every system. In `folder` it writes events, one line of JSON each, to
    `events`; the number under "limit" is how many seconds it may compute until the next. Its stderr goes to
    `complaints`, not through a pipe: whatever it started could hold a pipe open for ever.
    """
    furnish(folder)
    mark, before = uuid.uuid4().hex, set(psutil.pids())
    process = start_module(words, folder, mark, subprocess.DEVNULL, subprocess.DEVNULL)
    return supervise(process, Family(process, mark, before), folder, limits)


def furnish(folder: Path) -> None:
    """Put into `folder` what a process that is watched needs there."""
    (folder / "temporary").mkdir()
    (folder / "events").touch()
    (folder / "complaints").touch()


def start_module(words: list[str], folder: Path, mark: str, stdin: int, stdout: int) -> psutil.Popen:
    """Start `python -m words...` in a furnished folder."""
    environment = {name: value for name, value in os.environ.items() if name not in HELD_BACK}
    environment |= {"MINICOMPRESS_SOLUTIONS": "1", "PYTHONUTF8": "1", MARK: mark}
    environment |= temporary_in(folder)
    with (folder / "complaints").open("ab") as stderr:
        return psutil.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # so that a signal to its group does not reach ours; Windows ignores it
        )


def temporary_in(folder: Path) -> dict[str, str]:
    """The environment by which temporary files go when `folder` goes."""
    return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder / "temporary"))


def supervise(process: psutil.Process, family: "Family", folder: Path, limits: Limits) -> Ending:
    """Wait until a process ends or meets a limit, and end all of its family."""
    try:
        return watch(process, family, folder / "events", folder / "complaints", limits)
    finally:
        try:
            family.end()
        except KeyboardInterrupt:  # an impatient learner presses Ctrl-C twice
            family.end()
            raise


class Family:
    """A process and everything that it started, at any depth.

    What outlived the process that started it is known by the mark alone, what threw its environment away by
    its parents alone. `stays` has the mark, too, and is no member: the process that this one was forked from.
    """

    def __init__(self, process: psutil.Process, mark: str, before: set[int], stays: int | None = None):
        self.mark, self.seen = mark, before  # process numbers that have been looked at
        self.stays = stays
        self.members: dict[int, psutil.Process] = {process.pid: process}
        self.seconds: dict[int, float] = {}  # of computing, of those that have ended too

    def look(self) -> list[psutil.Process]:
        """Find who is new, and return them."""
        there = set(psutil.pids())
        new, self.seen = there - self.seen, there
        found = []
        for number in sorted(new - set(self.members)):
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(number)
                if process.ppid() in self.members or marked(process, self.mark):
                    self.members[number] = process
                    found.append(process)
        return found

    def usage(self) -> tuple[float, int]:
        """Seconds of computing so far, and bytes of memory now."""
        self.look()
        memory = 0
        for number, process in self.members.items():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self.seconds[number] = times.user + times.system
                memory += process.memory_info().rss
        return sum(self.seconds.values()), memory

    def end(self) -> None:
        """End them all. They are stopped first, so that none can start another meanwhile."""
        each(self.members.values(), psutil.Process.suspend)
        while found := self.look():
            each(found, psutil.Process.suspend)
        each(self.members.values(), psutil.Process.kill)
        psutil.wait_procs(list(self.members.values()), timeout=5)
        for process in psutil.process_iter():  # once more, in all that runs
            if process.pid != self.stays and marked(process, self.mark):
                each([process], psutil.Process.kill)


def each(processes: list[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    """Do this to every process that is still there and ours."""
    for process in list(processes):
        with contextlib.suppress(psutil.Error, OSError):
            act(process)


def marked(process: psutil.Process, mark: str) -> bool:
    """Whether its environment holds the mark (other people's cannot be read, and are not ours)."""
    try:
        return process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False


def watch(process: psutil.Process, family: Family, events: Path, complaints: Path, limits: Limits) -> Ending:
    """Wait for the end of a process, or for a limit that it meets."""
    size, allowed = 0, limits.starting
    began, before = time.monotonic(), 0.0  # when the last event came, and what had been computed by then
    while True:
        try:
            return Ending(process.wait(timeout=POLL))
        except psutil.TimeoutExpired:
            spent, memory = family.usage()
        written = events.stat().st_size
        if written != size:
            size, allowed = written, allowance(events) or allowed
            began, before = time.monotonic(), spent
        late = spent - before > SLACK * allowed or time.monotonic() - began > SLACK * WALL * allowed
        much = max(written, complaints.stat().st_size) > limits.written
        much = much or bytes_in(events.parent) > limits.disk
        met = {Limit.OUTPUT: much, Limit.MEMORY: memory > limits.memory, Limit.TIME: late}
        for limit in filter(met.get, met):
            ask_where(process)
            return Ending(None, limit)


def bytes_in(folder: Path) -> int:
    """What the files in a folder take on the disk, as far as they can be seen."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def allowance(events: Path) -> float | None:
    """How many seconds the last event allows, or None where it says nothing that makes sense."""
    with events.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        last = file.read().splitlines()[-1:]
    try:
        seconds = json.loads(last[0])["limit"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return float(seconds) if isinstance(seconds, int | float) and 0 < seconds < 1e4 else None


def ask_where(process: psutil.Process) -> None:
    """Let a process write down where it is (faulthandler does so at this signal), and end. Windows cannot."""
    if os.name == "posix":
        with contextlib.suppress(psutil.Error, OSError):
            process.send_signal(signal.SIGABRT)
            process.wait(timeout=LAST_WORDS)

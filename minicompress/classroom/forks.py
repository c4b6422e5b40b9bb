"""Ways to begin a judge: forked from a process that has imported the libraries, or started anew.

The first takes some seconds of computing off each exercise, where the system can fork.
"""

import contextlib
import select
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from minicompress.grading.events import tail
from minicompress.grading.processes import (
    Ending,
    Family,
    Limits,
    furnish,
    run_module,
    start_module,
    supervise,
)

Begin = Callable[[Path, Limits], Ending]  # judge what stands in a folder

CAN_FORK = sys.platform == "linux"  # elsewhere libraries break in a process that was forked
PATIENCE = 300  # seconds on the clock until the libraries are imported, on a busy machine


def anew(folder: Path, limits: Limits) -> Ending:
    """Judge in a Python that is started for it."""
    return run_module(["minicompress.classroom.start", str(folder)], folder, limits)


@contextlib.contextmanager
def beginning() -> Iterator[Begin]:
    """The best way that this system has to begin one judge after the other, never two at a time."""
    if not CAN_FORK:
        yield anew
        return
    server = Server()
    try:
        yield server.begin
    finally:
        server.stop()


class Server:
    """The process of forking.py. It starts when it is needed first, and again when it is gone."""

    process: psutil.Popen | None = None

    def begin(self, folder: Path, limits: Limits) -> Ending:
        """Judge in a process that is forked. RuntimeError: that did not work."""
        furnish(folder)
        if self.process is None or self.process.poll() is not None:
            self.stop()
            self.start()
        before = set(psutil.pids())
        self.tell(str(folder))
        try:
            judge = Forked(self.number(), self)
            self.tell("")
        except psutil.NoSuchProcess as error:
            raise RuntimeError("a process that was forked ended at once") from error
        family = Family(judge, self.mark, before, stays=self.process.pid)
        try:
            return supervise(judge, family, folder, limits)
        finally:
            if judge.code is None:  # it would answer at the wrong time
                self.stop()

    def start(self) -> None:
        self.folder, self.mark = tempfile.TemporaryDirectory(ignore_cleanup_errors=True), uuid.uuid4().hex
        place = Path(self.folder.name)
        furnish(place)
        words = ["minicompress.classroom.forking"]
        self.process = start_module(words, place, self.mark, subprocess.PIPE, subprocess.PIPE)

    def tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # the answer that does not come says it
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()

    def number(self, timeout: float = PATIENCE) -> int:
        """The next number that it says. TimeoutError: not yet; RuntimeError: never."""
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            raise TimeoutError(f"nothing was forked within {timeout} s")
        if line := self.process.stdout.readline():
            return int(line)
        said = tail(Path(self.folder.name) / "complaints")[-1500:]
        raise RuntimeError(f"the process that forks has ended: {said}")

    def stop(self) -> None:
        """End it, and all that is left of what it forked."""
        if self.process is None:
            return
        process, self.process = self.process, None
        Family(process, self.mark, set(psutil.pids())).end()
        process.stdin.close()
        process.stdout.close()
        self.folder.cleanup()


class Forked(psutil.Process):
    """A process whose parent is the server, which says how it ended."""

    def __init__(self, number: int, server: Server):
        super().__init__(number)
        self.server, self.code = server, None

    def wait(self, timeout: float | None = None) -> int:
        if self.code is None:
            try:
                self.code = self.server.number(timeout)
            except TimeoutError:
                raise psutil.TimeoutExpired(timeout, self.pid) from None
        return self.code

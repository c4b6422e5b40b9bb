"""Watch over a grading process from the inside.

It ends when a phase takes too long, and when nobody waits for it any more.

The names are bound here at once, because graders and learners replace those in `time` and `os`.
"""

import contextlib
import ctypes
import faulthandler
import json
import sys
import threading
import traceback
from os import _exit as leave
from os import write as write_bytes
from time import monotonic, process_time, sleep
from types import FrameType

import psutil

from minicompress.grading.processes import WALL

LONGEST = 20_000  # characters of one text in an event
PATIENCE = 120  # seconds for what is not the learner's: importing libraries on a busy machine
FILE_BYTES = 256_000_000  # the largest file that a grading process may write
PR_SET_CHILD_SUBREAPER = 36  # Linux: become the parent of whatever a descendant leaves behind
EACH = 0.1  # seconds


class Watch:
    """Write events, and keep the time between two of them."""

    def __init__(self, events: int):
        self.events = events  # a file descriptor
        self.parent = psutil.Process().parent()
        self.main = threading.get_ident()
        self.allow(PATIENCE)
        threading.Thread(target=self.run, daemon=True).start()

    def allow(self, seconds: float) -> None:
        """Start a phase that may compute for so long."""
        self.phase = seconds, process_time(), monotonic()  # at once: the thread may look at any time

    def tell(self, event: dict, seconds: float = PATIENCE) -> None:
        """Write an event, out at once: what is known when the process is killed stays. Then the phase starts
        that it announces."""
        self.write(bounded(event) | {"limit": seconds})
        self.allow(seconds)

    def write(self, event: dict) -> None:
        line = f"\n{json.dumps(event)}\n".encode()  # on a line of its own, whatever was written in between
        while line:
            line = line[write_bytes(self.events, line) :]

    def run(self) -> None:
        """The thread that looks at the clock."""
        while self.parent and self.parent.is_running():
            sleep(EACH)
            limit, computed, began = self.phase
            idle = monotonic() - began > WALL * limit
            if idle or process_time() - computed > limit:
                self.write({"hung": standing(sys._current_frames().get(self.main)) | {"idle": idle}})
                leave(1)
        for process in psutil.Process().children(recursive=True):
            process.kill()
        leave(1)


def standing(frame: FrameType | None) -> dict:
    """The names of the functions that run, the innermost first, and the last lines as text."""
    lines = "".join(traceback.format_stack(frame, limit=20)) if frame else ""
    names = []
    while frame:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return {"names": names[:200], "trace": lines[-LONGEST:]}


def bounded(value: object) -> object:
    """The same event with its texts cut to what a reader can take in."""
    if isinstance(value, dict):
        return {key: bounded(inner) for key, inner in value.items()}
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[: LONGEST // 2]}\n[...]\n{value[-LONGEST // 2 :]}"
    return value


def limit_resources(memory: int, events: int) -> None:
    """Let this process fail in words where it would grow without end: a MemoryError, an OSError at a file.

    Where there is no such limit (Windows), the process that waits for us watches alone. A crash writes where
    it happened into `events`.
    """
    faulthandler.enable(events)
    try:
        import resource
    except ImportError:
        return
    # RLIMIT_AS would count what torch merely reserves.
    wanted = {resource.RLIMIT_DATA: memory, resource.RLIMIT_FSIZE: FILE_BYTES, resource.RLIMIT_CORE: 0}
    for what, most in wanted.items():
        hard = resource.getrlimit(what)[1]
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # a system that does not know this limit
            resource.setrlimit(what, (soft, hard))


def adopt_orphans() -> None:
    """Stay the ancestor of whatever the learner's code starts, so that it can be found: only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

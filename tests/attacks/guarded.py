"""What an attack must not touch, watched from before it starts to after it has been judged."""

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
from attacks import Places

from minicompress.grading.processes import MARK
from minicompress.lab.paths import ROOT

WATCHED = ("minicompress", "solutions", "tests", "course.toml", "pyproject.toml")


@contextlib.contextmanager
def guarded(home: Path) -> Iterator[Places]:
    """Watch the repository, a folder of the grader's, the processes, a port, and signals to this process.

    AssertionError at the end: something was changed, written, connected to, sent or left behind.
    """
    (home / "precious").write_text("precious", encoding="utf-8")
    places = Places(home, f"attack{uuid.uuid4().hex}", 0)
    received, before = [], (states(home), states(*(ROOT / name for name in WATCHED)), marked())
    handlers = {number: signal.signal(number, lambda n, _: received.append(n)) for number in to_catch()}
    try:
        with listening() as (port, connections):
            yield places._replace(port=port)
        after = states(home), states(*(ROOT / name for name in WATCHED)), marked()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    changes = [
        name for name in after[0].keys() | before[0].keys() if after[0].get(name) != before[0].get(name)
    ]
    assert not changes, f"the grader's folder was changed: {changes}"
    changes = [name for name in before[1] if after[1].get(name) != before[1][name]]
    assert not changes and before[1].keys() == after[1].keys(), f"the repository was changed: {changes}"
    assert not connections, "a connection was made"
    assert not received, f"this process received the signals {received}"
    assert not (left := after[2] - before[2]), f"processes of the grading are left: {left}"
    assert not (left := processes_of(places.token)), f"processes of the attack are left: {left}"
    assert not (left := files_of(places.token)), f"files are left: {left}"


def to_catch() -> list[int]:
    return [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1] if os.name == "posix" else [signal.SIGTERM]


def states(*places: Path) -> dict[str, str]:
    """File or folder -> its state, of all in these places. Without bytecode, which Python renews."""
    found = [file for place in places for file in (place, *place.rglob("*"))]
    return {str(file): state(file) for file in found if "__pycache__" not in file.parts}


def state(file: Path) -> str:
    """Mode, owner, size and time; of a link, where it leads to."""
    status = file.lstat()
    content = os.readlink(file) if file.is_symlink() else ""
    if file.is_file() and not file.is_symlink():
        content = f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
    return f"{status.st_mode:o} {status.st_uid} {status.st_gid} {content}"


def marked() -> set[int]:
    """The processes that some grading started: all of them inherit its mark."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if MARK in process.environ() and os.getpid() in [parent.pid for parent in process.parents()]:
                found.add(process.pid)
    return found


def processes_of(token: str) -> list[int]:
    """The processes whose command line holds this word: the mark can be thrown away, the words are ours."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if any(token in word for word in process.cmdline()):
                found.append(process)
    numbers = [process.pid for process in found]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()  # it would disturb all that follow
    return numbers


def files_of(token: str) -> list[str]:
    """The files whose name holds this word, in the folders where whoever writes without a plan writes."""
    folders = {
        ROOT,
        Path.home(),
        Path("/tmp"),
        Path("/var/tmp"),
        Path("/dev/shm"),
        Path(tempfile.gettempdir()),
    }
    folders |= {Path(folder) for folder in sys.path} | {Path(os.__file__).parent}
    folders.add(ROOT / "tests" / "graders" / "__pycache__")
    found = [file for folder in folders if folder.is_dir() for file in folder.glob(f"*{token}*")]
    for file in found:
        with contextlib.suppress(OSError):
            file.unlink()
    return [str(file) for file in found]


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, list]]:
    """A port of this machine, and the addresses of all who connect to it."""
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    connection, address = server.accept()
                    connections.append(address)
                    connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], connections
        finally:
            over.set()
            thread.join()

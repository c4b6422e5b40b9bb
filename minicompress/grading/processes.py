"""Run a Python module in a process of its own, and leave nothing of it behind (on every system)."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil

from minicompress.lab.paths import ROOT

MARK = "MINICOMPRESS_PROCESS"  # an environment variable, which whatever a process starts inherits


def run_module(words: list[str], seconds: float, complaints: Path) -> int | None:
    """Run `python -m words...` at the repository's root, and return its exit code, or None after `seconds`.

    It uses the solutions, and UTF-8 on every system. What it writes to stderr goes to the file `complaints`,
    not through a pipe: whatever it started could hold a pipe open for ever.
    """
    mark = uuid.uuid4().hex
    inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    environment = inherited | {"MINICOMPRESS_SOLUTIONS": "1", "PYTHONUTF8": "1", MARK: mark}
    with complaints.open("wb") as stderr:
        process = psutil.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,  # so that a signal to its group does not reach ours; Windows ignores it
        )
        try:
            return process.wait(timeout=seconds)
        except psutil.TimeoutExpired:
            return None
        finally:
            end_with_all(process, mark)


def end_with_all(process: psutil.Process, mark: str) -> None:
    """End a process and everything that it started, at any depth.

    What outlived the process that started it is known by the mark alone, what threw its environment away by
    its parents alone.
    """
    family = [process, *children(process), *marked(mark)]
    while family:
        for member in family:
            try:
                member.kill()
            except psutil.Error:  # it has ended, or it is no longer ours to end
                continue
        psutil.wait_procs(family, timeout=5)
        family = [member for member in marked(mark) if member not in family]  # started in the meantime


def children(process: psutil.Process) -> list[psutil.Process]:
    """What a process that still runs has started, and what these have, and so on."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def marked(mark: str) -> list[psutil.Process]:
    """Every process whose environment holds the mark (other people's cannot be read, and are not ours)."""
    readable = psutil.process_iter(["environ"])
    return [process for process in readable if (process.info["environ"] or {}).get(MARK) == mark]

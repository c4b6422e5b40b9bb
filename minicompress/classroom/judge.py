"""Judge one exercise: `python -m minicompress.classroom.judge ID SOURCE OUT SEED SECONDS MEMORY`.

This process is trusted. It runs the graders on the reference, in which the exercise's own functions stand for
those that the worker has. It executes nothing that a learner wrote, and writes what it found as JSON to OUT.
"""

import contextlib
import dataclasses
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from minicompress import CHAPTERS
from minicompress.classroom import material, remote
from minicompress.classroom.names import Names
from minicompress.classroom.peer import Peer
from minicompress.classroom.verdict import GraderVerdict
from minicompress.classroom.wire import Broken, Wire
from minicompress.grading.course import Exercise
from minicompress.grading.course import exercise as find
from minicompress.grading.graders import OPTIONS, Listener
from minicompress.grading.guards import Guards
from minicompress.grading.isolation import isolated, load
from minicompress.grading.processes import WALL
from minicompress.lab.files import write_json
from minicompress.lab.paths import ROOT

STARTING = 60  # seconds on the clock until the worker has imported torch
START = """
import sys
sys.path[:] = [sys.argv[1], *(path for path in sys.path if path.startswith((sys.prefix, sys.base_prefix)))]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
from minicompress.classroom import worker
worker.main(*sys.argv[1:])
"""


@contextlib.contextmanager
def worker(folder: Path, seconds: float, memory: int) -> Iterator[Wire]:
    """Start a worker in its folder; the wire that leads to it."""
    (folder / "temporary").mkdir()
    here, there = os.pipe(), os.pipe()  # from the worker, to the worker
    kept = ("SYSTEMROOT", "LANG", "LC_ALL", "MINICOMPRESS_PROCESS")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), str(folder / "temporary"))
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-B",
            "-c",
            START,
            str(folder),
            *map(str, (there[0], here[1], seconds, memory)),
        ],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if "JUDGE_DEBUG" in os.environ else subprocess.DEVNULL,
        pass_fds=(there[0], here[1]),
    )
    os.close(there[0])
    os.close(here[1])
    try:
        yield Wire(here[0], there[1])
    finally:
        process.kill()
        process.wait()


class Judging:
    """A pytest plugin: each grader has its time, and none passes once the worker is gone or late."""

    def __init__(self, peer: Peer, seconds: float):
        self.peer, self.seconds = peer, seconds

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self) -> Iterator[None]:
        self.peer.start_afresh(self.seconds)
        result = yield
        if self.peer.broken:
            raise Broken(self.peer.broken)
        if self.peer.failed_inside:
            raise self.peer.failed_inside
        return result


def judge(exercise: Exercise, source: str, seed: int, seconds: int, memory: int) -> dict:
    """What the graders say of the worker's functions; the worker may use so much time and memory."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        here, there = folder / "judge", folder / "worker"
        there.mkdir(), here.mkdir()
        material.write_package(there, exercise, source)
        wire = stack.enter_context(worker(there, seconds, memory))
        names = Names({f"minicompress.{chapter}" for chapter in CHAPTERS}, exercise.graders.stem)
        peer = Peer(wire, names, here / "files", 0, {})
        names.make = lambda text, base: remote.unknown_class(text, base, peer)
        stack.enter_context(isolated(exercise.module))
        module = load(exercise.module, exercise.solution.read_text(encoding="utf-8"))
        wire.deadline = time.monotonic() + STARTING
        try:
            layers = start(peer, exercise, module.__name__)
        except Exception as error:
            reason = f"the worker did not start: {type(error).__name__}: {error}"
            return {"graders": [], "message": reason, "layers": {}}
        remote.install(module, exercise.names, peer)
        listener = Listener(exercise, module, str(here), lambda _: None, None)
        words = [str(exercise.graders), f"--rootdir={ROOT}", f"--seed={seed}", f"--basetemp={here}/files"]
        counted = Counted()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            pytest.main(
                [*words, *OPTIONS],
                [listener, Judging(peer, WALL * exercise.seconds), Guards(listener.file), counted],
            )
        return {"graders": verdicts(listener, counted), "message": counted.trouble(), "layers": layers}


def start(peer: Peer, exercise: Exercise, chapter: str) -> dict[str, bool]:
    """Let the worker import what it needs; which layers of protection are around it."""
    layers = peer.ask("layers")
    classes, peer.names.own = material.model_classes(exercise)
    peer.ask("start", chapter, tuple(peer.names.chapters), peer.names.graders, classes)
    return {str(layer): active is True for layer, active in layers.items()}


class Counted:
    """A pytest plugin that counts: each grader that was collected has to run once."""

    def __init__(self):
        self.expected: list[str] = []
        self.passed: dict[str, int] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.expected = [item.name for item in items]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.partition("::")[2]
        if report.when == "call":
            self.passed[name] = self.passed.get(name, 0) + 1

    def trouble(self) -> str:
        """What is wrong with the number of graders that ran; nothing when each ran once."""
        if not self.expected:
            return "there is no grader"
        wrong = [name for name in self.expected if self.passed.get(name) != 1]
        return (
            f"{len(wrong)} of {len(self.expected)} graders did not run once, such as {wrong[0]}"
            if wrong
            else ""
        )


def verdicts(listener: Listener, counted: Counted) -> list[dict]:
    """One verdict for each grader that was expected, passed only where it is known to have passed."""
    result = []
    for name in counted.expected:
        outcome = listener.outcomes.get(name)
        passed = outcome is not None and outcome.passed and counted.passed.get(name) == 1
        message = "" if passed else clean(outcome.reason) if outcome else "It did not run."
        title = outcome.title if outcome else name
        result.append(dataclasses.asdict(GraderVerdict(name, title, passed, False, message)))
    return result


def clean(text: str) -> str:
    """A text that every file can hold: a worker's words may have halves of characters in them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def main(key: str, source: str, out: str, seed: str, seconds: str, memory: str) -> None:
    torch.set_num_threads(1)
    hypothesis.settings.register_profile("judge", database=None, deadline=None)
    hypothesis.settings.load_profile("judge")
    text = Path(source).read_text(encoding="utf-8")
    write_json(Path(out), judge(find(key), text, int(seed), int(seconds), int(memory)))


if __name__ == "__main__":
    main(*sys.argv[1:])

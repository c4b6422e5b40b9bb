"""Judge one exercise, in a process that start.py has begun.

This process is trusted. It runs the graders on the reference, in which the exercise's own functions stand for
those that the worker has. It executes nothing that a learner wrote.
"""

import contextlib
import dataclasses
import gc
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from minicompress import CHAPTERS
from minicompress.classroom import agreement, landlock, material, remote, sandbox
from minicompress.classroom.names import Names
from minicompress.classroom.peer import Peer
from minicompress.classroom.request import Request, Split
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

STARTING = 60  # seconds on the clock until the worker has imported the chapter


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


def judge(exercise: Exercise, folder: Path, seed: int, peer: Peer, seconds: float) -> dict:
    """What the graders say of the worker's functions; `folder` is for their files, `seconds` for each."""
    with isolated(exercise.module):
        module = load(exercise.module, exercise.solution.read_text(encoding="utf-8"))
        peer.wire.deadline = time.monotonic() + STARTING
        try:
            layers = start(peer, exercise, module.__name__)
        except Exception as error:
            reason = f"It could not be imported: {type(error).__name__}: {error}."
            return {"graders": [], "message": clean(reason), "layers": {}}
        gc.collect()
        gc.freeze()  # the search for tied weights goes through all that is not frozen
        cases = agreement.draw(exercise.id, module, seed, folder)  # as long as `module` is the reference
        remote.install(module, exercise.names, peer)
        listener, counted = Listener(exercise, module, str(folder), lambda _: None, None), Counted()
        words = [str(exercise.graders), f"--rootdir={ROOT}", f"--seed={seed}", f"--basetemp={folder}/files"]
        allowed = WALL * min(exercise.seconds, seconds)
        plugins = [
            listener,
            Judging(peer, allowed),
            Guards(listener.file),
            counted,
        ]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            pytest.main([*words, *OPTIONS], plugins)
        graders = verdicts(listener, counted)
        if cases:
            peer.start_afresh(allowed)
            graders.append(dataclasses.asdict(agreement.verdict(cases, module, peer, peer.folder.path)))
        return {"graders": graders, "message": counted.trouble(), "layers": layers}


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
        result.append(dataclasses.asdict(GraderVerdict(name, title, passed, message)))
    return result


def clean(text: str) -> str:
    """A text that every file can hold: a worker's words may have halves of characters in them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def main(folder: Path, request: Request, worker: Split) -> None:
    """Judge what stands in `folder`, and write report.json there."""
    hypothesis.settings.register_profile("judge", database=None, deadline=None)
    hypothesis.settings.load_profile("judge")
    exercise, seed = find(request.exercise), int((folder / "seed").read_text(encoding="utf-8"))
    (folder / "seed").unlink()
    here = folder / "judge"
    here.mkdir(mode=0o700)
    material.write_package(folder / "worker", exercise, (folder / "chapter.py").read_text(encoding="utf-8"))
    names = Names({f"minicompress.{chapter}" for chapter in CHAPTERS}, exercise.graders.stem)
    peer = Peer(Wire(worker.reading, worker.writing), names, here / "files", 0, {})
    names.make = lambda text, base: remote.unknown_class(text, base, peer)
    sandbox.limit(request.seconds, request.memory)
    landlock.restrict([Path("/")], [folder, Path(os.devnull)])
    report = judge(exercise, here, seed, peer, request.seconds)
    write_json(folder / "report.json", report)

"""Let the graders of one exercise ask the worker, in the judge's process."""

import contextlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from minicompress.classroom import material, remote
from minicompress.classroom.peer import Peer
from minicompress.classroom.wire import Broken
from minicompress.grading.course import Exercise
from minicompress.grading.graders import OPTIONS, Listener
from minicompress.grading.guards import Guards
from minicompress.grading.processes import WALL
from minicompress.lab.paths import ROOT

STARTING = 60  # seconds on the clock until the worker has imported the chapter


class NotImported(Exception):
    """The worker could not import the chapter; why, in one sentence."""


def start(peer: Peer, exercise: Exercise, chapter: str) -> dict[str, bool]:
    """Let the worker import what it needs; which layers of protection are around it. Or NotImported."""
    peer.wire.deadline = time.monotonic() + STARTING
    try:
        return started(peer, exercise, chapter)
    except Exception as error:
        raise NotImported(f"It could not be imported: {type(error).__name__}: {error}.") from error


def started(peer: Peer, exercise: Exercise, chapter: str) -> dict[str, bool]:
    layers = peer.ask("layers")
    classes, peer.names.own = material.model_classes(exercise)
    peer.ask("start", chapter, tuple(peer.names.chapters), peer.names.graders, classes)
    return {str(layer): active is True for layer, active in layers.items()}


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


class Answers(NamedTuple):
    """What was heard from the graders, and how many of them there were."""

    listener: Listener
    counted: Counted


def question(
    exercise: Exercise, module: ModuleType, folder: Path, seed: int, peer: Peer, seconds: float
) -> Answers:
    """Run the graders on `module`, the reference, in which the worker's functions replace the exercise's own.

    `folder` is for their files, `seconds` of computing are for each.
    """
    remote.install(module, exercise.names, peer)
    listener, counted = Listener(exercise, module, str(folder), lambda _: None, None), Counted()
    words = [str(exercise.graders), f"--rootdir={ROOT}", f"--seed={seed}", f"--basetemp={folder}/files"]
    plugins = [listener, Judging(peer, allowance(exercise, seconds)), Guards(listener.file), counted]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main([*words, *OPTIONS], plugins)
    return Answers(listener, counted)


def allowance(exercise: Exercise, seconds: float) -> float:
    """Seconds on the clock for one grader."""
    return WALL * min(exercise.seconds, seconds)


def clean(text: str) -> str:
    """A text that every file can hold: a worker's words may have halves of characters in them."""
    return text.encode("utf-8", "replace").decode("utf-8")

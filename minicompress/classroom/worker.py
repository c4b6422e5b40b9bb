"""The process that runs the learner's code. It knows neither reference nor graders, and judges nothing.

Two file descriptors lead to the judge. What it needs of minicompress stands in its folder, see material.py.
"""

import gc
import importlib
import math
import os
import sys
import tempfile
import types
from pathlib import Path

import torch

import minicompress
from minicompress.classroom import patched, sandbox
from minicompress.classroom.graph import Handle
from minicompress.classroom.names import EXCEPTIONS, Names
from minicompress.classroom.peer import Peer
from minicompress.classroom.wire import Broken, Wire


class Trusting(Names):
    """The judge may name whatever it likes, and it is imported."""

    def find(self, text: str) -> object:
        module, _, name = text.partition(":")
        thing = importlib.import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
        return thing

    def class_of(self, lineage: list[str]) -> type:
        return self.find(lineage[0])

    def check_state(self, thing: object, cls: type, state: dict) -> None:
        """A grader may replace a method, to see what becomes of it."""


class JudgesOwn(Handle):
    """Something that the judge has, and that can be used from here."""

    peer: Peer


class Function(JudgesOwn):
    def __call__(self, *positional, **named):
        return self.peer.ask("call", self, positional, named)


class Iterator(JudgesOwn):
    def __iter__(self):
        return self

    def __next__(self):
        return self.peer.ask("next", self)


class Iterable(JudgesOwn):
    def __iter__(self):
        return self.peer.ask("iter", self)


USING = {"call": Function, "next": Iterator, "iter": Iterable, "": JudgesOwn}


class Worker(Peer):
    """The worker's end. It serves one chapter, in which one exercise is the learner's."""

    most_elements = math.inf  # the judge may send a table that is huge and takes no memory

    def __init__(self, wire: Wire, folder: Path):
        serving = {
            "start": self.start,
            "run": self.run,
            "patch": patched.take,
            "initialise": lambda made, positional, named: type(made).__init__(made, *positional, **named),
            "method": lambda made, name, positional, named: getattr(made, name)(*positional, **named),
            "attribute": getattr,
        }
        super().__init__(wire, Trusting(set()), folder / "files", 1, serving)
        self.module: types.ModuleType | None = None
        self.exceptions = EXCEPTIONS | {"KeyboardInterrupt": KeyboardInterrupt}

    def make_handle(self, key: int, using: str, text: str) -> Handle:
        made = USING[using](key, text)
        made.peer = self
        return made

    def start(self, chapter: str, chapters: tuple, graders: str, classes: str) -> None:
        """Import the chapter, and the classes of models that the graders use."""
        self.names.chapters = set(chapters)
        models = types.ModuleType(graders)
        sys.modules[graders] = models
        self.names.graders = graders
        self.module = importlib.import_module(chapter)
        exec(compile(classes, f"<{graders}>", "exec"), vars(models))
        self.names.own = set(vars(models))
        gc.collect()
        gc.freeze()

    def run(self, path: str, positional: tuple, named: dict, beside: list, seed: int) -> tuple[bool, object]:
        """Call what stands under a dotted path in the chapter: (whether it drew random numbers, its result).

        `beside` are modules that only have to be there.
        """
        thing = self.module
        for part in path.split("."):
            thing = getattr(thing, part)
        before = torch.manual_seed(seed).get_state()
        result = thing(*positional, **named)
        return not torch.equal(before, torch.get_rng_state()), result


def move(folder: Path) -> None:
    """From now on `minicompress` is what stands in this folder, and nothing else of ours can be imported."""
    ours = [name for name in sys.modules if name.startswith("minicompress.")]
    for name in ours:
        if not name.startswith("minicompress.classroom"):
            del sys.modules[name]
            vars(minicompress).pop(name.removeprefix("minicompress."), None)
    minicompress.__path__ = [str(folder / "minicompress")]
    sys.path[:] = [path for path in sys.path if path.startswith((sys.prefix, sys.base_prefix))]
    strange = ("minicompress", "editable")  # finders that lead to the repository
    sys.meta_path[:] = [
        finder for finder in sys.meta_path if not any(word in repr(finder) for word in strange)
    ]
    os.chdir(folder)
    os.environ |= dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), str(folder / "temporary"))
    tempfile.tempdir = None


def main() -> None:
    torch.set_num_threads(1)
    folder, reading, writing, seconds, memory = sys.argv[1:]
    move(Path(folder))
    wire = Wire(int(reading), int(writing))
    layers = sandbox.enter(Path(folder), int(seconds), int(memory))
    peer = Worker(wire, Path(folder))
    peer.serving["layers"] = lambda: layers
    while True:
        try:
            peer.serve(wire.receive())
        except Broken as error:
            print(error, file=sys.stderr)
            return

"""The process that runs the learner's code. It knows neither reference nor graders, and judges nothing.

Two file descriptors lead to the judge. What it needs of minicompress stands in its folder, see material.py.
"""

import gc
import importlib
import sys
import types
from pathlib import Path

import torch

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


class Worker(Peer):
    """The worker's end. It serves one chapter, in which one exercise is the learner's."""

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
        self.handle_class = lambda using: {"call": callable_handle, "next": Iterator, "iter": Iterable}.get(
            using, lambda _: Handle
        )(self)

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


def callable_handle(peer: Worker) -> type:
    return type("Callable", (Handle,), {"__call__": lambda self, *a, **k: peer.ask("call", self, a, k)})


def Iterator(peer: Worker) -> type:
    members = {"__iter__": lambda self: self, "__next__": lambda self: peer.ask("next", self)}
    return type("Iterator", (Handle,), members)


def Iterable(peer: Worker) -> type:
    return type("Iterable", (Handle,), {"__iter__": lambda self: peer.ask("iter", self)})


def main(folder: str, reading: str, writing: str, seconds: str, memory: str) -> None:
    torch.set_num_threads(1)
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

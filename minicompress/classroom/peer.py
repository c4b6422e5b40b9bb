"""Call functions of the other side, and let it call ours: judge and worker are each one end of this.

A call takes its arguments along as plain data, and whatever it does to them comes back (copy and restore).
Inside a call the other side may call back, to any depth: one side waits while the other one works.
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from minicompress.classroom.build import Builder
from minicompress.classroom.files import Folder
from minicompress.classroom.graph import Exports, Handle, Table
from minicompress.classroom.names import EXCEPTIONS, WARNINGS, Names
from minicompress.classroom.views import ELEMENTS
from minicompress.classroom.wire import Broken, Message, Wire

TAPES = 200  # computations that are kept for gradients
LONGEST = 4000  # characters of a message in words
MOST_WARNINGS = 100


class Peer:
    """One end: `first` is 0 on one side and 1 on the other; `serving` is what the other side may ask for."""

    most_elements: float = ELEMENTS  # of one tensor that the other side describes

    def __init__(self, wire: Wire, names: Names, files: Path, first: int, serving: dict[str, Callable]):
        self.wire, self.names, self.first = wire, names, first
        self.folder = Folder(files)
        self.serving = {"call": self.call, "next": self.next, "iter": self.iter, "grad": self.gradients}
        self.serving |= serving
        self.handles: dict[int, Handle] = {}
        self.exceptions = EXCEPTIONS
        self.raised: list[BaseException] = []  # by our own functions that the other side called
        self.tapes: dict[int, tuple[list, list]] = {}
        self.table: Table | None = None
        self.broken = ""
        self.failed_inside: BaseException | None = None  # an assertion in a function that was called back
        self.exports = Exports()
        self.patches: dict[str, Callable] = {}  # of functions of the standard library, see patched.py

    def start_afresh(self, seconds: float) -> None:
        """Forget what a grader before left, and give the next one its time."""
        self.exports.forget()
        self.raised, self.failed_inside = [], None
        torch.set_grad_enabled(True)
        self.wire.deadline = time.monotonic() + seconds

    # ------------------------------------------------------------ asking

    def ask(self, *request: object) -> object:
        """Let the other side do something, and return what it returned. Raises what it raised."""
        if self.broken:
            raise Broken(self.broken)
        outermost = self.table is None
        if outermost:
            self.table = Table(self.names, self.exports, self.folder.path, self.first)
        try:
            self.send({"kind": "request", "new": outermost}, request)
            while True:
                message = self.wire.receive()
                if message.header.get("kind") != "request":
                    return self.outcome(message, request[0])
                self.serve(message)
        except Broken as error:
            self.broken = str(error)
            raise
        finally:
            if outermost:
                self.table = None

    def send(self, header: dict, payload: object, inputs: list[int] | None = None) -> None:
        """`inputs` are the numbers of the tensors that a result was computed from."""
        before = set(self.table.objects)
        try:
            content, blobs = self.table.write(payload)
        except Exception as error:
            raise Broken(f"this cannot be sent: {type(error).__name__}: {str(error)[:200]}") from error
        new = [(n, thing) for n, thing in self.table.objects.items() if n not in before]
        outputs = [n for n, thing in new if isinstance(thing, torch.Tensor) and not thing.is_leaf]
        if inputs and outputs:
            content["tape"] = {"id": self.remember(inputs, outputs), "inputs": inputs, "outputs": outputs}
        content["files"] = self.folder.changes(blobs)
        self.wire.send(Message(header | content | {"grad": torch.is_grad_enabled()}, blobs))

    def remember(self, inputs: list[int], outputs: list[int]) -> int:
        number = max(self.tapes, default=-1) + 1
        tensors = [[self.table.objects[n] for n in numbers] for numbers in (inputs, outputs)]
        self.tapes[number] = tuple(tensors)
        self.tapes.pop(number - TAPES, None)
        return number

    def read(self, message: Message) -> object:
        """The payload, after all that the message says was done. Broken: it makes no sense."""
        header = message.header
        try:
            self.folder.apply(header["files"], message.blobs)
            builder = Builder(self.table, self.handle, self.wrap, message.blobs, self.most_elements)
            payload = builder.read(header)
            torch.set_grad_enabled(header["grad"] is True)
            for category, text in header.get("warnings", [])[:MOST_WARNINGS]:
                warnings.warn(str(text)[:LONGEST], WARNINGS.get(category, UserWarning), stacklevel=4)
        except Exception as error:
            reason = f"an answer cannot be read: {type(error).__name__}: {str(error)[:200]}"
            raise Broken(reason) from error
        return payload

    def outcome(self, message: Message, op: str) -> object:
        payload, kind = self.read(message), message.header["kind"]
        if kind == "stop" and op == "next":
            raise StopIteration
        if kind != "reply":
            raise self.error(message.header)
        return payload

    def error(self, header: dict) -> BaseException:
        """The exception that the other side tells of; one that came from here is raised again as it was."""
        mine = header.get("mine")
        if type(mine) is int and 0 <= mine < len(self.raised):
            return self.raised[mine]
        kind = self.exceptions.get(str(header.get("type")), RuntimeError)
        error = kind(str(header.get("text", ""))[:LONGEST].replace("$FILES", str(self.folder.path)))
        error.other_sides = header.get("theirs")
        return error

    # ------------------------------------------------------------ being asked

    def serve(self, message: Message) -> None:
        """Do what was asked for, and answer."""
        outermost = message.header.get("new") is True and self.table is None
        if outermost:
            self.table = Table(self.names, self.exports, self.folder.path, self.first)
        op, *arguments = self.read(message)
        table = self.table
        tensors = [(n, thing) for n, thing in table.objects.items() if isinstance(thing, torch.Tensor)]
        inputs = [n for n, tensor in tensors if tensor.requires_grad]
        heard: list = []
        try:
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                header, result = {"kind": "reply"}, self.serving[op](*arguments)
        except StopIteration:
            header, result = {"kind": "stop"}, None
        except Broken:
            raise
        except BaseException as error:
            header, result = self.told(error), None
        header["warnings"] = [[kind_of(w.category), str(w.message)[:LONGEST]] for w in heard[:MOST_WARNINGS]]
        self.table = table
        self.send(header, result, inputs)
        if outermost:
            self.table = None

    def told(self, error: BaseException) -> dict:
        """An exception as data: the nearest known kind of it, and its message."""
        if getattr(error, "other_sides", None) is not None:
            return {"kind": "error", "mine": error.other_sides}
        self.raised.append(error)
        if isinstance(error, AssertionError) or type(error).__module__ == "_pytest.outcomes":
            self.failed_inside = error
        known = EXCEPTIONS.keys() | {"KeyboardInterrupt"}
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__name__ in known]
        text = f"{type(error).__name__}: {error}" if kinds[:1] in ([], ["Exception"]) else message_of(error)
        return {
            "kind": "error",
            "theirs": len(self.raised) - 1,
            "type": kinds[0] if kinds else "RuntimeError",
            "text": text.replace(str(self.folder.path), "$FILES")[:LONGEST],
        }

    def handle(self, key: int, using: str, text: str) -> Handle:
        if key not in self.handles:
            self.handles[key] = self.make_handle(key, using, str(text)[:200])
        return self.handles[key]

    def make_handle(self, key: int, using: str, text: str) -> Handle:
        """What stands for something of the other side's. The judge can use none of the worker's."""
        return Handle(key, text)

    def exported(self, thing: object) -> object:
        """What the other side holds a handle of: it may use nothing else here."""
        if id(thing) not in self.exports.keys:
            raise PermissionError(f"a {type(thing).__name__} was not handed over to be used")
        return thing

    def call(self, function: Callable, positional: tuple, named: dict) -> object:
        return self.exported(function)(*positional, **named)

    def next(self, iterator: object) -> object:
        return next(self.exported(iterator))

    def iter(self, iterable: object) -> object:
        return iter(self.exported(iterable))

    # ------------------------------------------------------------ gradients

    def gradients(self, number: int, grads: tuple) -> tuple:
        """The gradients of a computation that was done here."""
        inputs, outputs = self.tapes[number]
        asked = [(output, grad) for output, grad in zip(outputs, grads, strict=False) if grad is not None]
        with torch.enable_grad():
            return torch.autograd.grad(
                [output for output, _ in asked],
                inputs,
                [grad for _, grad in asked],
                retain_graph=True,
                allow_unused=True,
            )

    def wrap(self, number: int, places: list[int], made: tuple, inputs: list[torch.Tensor]) -> tuple:
        """Results of the other side, as nodes of this side's graph; places: theirs among all results."""
        return Elsewhere.apply(self, number, places, made, *inputs) if made else ()


class Elsewhere(torch.autograd.Function):
    """What the other side computed: it knows the gradients."""

    @staticmethod
    def forward(ctx, peer, number, places, made, *inputs):
        ctx.peer, ctx.number, ctx.places = peer, number, places
        ctx.set_materialize_grads(False)
        return made

    @staticmethod
    def backward(ctx, *grads):
        given = dict(zip(ctx.places, grads, strict=True))
        found = ctx.peer.ask("grad", ctx.number, tuple(map(given.get, range(max(ctx.places) + 1))))
        return (None, None, None, None, *found)


def kind_of(category: type) -> str:
    return next((kind.__name__ for kind in category.__mro__ if kind.__name__ in WARNINGS), "UserWarning")


def message_of(error: BaseException) -> str:
    """Its message; of a KeyError the key itself, as the class quotes it again."""
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)

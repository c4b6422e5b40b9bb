"""Say in plain data what Python objects hold, so that another process can make the same ones.

What can change has a number that both sides know: lists, dictionaries, sets, tensors, the memory of tensors,
modules and other objects. Everything else is written where it stands. A side sends only what is new or has
changed since it last sent or received it; the other side changes its own objects in place (see build.py).
"""

import collections
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrize

from minicompress.classroom.names import DTYPES, Names

MAPPINGS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)
FACTORIES = {"dict": dict, "list": list, "int": int, "float": float, "set": set}


class Handle:
    """Something of the other side's that only that side can use, such as a function."""

    def __init__(self, key: int, text: str):
        self.key, self.text = key, text

    def __repr__(self) -> str:
        return f"<{self.text} of the other side>"


class Exports:
    """What the other side holds handles of."""

    def __init__(self):
        self.things: dict[int, object] = {}
        self.keys: dict[int, int] = {}  # id -> key
        self.count = 0  # no key is used twice

    def key(self, thing: object) -> int:
        if id(thing) not in self.keys:
            self.things[self.count], self.keys[id(thing)] = thing, self.count
            self.count += 1
        return self.keys[id(thing)]

    def forget(self) -> None:
        self.things.clear()
        self.keys.clear()


class Table:
    """The objects of one call, and their numbers. New ones are even on one side and odd on the other."""

    def __init__(self, names: Names, exports: Exports, files: Path, first: int):
        self.names, self.exports, self.files, self.next = names, exports, files, first
        self.objects: dict[int, object] = {}  # kept alive, so that no id is used again
        self.numbers: dict[int, int] = {}  # id of an object, or address of a storage -> number
        self.known: dict[int, list] = {}  # number -> what both sides know it to be
        self.bytes: dict[int, bytes] = {}  # number of a storage -> what both sides know it to hold
        self.waiting: list[int] = []  # numbers of what was found and is not described yet

    def add(self, number: int, thing: object) -> None:
        self.objects[number] = thing
        self.numbers[identity(thing)] = number

    def number(self, thing: object) -> int:
        if identity(thing) not in self.numbers:
            self.add(self.next, thing)
            self.waiting.append(self.next)
            self.next += 2
        return self.numbers[identity(thing)]

    def write(self, payload: object) -> tuple[dict, list[bytes]]:
        """The payload, and every numbered object that is new or has changed: (header, raw bytes)."""
        self.waiting = list(self.objects)
        header = {"payload": self.value(payload), "nodes": []}
        blobs: list[bytes] = []
        for number in self.waiting:  # grows while it is gone through
            thing = self.objects[number]
            if isinstance(thing, torch.UntypedStorage):
                content = content_of(thing)
                if self.bytes.get(number) != content:
                    self.bytes[number] = content
                    header["nodes"].append([number, ["storage", len(blobs)]])
                    blobs.append(content)
                continue
            description = self.describe(thing)
            if self.known.get(number) != description:
                self.known[number] = description
                header["nodes"].append([number, description])
        return header, blobs

    def value(self, thing: object) -> object:
        """JSON for one value; what has a number is ["is", number]."""
        kind = type(thing)
        if kind in (bool, int, float) or thing is None:
            return thing
        if kind is str:
            inside = thing.startswith(f"{self.files}/")
            return ["text", thing[len(str(self.files)) + 1 :]] if inside else thing
        if kind is tuple:
            return ["tuple", [self.value(item) for item in thing]]
        if kind is torch.Size:
            return ["size", list(thing)]
        if kind is torch.dtype and str(thing).removeprefix("torch.") in DTYPES:
            return ["dtype", str(thing).removeprefix("torch.")]
        if kind is torch.device:
            return ["device", str(thing)]
        if isinstance(thing, Path):
            inside = thing.is_relative_to(self.files)
            return ["path", inside, str(thing.relative_to(self.files) if inside else thing)]
        if kind is slice:
            return ["slice", [self.value(part) for part in (thing.start, thing.stop, thing.step)]]
        if kind is range:
            return ["range", [thing.start, thing.stop, thing.step]]
        if kind is bytes:
            return ["bytes", thing.hex()]
        if thing is Ellipsis:
            return ["ellipsis"]
        if isinstance(thing, Handle):
            return ["yours", thing.key]
        return self.value_of_object(thing, kind)

    def value_of_object(self, thing: object, kind: type) -> object:
        if isinstance(thing, tuple) and hasattr(kind, "_fields") and (name := self.names.of(kind)):
            return ["named", name, [self.value(item) for item in thing]]
        if kind is frozenset:
            return ["frozenset", [self.value(item) for item in thing]]
        if isinstance(thing, type) or callable(thing) and hasattr(thing, "__qualname__"):
            if name := self.names.of(thing):
                return ["name", name]
        elif self.can_describe(thing, kind):
            return ["is", self.number(thing)]
        using = "call" if callable(thing) else "next" if hasattr(kind, "__next__") else "iter"
        return [
            "mine",
            self.exports.key(thing),
            using if hasattr(kind, f"__{using}__") else "",
            kind.__name__,
        ]

    def can_describe(self, thing: object, kind: type) -> bool:
        if isinstance(thing, torch.Tensor):
            return (
                thing.device.type == "cpu" and thing.layout is torch.strided and dtype_name(thing) in DTYPES
            )
        if kind in (list, set, *MAPPINGS):
            return True
        return hasattr(thing, "__dict__") and bool(self.lineage(thing))

    def lineage(self, thing: object) -> list[str]:
        """The names of its class and, as far as they are a chapter's own, of its bases; or nothing."""
        kind = parametrize.type_before_parametrizations(thing) if is_module(thing) else type(thing)
        found = []
        for base in kind.__mro__:
            if (name := self.names.of(base)) is None:
                break
            found.append(name)
            if base.__module__ not in self.names.chapters:
                break
        ours = all(name.split(":")[0] in self.names.chapters for name in found)
        return found if found and (is_module(thing) or not ours) else []

    def describe(self, thing: object) -> list:
        """What a numbered object is, and what it holds."""
        kind = type(thing)
        if isinstance(thing, torch.Tensor):
            return self.describe_tensor(thing)
        if kind is list or kind is set:
            return [kind.__name__, [self.value(item) for item in thing]]
        if kind in MAPPINGS:
            factory = getattr(thing, "default_factory", None)
            return [
                kind.__name__,
                [[self.value(key), self.value(value)] for key, value in thing.items()],
                *([factory.__name__] if factory in FACTORIES.values() else []),
            ]
        items = thing.items() if isinstance(thing, dict) else ()  # what a model of transformers returns
        turned = (
            list(thing.parametrizations) if is_module(thing) and parametrize.is_parametrized(thing) else []
        )
        return [
            "object",
            self.lineage(thing),
            turned,
            [[str(name), self.value(value)] for name, value in vars(thing).items()],
            [[self.value(key), self.value(value)] for key, value in items],
        ]

    def describe_tensor(self, tensor: torch.Tensor) -> list:
        with torch.no_grad():
            storage = self.number(tensor.untyped_storage())
        grad = tensor.grad if tensor.is_leaf else None
        return [
            "tensor",
            "parameter" if isinstance(tensor, nn.Parameter) else "tensor",
            dtype_name(tensor),
            list(tensor.shape),
            list(tensor.stride()),
            tensor.storage_offset(),
            storage,
            tensor.requires_grad,
            None if grad is None else self.value(grad),
        ]


def is_module(thing: object) -> bool:
    return isinstance(thing, nn.Module)


def dtype_name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def identity(thing: object) -> int:
    """What tells two objects apart; storages are wrapped anew at each use, so their address counts."""
    return -thing._cdata if isinstance(thing, torch.UntypedStorage) else id(thing)


def content_of(storage: torch.UntypedStorage) -> bytes:
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy().tobytes()

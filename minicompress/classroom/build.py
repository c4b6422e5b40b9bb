"""Make the objects that the other side describes, and change in place those that both sides have.

Everything that comes from a worker is checked before it is used: numbers, sizes, names of classes.
"""

import collections
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrize

from minicompress.classroom.graph import FACTORIES, MAPPINGS, Table
from minicompress.classroom.names import DTYPES
from minicompress.classroom.views import place_of, view_of

MAPPING = {kind.__name__: kind for kind in MAPPINGS}
CONTAINERS = ("list", "set", *MAPPING)


class Builder:
    """Reads one message into a table."""

    def __init__(self, table: Table, handle: Callable, wrap: Callable, blobs: list[bytes], most: float):
        self.table, self.handle, self.wrap, self.blobs = table, handle, wrap, blobs
        self.most = most  # elements of one tensor
        self.new: set[int] = set()
        self.turned: list[tuple] = []  # objects, their classes, and which of their weights are parametrized

    def read(self, header: dict) -> object:
        """The payload of a message, after all that it describes was made.

        Any exception: it makes no sense.
        """
        nodes = {number: description for number, description in header["nodes"]}
        self.new = nodes.keys() - self.table.objects.keys()
        mine = self.table.next % 2
        if any(type(number) is not int or number % 2 == mine for number in self.new):
            raise ValueError("a new object has a number of this side's")
        kinds: dict[str, list[int]] = collections.defaultdict(list)
        for number, description in nodes.items():
            kinds[description[0]].append(number)
            self.table.known[number] = description
        for number in kinds["storage"]:
            self.storage(number, self.blobs[nodes[number][1]])
        graph = header.get("tape") or {"outputs": []}
        for number in kinds["tensor"]:
            self.tensor(number, nodes[number], number not in graph["outputs"])
        self.check_bools(kinds["storage"])
        if graph["outputs"]:
            self.connect(graph)
        others = [number for number in nodes if nodes[number][0] not in ("storage", "tensor")]
        for number in self.new.intersection(others):
            self.table.add(number, self.shell(nodes[number]))
        for number in others:
            self.fill(self.table.objects[number], nodes[number])
        for thing, cls, turned in self.turned:
            self.turn(thing, cls, turned)
        for number in kinds["tensor"]:
            self.set_grad(self.table.objects[number], self.value(nodes[number][8]))
        return self.value(header["payload"])

    # ------------------------------------------------------------ tensors

    def storage(self, number: int, content: bytes) -> None:
        data = torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0).byte()
        if number in self.new:
            self.table.add(number, data.clone().untyped_storage())
        else:
            here = self.table.objects[number]
            if here.nbytes() != len(content):
                raise ValueError("a tensor's memory has changed its size")
            torch.empty(0, dtype=torch.uint8).set_(here).copy_(data)
        self.table.bytes[number] = content

    def tensor(self, number: int, description: list, leaf: bool) -> None:
        _, kind, dtype, shape, stride, offset, storage, requires_grad, _ = description
        made = view_of(self.table.objects[storage], DTYPES[dtype], shape, stride, offset, self.most)
        if number not in self.new:
            there = self.table.objects[number]
            if place_of(there) != place_of(made):
                there.data = made
            if there.is_leaf and there.requires_grad != requires_grad:
                there.requires_grad_(bool(requires_grad))
            return
        if kind == "parameter":
            made = nn.Parameter(made, requires_grad=bool(requires_grad))
        elif requires_grad and leaf:
            made.requires_grad_()
        self.table.add(number, made)

    def check_bools(self, storages: list[int]) -> None:
        """A bool is 0 or 1: torch takes any other byte for neither."""
        changed = {self.table.objects[number].data_ptr() for number in storages}
        tensors = [thing for thing in self.table.objects.values() if isinstance(thing, torch.Tensor)]
        for tensor in tensors:
            if tensor.dtype != torch.bool or tensor.untyped_storage().data_ptr() not in changed:
                continue
            if tensor.numel() and tensor.detach().view(torch.uint8).max() > 1:
                raise ValueError("a bool is neither 0 nor 1")

    def connect(self, graph: dict) -> None:
        """Let gradients flow through what the other side computed."""
        inputs = [self.table.objects[number] for number in graph["inputs"]]
        new = [(place, number) for place, number in enumerate(graph["outputs"]) if number in self.new]
        made = tuple(self.table.objects[number] for _, number in new)
        wrapped = self.wrap(graph["id"], [place for place, _ in new], made, inputs)
        for (_, number), tensor in zip(new, wrapped, strict=True):
            self.table.add(number, tensor)

    def set_grad(self, tensor: torch.Tensor, grad: torch.Tensor | None) -> None:
        if tensor.is_leaf and tensor.grad is not grad:
            tensor.grad = grad

    # ------------------------------------------------------------ other objects

    def shell(self, description: list) -> object:
        """An object that is still empty, so that others can refer to it."""
        kind = description[0]
        if kind == "defaultdict":
            return collections.defaultdict(FACTORIES[description[2]] if len(description) > 2 else None)
        if kind in CONTAINERS:
            return {"list": list, "set": set, **MAPPING}[kind]()
        if kind != "object":
            raise ValueError(f"{str(kind)[:50]!r} is no kind of object")
        cls = self.table.names.class_of(description[1])
        made = cls.__new__(cls)
        if isinstance(made, torch.optim.Optimizer):
            made._patch_step_function()
        return made

    def fill(self, thing: object, description: list) -> None:
        kind, content, *rest = description
        if kind == "list":
            thing[:] = [self.value(item) for item in content]
        elif kind == "set":
            values = [self.value(item) for item in content]
            thing.clear()
            thing.update(values)
        elif kind in MAPPING:
            values = [(self.value(key), self.value(value)) for key, value in content]
            thing.clear()
            for key, value in values:
                thing[key] = value
        else:
            self.fill_object(thing, content, *rest)

    def fill_object(self, thing: object, lineage: list, turned: list, state: list, items: list) -> None:
        cls = self.table.names.class_of(lineage)
        values = {name: self.value(value) for name, value in state}
        self.table.names.check_state(thing, cls, values)
        vars(thing).clear()
        vars(thing).update(values)
        self.turned.append((thing, cls, turned))
        if isinstance(thing, dict):
            collections.OrderedDict.clear(thing)
            for key, value in items:
                collections.OrderedDict.__setitem__(thing, self.value(key), self.value(value))

    def turn(self, thing: object, cls: type, turned: list[str]) -> None:
        """Give an object its class: a parametrized module has one of its own, a property for each weight."""
        before = type(thing)
        if before is cls or before.__bases__ == (cls,) and before.__name__ == f"Parametrized{cls.__name__}":
            properties = [name for name in turned if isinstance(vars(before).get(name), property)]
            if (before is not cls) == bool(turned) and properties == turned:
                return
        thing.__class__ = cls
        if turned:
            parametrize._inject_new_class(thing)
        for name in turned:
            parametrize._inject_property(thing, name)

    # ------------------------------------------------------------ values

    def value(self, written: object) -> object:
        """What `Table.value` has written."""
        if not isinstance(written, list):
            return written
        tag, *rest = written
        return getattr(self, VALUES[tag])(*rest)

    def value_is(self, number: int) -> object:
        return self.table.objects[number]

    def value_text(self, inside: str) -> str:
        return f"{self.table.files}/{inside}"

    def value_tuple(self, items: list) -> tuple:
        return tuple(self.value(item) for item in items)

    def value_frozenset(self, items: list) -> frozenset:
        return frozenset(self.value(item) for item in items)

    def value_size(self, items: list) -> torch.Size:
        return torch.Size(items)

    def value_dtype(self, name: str) -> torch.dtype:
        return DTYPES[name]

    def value_device(self, name: str) -> torch.device:
        return torch.device(name)

    def value_path(self, inside: bool, text: str) -> Path:
        return self.table.files / text if inside else Path(text)

    def value_slice(self, parts: list) -> slice:
        return slice(*(self.value(part) for part in parts))

    def value_range(self, parts: list) -> range:
        return range(*parts)

    def value_bytes(self, text: str) -> bytes:
        return bytes.fromhex(text)

    def value_ellipsis(self) -> object:
        return ...

    def value_name(self, name: str) -> object:
        return self.table.names.find(name)

    def value_named(self, name: str, items: list) -> tuple:
        cls = self.table.names.find(name)
        if not hasattr(cls, "_fields"):
            raise ValueError(f"{name!r} is no named tuple")
        return cls(*(self.value(item) for item in items))

    def value_yours(self, key: int) -> object:
        return self.table.exports.things[key]

    def value_mine(self, key: int, using: str, text: str) -> object:
        return self.handle(key, using, text)


VALUES = {name.removeprefix("value_"): name for name in vars(Builder) if name.startswith("value_")}

"""What stands in the judge's copy of a chapter for the learner's functions and classes: they run elsewhere."""

import functools
import inspect
from types import ModuleType

from torch import nn

from minicompress.classroom.peer import Peer


def install(module: ModuleType, names: list[str], peer: Peer) -> None:
    """Replace these functions and classes of the reference by those that the worker has."""
    for name in names:
        reference = vars(module)[name]
        stand_in = remote_class if inspect.isclass(reference) else remote_function
        setattr(module, name, stand_in(reference, peer))


def remote_function(reference: object, peer: Peer) -> object:
    @functools.wraps(reference)
    def remote(*positional, **named):
        return peer.ask("run", reference.__name__, positional, named)

    return remote


def remote_class(reference: type, peer: Peer) -> type:
    """A class of modules with the reference's name and methods. Its objects have their state here, too."""
    members = {name: remote_member(reference, name, peer) for name in vars(reference)}
    members = {name: member for name, member in members.items() if member is not None}
    return make(reference.__name__, reference.__module__, nn.Module, members, peer)


def remote_member(reference: type, name: str, peer: Peer) -> object:
    member = inspect.getattr_static(reference, name)
    path = f"{reference.__name__}.{name}"
    if isinstance(member, classmethod | staticmethod):
        return staticmethod(lambda *positional, **named: peer.ask("run", path, positional, named))
    return remote_method(name, peer) if inspect.isfunction(member) else None


def remote_method(name: str, peer: Peer) -> object:
    return lambda self, *positional, **named: peer.ask("method", self, name, positional, named)


def unknown_class(text: str, base: type, peer: Peer) -> type:
    """For a class of the learner's that the reference has not: its forward pass runs elsewhere."""
    module, _, name = text.partition(":")
    return make(name, module, base, {"forward": remote_method("forward", peer)}, peer)


def make(name: str, module: str, base: type, members: dict, peer: Peer) -> type:
    def ask_elsewhere(self: nn.Module, wanted: str) -> object:
        """A property, or whatever the class has beside its state."""
        try:
            return base.__getattr__(self, wanted)
        except AttributeError:
            if wanted.startswith("_") or "_modules" not in vars(self):
                raise
            return peer.ask("attribute", self, wanted)

    places = {"__module__": module, "__qualname__": name, "__getattr__": ask_elsewhere}
    return type(name, (base,), members | places)

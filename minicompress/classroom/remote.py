"""What stands for the learner's functions and classes in the judge's copy of a chapter."""

import functools
import gc
import hashlib
import inspect
from types import ModuleType

import torch
from torch import nn

from minicompress.classroom import patched
from minicompress.classroom.graph import is_module
from minicompress.classroom.peer import Peer
from minicompress.lab.modules import owners


def install(module: ModuleType, names: list[str], peer: Peer) -> None:
    """Replace these functions and classes of the reference by those that the worker has."""
    for name in names:
        reference = vars(module)[name]
        stand_in = remote_class if inspect.isclass(reference) else remote_function
        setattr(module, name, stand_in(reference, peer))


def remote_function(reference: object, peer: Peer) -> object:
    @functools.wraps(reference)
    def remote(*positional, **named):
        return run(peer, reference.__name__, positional, named)

    return remote


def run(peer: Peer, path: str, positional: tuple, named: dict) -> object:
    """Call what stands under a dotted path in the worker's chapter."""
    patched.tell(peer)
    beside = owners_beside((*positional, *named.values()))
    drew, result = peer.ask("run", path, positional, named, beside, chance())
    if drew:
        torch.rand(1)  # a second call draws other numbers, as it would here
    return result


def chance() -> int:
    """A seed for the worker, which tells nothing of the judge's: the same after the same `manual_seed`."""
    state = torch.get_rng_state().numpy().tobytes()
    return int.from_bytes(hashlib.sha256(state).digest()[:7], "little")


def owners_beside(arguments: tuple) -> list[nn.Module]:
    """Modules that are no arguments, but hold a parameter of one: what is tied here is tied there, too."""
    modules = [module for module in arguments if isinstance(module, nn.Module)]
    inside = {id(part) for module in modules for part in module.modules()}
    found = []
    for parameter in {id(p): p for module in modules for p in module.parameters()}.values():
        for holder in owners(parameter):
            if isinstance(holder, dict):  # what `vars(module)` gives, depending on the version of Python
                holder = next(
                    (m for m in gc.get_referrers(holder) if is_module(m) and vars(m) is holder), None
                )
            if holder is not None and id(holder) not in inside:
                found.append(holder)
    return found


def remote_class(reference: type, peer: Peer) -> type:
    """A class of modules with the reference's name and methods. Its objects have their state here, too."""
    members = {name: remote_member(reference, name, peer) for name in vars(reference)}
    members = {name: member for name, member in members.items() if member is not None}
    return make(reference.__name__, reference.__module__, nn.Module, members, peer)


def remote_member(reference: type, name: str, peer: Peer) -> object:
    member = inspect.getattr_static(reference, name)
    path = f"{reference.__name__}.{name}"
    if isinstance(member, classmethod | staticmethod):
        return staticmethod(lambda *positional, **named: run(peer, path, positional, named))
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
            if wanted.startswith("_") or "_modules" not in vars(self) or peer.table is not None:
                raise
            return peer.ask("attribute", self, wanted)

    places = {"__module__": module, "__qualname__": name, "__getattr__": ask_elsewhere}
    return type(name, (base,), members | places)

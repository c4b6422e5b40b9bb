"""Which classes and functions judge and worker call by name, because both of them have them.

The judge builds objects of no other class, whatever the worker says, and imports nothing for a name.
"""

import collections
import inspect
import sys
import types
from collections.abc import Callable

import torch
from torch import nn

SHARED = ("torch", "transformers", "minicompress.lab")  # packages that both sides have, alike
PLAIN = (types.SimpleNamespace, collections.OrderedDict, collections.Counter, dict, list, int, float, set)
MADE = 100  # classes that stand for the worker's own
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.uint8),
        *(torch.int8, torch.int16, torch.int32, torch.int64),
    )
}
EXCEPTIONS = {
    error.__name__: error
    for error in (
        *(Exception, ValueError, TypeError, LookupError, IndexError, KeyError, AttributeError, NameError),
        *(RuntimeError, NotImplementedError, RecursionError, ArithmeticError, ZeroDivisionError),
        *(OverflowError, FloatingPointError, AssertionError, OSError, FileNotFoundError, FileExistsError),
        *(IsADirectoryError, NotADirectoryError, PermissionError, ImportError, ModuleNotFoundError),
        *(MemoryError, UnicodeError, UnboundLocalError, EOFError, BufferError),
    )
}
WARNINGS = {warning.__name__: warning for warning in (UserWarning, RuntimeWarning, FutureWarning, Warning)}


class Names:
    """What this side can call by name: what is shared, the chapters, and the graders' own model classes."""

    def __init__(self, chapters: set[str], graders: str = ""):
        self.chapters = chapters  # modules of ours
        self.graders = graders  # the module that holds the graders' classes of models
        self.own: set[str] = set()  # the graders' classes that the worker was given
        self.sent: set[str] = set()  # what was called by name on this side
        self.made: dict[str, type] = {}  # the worker's own classes of modules -> what stands for them here
        self.make: Callable[[str, type], type] | None = None  # makes such a class from its name and its base

    def of(self, thing: object) -> str | None:
        """ "module:name" of a class or function that the other side has, too; None for any other."""
        module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
        if thing in PLAIN:
            module = thing.__module__
        elif not isinstance(module, str) or not isinstance(name, str) or not self.knows(module, name):
            return None
        if found(module, name) is not thing and self.made.get(f"{module}:{name}") is not thing:
            return None
        self.sent.add(f"{module}:{name}")
        return f"{module}:{name}"

    def knows(self, module: str, name: str) -> bool:
        shared = module.split(".")[0] in SHARED or module.startswith("minicompress.lab.")
        return shared or module in self.chapters or (module == self.graders and name in self.own)

    def find(self, text: str) -> object:
        """The class or function of a name that came over the wire. ValueError: none that may be used."""
        module, _, name = text.partition(":")
        thing = found(module, name)
        if thing is None or not (thing in PLAIN or text in self.sent or self.may_build(module, name, thing)):
            raise ValueError(f"{text[:100]!r} is no class that an answer may hold")
        return thing

    def class_of(self, lineage: list[str]) -> type:
        """The class of an object: the first of the names that is known here, or one that is made for it.

        lineage: the name of its class and, where that is a chapter's, those of its bases.
        """
        text, *bases = lineage
        module, _, name = text.partition(":")
        if text in self.made or found(module, name) is not None or not bases or module not in self.chapters:
            return self.made.get(text) or self.find(text)
        base = self.class_of(bases)
        if len(self.made) >= MADE or not name.isidentifier() or not issubclass(base, nn.Module):
            raise ValueError(f"{text[:100]!r} is no class of a module")
        self.made[text] = self.make(text, base)
        return self.made[text]

    def may_build(self, module: str, name: str, thing: object) -> bool:
        where = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
        if where != (module, name) or not self.knows(module, name):
            return False
        if inspect.isclass(thing):
            return issubclass(thing, nn.Module | torch.optim.Optimizer | tuple) or is_data_class(thing)
        return inspect.isfunction(thing) and module in ("torch.nn.functional", "torch.nn.init")

    def check_state(self, thing: object, cls: type, state: dict) -> None:
        """A method cannot be replaced: the graders would ask the object about itself, and it could lie."""
        for name, value in state.items():
            if callable(getattr(cls, name, None)) and vars(thing).get(name) is not value:
                raise ValueError(f"{cls.__name__}.{name} is replaced by something else")


def is_data_class(thing: type) -> bool:
    """Configurations and outputs of transformers, and what lab/ makes."""
    kinds = {"PretrainedConfig", "PreTrainedConfig", "GenerationConfig", "ModelOutput", "Cache"}
    ours = thing.__module__.startswith("minicompress.lab.")
    layers = thing.__module__ == "transformers.cache_utils"
    return ours or layers or any(base.__name__ in kinds for base in thing.__mro__)


def found(module: str, name: str) -> object:
    """What stands under a name, or inside classes, in a module that is imported already, or None."""
    thing = vars(sys.modules[module]) if module in sys.modules else {}
    first, *inner = name.split(".")
    thing = thing.get(first)
    for part in inner:
        thing = vars(thing).get(part) if isinstance(thing, type) else None
    return thing

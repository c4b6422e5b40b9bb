"""The last calls of the learner's functions, in words: "magnitude_mask([1, -4], 0.5)".

Only words are kept, no object: what a grader counts or waits to be freed stays as it is.
"""

import collections
import dataclasses
import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from minicompress.grading.show import shortened, shown

KEPT = 12
LONGEST = 140  # characters of one call


class Call(NamedTuple):
    text: str
    results: list[str]  # in words: what came back, and its parts; nothing when it raised
    none: bool  # whether it returned None though it should return something
    name: str


class Calls:
    """What was called since the last `clear`, from outside: calls inside calls do not count."""

    def __init__(self):
        self.last: collections.deque[Call] = collections.deque(maxlen=KEPT)
        self.depth = 0

    def clear(self) -> None:
        self.last.clear()

    def returned_none(self) -> list[str]:
        """The functions that returned None, where it was not meant."""
        return list(dict.fromkeys(call.name for call in self.last if call.none))

    def that_gave(self, value: object) -> str:
        """The last call that returned this value or a part of it, else the only call, else nothing."""
        words = shown(value)
        giving = [call.text for call in self.last if words in call.results]
        return giving[-1] if giving else self.only()

    def only(self) -> str:
        different = list(dict.fromkeys(call.text for call in self.last))
        return different[0] if len(different) == 1 else ""

    def latest(self) -> str:
        return self.last[-1].text if self.last else ""


def watch(module: ModuleType, names: dict[str, bool]) -> Calls:
    """Let functions of a module tell who calls them with what; names: name -> does it return something?"""
    calls = Calls()
    for name, gives_something in names.items():
        if inspect.isfunction(vars(module).get(name)):
            setattr(module, name, telling(vars(module)[name], gives_something, calls))
    return calls


def telling(function: Callable, gives_something: bool, calls: Calls) -> Callable:
    @functools.wraps(function)
    def told(*positional, **named):
        if calls.depth:
            return function(*positional, **named)
        text = in_words(function.__name__, positional, named)
        calls.depth += 1
        results, none = [], False
        try:
            result = function(*positional, **named)
            results, none = parts(result), result is None and gives_something
            return result
        finally:
            calls.depth -= 1
            calls.last.append(Call(text, results, none, function.__name__))

    return told


def in_words(name: str, positional: tuple, named: dict) -> str:
    values = [*map(shown, positional), *(f"{key}={shown(value)}" for key, value in named.items())]
    return shortened(f"{name}({', '.join(values)})", LONGEST)


def parts(result: object) -> list[str]:
    """A result in words, and what it is made of."""
    inner = []
    if isinstance(result, dict):
        inner = list(result.values())
    elif isinstance(result, tuple | list):
        inner = list(result)
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        inner = [getattr(result, field.name) for field in dataclasses.fields(result)]
    return [shown(result), *map(shown, inner[:KEPT])]

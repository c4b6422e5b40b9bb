"""The last calls of the learner's functions, in words."""

import gc
import weakref
from types import ModuleType

import torch

from minicompress.grading.calls import watch

SOURCE = """
def double(x): return inner(x) * 2
def inner(x): return x
def nothing(x): x + 1
def meant(x): x + 1
def both(x): return {"mask": x > 0, "count": 7}
def broken(x): raise KeyError(x)
NUMBER = 3
class Layer: pass
"""
NAMES = dict.fromkeys(["double", "inner", "nothing", "meant", "both", "broken", "NUMBER", "Layer"], True)
NAMES["meant"] = False


def watched():
    module = ModuleType("m")
    exec(SOURCE, vars(module))
    return module, watch(module, NAMES)


def test_a_call_is_told_with_what_it_was_given():
    module, calls = watched()
    module.double(x=3)
    assert calls.latest() == "double(x=3)"


def test_a_call_inside_a_call_does_not_count():
    module, calls = watched()
    module.double(3)
    assert calls.latest() == calls.only() == "double(3)"


def test_the_call_is_found_that_gave_a_value_or_a_part_of_it():
    module, calls = watched()
    module.both(torch.tensor([1.0, -1.0]))
    module.double(4)
    assert calls.that_gave([True, False]) == calls.that_gave(7) == "both([1, -1])"
    assert calls.that_gave(torch.tensor(8)) == "double(4)"
    assert calls.that_gave(5) == "", "two calls, and neither gave it"


def test_none_is_noticed_where_it_was_not_meant():
    module, calls = watched()
    module.meant(1)
    assert calls.returned_none() == []
    module.nothing(1)
    assert calls.returned_none() == ["nothing"]
    calls.clear()
    assert calls.returned_none() == [] and calls.latest() == ""


def test_a_call_that_raises_is_told_too():
    module, calls = watched()
    try:
        module.broken(2)
    except KeyError:
        pass
    assert calls.latest() == "broken(2)" and calls.depth == 0


def test_what_a_function_was_given_is_not_kept():
    module, calls = watched()
    weight = torch.ones(3)
    seen = weakref.ref(weight)
    module.inner(weight)
    del weight
    gc.collect()
    assert seen() is None and calls.latest() == "inner([1, 1, 1])"

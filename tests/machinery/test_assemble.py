"""Assembling: the learner's part of one exercise in the reference module, and what is refused."""

import ast
import re
import warnings

import pytest
import torch
from snippets import reference

from minicompress.grading import isolation, stubs
from minicompress.grading.assemble import LARGEST, TOO_DEEP, assemble, read_answer
from minicompress.grading.course import exercise, exercises


def loaded(key: str, text: str) -> dict:
    """The names of the module that is assembled from a learner's text."""
    with isolation.isolated(exercise(key).module):
        return vars(isolation.load(exercise(key).module, assemble(exercise(key), text)))


def test_what_the_learner_refers_to_comes_along_and_nothing_else():
    names = loaded("1.6", """
import functools
import os
from math import prod, tau as full

FACTOR = 2
TABLE = {}
TABLE["scale"] = FACTOR

def noted(f):
    @functools.wraps(f)
    def inner(*words):
        return f(*words), prod([FACTOR, 3])
    return inner

def helper(x):
    return second(x)

def second(x):
    return x * TABLE["scale"]

def unused():
    return os

@noted
def nm_mask(scores, n=2, m=4):
    def nested(x):
        return helper(x)
    return nested(scores)

nm_mask.calls = 7
""")  # fmt: skip
    assert names["nm_mask"](5) == (10, 6) and names["nm_mask"].calls == 7
    assert not {"unused", "os", "full"} & set(names)


def test_other_exercises_and_given_code_stay_the_references():
    names = loaded("1.6", """
class Mask: wrong = True
def magnitude_mask(weight, sparsity): return "wrong"
def nm_mask(scores, n=2, m=4): return Mask, magnitude_mask
""")  # fmt: skip
    given, other = names["nm_mask"](None)
    assert not hasattr(given, "wrong") and other(torch.ones(2), 0.5).tolist() == [False, True]


def test_a_class_is_taken_with_all_its_parts():
    text = "class LowRankLinear(nn.Module):\n    def forward(self, x): return 1\n    from_linear = None"
    mine = loaded("4.2", text)["LowRankLinear"]
    assert mine.from_linear is None and mine().forward(0) == 1


def test_an_async_function_is_taken_too():
    assert "async def nm_mask" in assemble(exercise("1.6"), "async def nm_mask(): pass")


def test_definitions_are_put_where_the_references_stood():
    """Names between them that are needed at import time still come in order, and lines keep their numbers."""
    mine = "def bake_masks(model): pass\n\n\ndef apply_mask(module, mask): 1 / 0\n"
    source = assemble(exercise("1.2"), mine, "mine.py")
    order = [node.name for node in ast.parse(source).body if hasattr(node, "name")]
    assert order == [node.name for node in ast.parse(reference("1.2")).body if hasattr(node, "name")]
    assert '#line 4 "mine.py"\ndef apply_mask' in source and '#line 1 "mine.py"\ndef bake_masks' in source


@pytest.mark.parametrize("key", exercises())
def test_the_reference_assembled_with_itself_is_the_reference(key):
    whole = reference(key)
    if set(exercise(key).names) <= set(stubs.definitions(whole)):  # else it is still to be written
        parts = [
            sorted(map(ast.dump, ast.parse(text).body)) for text in (whole, assemble(exercise(key), whole))
        ]
        assert parts[0] == parts[1]  # helpers may stand elsewhere


def test_a_helper_of_the_reference_is_not_there_for_an_answer():
    """An answer that calls it without defining it has to fail, and one may have a helper of the same name."""
    assert "def _sweep" in reference("1.11")
    mine = "def sparsegpt_weight(): return _sweep()\ndef sparsegpt_prune(): pass\n"
    assert "def _sweep" not in assemble(exercise("1.11"), mine)
    assert assemble(exercise("1.11"), mine + "def _sweep(): return 'mine'\n").count("def _sweep") == 1
    assert "def _sweep" in assemble(exercise("1.10"), reference("1.10"))


REFUSED = {
    "def nm_mask(:\n  pass": "line 1: invalid syntax",
    "x = 1\n\ndef nm_masks(): pass": "defines no nm_mask: did you rename it to nm_masks, line 3?",
    "import numpy as torch\ndef nm_mask(): torch": "line 1: `import numpy as torch` takes the name torch",
    "from os import path as nn\ndef nm_mask(): nn": "takes the name nn, which stands for torch.nn",
    "def parametrize(): pass\ndef nm_mask(): parametrize": "takes the name parametrize",
    "from os import path as Mask\ndef nm_mask(): Mask": "Mask, which is defined by the given code",
    "from torch import *\ndef nm_mask(): pass": "import them one by one",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_assembled_is_refused_with_file_and_reason(text):
    with pytest.raises(ValueError, match=f"^mine.py.*{re.escape(REFUSED[text])}"):
        assemble(exercise("1.6"), text, "mine.py")


def test_another_spelling_of_the_same_import_is_no_clash():
    mine = "import torch.nn as nn\nimport torch\ndef nm_mask(*_): return nn.Linear, torch.ones"
    assert loaded("1.6", mine)["nm_mask"]() == (torch.nn.Linear, torch.ones)


def test_a_file_of_windows_with_its_backslashes_can_be_named():
    name = r"C:\new\table\pruning.py"
    source = assemble(exercise("1.6"), "def nm_mask(scores, n=2, m=4): 1 / 0", name)
    with isolation.isolated("pruning"):
        assert isolation.load("pruning", source).nm_mask.__code__.co_filename == name


# ------------------------------------------------------------ what is no text of Python

DEEP = {
    "signs": "x = " + "-" * 100_000 + "1",
    "a long sum": "x[" + "1+" * 3000 + "1] = 2",
    "calls": "x" + "()" * 100_000,
    "attributes": "x" + ".y" * 3000 + " = 1",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_is_nested_too_deeply_is_refused_in_words(text):
    with pytest.raises(ValueError, match=f"^mine.py.*{TOO_DEEP}"):
        assemble(exercise("1.6"), f"def nm_mask(): pass\n{text}", "mine.py")


def test_hundreds_of_brackets_are_refused_in_words():
    with pytest.raises(ValueError, match="^mine.py, line 1: too many nested parentheses"):
        assemble(exercise("1.6"), "(" * 5000, "mine.py")


def test_a_null_character_is_refused_in_a_text_too():
    with pytest.raises(ValueError, match="^mine.py.*null bytes"):
        assemble(exercise("1.6"), "x = 1\0", "mine.py")


UNREADABLE = {
    b"x = 1\nname = 'caf\xe9'\n": "line 2: byte 0xe9 is no UTF-8",
    b"x = 1\n\ny = '\0'\n": "line 3: a character of value 0",
    b"#" * (LARGEST + 1): "has 1,000,001 bytes: an answer has at most 1,000,000",
    b"": "defines no nm_mask",
}


@pytest.mark.parametrize("content", UNREADABLE, ids=UNREADABLE.values())
def test_a_file_that_is_no_text_of_python_is_refused_in_words(content, tmp_path):
    file = tmp_path / "pruning.py"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"pruning.py.*{UNREADABLE[content]}"):
        assemble(exercise("1.6"), file)


def test_a_folder_a_missing_file_and_a_broken_link_are_told_apart(tmp_path):
    (tmp_path / "link.py").symlink_to(tmp_path / "nothing.py")
    for file, said in [
        (tmp_path, "is a folder"),
        (tmp_path / "no.py", "there is no file"),
        (tmp_path / "link.py", "is a link"),
    ]:
        with pytest.raises(ValueError, match=said):
            read_answer(file)


def test_pythons_advice_about_a_text_does_not_reach_the_caller():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assemble(exercise("1.6"), 'def nm_mask(): return "\\d", 1 is 1')

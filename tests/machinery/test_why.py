"""One sentence for a failing grader: what was expected, and what came."""

import pytest
import torch

from minicompress.grading import why
from minicompress.grading.calls import Calls
from minicompress.grading.course import Exercise, exercise
from minicompress.grading.graders import run_graders

OPTIONS = """
def pytest_addoption(parser):
    parser.addoption("--device")
    parser.addoption("--seed")
"""

TOLD = {
    "assert 3 == 4": "Expected 4, got 3.",
    "assert 3 != 3": "3 != 3 does not hold.",
    "assert 3 == 3 and 1 + 1 == 4": "Expected 4, got 2.",
    "assert 1 + 1 == 4 and 3 == 3": "Expected 4, got 2.",
    "assert (2 > 1 or 1 > 2) and 1 + 1 == 4": "Expected 4, got 2.",
    "assert 1 < 3 < 2": "3 < 2 does not hold.",
    "assert 0.25 == pytest.approx(0.5)": "Expected 0.5, got 0.25.",
    "assert 'a == b' == 'a and b'": "Expected 'a and b', got 'a == b'.",
    "assert torch.ones(2).sum() == 3": "Expected 3, got 2.",
    "assert torch.ones(1) == torch.zeros(1)": "Expected [0], got [1].",
    "assert type(0.5) is int": "Expected int, got float.",
    "assert 'bits' in 'bad sparsity'": "'bits' in 'bad sparsity' does not hold.",
    "assert 3 == 4, 'the count is rounded'": "The count is rounded: expected 4, got 3.",
    "assert not [1], 'nothing is left'": "Nothing is left.",
    "assert 3 == 4, 'expected four, got 3'": "Expected four, got 3.",
    "assert nm_mask(1) == 4": "Expected 4, got 3, from nm_mask(1).",
    "assert nm_mask(1) == 4, 'the rule'": "The rule: expected 4, got 3, from nm_mask(1).",
    "assert nm_mask(1) < 3, 'nm_mask goes on'": "nm_mask goes on: 3 < 3 does not hold, from nm_mask(1).",
    "expect_equal(nm_mask(1), 4, 'a rule')": "A rule: expected 4, got 3, from nm_mask(1).",
    "expect_equal(nm_mask(1) + nm_mask(2), 4)": "Expected 4, got 6.",
    "expect_close(nm_mask(1), 4, '`n` of them')": "`n` of them: expected 4, got 3, from nm_mask(1).",
    "with refused(): nm_mask(-1)": "Expected a ValueError, got none, from nm_mask(-1).",
    "with pytest.raises(OSError): nm_mask(1)": "Expected an OSError, got none, from nm_mask(1).",
    "assert nm_mask(0) == 4": "nm_mask returned None: is a `return` missing?",
    "nm_mask(0) + 1": "nm_mask returned None: is a `return` missing?",
    "nm_mask('text')": "TypeError: nm_mask takes no text (<string>, line 3).",
    "nm_mask('later')": "<string>, line 4 still raises NotImplementedError.",
    "raise NotImplementedError('Exercise 1.6 nm_mask')": "nm_mask is not written yet.",
    "raise NotImplementedError('Exercise 1.2 bake_masks')": "bake_masks (Exercise 1.2) is needed here, and "
    "is not written yet.",
    "assert 3 == 4 or 3 == 5": "It should hold that `3 == 4 or 3 == 5`",  # neither side alone is why
    "assert not (3 == 4 or 3 == 3)": "It should hold that `not (3 == 4 or 3 == 3)`",
    "assert print == len": "It should hold that `print == len`",  # a function says nothing to a reader
    "assert object() == object()": "It should hold that `object() == object()`",
    "assert float('nan') == float('nan')": "It should hold that `float('nan') == float('nan')`",
    "with pytest.raises(AssertionError): assert 1 == 2\n    assert not 5": "It should hold that `not 5`",
}
LONG = "assert [str(n) for n in range(99)] == []"
ANSWER = """
def nm_mask(scores) -> int:
    if scores == 0: return
    if scores == "text": raise TypeError("nm_mask takes no text")
    if scores == "later": raise NotImplementedError("Exercise 1.6 nm_mask")
    return 3
"""
IMPORTS = """
import pytest, torch
from minicompress.grading.expect import expect_close, expect_equal, refused
from minicompress.pruning import nm_mask
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, str]:
    """Assertion -> what is said of it: one grader holds each, and they run as those of an exercise do."""
    folder, assertions = tmp_path_factory.mktemp("graders"), [*TOLD, LONG]
    graders = [f"def test_1_6_{number}():\n    {text}\n" for number, text in enumerate(assertions)]
    file = folder / "test_sent.py"
    file.write_text("\n".join([IMPORTS, *graders]), encoding="utf-8")
    (folder / "conftest.py").write_text(OPTIONS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exercise, "graders", file)
        outcomes = run_graders(exercise("1.6"), f'#line 1 "<string>"\n{ANSWER.strip()}').outcomes
    return {text: outcome.reason for text, outcome in zip(assertions, outcomes, strict=True)}


@pytest.mark.parametrize("assertion", TOLD)
def test_a_failure_is_told_by_its_rule_and_its_values(assertion, said):
    assert said[assertion] == TOLD[assertion]


def test_long_values_are_cut(said):
    assert said[LONG].startswith("Expected [], got ['0', '1', '2', ") and len(said[LONG]) < 160


@pytest.mark.parametrize("misuse", [lambda mask: mask[mask], torch.Tensor.__invert__])
def test_a_float_mask_is_told_to_be_bool(misuse):
    with pytest.raises((IndexError, TypeError)) as caught:
        misuse(torch.ones(2))
    assert why.sentence(caught.value, "", [], Calls()).startswith("A mask must be bool: ")

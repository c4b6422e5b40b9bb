"""One sentence for a failing grader: what was expected, and what came."""

import pytest
import torch

from minicompress.grading import why
from minicompress.grading.course import Exercise, exercise
from minicompress.grading.graders import run_graders

OPTIONS = """
def pytest_addoption(parser):
    parser.addoption("--device")
    parser.addoption("--seed")
"""

TOLD = {
    "assert 3 == 4": "expected 4, got 3.",
    "assert 3 != 3": "3 != 3 does not hold.",
    "assert 3 == 3 and 1 + 1 == 4": "expected 4, got 2.",
    "assert 1 + 1 == 4 and 3 == 3": "expected 4, got 2.",
    "assert (2 > 1 or 1 > 2) and 1 + 1 == 4": "expected 4, got 2.",
    "assert 1 < 3 < 2": "3 < 2 does not hold.",
    "assert 0.25 == pytest.approx(0.5)": "expected 0.5 ± 5.0e-07, got 0.25.",
    "assert 'a == b' == 'a and b'": "expected 'a and b', got 'a == b'.",
    "assert torch.ones(2).sum() == 3": "expected 3, got tensor(2.).",
    "assert torch.ones(1) == torch.zeros(1)": "expected tensor([0.]), got tensor([1.]).",
    "assert (torch.ones(2) == torch.ones(2)).sum() == 3": "expected 3, got tensor(2).",
    "assert torch.ones(1).requires_grad_() is 1": "expected 1, got tensor([1.], requires_grad=True).",
    "assert type(0.5) is int": "expected int, got float.",
    "assert 'bits' in 'bad sparsity'": "'bits' in 'bad sparsity' does not hold.",
    "assert isinstance(torch.tensor(0.75), float)": "expected float, got tensor(0.7500).",
    "assert 3 == 4, 'three is too few'": "Three is too few.",
}
WITH_ITS_CODE = (
    "assert 3 == 4 or 3 == 5",  # neither side alone is why
    "assert not 3 == 3",
    "assert not (3 == 4 or 3 == 3)",
    "assert 3 == 3 and not [1]",
    "assert (torch.ones(2) == torch.zeros(2)).all()",
    "assert print == len",  # a function says nothing to a reader
    "assert object() == object()",
    "assert float('nan') == float('nan')",  # both sides read the same
)
LONG = "assert list(range(99)) == []"
EARLIER = "with pytest.raises(AssertionError): assert 1 == 2\n    assert not 5"
GIVEN = "assert torch.equal(torch.tensor(0.75), torch.tensor(1.0))"


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, str]:
    """Assertion -> what is said of it: one grader holds each, and they run as those of an exercise do."""
    folder, assertions = tmp_path_factory.mktemp("graders"), [*TOLD, *WITH_ITS_CODE, LONG, EARLIER, GIVEN]
    graders = [f"def test_1_6_{number}():\n    {text}\n" for number, text in enumerate(assertions)]
    file = folder / "test_sent.py"
    file.write_text("\n".join(["import pytest, torch", *graders]), encoding="utf-8")
    (folder / "conftest.py").write_text(OPTIONS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exercise, "graders", file)
        outcomes = run_graders(exercise("1.6"), "def nm_mask(): pass").outcomes
    return {
        text: outcome.reason.removeprefix(f'"{outcome.title}" fails: ')
        for text, outcome in zip(assertions, outcomes, strict=True)
    }


@pytest.mark.parametrize("assertion", TOLD)
def test_a_comparison_is_told_as_what_was_expected_and_what_came(assertion, said):
    assert said[assertion] == TOLD[assertion]


@pytest.mark.parametrize("assertion", WITH_ITS_CODE)
def test_where_no_comparison_explains_it_the_code_is_told(assertion, said):
    assert said[assertion].endswith(f"it should hold that `{assertion.removeprefix('assert ')}`")
    assert "expected" not in said[assertion]


def test_the_code_is_told_with_the_values_it_was_given(said):
    assert said[GIVEN] == f"given tensor(0.7500), tensor(1.), it should hold that `{GIVEN[len('assert ') :]}`"


def test_an_earlier_comparison_is_not_blamed(said):
    assert said[EARLIER] == "it should hold that `not 5`"


def test_long_values_are_cut(said):
    assert said[LONG].startswith("expected [], got [0, 1, 2, ")
    assert said[LONG].endswith("...") and len(said[LONG]) < 160


@pytest.mark.parametrize("misuse", [lambda mask: mask[mask], torch.Tensor.__invert__])
def test_a_float_mask_is_told_to_be_bool(misuse):
    with pytest.raises((IndexError, TypeError)) as caught:
        misuse(torch.ones(2))
    assert why.sentence("it", caught.value, "", {}).startswith('"it" fails: a mask must be bool: ')

"""Values in few words."""

from typing import NamedTuple

import pytest
import torch
from torch import nn

from minicompress.grading.show import difference, shown


class Pair(NamedTuple):
    scale: float
    values: torch.Tensor


TOLD = [
    (0.123456, "0.1235"),
    (3, "3"),
    (True, "True"),
    (None, "None"),
    (1e-12, "1e-12"),
    (torch.tensor(0.75), "0.75"),
    (torch.tensor([[1.0, -4.0], [3.0, 2.5]], requires_grad=True), "[[1, -4], [3, 2.5]]"),
    (torch.zeros(37, 29), "float32 [37, 29]"),
    (torch.zeros(0, 3, dtype=torch.int64), "int64 [0, 3]"),
    (torch.zeros(2, device="meta"), "float32 [2]"),
    (torch.int8, "int8"),
    (float, "float"),
    (nn.Linear(2, 2), "Linear"),
    (len, "len"),
    (object(), "object"),
    ("text", "'text'"),
    ((7,), "(7,)"),
    (torch.Size([3, 4]), "[3, 4]"),
    ({"a": torch.ones(1)}, "{'a': [1]}"),
    (Pair(0.5, torch.tensor([1])), "Pair(scale=0.5, values=[1])"),
    (pytest.approx(0.5), "0.5"),
    (pytest.approx([0.5, 1.0]), "[0.5, 1]"),
]


@pytest.mark.parametrize("value, text", TOLD)
def test_a_value_is_told_in_few_words(value, text):
    assert shown(value) == text


def test_of_long_lists_and_dictionaries_the_beginning_is_told():
    assert shown(list(range(40))) == "[" + ", ".join(map(str, range(16))) + ", ... 40 in all]"
    assert shown(dict.fromkeys("abcdefgh", 1)).endswith(", ...}")
    assert len(shown("x" * 1000)) == 60


def test_the_difference_of_small_values_is_both_of_them():
    assert difference(torch.tensor([1.0, 2.0]), [1.0, 3.0]) == "expected [1, 3], got [1, 2]"


def test_as_many_digits_are_told_as_it_takes_to_see_a_difference():
    assert difference(0.12345678, 0.12345699) == "expected 0.123457, got 0.1234568"


def test_what_reads_the_same_is_told_with_its_type():
    assert difference(1.0, 1) == "expected 1 (int), got 1 (float)"


def test_the_difference_of_large_values_is_the_first_differing_place():
    expected = torch.zeros(5, 10)
    got = expected.clone()
    got[3, 7] = got[4, 0] = 2.0
    where = "at [3, 7], the first of 2 of 50 places that differ"
    assert difference(got, expected) == f"expected 0, got 2 {where}"
    assert difference(got.tolist(), expected) == f"expected 0, got 2 {where}"


def test_places_within_the_tolerance_do_not_differ():
    expected = torch.ones(50)
    got = expected + 1e-7
    got[9] = 2.0
    assert difference(got, expected, rel=1e-5).startswith("expected 1, got 2 at [9], the first of 1 of 50")


def test_another_shape_is_told_as_shapes():
    assert difference(torch.zeros(40), torch.zeros(4, 10)) == "expected the shape [4, 10], got [40]"


def test_a_tensor_that_is_none_is_told():
    assert difference(None, torch.zeros(5, 10)) == "expected float32 [5, 10], got None"

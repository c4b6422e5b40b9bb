"""What the graders ask, and what they let pass."""

import math

import pytest
import torch

from minicompress.grading.expect import Unexpected, expect_close, expect_equal, named, refused

# ------------------------------------------------------------ values


def test_a_tensor_may_be_compared_with_its_values():
    expect_equal(torch.tensor([[True, False]]), [[True, False]])
    expect_equal({"a": torch.tensor([1])}, {"a": torch.tensor([1])})
    expect_equal([torch.tensor(1), 2], [torch.tensor(1), 2])


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (torch.tensor([1.0]), torch.tensor([2.0])),
        (torch.tensor([1.0]), torch.tensor([True])),
        (torch.ones(2), torch.ones(1, 2)),
        (torch.ones(2), torch.ones(1)),
        ([1], [1, 2]),
        ({"a": 1}, {"b": 1}),
        (None, torch.ones(1)),
        (torch.tensor([math.nan]), torch.tensor([math.nan])),
    ],
)
def test_what_is_not_equal_is_refused(got, expected):
    with pytest.raises(Unexpected):
        expect_equal(got, expected)


def test_the_rule_comes_first_and_then_the_evidence():
    with pytest.raises(Unexpected) as caught:
        expect_equal(3, 4, "the count is rounded")
    assert str(caught.value) == "the count is rounded: expected 4, got 3"


@pytest.mark.parametrize("got", [0.5, torch.tensor(0.5), torch.tensor(0.5).double(), 0.5 + 1e-7])
def test_close_asks_for_no_type_and_allows_for_rounding(got):
    expect_close(got, 0.5)
    expect_close(torch.tensor(0.5), got)


def test_close_compares_tensors_with_lists():
    expect_close(torch.tensor([1.0, 2.0]), [1.0, 2.0])


@pytest.mark.parametrize(
    "got", [0.51, None, math.nan, torch.ones(2), torch.tensor([0.5]), [0.5], "0.5", torch.tensor(0.5 + 2e-5)]
)
def test_close_refuses_other_values_other_shapes_and_other_things(got):
    with pytest.raises(Unexpected):
        expect_close(got, 0.5)


# ------------------------------------------------------------ refusals


def said(action, naming) -> str:
    with pytest.raises(Unexpected) as caught, refused(naming):
        action()
    return str(caught.value)


def refuse(message):
    raise ValueError(message)


def test_a_value_error_that_names_the_value_passes():
    with refused(naming=-0.1):
        refuse("sparsity must lie in 0 .. 1, got -.10")


def test_without_a_value_to_name_any_words_pass():
    with refused():
        refuse("no")


def test_no_error_another_error_and_another_message_are_told():
    assert said(lambda: None, 7) == "expected a ValueError that names 7, got none"
    assert said(lambda: [][1], 7).endswith("got IndexError: list index out of range")
    assert said(lambda: refuse("bad input"), 7).endswith("got the message 'bad input'")


@pytest.mark.parametrize("error", [NameError, ImportError, NotImplementedError, MemoryError])
def test_a_slip_of_the_pen_comes_through_as_it_is(error):
    with pytest.raises(error), refused():
        raise error


NAMED = [
    (0.5, "got .50"), (0.5, "0.5,"), (-100, "all are -100."), (1000, "1e3"), (2.0, "2"),
    (math.nan, "1 NaN"), (math.nan, "nan found"), (math.inf, "Inf"),
    ((3, 4), "[3, 4]"), ((3, 4), "(3,4)"), ((3, 4), "3 x 4"), ((3, 4), "3×4"), ((3, 4), "torch.Size([3, 4])"),
    ([7], "(7,)"), ((7,), "[7]"), (torch.Size([2]), "shape (2, )"),
    (torch.int64, "torch.int64"), (torch.int64, "long"), (torch.float32, "a float tensor"),
    ("square", "'Square'"), (True, "true"), (None, "None"),
]  # fmt: skip


@pytest.mark.parametrize("value, message", NAMED)
def test_a_value_may_be_named_in_any_form(value, message):
    assert named(message, value)


@pytest.mark.parametrize(
    ("value", "message"),
    [(5, "15"), (0.5, "0.05"), (3, "3.5"), ((3, 4), "[3, 4, 5]"), ((3, 4), "3 and 4"), ("square", "cube")]
    + [(torch.int64, "int32"), (math.nan, "none")],
)
def test_another_value_is_not_named(value, message):
    assert not named(message, value)

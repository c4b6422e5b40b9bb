"""`Gram` adds up x^T x in a part of the memory, and gives it back as a whole matrix."""

import pytest
import torch

from minicompress.lab.gram import PANELS, Gram


@pytest.mark.parametrize("features", [1, 3, 4, 10, 64])
def test_the_sum_is_that_of_the_whole_matrices(features):
    batches = [torch.randn(5, features), torch.randn(1, features), torch.zeros(0, features)]
    gram = Gram(features)
    for x in batches:
        gram.add(x)
    expected = sum(x.T @ x for x in batches)
    assert torch.allclose(gram.take(), expected, atol=1e-5)


def test_the_sum_is_exactly_symmetric():
    gram = Gram(33)
    gram.add(torch.randn(7, 33))
    whole = gram.take()
    assert torch.equal(whole, whole.T)


def test_inputs_of_16_bits_are_added_up_in_fp32():
    """256 and 1 make 257, which bf16 cannot hold."""
    gram = Gram(1)
    gram.add(torch.tensor([[16.0], [1.0]], dtype=torch.bfloat16))
    assert gram.take() == 257


def test_four_panels_hold_five_eighths_of_the_matrix():
    assert PANELS == 4
    assert sum(panel.numel() for panel in Gram(64)._panels) == 64 * 64 * 5 / 8

"""`minicompress.lab.factors`: the randomised decomposition of large matrices."""

import pytest
import torch

from minicompress.lab.factors import randomized_decompose


def decaying(size):
    """A matrix with singular values 1, 1/2, 1/3, ..."""
    left, right = (torch.linalg.qr(torch.randn(size, size)).Q for _ in range(2))
    return left / torch.arange(1, size + 1) @ right


@pytest.mark.parametrize("make", [decaying, lambda size: torch.randn(size, size)], ids=["decaying", "flat"])
def test_it_comes_within_one_percent_of_the_best_error(make):
    torch.manual_seed(0)
    weight = make(150)
    U, V = randomized_decompose(weight, 16)
    best = torch.linalg.svdvals(weight)[16:].norm().item()
    assert best * (1 - 1e-5) <= torch.dist(weight, U @ V).item() <= 1.01 * best


def test_it_repeats_itself_and_leaves_the_random_state_alone():
    weight, state = torch.randn(40, 30), torch.get_rng_state()
    first = randomized_decompose(weight, 5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    again = randomized_decompose(weight, 5)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_it_refuses_a_rank_that_the_matrix_cannot_have():
    with pytest.raises(ValueError, match="got 31"):
        randomized_decompose(torch.randn(40, 30), 31)

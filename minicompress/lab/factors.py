"""Decompositions in two factors: which matrices have one, and a fast approximate one for large matrices."""

import torch

from minicompress.lab.checks import check_finite


def check_matrix(weight: torch.Tensor, rank: int) -> None:
    """Refuse what cannot be decomposed: no matrix, no finite numbers, or a rank that it cannot have."""
    check_finite(weight)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if rank not in range(1, min(rows, columns) + 1):
        allowed = f"1..{min(rows, columns)}"
        raise ValueError(f"the rank of a {rows} x {columns} matrix must lie in {allowed}, got {rank}")


def precise(weight: torch.Tensor) -> torch.Tensor:
    """The same numbers in fp32, or in float64 where they come in float64; without a gradient."""
    return weight.detach().to(torch.promote_types(weight.dtype, torch.float32))


def randomized_decompose(
    weight: torch.Tensor, rank: int, oversampling: int = 64, iterations: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return nearly what `low_rank_decompose` returns, much faster for a large matrix.

    `torch.svd_lowrank` looks at the matrix through rank + oversampling random directions, sharpened by power
    iterations (Halko et al. 2011, arXiv 0909.4061). At 4096 x 4096 and rank 256 that takes a fifteenth of the
    time, and the error is within 1% of the best (`results/low_rank.json`); the time grows with the rank. The
    same weight gives the same factors: the random state is fixed inside and left alone outside.

    Shapes, dtypes and errors as in `low_rank_decompose`.
    """
    check_matrix(weight, rank)
    directions = min(rank + oversampling, *weight.shape)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        U, S, V = torch.svd_lowrank(precise(weight), q=directions, niter=iterations)
    root = S[:rank].sqrt()
    return U[:, :rank] * root, root[:, None] * V.T[:rank]

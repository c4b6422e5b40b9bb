"""Right implementations of exercise 4.1, low_rank_decompose and reconstruction_errors, in other styles."""

### ALTERNATIVE numpy: The decomposition is numpy's, with checks in other words.
import numpy as np


def low_rank_decompose(weight, rank):
    if not weight.is_floating_point() or not bool(torch.isfinite(weight).all()) or weight.dim() != 2:
        raise ValueError("a finite floating point matrix, please")
    if rank < 1 or rank > min(weight.shape):
        raise ValueError(f"rank {rank} does not fit {tuple(weight.shape)}")
    dtype = torch.float64 if weight.dtype == torch.float64 else torch.float32
    left, values, right = np.linalg.svd(weight.detach().cpu().double().numpy(), full_matrices=False)
    root = np.sqrt(values[:rank])
    tall, wide = left[:, :rank] * root, right[:rank] * root.reshape(-1, 1)
    return tuple(torch.from_numpy(factor).to(weight.device, dtype) for factor in (tall, wide))


### ALTERNATIVE eigenvectors: Eigenvectors of W^T W give V, and W V gives U with the signs that fit.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    exact = weight.detach().double()
    values, vectors = torch.linalg.eigh(exact.mT @ exact)
    order = values.argsort(descending=True)[:rank]
    S = values[order].clamp(min=0).sqrt()
    V = vectors[:, order]
    U = exact @ V / torch.where(S > 0, S, 1.0)
    dtype = torch.float64 if weight.dtype == torch.float64 else torch.float32
    return (U * S.sqrt()).to(dtype), torch.einsum("ir,r->ri", V, S.sqrt()).to(dtype)


### ALTERNATIVE component_by_component: A loop over components fills two empty factors.
@torch.no_grad()
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    exact = weight if weight.dtype == torch.float64 else weight.float()
    U, S, Vh = torch.linalg.svd(exact)
    tall, wide = exact.new_zeros(weight.shape[0], rank), exact.new_zeros(rank, weight.shape[1])
    for k in range(rank):
        tall[:, k] = U[:, k] * S[k] ** 0.5
        wide[k, :] = Vh[k, :] * S[k] ** 0.5
    return tall, wide


### ALTERNATIVE diagonal_matrices: The roots are a diagonal matrix that is multiplied with both sides.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, V = torch.svd(precise(weight))
    root = torch.diag(S[:rank].sqrt())
    return U[:, :rank] @ root, (V[:, :rank] @ root).T


### ALTERNATIVE errors_in_a_loop: Python adds up the squares from the last one on, with exact sums and own checks.
import math


def reconstruction_errors(weight):
    if weight.dim() != 2 or 0 in weight.shape or not weight.is_floating_point():
        raise ValueError(f"no matrix of floating point numbers: {tuple(weight.shape)}, {weight.dtype}")
    if not weight.isfinite().all():
        raise ValueError("NaN or infinity")
    exact = weight.detach().to(torch.float64)
    squares = [float(value) ** 2 for value in torch.linalg.svd(exact, full_matrices=False).S]
    whole = math.fsum(squares)
    shares = [math.fsum(squares[rank:]) / whole if whole else 0.0 for rank in range(1, len(squares) + 1)]
    return torch.tensor(shares, dtype=torch.float64, device=weight.device).sqrt()


### ALTERNATIVE errors_by_a_triangle: A triangle of ones sums the squares behind each rank; numpy finds the values.
import numpy as np


def reconstruction_errors(weight):
    check_matrix(weight, 1)
    S = torch.from_numpy(np.linalg.svd(weight.detach().cpu().double().numpy(), compute_uv=False))
    S = S / max(S[0].item(), 1e-300)
    behind = torch.ones(len(S), len(S), dtype=torch.float64).triu(1) @ S**2
    errors = behind.sqrt() / max(S.norm().item(), 1e-300)
    return errors.to(weight.device)

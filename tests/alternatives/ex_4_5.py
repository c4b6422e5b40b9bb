"""Right implementations of exercise 4.5, damped_cholesky and whitened_decompose, in other styles."""


### ALTERNATIVE caught_errors: The Cholesky factorization is tried until it does not raise; L is inverted.
def attempt(matrix):
    try:
        return torch.linalg.cholesky(matrix)
    except RuntimeError:
        return None


def damped_cholesky(covariance):
    exact = covariance.detach().to(torch.float64)
    factor = attempt(exact)
    if factor is not None:
        return factor
    mean = exact.diagonal().mean()
    amount = 1e-6 * float(mean) if mean > 0 else 1e-6
    for power in range(40):
        damping = amount * 10**power
        factor = attempt(exact + damping * torch.eye(exact.shape[0], device=exact.device))
        if factor is not None:
            warnings.warn(f"This covariance is not positive definite, so I added {damping}.", UserWarning)
            return factor


def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    with torch.no_grad():
        L = damped_cholesky(input_covariance)
        U, S, Vh = torch.linalg.svd(weight.double() @ L)
        tall, wide = [], []
        for k in range(rank):
            row = S[k] * Vh[k] @ torch.linalg.inv(L)
            length = row.norm()
            if length == 0:
                length = torch.ones_like(length)
            tall.append(U[:, k] * length.sqrt())
            wide.append(row / length.sqrt())
        dtype = torch.float64 if weight.dtype == torch.float64 else torch.float32
        return torch.stack(tall, dim=1).to(dtype), torch.stack(wide).to(dtype)


### ALTERNATIVE numpy: Everything in numpy, with a general solver and the lengths by einsum.
import numpy as np


def damped_cholesky(covariance):
    exact = covariance.detach().cpu().double().numpy().copy()
    base = 1e-6 * (np.trace(exact) / len(exact) or 1.0)
    damping = 0.0
    while True:
        try:
            L = np.linalg.cholesky(exact + damping * np.eye(len(exact)))
            break
        except np.linalg.LinAlgError:
            damping = base if damping == 0 else damping * 10
    if damping:
        warnings.warn(f"not positive definite: added {damping:e}", RuntimeWarning, stacklevel=1)
    return torch.from_numpy(L).to(covariance.device)


def whitened_decompose(weight, input_covariance, rank):
    if rank < 1 or rank > min(weight.shape):
        raise ValueError(rank)
    C = input_covariance.detach().cpu().double().numpy()
    if C.shape != (weight.shape[1],) * 2 or not np.allclose(C, C.T) or (np.diag(C) < 0).any():
        raise ValueError("no covariance")
    L = damped_cholesky(input_covariance).cpu().numpy()
    U, S, Vh = np.linalg.svd(weight.detach().cpu().double().numpy() @ L, full_matrices=False)
    wide = np.linalg.solve(L.T, (S[:rank, None] * Vh[:rank]).T).T
    lengths = np.sqrt(np.einsum("ri,ri->r", wide, wide))
    roots = np.sqrt(np.where(lengths > 0, lengths, 1.0))
    dtype = torch.promote_types(weight.dtype, torch.float32)
    factors = U[:, :rank] * roots, wide / roots[:, None]
    return tuple(torch.from_numpy(factor).to(weight.device, dtype) for factor in factors)

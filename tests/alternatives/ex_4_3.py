"""Right implementations of exercise 4.3, break_even_rank and rank_for_energy, in other styles."""


### ALTERNATIVE loops: Ranks are tried one after the other, with own checks.
def break_even_rank(in_features, out_features):
    if min(in_features, out_features) <= 0:
        raise ValueError("sizes must be positive")
    rank = 0
    while (rank + 1) * (in_features + out_features) <= in_features * out_features:
        rank += 1
    return rank


def rank_for_energy(singular_values, energy):
    values = [float(value) for value in singular_values]
    falling = all(a >= b for a, b in zip(values, values[1:], strict=False))
    if not values or values[-1] < 0 or not falling or energy <= 0 or energy > 1:
        raise ValueError(f"no: {values[:3]}, {energy}")
    wanted, held = energy * sum(value**2 for value in values), 0.0
    for rank, value in enumerate(values, start=1):
        held += value**2
        if held >= wanted:
            return rank
    return len(values)


### ALTERNATIVE searched: The share is looked up among the cumulative shares; the division is rounded down.
import math


def break_even_rank(in_features, out_features):
    if in_features < 1 or out_features < 1:
        raise ValueError((in_features, out_features))
    return math.floor(1 / (1 / in_features + 1 / out_features) + 1e-9)


def rank_for_energy(singular_values, energy):
    if singular_values.numel() == 0 or not 0 < energy <= 1 or (singular_values < 0).any():
        raise ValueError(energy)
    if not torch.equal(singular_values.sort(descending=True).values, singular_values):
        raise ValueError("sort them first")
    squares = singular_values.to(torch.float64) ** 2
    cumulative = torch.cumsum(squares, 0)
    return torch.searchsorted(cumulative, energy * cumulative[-1:]).item() + 1


### ALTERNATIVE numpy: The share is divided out first, and the first index that reaches it is found by argmax.
import numpy as np


def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or len(singular_values) == 0 or not 0 < energy <= 1:
        raise ValueError("bad input")
    values = singular_values.double().cpu().numpy()
    if (values < 0).any() or (np.diff(values) > 0).any():
        raise ValueError("not singular values")
    squares = values**2
    total = squares.sum()
    if total == 0:
        return 1
    return int(np.argmax(squares.cumsum() >= energy * squares.cumsum()[-1])) + 1

"""Known wrong implementations of exercise 4.3, break_even_rank and rank_for_energy."""


### MUTANT half_of_the_smaller: Half of the smaller side is the break-even rank of a square matrix only; it is in * out / (in + out).
def break_even_rank(in_features, out_features):
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer has at least 1 input and 1 output, got {in_features} and {out_features}")
    return min(in_features, out_features) // 2


### MUTANT strictly_smaller: At exactly break-even the layer does not grow, so that rank still counts: rank (in + out) <= in * out.
def break_even_rank(in_features, out_features):
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer has at least 1 input and 1 output, got {in_features} and {out_features}")
    return (in_features * out_features - 1) // (in_features + out_features)


### MUTANT rounded_up: Rounding to the nearest can end above break-even; round down.
def break_even_rank(in_features, out_features):
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer has at least 1 input and 1 output, got {in_features} and {out_features}")
    return round(in_features * out_features / (in_features + out_features))


### MUTANT at_least_one: A layer whose smallest factors are larger than itself has no rank that pays: 0, not 1.
def break_even_rank(in_features, out_features):
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer has at least 1 input and 1 output, got {in_features} and {out_features}")
    return max(1, in_features * out_features // (in_features + out_features))


### MUTANT share_of_the_sum: The share was taken of the singular values; the error of a rank is a sum of their squares.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    cumulative = singular_values.detach().double().cumsum(0)
    return int((cumulative < energy * cumulative[-1]).sum()) + 1


### MUTANT index_not_rank: The index of the first sum that is enough counts from 0; the rank is one more.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    cumulative = singular_values.detach().double().square().cumsum(0)
    return int((cumulative < energy * cumulative[-1]).sum())


### MUTANT must_exceed: A rank that holds exactly the share is enough; `>` asks for one more.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    cumulative = singular_values.detach().double().square().cumsum(0)
    return min(len(singular_values), int((cumulative <= energy * cumulative[-1]).sum()) + 1)


### MUTANT relative_threshold: Counting the values above a share of the largest is another rule; energy is a share of the sum of squares.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    return max(1, int((singular_values.double() > (1 - energy) * singular_values[0].double()).sum()))


### MUTANT bf16_sums: The squares were summed in the values' own dtype, and bf16 stops counting at 256; sum in float64.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    total, rank = torch.zeros_like(singular_values[0]), 0
    everything = singular_values.double().square().sum()
    while total.double() < energy * everything and rank < len(singular_values):
        total, rank = total + singular_values[rank].square(), rank + 1
    return max(1, rank)


### MUTANT two_matrices: The two factors were counted as two matrices each; rank * (in + out) numbers are both of them.
def break_even_rank(in_features, out_features):
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer has at least 1 input and 1 output, got {in_features} and {out_features}")
    return in_features * out_features // (2 * (in_features + out_features))


### MUTANT float_rank: A rank is a whole number, but `/` gives a float; divide with `//`.
def break_even_rank(in_features, out_features):
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer has at least 1 input and 1 output, got {in_features} and {out_features}")
    return float(in_features * out_features // (in_features + out_features))


### MUTANT fp32_sums: The squares were summed in fp32, where small ones vanish beside a large one; sum in float64.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    cumulative = singular_values.detach().float().square().cumsum(0)
    return int((cumulative < energy * cumulative[-1]).sum()) + 1


### MUTANT dropped_share: The rank that may be dropped was returned; wanted is the rank that holds the share.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    cumulative = singular_values.detach().double().square().cumsum(0)
    return int((cumulative < (1 - energy) * cumulative[-1]).sum()) + 1


### MUTANT squares_in_fp16: The values were squared in their own dtype, and 300^2 is infinite in fp16; convert to float64 first.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    cumulative = singular_values.detach().square().double().cumsum(0)
    return int((cumulative < energy * cumulative[-1]).sum()) + 1


### MUTANT share_of_the_root: The share was taken of the root of the sum of squares; energy is a share of the sum itself.
def rank_for_energy(singular_values, energy):
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        raise ValueError(
            f"singular_values must be [k], at least one, none negative or NaN, got {singular_values.tolist()}"
        )
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    cumulative = singular_values.detach().double().square().cumsum(0).sqrt()
    return int((cumulative < energy * cumulative[-1]).sum()) + 1

"""Notebook 04: low-rank decomposition. A matrix becomes the product of a tall one and a wide one.

    weight [out, in] ~ U_scaled [out, r] @ V_scaled [r, in],    so    x @ weight.T ~ (x @ V_scaled.T) @
    U_scaled.T

The input meets V_scaled first. That is why `LowRankLinear` has V_scaled in its first layer, called U.
"""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from minicompress.lab.checks import check_finite
from minicompress.lab.factors import check_matrix, precise
from minicompress.lab.modules import as_linear, is_conv1d, layer_kind, parameter_count, set_submodule


def low_rank_decompose(weight: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the best approximation of that rank in two factors, weight ~ U_scaled @ V_scaled.

    With the singular value decomposition weight = U diag(S) Vh, S in descending order, the first `rank`
    columns of U and rows of Vh stay, each times sqrt(S), so that both factors are equally large. The squared
    error is the sum of the dropped S^2, and no matrix of that rank comes closer (Eckart & Young 1936).
    Example: [[15, 20, 0], [0, 0, 5]] at rank 1. Its rows are at right angles, so their lengths 25 and 5 are
    S. The 25 stays: U_scaled [[5], [0]], V_scaled [[3, 4, 0]] (or both negative), squared error 5^2.

    weight: [out, in], floating point, not changed. Returns [out, rank] and [rank, in] on the weight's device,
    computed and returned in fp32 (float64 for a float64 weight), without a gradient. A weight of zeros has
    factors of zeros.
    ValueError: not a matrix, NaN or infinity, an integer tensor, a rank outside 1..min(out, in).
    """
    check_matrix(weight, rank)
    raise NotImplementedError("Exercise 4.1 low_rank_decompose")


def reconstruction_errors(weight: torch.Tensor) -> torch.Tensor:
    """Return the relative error of the best approximation of every rank 1, 2, ..., k = min(out, in).

    The relative error of W' is |W - W'| / |W|, where |W| is the root of the sum of all squares (the Frobenius
    norm): 0 says that nothing is lost, 1 that nothing is left. The singular values tell the errors of all
    ranks (Eckart & Young 1936), so the matrix is decomposed once, and none is approximated.
    Example: [[15, 20, 0], [0, 0, 5]] has the singular values 25 and 5, and 25^2 + 5^2 = 650. Rank 1 loses the
    5: the errors are [5 / sqrt(650), 0] = [0.1961, 0].

    weight: [out, in], floating point, not changed. Returns float64 [k] on the weight's device, without a
    gradient. The first entry is that of rank 1, the last is exactly 0. Squares and sums in float64. A small
    error keeps its digits beside a large singular value: diag(1, 1e-9) in float64 gives [1e-9, 0]. A weight
    of zeros has errors of 0, since nothing can be lost.
    ValueError: not a matrix, NaN or infinity, an integer tensor, no rows or no columns.
    """
    check_matrix(weight, rank=1)
    raise NotImplementedError("Exercise 4.1 reconstruction_errors")


class LowRankLinear(nn.Module):
    """A Linear layer in two steps: `U`, in -> rank without bias, then `V`, rank -> out with the bias.

    Beware of the names. The first step multiplies with V_scaled and the second with U_scaled, so U.weight is
    V_scaled [rank, in] and V.weight is U_scaled [out, rank]. Swapped and transposed, they fit a square layer
    all the same, and give nonsense without an error.
    """

    def __init__(
        self, in_features: int, out_features: int, rank: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(
        cls, U_scaled: torch.Tensor, V_scaled: torch.Tensor, bias: torch.Tensor | None = None
    ) -> "LowRankLinear":
        """Make the layer x -> x (U_scaled V_scaled)^T + bias of copies of its arguments.

        Example: U_scaled [[1, 2], [3, 4]] and V_scaled [[1, 0], [1, 1]] turn x = [1, -3] into [-3, -5].

        U_scaled: [out, r]; V_scaled: [r, in]; bias: [out] or None. The layer has the factors' dtype and
        device. Its parameters are new ones: they share no memory with the arguments and can be trained. With
        bias None, V has no bias.
        """
        raise NotImplementedError("Exercise 4.2 LowRankLinear")

    @classmethod
    def from_linear(cls, linear: nn.Linear, rank: int) -> "LowRankLinear":
        """Approximate a Linear layer by the best one of that rank (`low_rank_decompose`).

        The Linear is not modified and shares no memory with the result, which has its dtype, its device, its
        training mode (U and V too), and all of whose parameters have the requires_grad of its weight.
        ValueError: as in `low_rank_decompose`.
        """
        raise NotImplementedError("Exercise 4.2 LowRankLinear")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: [..., in] -> [..., out].

        Calls U, then V, so that hooks on them run and a layer put in their place counts. Never forms the
        large matrix.
        """
        raise NotImplementedError("Exercise 4.2 LowRankLinear")


def break_even_rank(in_features: int, out_features: int) -> int:
    """Return the largest rank at which the two factors hold no more numbers than the matrix.

    rank * (in + out) <= in * out. Examples: 4096 x 4096 gives 2048, exactly half; 4096 x 11008 gives 2985; 8
    x 1 gives 0, since one row cannot be made smaller. ValueError: a size below 1.
    """
    if in_features < 1 or out_features < 1:
        raise ValueError(f"a layer has at least 1 input and 1 output, got {in_features} and {out_features}")
    raise NotImplementedError("Exercise 4.3 break_even_rank")


def rank_for_energy(singular_values: torch.Tensor, energy: float) -> int:
    """Return the smallest rank whose squared singular values hold at least that share of all squares.

    The question of 4.1 the other way round: the best approximation of that rank has a relative error of at
    most sqrt(1 - energy). It is asked of singular values, which may be those of any matrix.
    Example: of [4, 3] the first holds 16/25 = 64%: rank 1 for an energy of 0.64, rank 2 for 0.65. Squares and
    sums in float64. Where all are zero: rank 1.

    singular_values: [k], at least one, not negative, in descending order. ValueError: otherwise, or an energy
    outside (0, 1].
    """
    if singular_values.ndim != 1 or not len(singular_values) or not (singular_values >= 0).all():
        got = singular_values.tolist()
        raise ValueError(f"singular_values must be [k], at least one, none negative or NaN, got {got}")
    if (singular_values.diff() > 0).any():
        raise ValueError(f"singular_values must be in descending order, got {singular_values.tolist()}")
    if not 0.0 < energy <= 1.0:
        raise ValueError(f"energy must lie in (0, 1], got {energy}")
    raise NotImplementedError("Exercise 4.3 rank_for_energy")


def convert_to_low_rank(model: nn.Module, rank: int, skip: Sequence[str] = ("lm_head",)) -> dict:
    """Replace Linear layers by `LowRankLinear` of that rank, in place, unless this makes them larger.

    Every Linear layer of the model is considered, inside the blocks and outside, and GPT-2's Conv1D. These
    stay as they are, the same objects; the first reason that holds is reported:

    - a layer whose whole dotted name, or last part of it, stands in `skip`: "named in skip" (`skip=()` would
      convert the head);
    - a layer with a weight or a bias that is used in another place as well: "tied". A head shares its weight
      with the embedding; a whole layer may be used in two places;
    - a layer that would grow: "rank 80 > break-even 53";
    - the parts of a LowRankLinear, whatever other layers are called, so that a second call does not factorise
      factors (they are not in the report at all).

    The layers are listed first and replaced afterwards: nothing is walked through while it changes.
    `from_pretrained` knows nothing of the new layers and would start them from random weights: to read a
    saved model, convert a fresh one to the same rank, then `load_state_dict`.

    Returns what `summarize` makes of it: parameters before and after, altogether and for each kind of layer
    (converted or skipped), and which layers were skipped and why. A new layer has the old one's training mode
    and requires_grad. ValueError: rank < 1, or `skip` a string instead of a sequence of strings.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    raise NotImplementedError("Exercise 4.4 convert_to_low_rank")


def summarize(model: nn.Module, before: Mapping[str, int], skipped: Mapping[str, str]) -> dict:
    """Compare each layer's parameters (weights and bias) with what they were `before`; given.

    `before`: {name: parameters} of every layer that was considered, also of those that were skipped.

    Returns {"parameters_before": all of the model's parameters, tied ones once, "parameters_after": the same,
    "kinds": {kind: {"layers": how many, "before": their parameters, "after": the same}}, "skipped": {name:
    why}}. The kind is what stands after the block's number: `self_attn.q_proj` for
    `model.layers.0.self_attn.q_proj`.
    """
    kinds: dict[str, dict[str, int]] = {}
    for name, count in before.items():
        row = kinds.setdefault(layer_kind(name), {"layers": 0, "before": 0, "after": 0})
        row["layers"] += 1
        row["before"] += count
        row["after"] += parameter_count(model.get_submodule(name))
    after = parameter_count(model)
    saved = sum(row["before"] - row["after"] for row in kinds.values())
    return {
        "parameters_before": after + saved,
        "parameters_after": after,
        "kinds": kinds,
        "skipped": dict(skipped),
    }


def damped_cholesky(covariance: torch.Tensor) -> torch.Tensor:
    """Return the lower triangular L with L L^T = covariance, in float64.

    A covariance that is not positive definite (an input that is always 0, or fewer tokens than inputs) has
    none. Then add 1e-6 * mean(diagonal) to the diagonal (1e-6 where that mean is 0). If that is not enough,
    add ten times as much to the covariance as it came, and so on. Say so: `warnings.warn` with the words "not
    positive definite" and the number that was added. One that is positive definite in float64 gets no damping
    and no warning. Examples: [[4, 2], [2, 2]] gives [[2, 0], [1, 1]]. diag(4, 2, 0) has the mean 2: 2e-6 is
    added to each number of the diagonal.

    covariance: [in, in], symmetric, its diagonal not negative; not changed. Returns float64 [in, in].
    """
    raise NotImplementedError("Exercise 4.5 damped_cholesky")


def whitened_decompose(
    weight: torch.Tensor, input_covariance: torch.Tensor, rank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two factors of that rank whose *output* error on the calibration inputs is the smallest.

    For inputs x as columns of X the squared error of the outputs is |(W - W') X|^2 = |(W - W') L|^2, where L
    is the lower Cholesky factor of X X^T. So decompose W L = U diag(S) Vh, keep the first `rank`, and undo L
    on the right: the product is U (S Vh L^-1), its squared output error the sum of the dropped S^2. As in 4.1
    both factors are equally large, one component at a time: the columns of U have length 1, so each gets the
    root of the length of its row of S Vh L^-1, and the row is divided by that. (The paper gives sqrt(S) to
    each, which makes V_scaled the smaller the more tokens there were, and Adam's steps too large for it.)
    Example: W = [[3, 0], [0, 2]] with covariance diag(1, 4) at rank 1 keeps the 2, because W L = [[3, 0], [0,
    4]]: U_scaled [[0], [sqrt(2)]], V_scaled [[0, sqrt(2)]] (or both negative), squared output error 9.
    Source: SVD-LLM (Wang et al. 2024, arXiv 2403.07378), section 3.

    weight: [out, in]; input_covariance: [in, in], the sum of x x^T over tokens; neither is changed. Any
    multiple of the covariance gives the same factors. L and the decomposition in float64. Returns [out, rank]
    and [rank, in], fp32 (float64 for a float64 weight), without a gradient. Nothing is divided by 0,
    also where a row of S Vh L^-1 is 0 (the weight has fewer directions than `rank`).
    ValueError: as in `low_rank_decompose`; a covariance of another shape, not symmetric, or with a negative
    diagonal.
    """
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    raise NotImplementedError("Exercise 4.5 whitened_decompose")


def check_covariance(covariance: torch.Tensor, in_features: int) -> None:
    """Refuse what cannot be a sum of x x^T."""
    check_finite(covariance, "input_covariance")
    if covariance.shape != (in_features, in_features):
        wanted = [in_features, in_features]
        raise ValueError(f"input_covariance must be {wanted}, got {list(covariance.shape)}")
    if not torch.allclose(covariance, covariance.T, rtol=1e-3, atol=1e-6 * covariance.abs().max().item()):
        off = (covariance - covariance.T).abs().max()
        raise ValueError(f"input_covariance must be symmetric; it differs from its transpose by {off:.3g}")
    lowest = covariance.diagonal().min()
    if lowest < 0:
        raise ValueError(f"a sum of squares cannot be negative, but the diagonal holds {lowest:.3g}")


def factorize(
    model: nn.Module, ranks: Mapping[str, int], covariances: Mapping[str, torch.Tensor] | None = None
) -> None:
    """Replace the named layers by `LowRankLinear` of the given ranks, in place; given.

    The decomposition is whitened where there are covariances. Unlike `convert_to_low_rank` this lets every
    layer have a rank of its own, and asks no questions.
    """
    for name, rank in ranks.items():
        linear = as_linear(model.get_submodule(name))
        weight = linear.weight
        if covariances is None:
            factors = low_rank_decompose(weight, rank)
        else:
            factors = whitened_decompose(weight, covariances[name], rank)
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in factors)
        layer = LowRankLinear.from_factors(U_scaled, V_scaled, linear.bias)
        set_submodule(model, name, layer.train(linear.training).requires_grad_(weight.requires_grad))

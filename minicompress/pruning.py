"""Notebook 01: pruning. Score, mask and apply are separate functions.

A mask is a bool tensor of the weight's shape, True = kept. Ties are always broken the same way: the lowest
flat (row-major) index is pruned first.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.nn.utils import parametrize

from minicompress.lab.calibration import Batch, check_batches, layer_inputs, walk_blocks
from minicompress.lab.checks import (
    check_bits,
    check_pattern,
    check_pattern_sparsity,
    check_sparsity,
    check_weight,
)
from minicompress.lab.gram import Gram
from minicompress.lab.modules import is_conv1d, linear_layers, owners


def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Mask the smallest magnitudes: exactly round(sparsity * numel) entries are False, which means pruned.

    Example: weight [[1, -4], [3, 2]] at sparsity 0.5 prunes 1 and 2: mask [[False, True], [True, False]]. The
    count is exact by rank, so ties do not change it: among equal magnitudes the lowest flat index (row-major)
    goes first. `round` is Python's: 2.5 gives 2. Source: Han et al. 2015, arXiv 1506.02626.

    weight: any shape, floating point; not changed. Returns bool, the same shape, on the weight's device.
    ValueError: sparsity outside [0, 1] (the message names it), NaN weights, an integer tensor.
    """
    check_weight(weight)
    check_sparsity(sparsity)
    raise NotImplementedError("Exercise 1.1 magnitude_mask")


class Mask(nn.Module):
    """The parametrization weight -> weight where the mask is True, 0 elsewhere.

    The zeros are computed anew at each use, so no momentum, weight decay or gradient can revive a weight.
    """

    def __init__(self, mask: torch.Tensor):
        super().__init__()
        self.register_buffer("mask", mask.clone())

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return torch.where(self.mask, weight, 0.0)


def apply_mask(module: nn.Module, mask: torch.Tensor) -> None:
    """Fix the pruned entries of `module.weight` at zero, in place, whatever an optimizer does.

    The optimizer may have been made before or after. Use `torch.nn.utils.parametrize` with the `Mask` above.
    A second call ANDs the new mask into the buffer of the `Mask` that is already there (no second one is
    stacked on it): the zeros only grow. Other parametrizations of the weight stay, also weight_norm, which
    keeps two tensors instead of one. `bake_masks` ends it.

    mask: bool, the shape of module.weight; it is not changed. ValueError: another shape or dtype (the message
    names it), or a weight that is tied (shared with another module, which would go on without the mask).
    """
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    raise NotImplementedError("Exercise 1.2 apply_mask")


def bake_masks(model: nn.Module) -> None:
    """Turn the masked weights of all modules back into plain parameters with zeros in them, in place.

    The parameters stay the same objects, so an optimizer made before goes on with them. A weight that has no
    `Mask` keeps its parametrizations. Everything that saves a model calls this first: the names of a
    parametrized weight mean nothing to a loader.
    """
    raise NotImplementedError("Exercise 1.2 bake_masks")


def global_magnitude_masks(weights: Mapping[str, torch.Tensor], sparsity: float) -> dict[str, torch.Tensor]:
    """Mask the smallest magnitudes of all weights together: by one ranking, so some layers lose more.

    Exactly round(sparsity * total) entries are False; among equal magnitudes the first weight of the mapping
    goes first, then the lowest flat index (row-major). Example: {"a": [1, -2], "b": [-30, 40]} at 0.5 gives
    {"a": [False, False], "b": [True, True]}.

    weights: name -> any shape, floating point; they are not changed. Returns name -> bool mask, the same
    shapes and devices.
    ValueError: no weight, sparsity outside [0, 1] (the message names it), NaN weights, an integer tensor.
    """
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    raise NotImplementedError("Exercise 1.3 global_magnitude_masks")


def sparsity_schedule(step: int, steps: int, final: float, kind: str = "linear") -> float:
    """Return the sparsity to reach at `step` of `steps`: 0 at step 0, exactly `final` at the last.

    "linear": final * (step / steps). "cubic": final * (1 - (1 - step / steps)^3), fast first, when there is
    most to spare, and slow at the end (Zhu & Gupta 2017, arXiv 1710.01878, equation 1). Example: step 5 of 10
    to 0.8 gives 0.4 and 0.7. Divide first: adding up increments, or final * step / steps, ends a rounding
    error beside `final`.

    ValueError that names the bad value: steps < 1, step outside 0..steps, final outside [0, 1], an unknown
    kind.
    """
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    raise NotImplementedError("Exercise 1.4 sparsity_schedule")


def iterative_pruning(
    model: nn.Module,
    fine_tune: Callable[[nn.Module], object],
    evaluate: Callable[[nn.Module], float],
    final: float = 0.9,
    steps: int = 10,
    kind: str = "linear",
) -> list[dict]:
    """Prune a little, fine-tune, evaluate, and again, until `final` of all prunable weights are zero.

    The model is changed in place. Step k of 1..steps ranks the weights of its `linear_layers`, as they are by
    then, in one global ranking, and masks them to the sparsity that `sparsity_schedule` of this `kind` gives
    for the step. Then it calls `fine_tune(model)`, then `evaluate(model)`. What was pruned is zero, so it
    ranks lowest and stays pruned. The masks are still on the model when this returns: the caller bakes them.
    Source: Han et al. 2015, arXiv 1506.02626, section 3.

    kind: "linear" or "cubic", as in `sparsity_schedule`.

    Returns one record a step: {"step": int, "sparsity": float, "score": what evaluate returned}.
    ValueError: steps < 1, final outside [0, 1], an unknown kind (the message names the value), a model with
    no Linear layer in its blocks.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    raise NotImplementedError("Exercise 1.5 iterative_pruning")


def nm_mask(scores: torch.Tensor, n: int = 2, m: int = 4) -> torch.Tensor:
    """Keep exactly the `n` highest scores of every `m` neighbours along the last dimension.

    Example: scores [0.1, 0.5, 0.2, 0.8] with 2:4 keep 0.5 and 0.8. Of equal scores the lowest index is pruned
    first. For a Linear weight [out, in] the last dimension is the input, which is what sparse tensor cores
    expect. Beware: some libraries' N counts the pruned ones. Source: Mishra et al. 2021, arXiv 2104.08378.

    scores: [..., columns], floating point (pass |weight| for magnitude); they are not changed. Returns bool,
    True = kept, the same shape and device.
    ValueError: columns not divisible by m, n outside 1..m (the message names columns or n), NaN scores, an
    integer tensor.
    """
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    raise NotImplementedError("Exercise 1.6 nm_mask")


def to_coo(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Store non-zeros with their coordinates, in row-major order: (indices int64 [ndim, nnz], values [nnz]).

    Example: [[0, 5], [7, 0]] gives indices [[0, 1], [1, 0]] (rows, then columns) and values [5, 7]. The
    values keep the weight's dtype.

    weight: any shape, any strides.
    """
    raise NotImplementedError("Exercise 1.7 to_coo")


def from_coo(indices: torch.Tensor, values: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Undo `to_coo`: a dense tensor of `shape`, of the values' dtype and device.

    ValueError: indices that are not [len(shape), nnz], or that lie outside the shape.
    """
    if indices.shape != (len(shape), len(values)):
        wanted = [len(shape), len(values)]
        raise ValueError(f"indices must be {wanted} for shape {list(shape)}, got {list(indices.shape)}")
    sizes = torch.tensor(shape, device=indices.device)
    if (indices < 0).any() or (indices.T >= sizes).any():
        span = f"from {indices.amin().item()} up to {indices.amax(1).tolist()}"
        raise ValueError(f"indices {span} lie outside the shape {list(shape)}")
    raise NotImplementedError("Exercise 1.7 from_coo")


def to_bitmask(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Store a bit an entry and the non-zeros, in row-major order: (bits uint8 [ceil(numel/8)], values [nnz]).

    Bit i of byte b, counted from the least significant, says whether entry 8b + i is kept; missing ones are
    0.
    Example: [5, 0, 0, 7, 0, 0, 0, 0, 3] gives bits [0b00001001, 0b00000001] = [9, 1] and values [5, 7, 3].
    The values keep the weight's dtype.

    weight: any shape, any strides.
    """
    raise NotImplementedError("Exercise 1.7 to_bitmask")


def from_bitmask(bits: torch.Tensor, values: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Undo `to_bitmask`: a dense tensor of `shape`, of the values' dtype and device.

    ValueError: bits that are not uint8 [ceil(numel/8)], or whose number of ones is not the number of values:
    this message names both numbers.
    """
    numel = math.prod(shape)
    size = math.ceil(numel / 8)
    if bits.dtype != torch.uint8 or bits.shape != (size,):
        got = f"{bits.dtype} {list(bits.shape)}"
        raise ValueError(f"shape {list(shape)} needs uint8 bits [{size}], got {got}")
    raise NotImplementedError("Exercise 1.7 from_bitmask")


def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    """Predict the bytes of a pruned tensor, an int: its kept values at `bits` each, and where they belong.

    nnz = numel - round(sparsity * numel); the values take ceil(nnz * bits / 8) bytes. Beside them: "coo" one
    int64 a dimension and value (16 nnz for a matrix); "csr" an int64 column a value and rows + 1 int64
    offsets, 8 nnz + 8 (rows + 1); "bitmask" and "2:4" (two 2-bit positions of every four) ceil(numel / 8).
    "dense" stores every entry, zeros too. Example: [4, 8] at 0.5, 16 bits: dense 64, coo 288, csr 200,
    bitmask 36.

    ValueError: an unknown format, csr for anything but a matrix, 2:4 with a sparsity other than 0.5 or a last
    dimension not divisible by 4, sparsity outside [0, 1], bits outside 1..64. The message names the
    bad value.
    """
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
    raise NotImplementedError("Exercise 1.7 storage_bytes")


def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    """Return how loud each input of each prunable layer is: name -> L2 norm over all tokens, fp32 [in].

    norm_j = sqrt( sum over tokens of x_j^2 ): not the mean of x_j, whose signs cancel. Padding does not
    count, neither here nor inside the model. Squares and sums are fp32 (or finer) whatever the model's dtype.
    The model is run in eval mode without gradients. Afterwards each of its modules has its own mode again,
    and no hook is left.

    `layer_inputs(model, batches)` runs it: an iterator over (name, x), x being the layer's input for one
    batch, [tokens, in] in the model's dtype, without padding.

    batches: a list of mappings with `input_ids` [B, T] and optionally `attention_mask`.
    ValueError: no batch or nothing but padding, a model with no Linear layer in its blocks.
    """
    check_batches(batches)
    layers = linear_layers(model)
    raise NotImplementedError("Exercise 1.8 input_norms")


def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Mask by |weight| * input norm, compared within each output row.

    int(in_features * sparsity) entries go in every row, among equal scores the lowest index first. A small
    weight on a loud input can matter more than a large one on a silent input. With `pattern=(n, m)`, n of
    every m neighbouring inputs are kept instead. Scores are fp32 (or finer) whatever the weight's dtype.
    Example: weight [[1, -2]] with norms [10, 1] prunes the -2 (10 against 2).
    Source: Sun et al. 2023, arXiv 2306.11695, equation 1 and section 3.

    weight: [out, in], floating point; input_norm: [in]. Returns bool [out, in], True = kept; changes neither.
    ValueError: sparsity outside [0, 1], or other than 1 - n/m with a pattern; NaN; shapes that do not fit.
    """
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    raise NotImplementedError("Exercise 1.9 wanda_mask")


def matrix(layer: nn.Module) -> torch.Tensor:
    """The layer's weight as [out, in], sharing memory: GPT-2's Conv1D stores its transpose.

    ValueError: a masked weight, which is computed anew at each use, so that changes to it would be lost.
    """
    if parametrize.is_parametrized(layer, "weight"):
        name = type(layer).__name__
        raise ValueError(f"this {name} is parametrized, by a mask perhaps: bake_masks(model) first")
    return layer.weight.detach().T if is_conv1d(layer) else layer.weight.detach()


def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    """Prune every Linear layer inside the blocks with `wanda_mask`, in place, block by block.

    A block is calibrated on what the blocks before it, already pruned, make of the text. The norms of all the
    layers of one block are taken before the first of them is pruned. Pruned weights become zeros in the
    layer's own parameter: `apply_mask(layer, layer.weight != 0)` keeps them zero in fine-tuning. Nothing else
    of the model changes.

    `walk_blocks(model, batches)` gives one block after the other: `block.layers`, name -> layer, and
    `block.inputs()`, an iterator like `layer_inputs` over the inputs of these layers; `block.shared_inputs()`
    gives each input once, (names, x), with the names of all the layers that read it. `matrix(layer)` is the
    weight to change in place.
    Source: Sun et al. 2023, arXiv 2306.11695, section 3.

    ValueError: as for `wanda_mask` and `input_norms`; a model that is masked already (`bake_masks` first).
    """
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    raise NotImplementedError("Exercise 1.10 wanda_prune")


def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    """Return the weight pruned column by column, the columns to the right making up for the error.

    This is the optimal brain surgeon. First `damping` times the mean of the Hessian's diagonal is added to
    that diagonal. With U the upper Cholesky factor of the inverse, pruning w_j costs w_j^2 / U_jj^2 and moves
    the rest of its row by -(w_j / U_jj) U_j. The mask of `block_size` columns (the last block may be
    narrower) is chosen at the block's first column, by one ranking over all its rows: exactly
    round(sparsity * entries of the block) go. With `pattern=(n, m)` it is chosen at every group of m columns
    instead. Either way the costs are those of the weights as updated so far. Inputs that are always zero lose
    their columns.
    Example: [[1, 3]] with hessian [[1, 1], [1, 1]] gives [[0, 3 + 1 / 1.01]].
    Source: Frantar & Alistarh 2023, arXiv 2301.00774, section 3 and algorithm 1.

    weight: [out, in]; hessian: [in, in], proportional to the sum of x x^T. Returns fp32 [out, in] that needs
    no gradient; changes neither.
    """
    raise NotImplementedError("Exercise 1.11 sparsegpt_weight")


def sparsegpt_prune(
    model: nn.Module,
    batches: Sequence[Batch],
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> None:
    """Prune every Linear layer inside the blocks with `sparsegpt_weight`, in place, as in `wanda_prune`.

    The Hessian of a layer is the sum of x x^T over its calibration tokens (the paper's factor 2 changes
    nothing: damping is relative). Layers that read the same input share one: `block.shared_inputs()` gives
    (names, x), each input once. `Gram` is given: it adds up x^T x in five eighths of the memory and the time;
    a plain sum of `x.T @ x` is right, too.
    Source: Frantar & Alistarh 2023, arXiv 2301.00774.

    ValueError: as for `wanda_prune`; block_size < 1 or not divisible by m; damping < 0.
    """
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern is not None and block_size % pattern[1]):
        got = f"{block_size} with {pattern}"
        raise ValueError(f"block_size must be at least 1 and divisible by the pattern's m, got {got}")
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}")
    raise NotImplementedError("Exercise 1.11 sparsegpt_prune")

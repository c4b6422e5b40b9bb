"""Notebook 01: pruning. Score, mask and apply are separate functions.

A mask is a bool tensor of the weight's shape, True = kept. Ties are always broken the same way: the lowest flat
(row-major) index is pruned first.
"""

import torch
from torch import nn
from torch.nn.utils import parametrize

from minicompress.lab.checks import check_pattern, check_sparsity, check_weight
from minicompress.lab.modules import owners


def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Mask the smallest magnitudes: exactly round(sparsity * numel) entries are False.

    Example: weight [[1, -4], [3, 2]] at sparsity 0.5 prunes 1 and 2: mask [[False, True], [True, False]].
    The count is exact by rank, so ties do not change it: among equal magnitudes the lowest flat index goes first.
    Source: Han et al. 2015, arXiv 1506.02626.

    weight: any shape, floating point. Returns bool, the same shape, on the weight's device.
    ValueError: sparsity outside [0, 1], NaN weights, an integer tensor.
    """
    check_weight(weight)
    check_sparsity(sparsity)
    ### BEGIN SOLUTION
    count = round(sparsity * weight.numel())
    if count == 0:
        return torch.ones_like(weight, dtype=torch.bool)
    magnitude = weight.detach().abs().flatten()  # [numel], row-major
    threshold = magnitude.kthvalue(count).values  # the largest magnitude to be pruned
    mask = magnitude > threshold
    tied = (magnitude == threshold).nonzero().squeeze(1)  # in the order of flat indices
    below = (magnitude < threshold).sum()
    mask[tied[count - below :]] = True  # only as many of the tied ones go as the count still asks for
    return mask.view(weight.shape)
    ### END SOLUTION


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
    """Fix the pruned entries of `module.weight` at zero, in place, through any optimizer made before or after.

    Use `torch.nn.utils.parametrize` with the `Mask` above. A second call ANDs the new mask into the old one: masks
    only grow. `bake_masks` ends it.

    mask: bool, the shape of module.weight. ValueError: another shape or dtype, or a weight that is tied (shared with
    another module, which would go on using the unmasked values).
    """
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    ### BEGIN SOLUTION
    mask = mask.to(weight.device)
    if parametrize.is_parametrized(module, "weight"):
        for step in module.parametrizations.weight:
            if isinstance(step, Mask):
                step.mask &= mask
                return
    elif len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it before masking")
    parametrize.register_parametrization(module, "weight", Mask(mask))
    ### END SOLUTION


def bake_masks(model: nn.Module) -> None:
    """Turn masked weights back into plain parameters with zeros in them, in place.

    Everything that saves a model calls this first: the names of a parametrized weight mean nothing to a loader.
    """
    ### BEGIN SOLUTION
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight") and any(isinstance(step, Mask) for step in module.parametrizations.weight):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    ### END SOLUTION


def nm_mask(scores: torch.Tensor, n: int = 2, m: int = 4) -> torch.Tensor:
    """Keep exactly the `n` highest scores of every `m` neighbours along the last dimension.

    Example: scores [0.1, 0.5, 0.2, 0.8] with 2:4 keep 0.5 and 0.8. For a Linear weight [out, in] the last dimension
    is the input, which is what sparse tensor cores expect. Beware: some libraries' N counts the pruned ones.
    Source: Mishra et al. 2021, arXiv 2104.08378.

    scores: [..., columns], floating point (pass |weight| for magnitude). Returns bool, the same shape.
    ValueError: columns not divisible by m, n outside 1..m, NaN scores, an integer tensor.
    """
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    ### BEGIN SOLUTION
    groups = scores.detach().reshape(-1, m)  # [numel/m, m]
    lowest_first = groups.argsort(dim=-1, stable=True)  # stable: of equal scores the lowest index comes first
    mask = torch.ones_like(groups, dtype=torch.bool)
    mask.scatter_(-1, lowest_first[:, : m - n], False)
    return mask.view(scores.shape)
    ### END SOLUTION

"""Training with the rounding in the loop: fake quantization with a straight-through gradient.

The forward pass sees weights on the grid they will be stored on; the backward pass treats the rounding as the
identity, so that the full-precision weights behind it go on learning (Bengio et al. 2013, arXiv 1308.3432).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize

from minicompress.lab.modules import linear_layers


class StraightThrough(torch.autograd.Function):
    """Forward: the weight on its grid. Backward: the gradient of the identity."""

    @staticmethod
    def forward(ctx, weight: torch.Tensor, on_grid: torch.Tensor) -> torch.Tensor:
        return on_grid

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient, None


def absmax_grid(weight: torch.Tensor, bits: int, group_size: int | None = None) -> torch.Tensor:
    """Round to the symmetric grid of `quantize_symmetric`: scale absmax / (2^(bits-1) - 1) per row, or per
    group of inputs.
    """
    rows, columns = weight.shape
    groups = weight.reshape(rows, -1, group_size or columns)  # [out, groups, group_size]
    scale = groups.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)  # [out, groups, 1]
    scale = torch.where(scale == 0, 1.0, scale)
    return ((groups / scale).round() * scale).view(rows, columns)


# `clip_scale` of exercise 5.4 searches the step that fits each row. The clipped grids here take it from the
# row's spread, which costs one rounding a forward pass instead of 20 and lands nearby for normal weights
# (0.65 of the spread at 3 bits, where the table for one level more says 0.586). `fake_quantize` there stops
# the gradient beyond the edges; `StraightThrough` lets it pass, so that a clipped weight can come back.
#
# Steps of a uniform grid, in standard deviations, that are best for a normal distribution (Max 1960, table
# II, for 2^bits levels; ours has one level less).
BEST_STEP = {3: 0.586, 4: 0.335, 5: 0.188, 6: 0.104}


def clipped_grid(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Round to the integers -q..q times a step fitted to the row's spread, not to its largest weight, which
    is clipped.

    At 3 bits the largest of 96 weights would make the step half again as wide as is best for the others. The
    largest weight lands on q, so that `quantize_symmetric` finds this very grid again.
    """
    largest = 2 ** (bits - 1) - 1
    absmax = weight.abs().amax(-1, keepdim=True)  # [out, 1]
    step = torch.minimum(BEST_STEP[bits] * weight.std(-1, keepdim=True), absmax / largest).clamp(min=1e-8)
    return (weight / step).round().clamp(-largest, largest) * step


def ternary_grid(weight: torch.Tensor) -> torch.Tensor:
    """Round to scale * {-1, 0, 1} per row: zero below 0.7 of the mean magnitude, the scale the mean of the
    others.

    Source: Li et al. 2016, arXiv 1605.04711. Rounding twice changes nothing.
    """
    magnitude = weight.abs()
    kept = magnitude > 0.7 * magnitude.mean(-1, keepdim=True)
    scale = (magnitude * kept).sum(-1, keepdim=True) / kept.sum(-1, keepdim=True).clamp(min=1)  # [out, 1]
    return weight.sign() * kept * scale


def sign24_grid(weight: torch.Tensor) -> torch.Tensor:
    """Keep the two largest magnitudes of every four, each as scale * sign; per row, scale = mean kept
    magnitude.

    With the kept places fixed this scale minimises the squared error (Rastegari et al. 2016, arXiv
    1603.05279).
    """
    rows, columns = weight.shape
    magnitude = weight.detach().abs().view(rows, -1, 4)  # [out, groups, 4]
    pruned = magnitude.argsort(dim=-1, stable=True)[
        ..., :2
    ]  # the lowest index first among equals, as in nm_mask
    kept = torch.ones_like(magnitude, dtype=torch.bool).scatter_(-1, pruned, False).view(rows, columns)
    scale = (weight.abs() * kept).sum(-1, keepdim=True) / (columns // 2)  # [out, 1]
    sign = torch.where(weight < 0, -1.0, 1.0)
    return sign * kept * scale


class Grid(NamedTuple):
    """Values that weights may take: the bits that its integers need, and the nearest point of a weight."""

    bits: int
    nearest: Callable[[torch.Tensor], torch.Tensor]


GRIDS = {
    "ternary": Grid(2, ternary_grid),
    "sign24": Grid(2, sign24_grid),
    **{f"int{bits}": Grid(bits, partial(absmax_grid, bits=bits)) for bits in range(2, 9)},
    **{f"clip{bits}": Grid(bits, partial(clipped_grid, bits=bits)) for bits in BEST_STEP},
}


class FakeQuantize(nn.Module):
    """The parametrization weight -> nearest weight on a grid, straight-through in the backward pass."""

    def __init__(self, grid: str):
        super().__init__()
        if grid not in GRIDS:
            raise ValueError(f"unknown grid {grid!r}: choose one of {', '.join(GRIDS)}")
        self.grid = grid

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return StraightThrough.apply(weight, GRIDS[self.grid].nearest(weight.detach()))


def train_on_grid(modules: list[nn.Module], grid: str) -> None:
    """Make the weights of `modules` live on a grid from now on, in place; `bake_fake_quantize` ends it."""
    for module in modules:
        parametrize.register_parametrization(module, "weight", FakeQuantize(grid))


def put_on_grids(model: nn.Module, blocks: str, embedding: str) -> None:
    """Fake-quantize the layers inside the blocks, and embedding and head, in place; "" leaves them."""
    if blocks:
        train_on_grid(list(linear_layers(model).values()), blocks)
    if embedding:
        train_on_grid([model.get_input_embeddings(), model.get_output_embeddings()], embedding)


def bake_fake_quantize(model: nn.Module) -> None:
    """Replace every fake-quantized weight by its value on the grid, in place; tied weights stay tied."""
    baked = set()
    for module in _fake_quantized(model):
        original = module.parametrizations.weight.original
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=original not in baked)
        baked.add(original)


def drop_fake_quantize(model: nn.Module) -> None:
    """Give every fake-quantized module its full-precision weight back, in place."""
    for module in _fake_quantized(model):
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)


def _fake_quantized(model: nn.Module) -> list[nn.Module]:
    def is_fake(module: nn.Module) -> bool:
        return parametrize.is_parametrized(module, "weight") and any(
            isinstance(step, FakeQuantize) for step in module.parametrizations.weight
        )

    return [module for module in model.modules() if is_fake(module)]

"""Notebook 05: quantization, real numbers as small integers times a scale."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from minicompress.lab.checks import check_bits, check_finite


class QuantizedTensor(NamedTuple):
    """Integers and the scale that turns them back: weight ~ values * scale, group by group.

    values: int8 [out, in]; scale: fp32 [out, groups], one group being `group_size` neighbouring inputs
    (the whole row when None).
    """

    values: torch.Tensor
    scale: torch.Tensor
    bits: int
    group_size: int | None


def quantize_symmetric(weight: torch.Tensor, bits: int = 8, group_size: int | None = None) -> QuantizedTensor:
    """Round to the nearest of the integers -q..q times a scale, q = 2^(bits-1) - 1.

    There is one scale a row, or a group of neighbours in it. scale = absmax / q, values = round(weight /
    scale), half to even. Example: row [7, 2.5, 0.5, -4.5] at 4 bits has scale 1 and values [7, 2, 0, -4]:
    each half goes to its even neighbour. A row or group of zeros gets scale 1, one of tiny weights its own
    tiny scale. The error of each weight is at most scale / 2. The weight is not changed, and the scale
    requires no gradient.

    weight: [out, in], floating point; computed in fp32. ValueError: bits outside 2..8, a group_size that does
    not divide `in`, a weight that is not a matrix, NaN or infinity, or an integer tensor.
    """
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    ### BEGIN SOLUTION
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)  # [out, groups, group_size]
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest  # [out, groups, 1]
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)
    ### END SOLUTION


def dequantize(q: QuantizedTensor) -> torch.Tensor:
    """Return values * scale, fp32 [out, in]."""
    ### BEGIN SOLUTION
    rows, groups = q.scale.shape
    return (q.values.float().view(rows, groups, -1) * q.scale.float()[..., None]).view(rows, -1)  # [out, in]
    ### END SOLUTION


def pack_int4(values: torch.Tensor) -> torch.Tensor:
    """Pack integers -8..7 two to a byte along the last dimension, plus 8, the first in the low nibble.

    Example: [-8, 7, 0] becomes the nibbles 0, 15, 8 and a padding 0: bytes [0xF0, 0x08] = [240, 8].

    values: integer [..., columns], not changed. Returns uint8 [..., ceil(columns / 2)]. ValueError: a value
    outside -8..7.
    """
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        got = f"{values.dtype} {values.min().item()}..{values.max().item()}"
        raise ValueError(f"values must be integers in -8..7, got {got}")
    ### BEGIN SOLUTION
    nibbles = F.pad(values.to(torch.int16) + 8, (0, values.shape[-1] % 2))  # [..., even]
    low, high = nibbles[..., 0::2], nibbles[..., 1::2]
    return (low | high << 4).to(torch.uint8)
    ### END SOLUTION


def unpack_int4(packed: torch.Tensor, columns: int) -> torch.Tensor:
    """Undo `pack_int4`: int8 [..., columns]. `packed` is not changed.

    ValueError: packed is not uint8, or `columns` does not fit its last dimension.
    """
    size = (columns + 1) // 2
    if packed.dtype != torch.uint8 or packed.shape[-1] != size:
        got = f"{packed.dtype} {list(packed.shape)}"
        raise ValueError(f"{columns} columns need uint8 [..., {size}], got {got}")
    ### BEGIN SOLUTION
    nibbles = torch.stack([packed & 0xF, packed >> 4], -1).flatten(-2)  # [..., even]
    return nibbles[..., :columns].to(torch.int8) - 8
    ### END SOLUTION


class QuantizedLinear(nn.Module):
    """A Linear layer that holds integers: y = x (values * scale)^T + bias, in fp32.

    Buffers: values int8 [out, in], scale fp32 [out, groups], bias fp32 [out] or None; no parameters. Make one
    with `from_linear`. Autocast may round the product, as it does in every Linear: no guard is asked for.
    """

    def __init__(self, q: QuantizedTensor, bias: torch.Tensor | None):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(
        cls, linear: nn.Linear, bits: int = 8, group_size: int | None = None
    ) -> "QuantizedLinear":
        """Quantize a Linear's weight with `quantize_symmetric`; keep a copy of its bias, if it has one.

        The copy is fp32 and requires no gradient. The Linear is not modified.
        """
        ### BEGIN SOLUTION
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: [..., in], any floating type -> fp32 [..., out].

        The weight is dequantized anew at each call: the buffers may hold other integers by now. x gets its
        gradient.
        """
        ### BEGIN SOLUTION
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)
        ### END SOLUTION


class QuantizedEmbedding(nn.Module):
    """An Embedding that holds integers: row i of its table is values[i] * scale[i], in fp32.

    Buffers: values int8 [rows, embedding_dim], scale fp32 [rows, groups]; no parameters.
    """

    def __init__(self, q: QuantizedTensor):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """input_ids: int64, any shape, at least one id -> fp32 [*input_ids.shape, embedding_dim].

        Only the rows that are asked for are dequantized, at each call anew. Nothing as large as the table is
        made, whatever its type: a vocabulary has many thousand rows, and a sentence needs a few of them.
        """
        ### BEGIN SOLUTION
        flat = input_ids.flatten()  # [ids]
        rows = dequantize(QuantizedTensor(self.values[flat], self.scale[flat], self.bits, self.group_size))
        return rows.view(*input_ids.shape, self.embedding_dim)
        ### END SOLUTION


def clip_scale(weight: torch.Tensor, bits: int, candidates: int = 20) -> torch.Tensor:
    """The scale of each row whose rounding has the least squared error, found among shares of absmax / q.

    q = 2^(bits-1) - 1. The candidates are k / candidates of absmax / q, for k = 1..candidates. The largest is
    the scale of `quantize_symmetric`. A smaller one clips the largest weights, which become q times it, and
    rounds all others more finely. Of equally good ones the largest is taken.

    Example: row [4, -2, 2, 1] at 2 bits, with 4 candidates. The scales 1, 2, 3, 4 have the squared errors 11,
    5, 4, 9: the scale is 3. A row of zeros gets scale 1. For many normally distributed weights the search
    finds the step of Max 1960 ("Quantizing for Minimum Distortion").

    weight: [out, in], floating point, not changed; computed in fp32. Returns fp32 [out, 1], which requires no
    gradient. ValueError: bits outside 2..8, no candidate, a weight that is not a matrix, NaN or infinity, or
    an integer tensor.
    """
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    ### BEGIN SOLUTION
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest  # [out, 1]
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):  # from the largest: an equally good smaller one changes nothing
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)  # [out, 1]
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best
    ### END SOLUTION


def fake_quantize(weight: torch.Tensor, bits: int, scale: torch.Tensor) -> torch.Tensor:
    """Round to the nearest of -q..q times the scale of the row, with a gradient for training.

    q = 2^(bits-1) - 1. Forward: a weight beyond q times the scale, the edge, is clipped to it; then all are
    rounded, half to even. Backward: the true gradient of rounding is 0 almost everywhere, and nothing would
    be learned. So the rounding is treated as the identity (Bengio et al. 2013, arXiv 1308.3432), but not the
    clipping: a weight up to the edge, and on it, gets the gradient of its result. One beyond it gets 0, as a
    small step of it changes nothing (Choi et al. 2018, arXiv 1805.06085; Esser et al. 2020, arXiv
    1902.08153).

    Example: row [4, -2, 2, 1] at 2 bits with scale 3 becomes [3, -3, 3, 0]. The gradient of the sum of these
    is [0, 1, 1, 1].

    weight: [out, in], floating point, not changed. scale: [out, 1], above 0, as `clip_scale` returns it; it
    gets no gradient. Computed in fp32. Returns fp32 [out, in], which `quantize_symmetric` can store without
    loss wherever a row reaches its edge. ValueError: bits outside 2..8, a scale of another shape or not above
    0.
    """
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        shapes = f"{list(weight.shape)} and {list(scale.shape)}"
        raise ValueError(f"weight must be [out, in] and scale [out, 1], got {shapes}")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    ### BEGIN SOLUTION
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale  # [out, 1]
    clipped = weight.float().clamp(-edge, edge)  # its gradient is 1 up to the edges and 0 beyond
    on_grid = (clipped / scale).round() * scale
    return clipped + (on_grid - clipped).detach()  # the rounding is a constant that is added
    ### END SOLUTION

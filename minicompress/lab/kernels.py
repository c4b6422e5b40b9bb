"""Given: Linear layers that compute with the integers themselves, on torch's CPU kernels.

`dequantize` and a matrix product read four bytes a weight. These layers read one, or half of one, which is
what counts when one token is written at a time. Both kernels work in bf16, which keeps 8 of 24 binary digits:
an output differs from the dequantized layer's by at most 2^-7 * sum over inputs of |x_i * w_i|.

    model = with_fast_layers(load_compressed(path))

Two kernels, and what they take:

| layer        | values          | scale                                            | shape            |
|--------------|-----------------|--------------------------------------------------|------------------|
| `Int8Linear` | -128..127       | one a row                                        | 16 divides `in`  |
| `Int4Linear` | -8..7           | one a row, or 32, 64, 128 or 256 inputs          | 16 divides `out` |
"""

import torch
from torch import nn

from minicompress.lab.modules import set_submodule

INT4_GROUPS = (256, 128, 64, 32)  # the group sizes that the kernel has been written for
STEP = 16  # weights that a kernel reads at once; `_weight_int8pack_mm` reads beyond a row that is no multiple


def _check(values: torch.Tensor, scale: torch.Tensor) -> None:
    """Refuse what no kernel takes."""
    if values.dtype != torch.int8 or values.ndim != 2:
        raise ValueError(f"values must be int8 [out, in], got {values.dtype} {list(values.shape)}")
    if values.device.type != "cpu":
        raise ValueError(f"these kernels run on the cpu, but the values are on {values.device}")
    rows, columns = values.shape
    if scale.ndim != 2 or len(scale) != rows or not scale.shape[1] or columns % scale.shape[1]:
        wanted = f"[{rows}, groups] with groups that divide {columns}"
        raise ValueError(f"scale must be {wanted}, got {list(scale.shape)}")


class Int8Linear(nn.Module):
    """y = x (values * scale)^T + bias with one scale a row: `torch._weight_int8pack_mm`.

    values: int8 [out, in], shared with the caller, not copied. scale: fp32 [out, 1]. bias: fp32 [out] or
    None. x: [..., in], any floating type -> fp32 [..., out]. The scale is multiplied in fp32, after the
    product, so it loses nothing.

    ValueError: several scales a row, an `in` that 16 does not divide, integers that are not on the CPU.
    """

    def __init__(self, values: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None = None):
        super().__init__()
        _check(values, scale)
        self.out_features, self.in_features = values.shape
        if scale.shape[1] != 1:
            raise ValueError(f"the int8 kernel takes one scale a row, got {scale.shape[1]}")
        if self.in_features % STEP:
            raise ValueError(f"the int8 kernel needs a multiple of {STEP} inputs, got {self.in_features}")
        self.register_buffer("values", values.contiguous())
        self.register_buffer("scale", scale.float().flatten())  # [out]
        self.register_buffer("bias", bias)
        self.register_buffer("ones", torch.ones(self.out_features, dtype=torch.bfloat16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.to(torch.bfloat16).reshape(-1, self.in_features)  # [tokens, in]
        y = torch._weight_int8pack_mm(flat, self.values, self.ones) * self.scale  # bf16 * fp32: fp32
        y = y if self.bias is None else y + self.bias
        return y.view(*x.shape[:-1], self.out_features)


class Int4Linear(nn.Module):
    """y = x (values * scale)^T + bias with a scale a group: `torch._weight_int4pack_mm_for_cpu`.

    values: int8 [out, in] in -8..7, packed at construction in this CPU's own order, two to a byte. scale:
    fp32 [out, groups], stored in bf16. bias: fp32 [out] or None. x: [..., in], any floating type -> fp32
    [..., out].

    ValueError: values outside -8..7, an `out` that 16 does not divide, groups of a size that the kernel does
    not have, integers that are not on the CPU.
    """

    def __init__(self, values: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None = None):
        super().__init__()
        _check(values, scale)
        self.out_features, self.in_features = values.shape
        if values.min() < -8 or values.max() > 7:
            got = f"{values.min().item()}..{values.max().item()}"
            raise ValueError(f"the int4 kernel takes integers in -8..7, got {got}")
        if self.out_features % STEP:
            raise ValueError(f"the int4 kernel needs a multiple of {STEP} outputs, got {self.out_features}")
        self.group_size = kernel_group(self.in_features, scale.shape[1])
        scale = scale.repeat_interleave(self.in_features // self.group_size // scale.shape[1], 1)
        pairs = torch.stack([scale.T, torch.zeros_like(scale.T)], -1)  # [groups, out, 2]: scale and offset
        packed = torch._convert_weight_to_int4pack_for_cpu(values.int() + 8, 1)  # uint8 [out, in / 2]
        self.register_buffer("packed", packed)
        self.register_buffer("pairs", pairs.to(torch.bfloat16).contiguous())
        self.register_buffer("bias", bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.to(torch.bfloat16).reshape(-1, self.in_features)  # [tokens, in]
        y = torch._weight_int4pack_mm_for_cpu(flat, self.packed, self.group_size, self.pairs).float()
        y = y if self.bias is None else y + self.bias
        return y.view(*x.shape[:-1], self.out_features)


def kernel_group(columns: int, groups: int) -> int:
    """The largest group size of the int4 kernel that divides groups of `columns / groups` inputs.

    Example: one scale for all of 576 inputs is the same scale for each 64 of them.
    ValueError: there is none.
    """
    size = columns // groups
    for fitting in INT4_GROUPS:
        if size % fitting == 0:
            return fitting
    raise ValueError(f"the int4 kernel takes groups of a multiple of {INT4_GROUPS[-1]} inputs, got {size}")


def fast_linear(
    values: torch.Tensor, scale: torch.Tensor, bits: int, bias: torch.Tensor | None = None
) -> Int4Linear | Int8Linear:
    """The layer on the kernel that fits these integers: int4 for up to 4 bits, else int8.

    Up to 4 bits with one scale a row go to the int8 kernel where the int4 kernel refuses them.
    values: int8 [out, in]; scale: fp32 [out, groups]. ValueError: no kernel takes them; the message says why.
    """
    if bits > 4:
        return Int8Linear(values, scale, bias)
    try:
        return Int4Linear(values, scale, bias)
    except ValueError:
        if scale.ndim == 2 and scale.shape[1] == 1:
            return Int8Linear(values, scale, bias)
        raise


def with_fast_layers(model: nn.Module) -> nn.Module:
    """Put a kernel's layer into the place of every quantized Linear that one of them takes, in place.

    A quantized Linear is a module with values, scale, bits, bias and out_features, as chapter 05 writes it.
    The others stay as they are, and compute the same as ever. Returns the model.
    """
    for name, module in list(model.named_modules()):
        if all(hasattr(module, part) for part in ("values", "scale", "bits", "bias", "out_features")):
            try:
                new = fast_linear(module.values, module.scale, module.bits, module.bias)
            except ValueError:
                continue
            set_submodule(model, name, new)
    return model

"""Given: the course's integers in compressed-tensors' form `pack-quantized`, which transformers loads.

A Linear layer stands in the file as three tensors. The rounding is the course's own (`quantize_symmetric`):
integers -q..q, q = 2^(bits-1) - 1. The format could hold one more, -q - 1, which is never used.

| tensor          | shape and type                          | holds                                         |
|-----------------|-----------------------------------------|-----------------------------------------------|
| `weight_packed` | int32 [out, ceil(in * bits / 32)]       | value + 2^(bits-1), the first in the low bits |
| `weight_scale`  | fp16 [out, in / group], or [out, 1]     | weight ~ value * scale                        |
| `weight_shape`  | int64 [2]                               | out, in                                       |

Source: the format as compressed-tensors 0.20 reads it (github.com/vllm-project/compressed-tensors). Nothing
here imports that package: only whoever loads the folder needs it.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModelForCausalLM

from minicompress.lab.files import new_folder, write_json
from minicompress.lab.modules import block_list, is_conv1d
from minicompress.pipeline import is_quantized, tied_names, to_fp16
from minicompress.quantization import QuantizedTensor, dequantize, pack_int4, quantize_symmetric

BITS = (4, 8)


def pack(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Pack integers into words along the last dimension, plus 2^(bits-1), the first in the lowest bits.

    Example at 4 bits: [-8, 7, 0] becomes the nibbles 0, 15, 8 and five padding zeros: word 0x8F0 = 2288.

    values: int8 [out, in], of that many bits. Returns int32 [out, ceil(in * bits / 32)]. ValueError: bits
    other than 4 and 8, a value that they cannot hold.
    """
    check_bits(bits)
    octets = (
        pack_int4(values) if bits == 4 else (values.to(torch.int16) + 128).to(torch.uint8)
    )  # [out, bytes]
    padded = F.pad(octets, (0, -octets.shape[-1] % 4)).contiguous()  # [out, words * 4]
    return padded.view(torch.int32)  # [out, words]; the first byte is a word's lowest on every CPU in use


def pack_layer(weight: torch.Tensor, bits: int, group_size: int | None) -> dict[str, torch.Tensor]:
    """Round one matrix with `quantize_symmetric` and pack it: {"weight_packed", "weight_scale",
    "weight_shape"}.

    Put the layer's name and a dot before each key, and store them instead of its `weight`. Needs no model.
    weight: floating point [out, in]. ValueError: bits other than 4 and 8, a group_size (None: one scale a
    row) that does not divide `in`, a scale that fp16 cannot hold, whatever `quantize_symmetric` refuses.
    """
    check_bits(bits)
    return pack_quantized(quantize_symmetric(weight, bits, group_size), bits)


def pack_quantized(q: QuantizedTensor, bits: int) -> dict[str, torch.Tensor]:
    """Pack integers that are there already, at `bits` bits each: the three tensors of `pack_layer`.

    ValueError: bits other than 4 and 8, or fewer than the integers have; a scale that fp16 cannot hold.
    """
    if q.bits > bits:
        raise ValueError(f"integers of {q.bits} bits do not fit into {bits}: choose 8 bits")
    return {
        "weight_packed": pack(q.values, bits).cpu(),
        "weight_scale": to_fp16("weight_scale", q.scale).cpu(),
        "weight_shape": torch.tensor(q.values.shape),
    }


def quantization_config(bits: int, group_size: int | None, ignore: Sequence[str] = ("lm_head",)) -> dict:
    """What `config.json` says under "quantization_config": every Linear but those in `ignore` is packed.

    ValueError: bits other than 4 and 8, a group size that is no positive number.
    """
    check_bits(bits)
    if group_size is not None and group_size < 1:
        raise ValueError(f"a group has at least one input, or is None for a whole row, got {group_size}")
    shares = (
        {"strategy": "channel"} if group_size is None else {"strategy": "group", "group_size": group_size}
    )
    weights = {"num_bits": bits, "type": "int", "symmetric": True, "dynamic": False, **shares}
    group = {"targets": ["Linear"], "weights": weights, "format": "pack-quantized"}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "config_groups": {"group_0": group},
        "ignore": list(ignore),
    }


def save(model: nn.Module, folder: str | Path, bits: int, group_size: int | None) -> None:
    """Write a Hugging Face folder, all or nothing: `config.json` and one `model.safetensors`; see `write`.

    ValueError: the folder exists; what `write` refuses.
    """
    with new_folder(Path(folder)) as made:
        write(model, made, bits, group_size)


def write(model: nn.Module, folder: Path, bits: int, group_size: int | None) -> None:
    """Write the model into an empty folder.

    The Linear layers inside the blocks are packed, everything else is fp16. Layers that hold integers already
    (a file of `save_compressed`) keep them and are not rounded again. The model is not modified. For a model
    that does not fit into memory use `pack_layer` and `quantization_config`, matrix by matrix.

    ValueError: bits other than 4 and 8; a group size that does not divide each layer's input, or each stored
    group; a layer of another kind than Linear; a number that fp16 cannot hold; a tied head that differs from
    the embedding.
    """
    ignored = linears_outside_blocks(model)
    tensors = stored_tensors(model, bits, group_size)
    config = model.config.to_dict() | {
        "architectures": [type(model).__name__],
        "dtype": "float16",
        "quantization_config": quantization_config(bits, group_size, ignored),
    }
    config.pop("_name_or_path", None)  # where it was loaded from, on this machine
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    write_json(folder / "config.json", config)


def stored_tensors(model: nn.Module, bits: int, group_size: int | None) -> dict[str, torch.Tensor]:
    """Name -> tensor as it will stand in the file; a tied head is left out. ValueError: as in `write`."""
    packed, tensors, tied, state = packable_layers(model), {}, tied_names(model), model.state_dict()
    for name, layer in packed.items():
        try:
            parts = pack_quantized(integers(layer, bits, group_size), bits)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        tensors |= {f"{name}.{part}": tensor for part, tensor in parts.items()}
    for name, tensor in state.items():
        layer, _, part = name.rpartition(".")
        if name in tied and not torch.equal(tensor, state[tied[name]]):
            raise ValueError(f"the configuration ties {name} to {tied[name]}, but the two differ")
        if name in tied or (layer in packed and part != "bias"):
            continue
        module = model.get_submodule(layer)
        if not is_quantized(module) or part == "bias":
            tensors[name] = to_fp16(name, tensor)
        elif part == "values":  # an embedding or a head of integers: its scale is used here
            tensors[f"{layer}.weight"] = to_fp16(name, dequantize(held(module)))
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def integers(layer: nn.Module, bits: int, group_size: int | None) -> QuantizedTensor:
    """The integers of a layer: rounded now, or those that it holds, their scales repeated for smaller groups.

    ValueError: what `quantize_symmetric` refuses; stored groups that group_size does not divide.
    """
    if not is_quantized(layer):
        return quantize_symmetric(layer.weight, bits, group_size)
    q = held(layer)
    rows, columns = q.values.shape
    stored, wanted = columns // q.scale.shape[1], group_size or columns
    if wanted < 1 or stored % wanted:
        raise ValueError(f"its integers share a scale in groups of {stored}, which {wanted} does not divide")
    return q._replace(scale=q.scale.repeat_interleave(stored // wanted, 1), group_size=group_size)


def held(layer: nn.Module) -> QuantizedTensor:
    """The integers and scales that a quantized layer of the course holds."""
    return QuantizedTensor(layer.values, layer.scale, layer.bits, layer.group_size)


# ---------------------------------------------------------------- what can be exported


def packable_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Name -> each Linear or QuantizedLinear inside the blocks. ValueError: a Conv1D among them, or none."""
    prefix, blocks = block_list(model)
    named = {f"{prefix}.{name}": module for name, module in blocks.named_modules()}
    for name, module in named.items():
        if is_conv1d(module):
            raise ValueError(f"{name} is a Conv1D: compressed-tensors packs Linear layers alone")
    layers = {
        name: module
        for name, module in named.items()
        if isinstance(module, nn.Linear) or is_quantized(module)
    }
    if not layers:
        raise ValueError(f"{type(model).__name__} has no Linear layer inside its blocks: nothing to pack")
    return layers


def linears_outside_blocks(model: nn.Module) -> list[str]:
    """The names of the Linear layers that are not packed: the head, and what else there may be.

    ValueError: a model that transformers cannot build from its configuration alone.
    """
    prefix, _ = block_list(model)
    linears = [name for name, module in plain(model).named_modules() if isinstance(module, nn.Linear)]
    return [name for name in linears if not name.startswith(f"{prefix}.")]


def plain(model: nn.Module) -> nn.Module:
    """What transformers builds from the model's configuration, without memory.

    ValueError: it has other tensors than the model, which holds masks or low-rank factors perhaps.
    """
    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(model.config)
    wanted = {name: list(tensor.shape) for name, tensor in built.state_dict().items()}
    found = {
        re.sub(r"\.values$", ".weight", name): list(tensor.shape)
        for name, tensor in model.state_dict().items()
        if not (is_quantized(model.get_submodule(name.rpartition(".")[0])) and name.endswith(".scale"))
    }
    for name in sorted(wanted.keys() | found.keys()):
        here, there = found.get(name, "absent"), wanted.get(name, "absent")
        if here != there:
            said = f"{name} is {here} in this model, but {there} in what transformers builds"
            raise ValueError(f"{said}: bake masks in and multiply low-rank factors out first")
    return built


def check_bits(bits: int) -> None:
    """Refuse other bits than 4 and 8."""
    if bits not in BITS:
        raise ValueError(f"pack-quantized is written with 4 or 8 bits here, got {bits}")


def is_two_to_four(model: nn.Module) -> bool:
    """Tell whether no four neighbours hold more than two non-zeros, in every Linear layer of the blocks."""
    weights = [
        layer.values if is_quantized(layer) else layer.weight for layer in packable_layers(model).values()
    ]
    return all(
        weight.shape[1] % 4 == 0 and bool(((weight.reshape(-1, 4) != 0).sum(1) <= 2).all())  # of [groups, 4]
        for weight in weights
    )

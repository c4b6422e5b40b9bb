"""Quantization by torchao and compressed-tensors, run in the oracles' environment (`.venv-oracles`) by
`benchmarks.quantization`.

`python -m benchmarks.oracle_quantization FILE` reads matrices [out, in] from FILE (safetensors). It writes
the integers and scales of both libraries beside it, 8 bits a row and 4 bits a group of 32, and prints one
line of JSON.
"""

import sys
from pathlib import Path

import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import quantize
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file
from torchao.quantization import Int8WeightOnlyConfig, IntxWeightOnlyConfig, quantize_
from torchao.quantization.granularity import PerGroup

from benchmarks.oracle_answer import answer

GROUP = 32


def by_torchao(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers [out, in] and scales [out, groups]."""
    model = torch.nn.Sequential(torch.nn.Linear(*weight.shape[::-1], bias=False))
    model[0].weight.data.copy_(weight)
    settings = {8: Int8WeightOnlyConfig(), 4: IntxWeightOnlyConfig(torch.int4, PerGroup(GROUP))}
    quantize_(model, settings[bits])
    return model[0].weight.qdata, model[0].weight.scale.reshape(len(weight), -1)


def by_compressed_tensors(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers [out, in] and scales [out, groups]."""
    settings = {8: {"strategy": "channel"}, 4: {"strategy": "group", "group_size": GROUP}}
    given = QuantizationArgs(num_bits=bits, symmetric=True, **settings[bits])
    size = given.group_size or weight.shape[1]
    groups = weight.view(len(weight), -1, size)  # [out, groups, group size]
    scale, zero = calculate_qparams(groups.amin(-1), groups.amax(-1), given)
    return quantize(weight, scale, zero, given, dtype=torch.int8), scale


LIBRARIES = {"torchao": by_torchao, "compressed-tensors": by_compressed_tensors}


def main(path: Path) -> None:
    tensors = {}
    for name, weight in load_file(path).items():
        for bits in (8, 4):
            for library, quantized in LIBRARIES.items():
                values, scale = quantized(weight, bits)
                key = f"{library}.{bits}.{name}"
                tensors[f"{key}.values"] = values.contiguous()
                tensors[f"{key}.scale"] = scale.float().contiguous()
    save_file(tensors, path.with_name("oracle.safetensors"))
    answer({}, "torchao", "compressed-tensors", "torch")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

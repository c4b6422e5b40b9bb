"""Quantization by torchao and compressed-tensors, run in the oracles' environment (`.venv-oracles`) by
`benchmarks.quantization`.

`oracle_quantization.py FILE` reads matrices [out, in] from FILE (safetensors), writes the integers and scales
of both libraries beside it, 8 bits a row and 4 bits a group of 32, and prints one line of JSON.
"""

import importlib.metadata
import json
import platform
import sys
from pathlib import Path

import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import quantize
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file
from torchao.quantization import Int8WeightOnlyConfig, IntxWeightOnlyConfig, quantize_
from torchao.quantization.granularity import PerGroup

GROUP = 32


def by_torchao(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers [out, in] and scales [out, groups]."""
    model = torch.nn.Sequential(torch.nn.Linear(*weight.shape[::-1], bias=False))
    model[0].weight.data.copy_(weight)
    quantize_(
        model, Int8WeightOnlyConfig() if bits == 8 else IntxWeightOnlyConfig(torch.int4, PerGroup(GROUP))
    )
    return model[0].weight.qdata, model[0].weight.scale.reshape(len(weight), -1)


def by_compressed_tensors(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers [out, in] and scales [out, groups]."""
    groups = (
        weight[:, None] if bits == 8 else weight.view(len(weight), -1, GROUP)
    )  # [out, groups, group size]
    how = {"strategy": "channel"} if bits == 8 else {"strategy": "group", "group_size": GROUP}
    given = QuantizationArgs(num_bits=bits, symmetric=True, **how)
    scale, zero = calculate_qparams(groups.amin(-1), groups.amax(-1), given)
    return quantize(weight, scale, zero, given, dtype=torch.int8), scale


def main(path: Path) -> None:
    found = {}
    for name, weight in load_file(path).items():
        for bits in (8, 4):
            for library, make in {"torchao": by_torchao, "compressed-tensors": by_compressed_tensors}.items():
                values, scale = make(weight, bits)
                found |= {
                    f"{library}.{bits}.{name}.values": values.contiguous(),
                    f"{library}.{bits}.{name}.scale": scale.float().contiguous(),
                }
    save_file(found, path.with_name("oracle.safetensors"))
    names = ("torchao", "compressed-tensors", "torch")
    print(
        json.dumps(
            {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""torchao's weight-only quantization; see `worker`."""

from pathlib import Path

import torch
from torch import nn
from torchao.quantization import Int8WeightOnlyConfig, IntxWeightOnlyConfig, quantize_
from torchao.quantization.granularity import PerGroup

from benchmarks.peers.worker import Tool, main

SETTINGS = {
    "8 bits": Int8WeightOnlyConfig(),
    "4 bits": IntxWeightOnlyConfig(torch.int4, PerGroup(32)),
}


def rounded(name: str):
    """Round the matrices of the blocks."""

    def compress(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
        quantize_(model.model.layers, SETTINGS[name])
        return model

    return compress


def dense(model: nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    weights = {}
    for name, weight in model.named_parameters():
        weight = weight.dequantize() if hasattr(weight, "qdata") else weight
        weights[name] = weight.detach().float().contiguous()
    return {name: weight for name, weight in weights.items() if not name.startswith("lm_head")}


def save(model: nn.Module, folder: Path) -> None:
    """By `torch.save`, as its guide does; what is not rounded goes to fp16, a tied head is there once."""
    state = model.state_dict()
    state.pop("lm_head.weight", None)
    plain = {name: value for name, value in state.items() if not hasattr(value, "qdata")}
    torch.save(state | {name: value.half() for name, value in plain.items()}, folder / "model.pt")


if __name__ == "__main__":
    methods = {name: rounded(name) for name in SETTINGS}
    main(Tool(methods, save, dense, ("torchao",)))

"""nvidia-modelopt: 2:4 sparsity and weight-only quantization; see `worker`."""

import copy
from pathlib import Path

import modelopt.torch.quantization as mtq
import modelopt.torch.sparsity as mts
import torch
from modelopt.torch.export import export_hf_checkpoint
from torch import nn

from benchmarks.peers.worker import Tool, main, one_pass, plain_weights, save_half

PATTERN = "2:4 sparsity"  # the only one that it has


def reader(tokens: torch.Tensor):
    """One sequence at a time."""
    return lambda model: one_pass(model, tokens)


def sparsegpt_24(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    settings = {"forward_loop": reader(tokens), "pattern": PATTERN, "device": "cpu"}
    return mts.export(mts.sparsify(model, mode="sparsegpt", config=settings))


def magnitude_24(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    return mts.export(mts.sparsify(model, mode="sparse_magnitude", config={"pattern": PATTERN}))


def eight_bits(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    return mtq.quantize(model, mtq.INT8_WEIGHT_ONLY_CFG, reader(tokens))


def awq_4_bits(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    """Activation-aware: scales for the inputs first; groups of 32, because 128 does not divide 576."""
    settings = copy.deepcopy(mtq.INT4_AWQ_CFG)
    for entry in settings["quant_cfg"]:
        if entry["quantizer_name"] == "*weight_quantizer":
            entry["cfg"]["block_sizes"][-1] = 32
    return mtq.quantize(model, settings, reader(tokens))


def is_quantized(module: nn.Module) -> bool:
    return hasattr(module, "weight_quantizer") and module.weight_quantizer.is_enabled


def dense(model: nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    """The weights after rounding, times the inputs' scales where there are some."""
    model = model.float()
    weights = plain_weights(model)
    for name, module in model.named_modules():
        if is_quantized(module):
            weight = module.weight_quantizer(module.weight.detach())
            scale = getattr(module.input_quantizer, "pre_quant_scale", None)
            weights[f"{name}.weight"] = (weight if scale is None else weight * scale).float().contiguous()
    return {name: value for name, value in weights.items() if "quantizer" not in name}


def save(model: nn.Module, folder: Path) -> None:
    if any(map(is_quantized, model.modules())):
        export_hf_checkpoint(copy.deepcopy(model).half(), torch.float16, export_dir=folder)
    else:
        save_half(model, folder)


METHODS = {
    "sparsegpt 2:4": sparsegpt_24,
    "magnitude 2:4": magnitude_24,
    "8 bits": eight_bits,
    "awq 4 bits": awq_4_bits,
}

if __name__ == "__main__":
    main(Tool(METHODS, save, dense, ("nvidia-modelopt",)))

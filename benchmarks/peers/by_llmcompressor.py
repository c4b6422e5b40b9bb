"""llmcompressor's `oneshot`; see `worker`."""

from pathlib import Path

import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from llmcompressor import oneshot
from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier
from llmcompressor.modifiers.quantization import GPTQModifier, QuantizationModifier
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, CompressedTensorsConfig

from benchmarks.peers.worker import Tool, main, plain_weights, save_half

INSIDE = {"targets": ["Linear"], "ignore": ["re:.*lm_head"]}


def scheme(**settings: object) -> dict:
    """Symmetric integers for the weights of every layer but the head."""
    weights = QuantizationArgs(symmetric=True, **settings)
    groups = {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}
    return {"config_groups": groups, "ignore": ["lm_head"]}


RECIPES = {
    "wanda": lambda: WandaPruningModifier(sparsity=0.5, **INSIDE),
    "sparsegpt": lambda: SparseGPTModifier(sparsity=0.5, **INSIDE),
    "sparsegpt 2:4": lambda: SparseGPTModifier(sparsity=0.5, mask_structure="2:4", **INSIDE),
    "8 bits": lambda: QuantizationModifier(**scheme(num_bits=8, strategy="channel")),
    "gptq 4 bits": lambda: GPTQModifier(**scheme(num_bits=4, strategy="group", group_size=32)),
}


def by_recipe(name: str):
    """One sequence at a time, block by block."""

    def compress(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
        loader = torch.utils.data.DataLoader([{"input_ids": sequence} for sequence in tokens], batch_size=1)
        oneshot(
            model=model,
            tokenizer=AutoTokenizer.from_pretrained(model.config._name_or_path),  # asked for, not used
            recipe=RECIPES[name](),
            dataset=loader,
            pipeline="sequential",
            num_calibration_samples=len(tokens),
        )
        return model

    return compress


def is_quantized(model: nn.Module) -> bool:
    return any("scale" in name or "packed" in name for name, _ in model.named_parameters())


def save(model: nn.Module, folder: Path) -> None:
    """Packed integers where there are scales; all other numbers fp16."""
    if is_quantized(model):
        model.half().save_pretrained(folder, save_compressed=True)
    else:
        save_half(model, folder)


def dense(model: nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    """The integers of the file times their scales; what belongs to the rounding is left out."""
    if not is_quantized(model):
        return plain_weights(model)
    settings = CompressedTensorsConfig(dequantize=True)
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=settings)
    parts = ("_scale", "_shape", "_zero_point", "_g_idx")
    return {name: value for name, value in plain_weights(again).items() if not name.endswith(parts)}


if __name__ == "__main__":
    methods = {name: by_recipe(name) for name in RECIPES}
    main(Tool(methods, save, dense, ("llmcompressor", "compressed-tensors")))

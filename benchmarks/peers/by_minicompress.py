"""The course's own functions, in its own environment; see `worker`."""

from pathlib import Path

import torch
from torch import nn

from benchmarks import llm_recipes
from benchmarks.peers.worker import Tool, main, plain_weights
from minicompress import pruning
from minicompress.job.decode import dequantize_model
from minicompress.lab.modules import linear_layers, set_submodule
from minicompress.pipeline import load_compressed, save_compressed
from minicompress.quantization import QuantizedLinear


def batches(tokens: torch.Tensor) -> list[dict]:
    """One sequence at a time."""
    return [{"input_ids": sequence[None]} for sequence in tokens]


def wanda(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    pruning.wanda_prune(model, batches(tokens), 0.5)
    return model


def sparsegpt(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    pruning.sparsegpt_prune(model, batches(tokens), 0.5)
    return model


def sparsegpt_24(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    pruning.sparsegpt_prune(model, batches(tokens), pattern=(2, 4))
    return model


def magnitude_24(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    llm_recipes.magnitude_24(model)
    return model


def rounded(bits: int, group_size: int | None):
    """Round the matrices of the blocks, and nothing else: so do the other tools."""

    def compress(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
        for name, layer in linear_layers(model).items():
            set_submodule(model, name, QuantizedLinear.from_linear(layer, bits, group_size))
        return model

    return compress


def quiet_neurons(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    norms = pruning.input_norms(model, batches(tokens))
    return llm_recipes.without_quiet_neurons(0.1, norms)(model)


FILE = "model.safetensors"
METHODS = {
    "wanda": wanda,
    "sparsegpt": sparsegpt,
    "sparsegpt 2:4": sparsegpt_24,
    "magnitude": lambda model, tokens: llm_recipes.magnitude(0.5).make(model),
    "magnitude 2:4": magnitude_24,
    "8 bits": rounded(8, None),
    "4 bits": rounded(4, 32),
    "neurons by weights": lambda model, tokens: llm_recipes.without_neurons(0.1)(model),
    "neurons by activations": quiet_neurons,
}


def save(model: nn.Module, folder: Path) -> None:
    save_compressed(model, folder / FILE)


def dense(model: nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    """What the file holds, not what was in memory: scales and all numbers are fp16 there."""
    return plain_weights(dequantize_model(load_compressed(folder / FILE)))


if __name__ == "__main__":
    main(Tool(METHODS, save, dense, ("safetensors",)))

"""What runs in llmcompressor's own environment (`.venv-oracles`), started by `benchmarks.parity`; each
command ends with one line of JSON.

`masks FOLDER`               prune the layers in FOLDER/layers.safetensors with llmcompressor's functions
`prune FOLDER TOOL METHOD`   prune a whole model with `minicompress` or `oneshot`, and say what it took
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from benchmarks.oracle_answer import answer
from benchmarks.resident import forget_peak, resident

BLOCK_SIZE, DAMPING = 128, 0.01  # the defaults of both tools
LLAMA = {
    "vocab_size": 8192,
    "hidden_size": 768,
    "intermediate_size": 2304,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
TINY = {
    "vocab_size": 8192,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}

# ---------------------------------------------------------------- the same layers


def wanda(layer: torch.nn.Linear, x: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """Their Wanda on one layer; x [sequences, length, in] is shown one sequence at a time, as their data
    loader would.
    """
    from llmcompressor.modifiers.pruning.wanda.wanda_sparsify import (
        accumulate_row_scalars,
        make_empty_row_scalars,
        sparsify_weight,
    )

    scalars, count = make_empty_row_scalars(layer), 0
    for sequence in x:
        scalars, count = accumulate_row_scalars(sequence[None], layer, scalars, count)
    return sparsify_weight(layer, {layer: scalars}, 0.5, n, m)


def sparsegpt(layer: torch.nn.Linear, x: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """Their SparseGPT on one layer, as above."""
    from llmcompressor.modifiers.pruning.sparsegpt.sgpt_sparsify import (
        accumulate_hessian,
        make_empty_hessian,
        sparsify_weight,
    )

    hessian, count = make_empty_hessian(layer), 0
    for sequence in x:
        hessian, count = accumulate_hessian(sequence[None], layer, hessian, count)
    return sparsify_weight(
        layer, {layer: hessian}, 0.5, n, m, BLOCK_SIZE, DAMPING, preserve_sparsity_mask=False
    )[1]


@torch.no_grad()
def masks(folder: Path) -> dict:
    """Read weights and inputs, write the pruned weights: FOLDER/llmcompressor.safetensors."""
    tensors, pruned = load_file(folder / "layers.safetensors"), {}
    for name in sorted(key.removesuffix(".weight") for key in tensors if key.endswith(".weight")):
        weight, x = tensors[f"{name}.weight"], tensors[f"{name}.input"]
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False).requires_grad_(False)
        for method in (wanda, sparsegpt):
            for pattern, (n, m) in {"50%": (0, 0), "2:4": (2, 4)}.items():  # their n counts the pruned ones
                layer.weight.copy_(weight)
                pruned[f"{name}.{method.__name__}.{pattern}"] = method(layer, x, n, m).contiguous()
    save_file(pruned, folder / "llmcompressor.safetensors")
    return {}


# ---------------------------------------------------------------- a whole model


def random_llama(folder: Path, sizes: dict) -> torch.nn.Module:
    """A Llama with random weights. Its config is saved because `oneshot` reads it from disk."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(**sizes, max_position_embeddings=512, tie_word_embeddings=False)
    model = LlamaForCausalLM(config).eval()
    config.save_pretrained(folder)
    model.config._name_or_path = str(folder)
    return model


def minicompress_pruner(method: str) -> Callable:
    from minicompress import pruning

    prune = {"wanda": pruning.wanda_prune, "sparsegpt": pruning.sparsegpt_prune}[method]
    return lambda model, tokens: prune(model, [{"input_ids": sequence[None]} for sequence in tokens], 0.5)


def oneshot_pruner(method: str) -> Callable:
    from llmcompressor import oneshot
    from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier
    from transformers import PreTrainedTokenizerFast

    from minicompress.lab.paths import ASSETS

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(ASSETS / "tokenizer.json"))  # asked for, not used
    modifier = {"wanda": WandaPruningModifier, "sparsegpt": SparseGPTModifier}[method]

    def prune(model: torch.nn.Module, tokens: torch.Tensor) -> None:
        loader = torch.utils.data.DataLoader([{"input_ids": sequence} for sequence in tokens], batch_size=1)
        recipe = modifier(sparsity=0.5, targets=["Linear"], ignore=["re:.*lm_head"])
        oneshot(
            model=model,
            tokenizer=tokenizer,
            recipe=recipe,
            dataset=loader,
            pipeline="sequential",
            num_calibration_samples=len(tokens),
        )

    return prune


def prune(folder: Path, tool: str, method: str) -> dict:
    """Prune, after a rehearsal on a tiny model: neither importing nor paging in the libraries is counted."""
    pruner = {"minicompress": minicompress_pruner, "oneshot": oneshot_pruner}[tool](method)
    tokens = load_file(folder / "tokens.safetensors")["tokens"]
    pruner(random_llama(folder / "tiny", TINY), tokens)
    model = random_llama(folder / "llama", LLAMA)
    forget_peak()
    before, started = resident("VmRSS"), time.perf_counter()
    pruner(model, tokens)
    seconds, extra = time.perf_counter() - started, resident("VmHWM") - before
    inside = model.model.layers.named_modules()
    zeros = {name: layer.weight == 0 for name, layer in inside if isinstance(layer, torch.nn.Linear)}
    save_file(zeros, folder / f"{tool}-{method}.safetensors")
    size = lambda module: sum(parameter.numel() for parameter in module.parameters())  # noqa: E731
    return {
        "seconds": seconds,
        "extra_bytes": extra,
        "parameters": size(model),
        "block_bytes": 4 * size(model.model.layers[0]),
        "calibration_bytes": 4 * tokens.numel() * model.config.hidden_size,
        "threads": torch.get_num_threads(),
    }


PACKAGES = ("torch", "transformers", "llmcompressor", "compressed-tensors", "safetensors")

if __name__ == "__main__":
    command, folder, *rest = sys.argv[1:]
    answer({"masks": masks, "prune": prune}[command](Path(folder), *rest), *PACKAGES)

"""Llama checkpoints with random weights, written shard by shard, so that no model is in memory as a whole."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from minicompress.disk.shards import INDEX
from minicompress.lab.files import atomic_write, write_json
from minicompress.lab.paths import ASSETS

VOCABULARY, CONTEXT = 32_000, 512


@dataclass(frozen=True)
class Sizes:
    """A Llama's sizes; its head is the embedding."""

    width: int
    mlp: int
    blocks: int
    heads: int

    def block_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every weight of a block."""
        attention = {f"self_attn.{name}_proj.weight": (self.width, self.width) for name in "qkvo"}
        return attention | {
            "mlp.gate_proj.weight": (self.mlp, self.width),
            "mlp.up_proj.weight": (self.mlp, self.width),
            "mlp.down_proj.weight": (self.width, self.mlp),
            "input_layernorm.weight": (self.width,),
            "post_attention_layernorm.weight": (self.width,),
        }

    def block_parameters(self) -> int:
        return sum(torch.Size(shape).numel() for shape in self.block_shapes().values())

    def outside_parameters(self) -> int:
        return VOCABULARY * self.width + self.width

    def parameters(self) -> int:
        return self.blocks * self.block_parameters() + self.outside_parameters()


def write(folder: Path, sizes: Sizes) -> None:
    """Write a bf16 checkpoint, one shard a block, and the shipped tokenizer beside it; once."""
    if (folder / INDEX).is_file():  # which is written last
        return
    folder.mkdir(parents=True, exist_ok=True)
    weight_map = {}
    for number, (prefix, shapes) in enumerate(parts(sizes)):
        shard = f"model-{number + 1:05}-of-{sizes.blocks + 1:05}.safetensors"
        weight_map |= {prefix + name: shard for name in shapes}
        if not (folder / shard).is_file():
            with atomic_write(folder / shard) as temporary:
                save_file(random_weights(prefix, shapes, seed=number), temporary, {"format": "pt"})
    write_config(folder, sizes)
    write_json(folder / INDEX, {"metadata": {"total_size": 2 * sizes.parameters()}, "weight_map": weight_map})


def parts(sizes: Sizes) -> Iterator[tuple[str, dict[str, tuple[int, ...]]]]:
    """(prefix of the names, shapes) of each block, then of the rest."""
    for block in range(sizes.blocks):
        yield f"model.layers.{block}.", sizes.block_shapes()
    yield "model.", {"embed_tokens.weight": (VOCABULARY, sizes.width), "norm.weight": (sizes.width,)}


def random_weights(prefix: str, shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Matrices from a normal distribution of width 0.02, norms of ones; bf16."""
    generator = torch.Generator().manual_seed(seed)
    return {
        prefix + name: torch.ones(shape, dtype=torch.bfloat16)
        if len(shape) == 1
        else torch.empty(shape, dtype=torch.bfloat16).normal_(0, 0.02, generator=generator)
        for name, shape in shapes.items()
    }


def write_config(folder: Path, sizes: Sizes) -> None:
    """The config, and the shipped tokenizer, whose 2,048 tokens are the first of this vocabulary."""
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": VOCABULARY,
        "hidden_size": sizes.width,
        "intermediate_size": sizes.mlp,
        "num_hidden_layers": sizes.blocks,
        "num_attention_heads": sizes.heads,
        "max_position_embeddings": CONTEXT,
        "tie_word_embeddings": True,
    }
    write_json(folder / "config.json", config)
    shutil.copyfile(ASSETS / "tokenizer.json", folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))

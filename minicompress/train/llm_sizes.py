"""The students of an LLM by how much smaller their files are, and how one begins."""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from minicompress.lab.qat import GRIDS
from minicompress.train.shapes import SIZES as NAMES


class Size(NamedTuple):
    """A Llama's shape, by the names that `shapes.py` uses, and the grids on which its weights end."""

    shape: dict[str, int]
    blocks: str
    embedding: str

    @property
    def bits(self) -> tuple[int, int]:
        """Bits of the integers in the blocks and in the embedding."""
        return GRIDS[self.blocks].bits, GRIDS[self.embedding].bits


# For some 14,700 tokens, beside SmolLM2-135M in fp16: 269,060,280 bytes. A test counts the files.
# Width, neurons, blocks, heads, KV heads (all heads have 64 features); the grids.
LLM_SIZES = {
    name: Size(dict(zip(NAMES, sizes, strict=True)), *grids)
    for name, sizes, grids in (
        ("8x", (576, 1536, 16, 9, 3), ("clip4", "clip4")),
        ("20x", (448, 1152, 15, 7, 1), ("clip3", "clip3")),
        ("40x", (320, 832, 13, 5, 1), ("clip3", "clip3")),
        ("80x", (256, 640, 8, 4, 1), ("clip3", "clip3")),
    )
}


def new_student(shape: dict, vocabulary: int, end: int, longest: int, seed: int = 0) -> LlamaForCausalLM:
    """A Llama with random weights and tied embeddings, fp32. `longest`: tokens of a sequence."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        max_position_embeddings=longest,
        tie_word_embeddings=True,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=None,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        **shape,
    )
    return LlamaForCausalLM(config)


def has_widths(teacher: nn.Module, shape: dict) -> bool:
    """Tell whether this is a Llama whose blocks are like the shape's, and at least as many."""
    config = teacher.config
    widths = {name: size for name, size in shape.items() if name != "num_hidden_layers"}
    same = all(getattr(config, name, None) == size for name, size in widths.items())
    return same and config.model_type == "llama" and shape["num_hidden_layers"] <= config.num_hidden_layers


def some_blocks(teacher: nn.Module, count: int) -> nn.Module:
    """A student of `count` of the teacher's blocks, evenly spaced, the first and the last among them."""
    from minicompress.distillation import init_student_from_teacher

    places = np.linspace(0, teacher.config.num_hidden_layers - 1, count).round().astype(int)
    return init_student_from_teacher(teacher, places.tolist()).float().train()

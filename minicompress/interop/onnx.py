"""Given: a model as one ONNX file with a cache of keys and values, for onnxruntime and others.

The same graph reads a prompt (no past) and goes on token by token. Batch, past and new tokens have no fixed
size. Inputs and outputs have the names that Hugging Face's own ONNX files use:

| name                                    | type  | shape                                              |
|-----------------------------------------|-------|----------------------------------------------------|
| `input_ids`, `position_ids`             | int64 | [batch, new]                                       |
| `attention_mask`                        | int64 | [batch, past + new]: 1 a token, 0 padding before it |
| `past_key_values.I.key`, `... .value`   | fp32  | [batch, KV heads, past, head size], block I         |
| `logits`                                | fp32  | [batch, new, vocabulary]                           |
| `present.I.key`, `present.I.value`      | fp32  | [batch, KV heads, past + new, head size]           |

Rows of a batch may have pasts of different lengths: pad the short ones on the left, and mask the padding.
Layers that hold integers stay int8 in the file; onnxruntime turns them into fp32 when it opens it.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.export import Dim
from transformers import DynamicCache

from minicompress.interop.extras import need
from minicompress.lab.files import new_folder

FILE = "model.onnx"
BATCH, PAST, NEW, TOTAL = Dim("batch"), Dim("past"), Dim("new"), Dim("total")
KeysValues = list[tuple[torch.Tensor, torch.Tensor]]  # of each block, [B, KV heads, past, head size] both


class WithCache(nn.Module):
    """A causal LM as a function of tensors alone: its cache is among the arguments and the results."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        position_ids: torch.Tensor,
        past: KeysValues,
    ) -> tuple[torch.Tensor, KeysValues]:
        """Shapes as in the table above. Returns (logits, keys and values of past and new tokens)."""
        out = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=DynamicCache(past),
            use_cache=True,
        )
        return out.logits, keys_values(out.past_key_values)


def keys_values(cache: DynamicCache) -> KeysValues:
    """The tensors of a cache, block by block."""
    return [(layer.keys, layer.values) for layer in cache.layers]


def save(model: nn.Module, folder: str | Path) -> None:
    """Write `folder/model.onnx` and `folder/config.json`, all or nothing; see `write`.

    ValueError: the folder exists; what `write` refuses.
    """
    with new_folder(Path(folder)) as made:
        write(model, made)


def write(model: nn.Module, folder: Path) -> None:
    """Write the model into an empty folder; weights beyond 1.5 GB go to a file beside `model.onnx`.

    model: a causal LM in fp32, whose layers may be the course's quantized ones. It is not modified.
    ValueError: onnx or onnxscript is not installed; a model without a cache of keys and values.
    """
    need("onnx", "onnxscript")
    with torch.no_grad(), eager_attention(model), quiet():
        ids, mask, positions, past = example(model)
        past_sizes = [({0: BATCH, 2: PAST}, {0: BATCH, 2: PAST})] * len(past)
        program = torch.onnx.export(
            WithCache(model).eval(),
            (ids, mask, positions, past),
            dynamo=True,
            verbose=False,
            input_names=["input_ids", "attention_mask", "position_ids", *names("past_key_values", past)],
            output_names=["logits", *names("present", past)],
            dynamic_shapes=({0: BATCH, 1: NEW}, {0: BATCH, 1: TOTAL}, {0: BATCH, 1: NEW}, past_sizes),
        )
        forget_source(program.model)
        program.save(folder / FILE)
        model.config.save_pretrained(folder)


def example(model: nn.Module) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, KeysValues]:
    """Arguments of `WithCache`: two rows, a past of three tokens, four new ones. ValueError: no cache."""
    rows, past, new = 2, 3, 4
    before = model(input_ids=torch.zeros(rows, past, dtype=torch.int64), use_cache=True)
    cache = getattr(before, "past_key_values", None)
    if not isinstance(cache, DynamicCache):
        raise ValueError(
            f"{type(model).__name__} keeps no cache of keys and values: it cannot go on with a text"
        )
    ids = torch.zeros(rows, new, dtype=torch.int64)
    positions = torch.arange(past, past + new).repeat(rows, 1)  # [rows, new]
    return ids, torch.ones(rows, past + new, dtype=torch.int64), positions, keys_values(cache)


def names(kind: str, past: KeysValues) -> list[str]:
    """The names of a cache's tensors, block by block: "past_key_values.0.key" and so on."""
    return [f"{kind}.{block}.{part}" for block in range(len(past)) for part in ("key", "value")]


def forget_source(graph_model) -> None:
    """Take out of a graph how it was made: stack traces, longer than a small model, with our paths."""
    for node in graph_model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None


@contextlib.contextmanager
def eager_attention(model: nn.Module) -> Iterator[None]:
    """Attention as plain products for a while: the fused kind has other results for rows of padding alone."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's advice (torchvision is not installed, an axis has two names) to itself."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)

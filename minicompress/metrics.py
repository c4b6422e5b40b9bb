"""Notebook 00: the four numbers that every compression result is judged by.

Perplexity and accuracy say what a model can do, throughput and bytes say what it costs. `tokens` is int64
[sequences, length]; a model is any Hugging Face causal LM (called as `model(input_ids=...)`, answering
`.logits`).
"""

import statistics
import time

import torch
import torch.nn.functional as F

from minicompress.lab.checks import check_tokens
from minicompress.lab.loops import evaluation_mode
from minicompress.lab.machine import synchronize


def perplexity(model: torch.nn.Module, tokens: torch.Tensor, batch_size: int = 16) -> float:
    """Return exp of the mean next-token negative log-likelihood in nats, every token weighing the same.

    perplexity = exp( -1/N * sum over sequences and positions t >= 1 of log p(token_t | tokens before t) )

    A model that spreads its belief evenly over 4 tokens has perplexity 4. The value depends on the context
    length, tokens.shape[1]: state it beside every figure. The batches are added up in float64 (a Python float
    is one). The model is measured in eval mode and without gradients; afterwards every submodule is in its
    own mode again (`evaluation_mode` does both).

    tokens: int64 [sequences, length]. ValueError: length < 2, no sequence, or batch_size < 1.
    """
    check_tokens(tokens, batch_size)
    raise NotImplementedError("Exercise 0.1 perplexity")


def top1_accuracy(model: torch.nn.Module, tokens: torch.Tensor, batch_size: int = 16) -> float:
    """Return the share of next tokens that the model ranks first: a float in [0, 1].

    The logits at position t predict the token at t + 1; the first token of a sequence is never predicted.
    Every prediction weighs the same. The model is measured in eval mode and without gradients; afterwards
    every submodule is in its own mode again (`evaluation_mode` does both).

    tokens: int64 [sequences, length]. ValueError: length < 2, no sequence, or batch_size < 1.
    """
    check_tokens(tokens, batch_size)
    raise NotImplementedError("Exercise 0.2 top1_accuracy")


def throughput(model: torch.nn.Module, tokens: torch.Tensor, repeats: int = 5) -> float:
    """Return tokens per second of full forward passes: numel / median seconds of `repeats` runs.

    One warm-up run is not counted (it pays for memory and kernel selection), and the device is synchronised
    before each reading of the clock (a GPU answers before it has finished). The median ignores a run that was
    disturbed. The model runs in eval mode and without gradients; afterwards every submodule is in its own
    mode again (`evaluation_mode` does both).

    tokens: int64 [sequences, length], one batch. ValueError: no sequence, or repeats < 1.
    """
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    raise NotImplementedError("Exercise 0.3 throughput")


def model_bytes(model: torch.nn.Module) -> int:
    """Return the bytes of all parameters and persistent buffers, counting shared storage once.

    A tensor takes its number of elements times its element size. Tied embeddings are one tensor under two
    names: count them once, and so two parameters that begin at the same place in memory. A buffer registered
    with `persistent=False` is not saved, so it does not count. A view counts its own elements, not the
    storage behind it: two views of different parts of one storage both count.
    Example: a 2 x 3 fp16 weight with a 2-element fp32 bias takes 2*3*2 + 2*4 = 20 bytes.
    """
    raise NotImplementedError("Exercise 0.4 model_bytes")

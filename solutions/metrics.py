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
    ### BEGIN SOLUTION
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].float()  # [B, T-1, V]
            nll = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")  # [B*(T-1)]
            total += nll.double().sum().item()
            count += nll.numel()
    return torch.tensor(total / count, dtype=torch.float64).exp().item()
    ### END SOLUTION


def top1_accuracy(model: torch.nn.Module, tokens: torch.Tensor, batch_size: int = 16) -> float:
    """Return the share of next tokens that the model ranks first: a float in [0, 1].

    The logits at position t predict the token at t + 1; the first token of a sequence is never predicted.
    Every prediction weighs the same. The model is measured in eval mode and without gradients; afterwards
    every submodule is in its own mode again (`evaluation_mode` does both).

    tokens: int64 [sequences, length]. ValueError: length < 2, no sequence, or batch_size < 1.
    """
    check_tokens(tokens, batch_size)
    ### BEGIN SOLUTION
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)  # [B, T-1]
            hits += (predicted == rows[:, 1:]).sum().item()
            count += predicted.numel()
    return hits / count
    ### END SOLUTION


def throughput(model: torch.nn.Module, tokens: torch.Tensor, repeats: int = 5) -> float:
    """Return tokens per second of full forward passes: numel / median seconds of `repeats` runs.

    One warm-up run is not counted (it pays for memory and kernel selection), and the device is synchronised
    before each reading of the clock (a GPU answers before it has finished). The median ignores a run that was
    disturbed. The model runs in eval mode and without gradients; afterwards every submodule is in its own
    mode again (`evaluation_mode` does both).

    tokens: int64 [sequences, length], one batch. ValueError: no sequence, or repeats < 1.
    """
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    ### BEGIN SOLUTION
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / statistics.median(seconds[1:])
    ### END SOLUTION


def model_bytes(model: torch.nn.Module) -> int:
    """Return the bytes of all parameters and persistent buffers, counting shared storage once.

    A tensor takes its number of elements times its element size. Tied embeddings are one tensor under two
    names: count them once, and so two parameters that begin at the same place in memory. A buffer registered
    with `persistent=False` is not saved, so it does not count. A view counts its own elements, not the
    storage behind it: two views of different parts of one storage both count.
    Example: a 2 x 3 fp16 weight with a 2-element fp32 bias takes 2*3*2 + 2*4 = 20 bytes.
    """
    ### BEGIN SOLUTION
    bytes_at: dict[int, int] = {}  # place in memory -> bytes of the largest tensor that begins there
    for tensor in model.state_dict().values():
        place, size = tensor.data_ptr(), tensor.numel() * tensor.element_size()
        bytes_at[place] = max(size, bytes_at.get(place, 0))
    return sum(bytes_at.values())
    ### END SOLUTION

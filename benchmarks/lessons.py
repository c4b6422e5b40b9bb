"""The text that benchmarks measure, calibrate and train on, and the one way in which they train."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.common import SEED
from minicompress.lab import corpus
from minicompress.lab.loops import modes_kept, next_token_loss, take_steps

CONTEXT = 256
CALIBRATION = 64  # sequences


@cache
def validation_tokens() -> torch.Tensor:
    """The first sequence of every validation file, int64 [sequences, CONTEXT]."""
    return corpus.load_tokens("validation", CONTEXT, per_file=1)[0]


def validation_facts() -> dict:
    """How much text `validation_tokens` is."""
    return {"held_out_tokens": validation_tokens()[:, 1:].numel(), "context": CONTEXT}


def calibration_batches(sequences: int = CALIBRATION, seed: int = SEED) -> list[dict]:
    """Random training sequences, no sequence twice, 16 a batch."""
    tokens, _ = corpus.load_tokens("train", CONTEXT)
    chosen = np.random.default_rng(seed).choice(len(tokens), sequences, replace=False)
    return [{"input_ids": rows} for rows in tokens[torch.from_numpy(chosen)].split(16)]


def training_batches(
    updates: int, rows: int, generator: np.random.Generator, length: int = CONTEXT
) -> list[dict]:
    """Random training sequences, `rows` a batch: input_ids int64 [rows, length]."""
    tokens, _ = corpus.load_tokens("train", length)
    draws = (torch.from_numpy(generator.integers(len(tokens), size=rows)) for _ in range(updates))
    return [{"input_ids": tokens[chosen]} for chosen in draws]


def falling_rate(batches: Sequence[dict], optimizer: torch.optim.Optimizer) -> Iterator[dict]:
    """Hand on the batches; on the way the learning rate falls linearly to zero."""
    rate = optimizer.param_groups[0]["lr"]
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / len(batches))
        yield batch


def learn(
    model: nn.Module,
    batches: Iterable[dict],
    loss_of: Callable[[nn.Module, dict], torch.Tensor],
    optimizer: torch.optim.Optimizer,
) -> list[float]:
    """One optimizer step a batch on `loss_of(model, batch)`, in training mode, in place; the losses."""
    with modes_kept(model):
        model.train()
        return take_steps(batches, lambda batch: loss_of(model, batch), optimizer)


def label_loss(model: nn.Module, batch: dict) -> torch.Tensor:
    """Cross entropy on the text's own next tokens."""
    return next_token_loss(model, batch["input_ids"])


def answer_loss(model: nn.Module, batch: dict) -> torch.Tensor:
    """Cross entropy on the answers alone: on the labels that are not -100."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())  # [B*(T-1), V]

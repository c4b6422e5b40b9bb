"""What a causal model learns from: the token streams, a teacher's answers on disk, or a teacher that answers
while the student learns.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from minicompress.lab.answers import Answers, top_distillation_loss
from minicompress.lab.corpus import load_tokens
from minicompress.lab.loops import next_token_loss, validation_score
from minicompress.lab.mixture import Mixture
from minicompress.train.loop import Examine, LossOf
from minicompress.train.options import Distill
from minicompress.train.processes import my_share
from minicompress.train.record import FILE
from minicompress.train.runs import answers_folder
from minicompress.train.streams import ROWS, cached_streams, describe

LENGTH = 256  # tokens a sequence


class Lessons(NamedTuple):
    """What a run learns from, and how it is examined on the way."""

    loss_of: LossOf
    examine: Examine | None
    tokens_an_update: int
    data: dict  # for the run's record, see `streams.describe`


def examination(per_file: int = 4, length: int = LENGTH) -> Examine:
    """Score a causal model on so many sequences of each validation file."""
    tokens, _ = load_tokens("validation", length, per_file)
    return lambda model: validation_score(model, tokens)


def from_streams(seed: int) -> Lessons:
    """Labels alone, on batches of the streams."""
    mixture = Mixture(cached_streams(), ROWS, LENGTH, seed)
    return Lessons(
        lambda model, step: next_token_loss(model, my_share(mixture.batch(step))),
        examination(),
        sum(ROWS.values()) * LENGTH,
        describe(mixture),
    )


def from_answers(teacher: str, rows: int, alpha: float, streams: Sequence[str]) -> Lessons:
    """Distillation from the teacher's answers on disk, to the rows of some of the streams."""
    folder = answers_folder(teacher)
    answers = Answers(folder, rows, places=places_of(streams), batch=sum(ROWS.values()))
    data = json.loads((folder / FILE).read_text(encoding="utf-8"))["data"]
    data["shares"] = {name: data["shares"][name] for name in streams}

    def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
        tokens, indices, log_probs = (my_share(tensor) for tensor in answers.batch(step))
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
        indices, log_probs = indices[:, :-1].flatten(0, 1), log_probs[:, :-1].flatten(0, 1)  # [B*(T-1), TOP]
        return top_distillation_loss(logits.flatten(0, 1), tokens[:, 1:].flatten(), indices, log_probs, alpha)

    return Lessons(loss_of, examination(), rows * answers.tokens.shape[1], data)


def places_of(streams: Sequence[str]) -> list[int]:
    """The rows of these streams in a batch of the mixture, where the streams stand in the order of ROWS."""
    owners = [name for name, count in ROWS.items() for _ in range(count)]
    return [place for place, name in enumerate(owners) if name in streams]


def from_live_teacher(teacher: torch.nn.Module, asked: Distill) -> Lessons:
    """Distillation from a teacher that answers while the student learns, on the standard library."""
    from minicompress.distillation import distillation_loss

    sequences, _ = load_tokens("train", asked.length)  # [sequences, length]

    def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
        tokens = my_share(random_rows(sequences, asked.rows, [asked.seed, step]))  # [B, T]
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
        if asked.alpha == 0:
            return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        with torch.no_grad():
            answers = teacher(input_ids=tokens, use_cache=False).logits[:, :-1]  # [B, T-1, V]
        return distillation_loss(logits, answers, tokens[:, 1:], asked.temperature, asked.alpha)

    # What learns on shorter sequences is not examined: its positions beyond them mean nothing yet.
    examine = examination() if asked.length >= LENGTH else None
    data = {"shares": {"stdlib": 1}, "length": asked.length, "seed": asked.seed, "report": None}
    return Lessons(loss_of, examine, asked.rows * asked.length, data)


def random_rows(sequences: torch.Tensor, rows: int, seed: list[int]) -> torch.Tensor:
    """Some of the sequences, a function of the seed alone: int64 [rows, length]."""
    return sequences[torch.from_numpy(np.random.default_rng(seed).integers(len(sequences), size=rows))]

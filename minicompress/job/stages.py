"""What a stage of the pipeline does to a model, and what it says of the training behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from minicompress import distillation, pruning
from minicompress.lab.modules import is_conv1d, linear_layers
from minicompress.lab.qat import bake_fake_quantize, put_on_grids


class Training(StrEnum):
    """Where the training behind a stage's weights took place."""

    NONE = "not trained"  # cut or rounded
    SHIPPED = "shipped"  # once, for long, before the course was shipped
    CONTINUED = "shipped, then live"
    LIVE = "live"


@dataclass(frozen=True)
class Account:
    """What a stage says of its training; it stands in the stage's ledger row."""

    training: Training
    why: str
    live_updates: int = 0


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to distill: AdamW, the rate falling linearly to zero; `alpha` weighs the
    teacher's answers.
    """

    updates: int
    rate: float
    rows: int = 16
    T: float = 1.0
    alpha: float = 0.7


def prune_24(model: nn.Module) -> nn.Module:
    """2:4 magnitude pruning of every layer inside the blocks whose input is divisible by 4, in place."""
    for layer in linear_layers(model).values():
        scores = layer.weight.detach().abs()
        if is_conv1d(layer):  # GPT-2 stores [in, out]: the input is the first dimension
            if scores.shape[0] % 4 == 0:
                pruning.apply_mask(layer, pruning.nm_mask(scores.T.contiguous()).T)
        elif scores.shape[1] % 4 == 0:
            pruning.apply_mask(layer, pruning.nm_mask(scores))
    return model


def keep_zeros(model: nn.Module) -> None:
    """Mask every layer inside the blocks where its weight is zero now, in place: zeros stay zeros."""
    for layer in linear_layers(model).values():
        pruning.apply_mask(layer, layer.weight.detach() != 0)


def lessons(
    train: torch.Tensor, schedule: Schedule, seed: int, optimizer: torch.optim.Optimizer, title: str
) -> Iterator[dict]:
    """Random training batches with a progress bar; the learning rate falls linearly to zero on the way."""
    generator = np.random.default_rng(seed)
    for step in tqdm(range(schedule.updates), desc=title, unit="step"):
        optimizer.param_groups[0]["lr"] = schedule.rate * (1 - step / schedule.updates)
        chosen = torch.from_numpy(generator.integers(len(train), size=schedule.rows))
        yield {"input_ids": train[chosen]}


def teach(
    student: nn.Module, teacher: nn.Module, train: torch.Tensor, schedule: Schedule, seed: int, title: str
) -> nn.Module:
    """Distill `student` on random sequences of `train`, in place, and put it into eval mode.

    No updates: unchanged.
    """
    if schedule.updates:
        torch.manual_seed(seed)
        device = next(teacher.parameters()).device
        student = student.to(device)
        optimizer = torch.optim.AdamW(
            student.parameters(), lr=schedule.rate, betas=(0.9, 0.95), weight_decay=0.0
        )
        batches = lessons(train.to(device), schedule, seed, optimizer, title)
        distillation.distill(student, teacher, batches, optimizer, schedule.T, schedule.alpha)
    return student.eval()


def teach_on_grid(
    student: nn.Module,
    teacher: nn.Module,
    train: torch.Tensor,
    schedule: Schedule,
    seed: int,
    grid: str = "clip3",
) -> nn.Module:
    """Distill `student` while its matrices, embedding and head live on a grid; they end on it, in place."""
    put_on_grids(student, grid, grid)
    student = teach(student, teacher, train, schedule, seed, f"fine-tuning on the {grid} grid")
    bake_fake_quantize(student)
    return student

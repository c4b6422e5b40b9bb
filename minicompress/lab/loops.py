"""The loops that every chapter needs: eval and training mode, optimizer steps, the next-token loss."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import nn


@contextlib.contextmanager
def modes_kept(*models: nn.Module) -> Iterator[None]:
    """Give every submodule of the models its own mode back afterwards, also after an error."""
    modes = [(module, module.training) for model in models for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextlib.contextmanager
def evaluation_mode(*models: nn.Module) -> Iterator[None]:
    """Put models into eval mode and turn gradients off; afterwards as they were."""
    with modes_kept(*models), torch.no_grad():
        for model in models:
            model.eval()
        yield


@contextlib.contextmanager
def training_mode(student: nn.Module, *teachers: nn.Module) -> Iterator[None]:
    """Put the student into training mode and its teachers into eval mode; afterwards all are as they were."""
    with modes_kept(student, *teachers):
        student.train()
        for teacher in teachers:
            teacher.eval()
        yield


def take_steps(
    batches: Iterable, loss_of: Callable[[object], torch.Tensor], optimizer: torch.optim.Optimizer
) -> list[float]:
    """Take one optimizer step a batch: `loss_of(batch)`, backward, step; return the losses.

    The models' modes are the caller's (`training_mode`). ValueError: no batch.
    """
    losses = []
    for batch in batches:
        loss = loss_of(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


def next_token_loss(model: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Mean next-token cross entropy in nats; tokens int64 [B, T]."""
    logits = model(input_ids=tokens, use_cache=False).logits[:, :-1]  # [B, T-1, V]
    return F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())  # [B*(T-1), V]


def imitation_loss(student: nn.Module, teacher: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Mean KL(teacher || student) of the next token in nats; tokens int64 [B, T].

    The teacher receives no gradient. This is the distillation loss of notebook 03 without labels, at T = 1.
    """
    with torch.no_grad():
        theirs = teacher(input_ids=tokens, use_cache=False).logits[:, :-1]  # [B, T-1, V]
    ours = student(input_ids=tokens, use_cache=False).logits[:, :-1]  # [B, T-1, V]
    log_student, log_teacher = (
        logits.float().flatten(0, 1).log_softmax(-1)  # [B*(T-1), V]
        for logits in (ours, theirs)
    )
    return F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


def validation_score(model: nn.Module, tokens: torch.Tensor, batch_size: int = 16) -> dict:
    """Mean next-token NLL in nats and top-1 accuracy."""
    loss, hits, count = 0.0, 0, 0
    with evaluation_mode(model):
        for rows in tokens.to(next(model.parameters()).device).split(batch_size):
            logits, targets = model(input_ids=rows, use_cache=False).logits[:, :-1].float(), rows[:, 1:]
            loss += F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
            hits += (logits.argmax(-1) == targets).sum().item()
            count += targets.numel()
    return {"validation_loss": round(loss / count, 4), "validation_top1": round(hits / count, 4)}

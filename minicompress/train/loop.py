"""The training loop: one model, one loss, a plan, and a folder from which an interrupted run goes on.

Every run is a function of its seed: what the loss of a step is depends on (seed, step) alone.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from minicompress.lab.machine import best_device, has_fast_bf16
from minicompress.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from minicompress.train.log import Log

LossOf = Callable[[torch.nn.Module, int], torch.Tensor]
Examine = Callable[[torch.nn.Module], dict]


@dataclass(frozen=True)
class Plan:
    """How long, how fast and in which arithmetic to train. A step is one optimizer update."""

    steps: int
    muon_rate: float = 6e-3
    adam_rate: float = 1.5e-2  # for embeddings and norms; both found on 0.5M tokens with the small student
    warmup: int = 30
    final_share: float = 0.02  # of the learning rates, at the end
    decay: int | None = None  # the last updates, in which the rates fall; None: a cosine over all updates
    weight_decay: float = 0.05
    evaluate_every: int = 100
    log_every: int = 20
    checkpoint_seconds: float = 240.0
    precision: str | None = None  # "no" (fp32) or "bf16"; None: what is faster on this machine
    compile_model: bool = False


def fast_precision() -> str:
    """What is faster on this machine: "bf16", or "no", which is fp32."""
    return "bf16" if has_fast_bf16(best_device()) else "no"


def rate_share(plan: Plan, step: int) -> float:
    """Share of the full learning rates: linear warm-up, then down to `final_share`."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    shape = cosine if plan.decay is None else constant_then_linear
    return plan.final_share + (1 - plan.final_share) * shape(plan, step)


def cosine(plan: Plan, step: int) -> float:
    """From 1 to 0 along half a cosine, over all updates after the warm-up."""
    progress = (step - plan.warmup) / max(plan.steps - plan.warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * progress))


def constant_then_linear(plan: Plan, step: int) -> float:
    """1 until the last `decay` updates, then straight down to 0.

    Such a run can be made longer, or be ended earlier, at any time before its rates fall (warm-up, stable,
    decay: Hu et al. 2024, MiniCPM, arXiv 2404.06395).
    """
    return min(1.0, (plan.steps - step) / max(plan.decay, 1))


def warmup_of(steps: int) -> int:
    """A tenth of a short run, else 30 steps."""
    return max(1, min(30, steps // 10))


def make_optimizers(model: torch.nn.Module, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings and norms, in this order.

    Muon (Jordan et al. 2024) orthogonalises each matrix's momentum. With few tokens it learns markedly
    faster.
    """
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            inside = parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
            (matrices if inside else others).append(parameter)
    muon = torch.optim.Muon(
        matrices, lr=plan.muon_rate, weight_decay=plan.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return [muon, torch.optim.AdamW(others, lr=plan.adam_rate, betas=(0.9, 0.95), weight_decay=0.0)]


def set_rates(optimizers: list, plan: Plan, share: float) -> None:
    for optimizer, rate in zip(optimizers, (plan.muon_rate, plan.adam_rate), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * share


def update(accelerator: Accelerator, model: torch.nn.Module, optimizers: list, loss: torch.Tensor) -> None:
    """One update of all parameters, the gradient's norm clipped to 1."""
    accelerator.backward(loss)
    accelerator.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()


def train(
    model: torch.nn.Module, loss_of: LossOf, plan: Plan, folder: Path, examine: Examine | None = None
) -> torch.nn.Module:
    """Train `model` in place and return it; a checkpoint in `folder` is where it goes on.

    `loss_of(model, step)` forms the loss of one step, from this process's share of the batch where there are
    several. The log goes to `folder/log.jsonl`, and with it what `examine(model)` says every
    `plan.evaluate_every` steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(
        mixed_precision=plan.precision or fast_precision(), cpu=best_device().type == "cpu"
    )
    model, *optimizers = accelerator.prepare(model, *make_optimizers(model, plan))
    plain = accelerator.unwrap_model(model)
    forward = torch.compile(model) if plan.compile_model else model
    updates, seconds = load_checkpoint(folder, plain, optimizers)
    log, saved_at, started = Log(folder, updates), time.monotonic(), time.monotonic() - seconds
    model.train()
    for step in range(updates, plan.steps):
        share, done, last = rate_share(plan, step), step + 1, step + 1 == plan.steps
        set_rates(optimizers, plan, share)
        loss = loss_of(forward, step)
        update(accelerator, model, optimizers, loss)
        log.add(accelerator.reduce(loss.detach(), "mean").item())  # over the processes
        if not accelerator.is_main_process:
            continue
        if last or done % plan.log_every == 0:
            due = examine is not None and (last or done % plan.evaluate_every == 0)
            log.write(done, share, time.monotonic() - started, examine(plain) if due else {})
        if last or time.monotonic() - saved_at > plan.checkpoint_seconds:
            save_checkpoint(folder, plain, optimizers, Progress(done, time.monotonic() - started))
            saved_at = time.monotonic()
    return plain

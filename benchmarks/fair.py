"""Is the teacher needed? The part `fair` of `benchmarks.distillation`.

Students of one shape, from the same random weights, on the same batches, with a teacher and without. Every
run leaves a checkpoint in `out/`, so a measurement that was killed goes on where it was.
"""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from benchmarks.lessons import CONTEXT
from minicompress.lab.digests import weights_digest
from minicompress.lab.modules import parameter_count
from minicompress.lab.paths import OUT
from minicompress.train.lessons import examination, from_live_teacher
from minicompress.train.log import FILE
from minicompress.train.loop import Plan, train, warmup_of
from minicompress.train.options import Distill
from minicompress.train.processes import this_process
from minicompress.train.shapes import SHAPES, new_model

ARMS = {"labels alone": 0.0, "with the teacher": 0.5}  # alpha


class Settings(NamedTuple):
    """What all runs have in common."""

    updates: int = 400
    seeds: int = 3
    shape: str = "student"
    rows: int = 16
    temperature: float = 1.0
    muon_rate: float = 6e-3
    adam_rate: float = 1.5e-2


def compare(
    teacher: nn.Module, settings: Settings | None = None, folder: Path = OUT / "bench-distillation" / "fair"
) -> dict:
    """Validation scores of every arm and seed on the way, and the teacher's own.

    A seed is a draw of the first weights and of the batches, the same for every arm. `folder` keeps the runs;
    those of another teacher, or of other settings, lie beside them.
    """
    settings = settings or Settings()
    teacher = teacher.to(this_process().device).eval().requires_grad_(False)
    runs = folder / digest(teacher, settings)
    arms = {
        arm: [
            {"seed": seed, "scored": learn(teacher, settings, alpha, seed, runs / f"alpha{alpha}-seed{seed}")}
            for seed in range(settings.seeds)
        ]
        for arm, alpha in ARMS.items()
    }
    sizes = {"parameters": parameter_count(new_model(SHAPES[settings.shape]))}
    sizes["teacher"] = {"parameters": parameter_count(teacher)} | examination()(teacher)
    return settings._asdict() | {"length": CONTEXT, "alphas": ARMS} | sizes | {"arms": arms}


def digest(teacher: nn.Module, settings: Settings) -> str:
    """A short name for what the runs depend on."""
    text = json.dumps([weights_digest(teacher), settings._asdict()])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def learn(teacher: nn.Module, settings: Settings, alpha: float, seed: int, folder: Path) -> list[dict]:
    """Train one student, or go on where it was interrupted; its scores on the way: step, seconds, loss,
    top-1 accuracy.
    """
    asked = Distill(
        name=folder.name,
        start="random",
        steps=settings.updates,
        rows=settings.rows,
        length=CONTEXT,
        temperature=settings.temperature,
        alpha=alpha,
        seed=seed,
    )
    lessons = from_live_teacher(teacher, asked)
    plan = Plan(
        settings.updates, settings.muon_rate, settings.adam_rate, warmup_of(settings.updates), precision="no"
    )
    train(first_weights(settings, seed), lessons.loss_of, plan, folder, lessons.examine)
    log = [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines()]
    wanted = ("step", "seconds", "validation_loss", "validation_top1")
    return [{key: line[key] for key in wanted} for line in log if "validation_top1" in line]


def first_weights(settings: Settings, seed: int) -> torch.nn.Module:
    return new_model(SHAPES[settings.shape], seed)

"""Every model of assets/ from nothing: what is trained, in which order, and where each finished model goes.

The shipped models took a longer way: most went on from predecessors that an earlier teacher had taught. The
`run.json` beside each of them tells it.
"""

import dataclasses
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from minicompress.lab.machine import best_device
from minicompress.lab.paths import ASSETS, ROOT
from minicompress.train.options import (
    Answers,
    Bert,
    Distilbert,
    Distill,
    Pretrain,
    Student,
    Training,
    command_line,
)

Device = Literal["auto", "cpu", "cuda"]
SLOW = {"muon_rate": 3e-3, "adam_rate": 6e-3}
SLOWER = {"muon_rate": 2e-3, "adam_rate": 4e-3}
BEGIN = {"steps": 800, "compile_model": True}
GO_ON = {"steps": 2600, "decay": 600, "seed": 1, "muon_rate": 4e-3, "adam_rate": 1e-2}
CLIP3 = {"blocks": "clip3", "embedding": "clip3"}
TERNARY = {"blocks": "ternary", "embedding": "ternary"}
BOTH_TASKS = {"streams": "stdlib,pairs"} | SLOW
SCRATCH = {"start": "random", "muon_rate": 6e-3, "adam_rate": 1.5e-2, "steps": 400}


@dataclass(frozen=True)
class Step:
    """One command of `python -m minicompress.train`, and what it is asked."""

    command: str
    asked: Training | Answers


def student(name: str, **asked: object) -> Step:
    return Step("student", Student(name=name, **asked))


def half_of_medium(name: str, **asked: object) -> Step:
    return Step("distill", Distill(name=name, teacher="medium", **asked))


STEPS = (
    # Without a teacher, all three on the same batches.
    Step("teacher", Pretrain(name="teacher-first", **BEGIN)),
    Step("teacher", Pretrain(name="teacher", start="teacher-first", **GO_ON)),
    Step("half", Pretrain(name="half-first", **BEGIN)),
    Step("half", Pretrain(name="half", start="half-first", **GO_ON)),
    Step("eighth", Pretrain(name="eighth-first", **BEGIN)),
    Step("eighth", Pretrain(name="eighth", start="eighth-first", **GO_ON)),
    Step("answers", Answers(steps=1000)),
    # From the student to the artefact: prune, learn on the 3-bit grid, at the end on the two tasks alone.
    student("student", shape="student", steps=4500),
    student("int3", start="student", neurons=208, blocks="int3", embedding="int3", steps=3000, **SLOW),
    student("clip3-mix", start="int3", steps=8500, **CLIP3, **SLOW),
    student("student-clip3", start="clip3-mix", steps=2000, **CLIP3, **(BOTH_TASKS | SLOWER)),
    # Larger, for the frontier.
    student("medium", shape="medium", steps=5000),
    student("medium-clip3", start="medium", neurons=288, steps=1000, **CLIP3, **BOTH_TASKS),
    # Baselines: the student's shape on labels alone; smaller shapes, whose files are as small as ours.
    student("student-labels", shape="student", alpha=0, steps=4500),
    student("small-clip4", shape="small", blocks="clip4", embedding="clip4", steps=3000),
    student("tiny", shape="tiny", steps=3000),
    # Pushed further: fewer neurons, and weights of -1, 0, 1.
    student("student-ternary", start="student-clip3", steps=4000, **TERNARY, **BOTH_TASKS),
    student("student-slim", start="student-clip3", neurons=152, steps=2000, **CLIP3, **BOTH_TASKS),
    student("student-narrow", start="student-clip3", neurons=112, steps=2000, **CLIP3, **BOTH_TASKS),
    student(
        "student-narrow-ternary", start="student-ternary", neurons=112, steps=1000, **TERNARY, **BOTH_TASKS
    ),
    student("medium-narrow", start="medium", neurons=128, steps=1500, **CLIP3, **BOTH_TASKS),
    # Chapter 03: a BERT, students of half its layers by three recipes, and halves of the medium model.
    Step("bert", Bert()),
    *(Step("distilbert", Distilbert(recipe=recipe, steps=1000)) for recipe in ("paper", "article", "labels")),
    half_of_medium("medium-half-kd", steps=400),
    half_of_medium("medium-half-labels", steps=400, alpha=0),
    half_of_medium("medium-half-kd-random", **SCRATCH),
    half_of_medium("medium-half-labels-random", alpha=0, **SCRATCH),
)

PUBLISHED = ("teacher", "half", "eighth", "student", "student-clip3", "medium", "bert")
EXPORTED = {  # file below assets/ -> the grid of its run's blocks and embedding; none: fp16
    "frontier/medium-clip3": "clip3",
    "frontier/medium-narrow": "clip3",
    "frontier/student-slim": "clip3",
    "frontier/student-narrow": "clip3",
    "frontier/student-ternary": "ternary",
    "frontier/student-narrow-ternary": "ternary",
    "baselines/small-clip4": "clip4",
    "baselines/student-labels": "",
    "baselines/tiny": "",
}


def longer(step: Step, times: float) -> Step:
    """The same step with so many times the updates (and the fall of the rates, where there is one)."""
    counts = {"steps": step.asked.steps} | (
        {"decay": step.asked.decay} if getattr(step.asked, "decay", None) else {}
    )
    changed = {name: max(1, round(count * times)) for name, count in counts.items()}
    return Step(step.command, dataclasses.replace(step.asked, **changed))


def commands(times: float = 1.0, to: Path = ASSETS) -> list[list[str]]:
    """The words of each command after `python -m minicompress.train`, training first, then publishing.

    ValueError: `times` is not above 0.
    """
    if not times > 0:
        raise ValueError(f"--times must be above 0, got {times}")
    steps = [longer(step, times) for step in STEPS]
    trained = [shlex.split(command_line(step.command, step.asked))[3:] for step in steps]
    published = [["publish", name, str(to / name)] for name in PUBLISHED]
    exported = [
        ["export", Path(file).name, grid, grid, str(to / f"{file}.safetensors")]
        for file, grid in EXPORTED.items()
    ]
    return trained + published + exported


def environment_of(device: Device) -> dict[str, str]:
    """The environment in which every command runs on that device. ValueError: there is no such GPU."""
    found = best_device().type
    if device == "cuda" and found != "cuda":
        raise ValueError("--device cuda: torch finds no GPU here; allowed are auto and cpu")
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    return os.environ | {"MINICOMPRESS_SOLUTIONS": "1"} | hidden


def carry_out_all(device: Device, times: float, to: Path) -> None:
    """Run every command in a process of its own: what is finished stays, what was interrupted goes on.

    Nothing is published before everything is trained. ValueError: a command failed.
    """
    environment, every = environment_of(device), commands(times, to)
    for number, words in enumerate(every, 1):
        print(f"[{number} of {len(every)}] {shlex.join(words)}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "minicompress.train", *words], env=environment, cwd=ROOT, check=False
        )
        if done.returncode:
            raise ValueError(
                f"{shlex.join(words)} ended with {done.returncode}; the same command goes on there"
            )

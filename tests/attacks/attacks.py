"""The attacks: submissions that deserve nothing, each with one sentence on what it tries.

tests/attacks/ex_1_1.py holds the texts for exercise 1.1, in sections that begin with `### ATTACK name: What
it tries.` An attacker is given what he would otherwise have to find out: see `filled_in`.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import prune

from minicompress.grading.course import exercises
from minicompress.grading.mistakes import sections
from minicompress.lab.paths import ROOT


class Attack(NamedTuple):
    exercise: str
    name: str
    sentence: str
    source: str

    @property
    def id(self) -> str:
        return f"{self.exercise}-{self.name}"


class Places(NamedTuple):
    """What a text of an attack may name."""

    home: Path  # a folder of the grader's that nobody may change
    token: str  # stands in the command line or the name of what an attack leaves behind
    port: int  # of this machine: somebody listens there


@functools.cache
def attacks() -> list[Attack]:
    return [
        Attack(key, *parts)
        for key, task in exercises().items()
        for parts in sections(task, "attacks", "ATTACK")
    ]


def filled_in(source: str, places: Places) -> str:
    """The text of an attack with the words between @ signs replaced."""
    words = {"ROOT": ROOT, "HOME": places.home, "TOKEN": places.token, "PORT": places.port}
    for word, value in (words | known_answers()).items():
        source = source.replace(f"@{word}@", str(value))
    return source


@functools.cache
def known_answers() -> dict[str, str]:
    """The masks that the public graders of 1.1 ask for, as hexadecimal numbers: bit k is the flat index k."""
    torch.manual_seed(0)
    mask = prune.l1_unstructured(nn.Linear(31, 17), "weight", amount=0.4).weight_mask.flatten().bool()
    weight = (torch.arange(3000) % 3).float()  # [3000]
    ones = (weight == 1).nonzero().squeeze(1)
    many = weight > 0
    many[ones[: 1500 - int((weight == 0).sum())]] = False
    return {"SEED_0": hexadecimal(mask), "THREE_THOUSAND": hexadecimal(many)}


def hexadecimal(mask: torch.Tensor) -> str:
    return hex(sum(1 << place for place, kept in enumerate(mask.tolist()) if kept))

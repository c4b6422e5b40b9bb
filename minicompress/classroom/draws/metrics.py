"""Draws for chapter 0."""

import itertools
from random import Random

import torch
from torch import nn


def any_model(rng: Random) -> tuple:
    sizes = [rng.randint(1, 9) for _ in range(rng.randint(2, 5))]
    kinds = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
    layers = [
        nn.Linear(a, b, bias=rng.random() < 0.5, dtype=rng.choice(kinds))
        for a, b in itertools.pairwise(sizes)
    ]
    twin, norm = nn.Linear(sizes[0], sizes[1]), nn.BatchNorm1d(rng.randint(1, 9))
    twin.weight = layers[0].weight
    norm.register_buffer("unsaved", torch.zeros(rng.randint(1, 9)), persistent=False)
    return (nn.Sequential(*layers, *rng.sample([twin, norm], rng.randint(0, 2))),)

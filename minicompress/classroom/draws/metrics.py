"""Draws for chapter 0."""

import copy
import itertools
from random import Random

import torch
from torch import nn

from minicompress.classroom.draws import models


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


def model_and_tokens(rng: Random) -> tuple:
    model = models.any_model(rng)
    rows = rng.randint(1, 6)
    tokens = models.token_rows(model.config.vocab_size, rows, rng.randint(2, 9))
    return model, tokens, rng.randint(1, rows + 2)


def model_that_is_sure(rng: Random) -> tuple:
    """At every position one token is ranked first by far."""

    def is_sure(model: nn.Module, tokens: torch.Tensor, _: int) -> bool:
        with torch.no_grad():
            return models.clear(copy.deepcopy(model).eval()(input_ids=tokens).logits)

    return models.until(lambda: model_and_tokens(rng), is_sure)


def bad_tokens(rng: Random) -> list[tuple]:
    model, tokens, _ = model_and_tokens(rng)
    wrong = [(model, tokens[:, :1]), (model, tokens[:0])]
    return [*wrong, (model, tokens, -rng.randint(0, 5))]

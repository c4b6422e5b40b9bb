"""Draws for chapter 4: matrices whose singular values are all different."""

import itertools
import math
from random import Random

import torch
from torch import nn

from minicompress.classroom.draws.tensors import precision, wave


def separated(rows: int, columns: int) -> torch.Tensor:
    """A float64 matrix whose singular values lie at least 0.5 apart: the best of a rank is well defined."""
    count = min(rows, columns)
    left, right = (torch.linalg.qr(torch.randn(n, count).double()).Q for n in (rows, columns))
    return (left * (0.5 + torch.rand(count)).cumsum(0).flip(0)) @ right.T


def matrix_and_rank(rng: Random) -> tuple:
    rows, columns = rng.randint(1, 12), rng.randint(1, 12)
    return separated(rows, columns).to(precision(rng)), rng.randint(1, min(rows, columns))


def bad_matrices(rng: Random) -> list[tuple]:
    rows, columns = rng.randint(1, 12), rng.randint(1, 12)
    weight = torch.randn(rows, columns)
    return [
        (weight, -rng.randint(0, 9)),
        (weight, min(rows, columns) + rng.randint(1, 9)),
        (weight.flatten(), 1),
        (weight * math.nan, 1),
        (weight.to(torch.int64), 1),
    ]


def any_matrix(rng: Random) -> tuple:
    """Some of zeros, some large and some small ones: their errors are relative."""
    weight = matrix_and_rank(rng)[0]
    return (weight * rng.choice((0.0, 1.0, 1.0, 1.0, 2.0 ** rng.randint(-60, 60))),)


def no_matrices(rng: Random) -> list[tuple]:
    return [bad[:1] for bad in bad_matrices(rng)[2:]]


def product(factors: tuple, *_: object) -> tuple:
    """What is the same whatever the signs: the product, and how large each column and each row is."""
    U, V = factors
    return U @ V, U.norm(dim=0), V.norm(dim=1)


def factors(rng: Random) -> tuple:
    rows, columns, rank = (rng.randint(1, 9) for _ in range(3))
    return torch.randn(rows, rank), torch.randn(rank, columns), rng.choice((None, torch.randn(rows)))


def linear(rng: Random, inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, rng.random() < 0.5)
    with torch.no_grad():
        layer.weight.copy_(separated(outputs, inputs))
    return layer.train(rng.random() < 0.5)


def linear_and_rank(rng: Random) -> tuple:
    inputs, outputs = rng.randint(1, 9), rng.randint(1, 9)
    return linear(rng, inputs, outputs), rng.randint(1, min(inputs, outputs))


def answer_of_factors(layer: nn.Module, _: torch.Tensor, V: torch.Tensor, __: object) -> tuple:
    return (layer.in_features, layer.out_features, layer.rank), layer(wave(3, V.shape[1]))


def answer_of_linear(layer: nn.Module, linear: nn.Linear, _: int) -> tuple:
    sizes = (layer.in_features, layer.out_features, layer.rank)
    return sizes, layer.training, layer(wave(3, linear.in_features))


def sizes(rng: Random) -> tuple:
    return rng.randint(1, 5000), rng.randint(1, 5000)


def bad_sizes(rng: Random) -> list[tuple]:
    return [(-rng.randint(0, 9), rng.randint(1, 9)), (rng.randint(1, 9), -rng.randint(0, 9))]


def singular_values(rng: Random) -> tuple:
    values = (torch.rand(rng.randint(1, 40)) ** 2 + 0.01).sort(descending=True).values.to(precision(rng))
    zeros = torch.zeros(rng.choice((0, 0, rng.randint(1, 5))), dtype=values.dtype)
    return torch.cat([values, zeros]), 0.02 + 0.97 * rng.random()


def bad_values(rng: Random) -> list[tuple]:
    values = torch.arange(rng.randint(2, 9), 0, -1) + 0.5
    energies = [(values, energy) for energy in (-rng.random(), 1.01 + rng.random())]
    return [*energies, (values.flip(0), 0.5), (torch.cat([values, -values[-1:]]), 0.5), (values[:0], 0.5)]


def some_layers(rng: Random) -> tuple:
    """Layers that fit each other, one of them tied to another, and a rank that suits some of them."""
    size = rng.randint(3, 9)
    sizes = [size, *(rng.randint(1, 12) for _ in range(rng.randint(0, 3))), size]
    layers = [linear(rng, a, b) for a, b in itertools.pairwise(sizes)]
    if rng.random() < 0.5:
        layers += [linear(rng, size, size), linear(rng, size, size)]
        layers[-1].weight = layers[-2].weight
    skip = rng.choice([(), (str(rng.randrange(len(layers))),)])
    return nn.Sequential(*layers), rng.randint(1, 5), skip


def bad_conversions(rng: Random) -> list[tuple]:
    model = nn.Sequential(nn.Linear(8, rng.randint(1, 8)))
    return [(model, -rng.randint(0, 9)), (model, 1, "lm_head")]


def answer_of_model(report: dict, model: nn.Module, *_: object) -> tuple:
    return report, model(wave(3, model[0].in_features))


def covariance(rng: Random, size: int) -> torch.Tensor:
    inputs = torch.randn(size, 3 * size, dtype=precision(rng))
    result = inputs @ inputs.T + torch.eye(size, dtype=inputs.dtype)
    return (result + result.T) / 2  # rounded alike on both sides of the diagonal


def any_covariance(rng: Random) -> tuple:
    """Some have an input that is always zero: the first pivot that fails is 0 exactly."""
    size = rng.randint(1, 9)
    result = covariance(rng, size)
    if rng.random() < 0.4:
        silent = rng.randrange(size)
        result[silent] = result[:, silent] = 0.0
    return (result,)


def weight_and_covariance(rng: Random) -> tuple:
    weight, rank = matrix_and_rank(rng)
    return weight, covariance(rng, weight.shape[1]), rank


def bad_covariances(rng: Random) -> list[tuple]:
    size = rng.randint(2, 9)
    weight, good = torch.randn(size, size), torch.eye(size)
    wrong = [(weight, bad, 1) for bad in (torch.eye(size + 1), -good, torch.ones(size, size).triu())]
    return [*wrong, (weight, good, 0), (weight, good, size + 1), (weight, good * math.nan, 1)]

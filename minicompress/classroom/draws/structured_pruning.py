"""Draws for chapter 2: layers, and which of their channels stay."""

import itertools
from collections.abc import Callable
from random import Random

import torch
from torch import nn

from minicompress.classroom.draws.tensors import noisy, not_ranked, selection, shape, wave


def channels(rng: Random) -> tuple:
    return (torch.randn(shape(rng, 2, 4)),)


def bad_channels(rng: Random) -> list[tuple]:
    return [(torch.ones(rng.randint(1, 9)),), *((wrong,) for wrong in not_ranked(shape(rng, 2, 3)))]


def any_layer(rng: Random) -> nn.Module:
    inputs, outputs, bias = rng.randint(1, 9), rng.randint(1, 9), rng.random() < 0.5
    convolution = nn.Conv2d(
        inputs, outputs, rng.randint(1, 3), rng.randint(1, 2), rng.randint(0, 2), bias=bias
    )
    return noisy(rng.choice([nn.Linear(inputs, outputs, bias), convolution, nn.BatchNorm2d(outputs)]))


def layer_and_keep(size: Callable) -> Callable[[Random], tuple]:
    """size: of the layer, the number of channels that can be kept."""

    def draw(rng: Random) -> tuple:
        layer = any_layer(rng)
        return layer, selection(rng, size(layer))

    return draw


def outputs_of(layer: nn.Module) -> int:
    return getattr(layer, "out_features", None) or len(layer.state_dict()["weight"])


def inputs_of(layer: nn.Module) -> int:
    return len(layer.weight) if isinstance(layer, nn.BatchNorm2d) else layer.weight.shape[1]


def bad_keeps(rng: Random) -> list[tuple]:
    size = rng.randint(2, 9)
    wrong = [[], [size], [-1], [1, 0], [0, 0]]
    return [(nn.Linear(size, size), torch.tensor(keep, dtype=torch.int64)) for keep in wrong]


def answer_of_outputs(pruned: nn.Module, layer: nn.Module, keep: torch.Tensor) -> tuple:
    """Its kind, whether it is training, and what it makes of an input."""
    inputs = len(keep) if isinstance(layer, nn.BatchNorm2d) else inputs_of(layer)
    sizes = (3, inputs) if isinstance(layer, nn.Linear) else (2, inputs, 5, 6)
    return type(pruned).__name__, pruned.training, pruned(wave(*sizes))


def answer_of_inputs(pruned: nn.Module, layer: nn.Module, keep: torch.Tensor) -> tuple:
    sizes = (3, len(keep)) if isinstance(layer, nn.Linear) else (2, len(keep), 5, 6)
    return type(pruned).__name__, pruned.training, pruned(wave(*sizes))


def chain(rng: Random) -> tuple:
    """Convolutions, some of them with BatchNorm and ReLU, and then perhaps Linear layers."""
    width, sizes = rng.randint(4, 7), [rng.randint(1, 8) for _ in range(rng.randint(2, 4))]
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=rng.random() < 0.5))
        layers += rng.choice([[], [nn.ReLU()], [nn.BatchNorm2d(outputs), nn.ReLU()]])
    if rng.random() < 0.7:
        hidden = rng.randint(1, 6)
        layers += [nn.Flatten(), nn.Linear(sizes[-1] * width**2, hidden), nn.ReLU(), nn.Linear(hidden, 3)]
    model = noisy(nn.Sequential(*layers))
    model.width = width
    return model, rng.random()


def bad_chains(rng: Random) -> list[tuple]:
    model = nn.Sequential(nn.Conv2d(1, rng.randint(2, 9), 1))
    return [(model, 1.0 + rng.random()), (model, -0.01 - rng.random()), (nn.Sequential(nn.Linear(2, 2)), 0.5)]


def answer_of_chain(pruned: nn.Module, model: nn.Module, _: float) -> tuple:
    x = wave(2, model[0].in_channels, model.width, model.width)
    return [list(tensor.shape) for tensor in pruned.state_dict().values()], pruned(x)


def mlp(rng: Random) -> tuple:
    hidden, neurons, bias = rng.randint(1, 9), rng.randint(2, 12), rng.random() < 0.5
    writers = {name: nn.Linear(hidden, neurons, bias) for name in ("gate_proj", "up_proj")}
    return nn.ModuleDict(writers | {"down_proj": nn.Linear(neurons, hidden, bias)}), selection(rng, neurons)


def bad_mlps(rng: Random) -> list[tuple]:
    model, _ = mlp(rng)
    size = model["down_proj"].in_features
    wrong = [[], [size], [-1], [1, 0], [0, 0]]
    return [(model, torch.tensor(keep, dtype=torch.int64)) for keep in wrong]

"""Sizes, tensors and layers of which the others make their draws."""

import math
from random import Random

import torch
from torch import nn


def shape(rng: Random, least: int = 1, most: int = 4) -> tuple[int, ...]:
    return tuple(rng.randint(1, 9) for _ in range(rng.randint(least, most)))


def precision(rng: Random) -> torch.dtype:
    return rng.choice((torch.float32, torch.float32, torch.float64))


def distinct(rng: Random, sizes: tuple[int, ...]) -> torch.Tensor:
    """The magnitudes are 1, 2, 3, ... of some unit, in any order and with any sign."""
    numel = math.prod(sizes)
    magnitudes = (torch.randperm(numel) + 1.0) * 2.0 ** rng.randint(-8, 8)
    return (magnitudes * torch.randn(numel).sign()).view(sizes).to(precision(rng))


def sparse(rng: Random, sizes: tuple[int, ...]) -> torch.Tensor:
    return distinct(rng, sizes) * (torch.rand(sizes) < rng.random())


def selection(rng: Random, size: int) -> torch.Tensor:
    """Sorted indices, at least one."""
    return torch.tensor(sorted(rng.sample(range(size), rng.randint(1, size))))


def pattern(rng: Random) -> tuple[int, int]:
    m = rng.randint(2, 7)
    return rng.randint(1, m), m


def wave(*sizes: int) -> torch.Tensor:
    """An input of layers: no two numbers are alike."""
    return (torch.arange(math.prod(sizes)) * 0.7 + 0.3).sin().view(sizes)


def noisy(model: nn.Module) -> nn.Module:
    """No weight and no running mean has a special value; in eval mode."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape) + 0.2)
                tensor.mul_(torch.randn(tensor.shape).sign() if tensor.ndim > 1 else 1)
    return model.eval()


def not_ranked(sizes: tuple[int, ...]) -> list[torch.Tensor]:
    """NaN among numbers, and integers."""
    return [torch.full(sizes, math.nan), torch.ones(sizes, dtype=torch.int64)]


def answer_in_place(_: None, model: nn.Module, *__: object) -> dict:
    """What became of the model: its tensors by name."""
    return dict(model.state_dict())

"""Draws for chapter 5: weights that no one rounds another way."""

import math
from random import Random

import torch
from torch import nn

from minicompress.classroom.draws.tensors import shape, wave


def quantizable(rng: Random) -> tuple:
    """Integers times a scale, each at most 0.4 beside its integer, so that nobody rounds another way."""
    bits, size, groups, rows = rng.randint(2, 8), rng.randint(1, 6), rng.randint(1, 4), rng.randint(1, 7)
    largest = 2 ** (bits - 1) - 1
    steps = torch.randint(-largest, largest + 1, (rows, groups, size)) + 0.8 * (
        torch.rand(rows, groups, size) - 0.5
    )
    steps = steps.clamp(-largest, largest)
    steps[..., rng.randrange(size)] = rng.choice((largest, -largest))  # one of each group sets the scale
    whole = rng.random() < 0.3
    scales = torch.rand(rows, 1 if whole else groups, 1) + 0.1
    return (steps * scales).reshape(rows, -1), bits, None if whole else size  # [rows, groups*size]


def bad_quantizations(rng: Random) -> list[tuple]:
    columns = rng.randint(3, 9)
    weight = torch.randn(rng.randint(1, 9), columns)
    return [
        *((weight, bits) for bits in (1, -rng.randint(0, 9), rng.randint(9, 20))),
        (weight, 8, columns - 1),
        (weight, 8, -rng.randint(0, 9)),
        (weight.flatten(),),
        (weight * math.nan,),
        (weight.to(torch.int32),),
    ]


def quantized(rng: Random) -> tuple:
    # here, because this names the class of the chapter that is being judged
    from minicompress.quantization import QuantizedTensor

    rows, groups, size = (rng.randint(1, 7) for _ in range(3))
    bits = rng.randint(2, 8)
    largest = 2 ** (bits - 1) - 1
    values = torch.randint(-largest, largest + 1, (rows, groups * size), dtype=torch.int8)
    return (QuantizedTensor(values, torch.rand(rows, groups) + 0.1, bits, size if groups > 1 else None),)


def nibbles(rng: Random) -> tuple:
    kind = rng.choice((torch.int8, torch.int16, torch.int32, torch.int64))
    return (torch.randint(-8, 8, shape(rng, 1, 3), dtype=kind),)


def bad_nibbles(rng: Random) -> list[tuple]:
    sizes = shape(rng, 1, 3)
    wrong = [torch.full(sizes, number) for number in (rng.randint(8, 20), rng.randint(-20, -9))]
    return [*((values,) for values in wrong), (torch.ones(sizes),)]


def packed(rng: Random) -> tuple:
    columns = rng.randint(1, 12)
    result = torch.randint(256, (*shape(rng, 0, 2), (columns + 1) // 2), dtype=torch.uint8)
    if columns % 2:
        result[..., -1] &= 0xF  # the padding
    return result, columns


def bad_packed(rng: Random) -> list[tuple]:
    result, columns = packed(rng)
    return [(result, columns + 2), (result.to(torch.int8), columns)]


def quantizable_linear(rng: Random) -> tuple:
    weight, bits, group_size = quantizable(rng)
    layer = nn.Linear(*weight.T.shape, bias=rng.random() < 0.5)
    with torch.no_grad():
        layer.weight.copy_(weight)
    return layer, bits, group_size


def answer_of_quantized(layer: nn.Module, linear: nn.Linear, *_: object) -> tuple:
    return layer.values, layer.scale, layer(wave(3, linear.in_features))


def rows_of_embedding(layer: nn.Module, q: tuple) -> torch.Tensor:
    """Every row of the table, some of them twice, in an order that is not that of the table."""
    rows = len(q.values)
    return layer((torch.arange(6 * rows).view(2, 3, rows) * 7 + 3) % rows)  # [2, 3, rows, columns]


def searchable(rng: Random) -> tuple:
    """Some heavy rows, for which no two candidates are about equally good."""
    while True:
        bits, candidates = rng.randint(2, 8), rng.randint(1, 24)
        weight = torch.randn(rng.randint(1, 7), rng.randint(6, 40)) * torch.rand(1) * 10
        weight[:, rng.randrange(weight.shape[1])] *= rng.uniform(1, 4)
        if is_clear(weight, bits, candidates):
            return weight, bits, candidates


def is_clear(weight: torch.Tensor, bits: int, candidates: int) -> bool:
    """Whether the best candidate of each row is better than all others by more than rounding explains."""
    weight, largest = weight.double(), 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    scales = [widest * k / candidates for k in range(1, candidates + 1)]
    lost = [((weight / scale).round().clamp(-largest, largest) * scale - weight) for scale in scales]
    errors = torch.stack([error.square().sum(1) for error in lost]).sort(0).values  # [candidates, out]
    return candidates == 1 or bool((errors[1] > errors[0] * 1.001 + 1e-9).all())


def bad_searches(rng: Random) -> list[tuple]:
    weight, bits, _ = searchable(rng)
    return [
        *((weight, wrong) for wrong in (1, -rng.randint(0, 9), rng.randint(9, 20))),
        (weight, bits, -rng.randint(0, 9)),
        (weight.flatten(), bits),
        (weight * math.nan, bits),
        (weight.to(torch.int32), bits),
    ]


def trainable(rng: Random) -> tuple:
    """A learning weight, some of it beyond the edges, none near a half or an edge."""
    bits, rows, columns = rng.randint(2, 8), rng.randint(1, 7), rng.randint(6, 40)
    largest, scale = 2 ** (bits - 1) - 1, torch.rand(rows, 1) * 4 + 0.1
    steps = torch.randint(1 - largest, largest, (rows, columns)) if bits > 2 else torch.zeros(rows, columns)
    steps = steps + 0.8 * (torch.rand(rows, columns) - 0.5)
    beyond = (largest + 0.1 + 3 * torch.rand(rows, columns)) * torch.randn(rows, columns).sign()
    steps = torch.where(torch.rand(rows, columns) < 0.3, beyond, steps)
    return (steps * scale).requires_grad_(), bits, scale


def bad_scales(rng: Random) -> list[tuple]:
    weight, bits, scale = trainable(rng)
    wrong = (scale[:, 0], scale.T.repeat(1, len(scale) + 1), scale * 0, -scale)
    return [*((weight, bits, other) for other in wrong), (weight, rng.randint(9, 20), scale)]


def answer_of_training(result: torch.Tensor, weight: torch.Tensor, *_: object) -> tuple:
    """The values, and the gradient of a sum in which no two of them weigh alike."""
    (gradient,) = torch.autograd.grad((result * wave(*result.shape)).sum(), weight)
    return result.detach(), gradient

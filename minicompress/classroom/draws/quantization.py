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

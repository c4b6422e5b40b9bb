"""Draws for chapter 1: weights whose magnitudes are all different."""

import math
from random import Random

import torch
from torch import nn

from minicompress.classroom.draws.tensors import distinct, not_ranked, pattern, shape, sparse


def bad_sparsities(rng: Random) -> list[float]:
    return [1.01 + rng.random(), -0.01 - rng.random()]


def weight_and_sparsity(rng: Random) -> tuple:
    return distinct(rng, shape(rng)), rng.random()


def bad_weights(rng: Random) -> list[tuple]:
    wrong = [(distinct(rng, shape(rng)), sparsity) for sparsity in bad_sparsities(rng)]
    return wrong + [(weight, rng.random()) for weight in not_ranked(shape(rng))]


def layer_and_mask(rng: Random) -> tuple:
    layer = nn.Linear(rng.randint(1, 9), rng.randint(1, 9))
    return layer, torch.rand(layer.weight.shape) < rng.random()


def bad_masks(rng: Random) -> list[tuple]:
    layer, mask = layer_and_mask(rng)
    return [(layer, mask.float()), (layer, torch.cat([mask, mask]))]


def weights_by_name(rng: Random) -> dict[str, torch.Tensor]:
    shapes = [shape(rng) for _ in range(rng.randint(1, 5))]
    pieces = distinct(rng, (sum(map(math.prod, shapes)),)).split(list(map(math.prod, shapes)))
    names = rng.sample("abcdefgh", len(shapes))
    return {name: piece.clone().view(s) for name, piece, s in zip(names, pieces, shapes, strict=True)}


def weights_and_sparsity(rng: Random) -> tuple:
    return weights_by_name(rng), rng.random()


def bad_collections(rng: Random) -> list[tuple]:
    return [({}, rng.random()), *((weights_by_name(rng), wrong) for wrong in bad_sparsities(rng))]


def schedule(rng: Random) -> tuple:
    steps = rng.randint(1, 300)
    return rng.randint(0, steps), steps, rng.random(), rng.choice(("linear", "cubic"))


def bad_schedules(rng: Random) -> list[tuple]:
    steps, final = rng.randint(1, 300), rng.random()
    outside = [(steps + rng.randint(1, 9), steps), (-rng.randint(1, 9), steps), (0, -rng.randint(0, 9))]
    finals = [(1, steps, sparsity, "linear") for sparsity in bad_sparsities(rng)]
    return [*((*pair, final, "cubic") for pair in outside), *finals, (1, steps, final, f"k{steps}")]


def group_scores(rng: Random) -> tuple:
    n, m = pattern(rng)
    return distinct(rng, (*shape(rng, 0, 3), m * rng.randint(1, 5))), n, m


def bad_groups(rng: Random) -> list[tuple]:
    m = rng.randint(3, 7)
    scores = distinct(rng, (rng.randint(1, 5), 2 * m))
    strange = [(wrong, 1, m) for wrong in not_ranked((2, 2 * m))]
    return [(scores, 0, m), (scores, m + 1, m), (scores[:, 1:], 1, m), *strange]


def sparse_weight(rng: Random) -> tuple:
    return (sparse(rng, shape(rng)),)


def coordinates(rng: Random) -> tuple:
    weight = sparse(rng, shape(rng))
    return weight.nonzero().T.contiguous(), weight[weight != 0], tuple(weight.shape)


def bad_coordinates(rng: Random) -> list[tuple]:
    sizes = shape(rng, 2, 3)
    inside = torch.tensor([rng.randrange(size) for size in sizes])[:, None]  # [ndim, 1]
    outside = inside.clone()
    outside[rng.randrange(len(sizes))] = rng.choice((9, -1))
    return [(outside, torch.ones(1), sizes), (inside, torch.ones(2), sizes)]


def bitmask(rng: Random) -> tuple:
    weight = sparse(rng, shape(rng))
    kept = (weight != 0).flatten().tolist()
    number = sum(1 << place for place, one in enumerate(kept) if one)
    bits = torch.tensor(list(number.to_bytes(math.ceil(len(kept) / 8), "little")), dtype=torch.uint8)
    return bits, weight[weight != 0], tuple(weight.shape)


def bad_bitmasks(rng: Random) -> list[tuple]:
    bits, values, sizes = bitmask(rng)
    return [
        (bits, torch.ones(len(values) + 1), sizes),
        (torch.cat([bits, bits]), values, sizes),
        (bits.to(torch.int64), values, sizes),
    ]


def storage(rng: Random) -> tuple:
    kind, sparsity, sizes = rng.choice(("dense", "coo", "csr", "bitmask", "2:4")), rng.random(), shape(rng)
    if kind == "csr":
        sizes = shape(rng, 2, 2)
    if kind == "2:4":
        sizes, sparsity = (*sizes, 4 * rng.randint(1, 9)), 0.5
    return sizes, sparsity, rng.randint(1, 64), kind


def bad_storages(rng: Random) -> list[tuple]:
    rows, bits = rng.randint(1, 9), rng.randint(1, 64)
    return [
        ((rows, 4 * rows), 0.5 * rng.random(), bits, "2:4"),
        ((rows, 4 * rows + rng.randint(1, 3)), 0.5, bits, "2:4"),
        (shape(rng, 3, 4), rng.random(), bits, "csr"),
        (shape(rng), rng.random(), bits, f"k{rows}"),
        (shape(rng), rng.random(), -rng.randint(0, 9), "coo"),
        *((shape(rng), sparsity, bits, "dense") for sparsity in bad_sparsities(rng)),
    ]


def loud_inputs(rng: Random) -> tuple:
    """Odd numbers times powers of 2: no two products are equal, and all are exact."""
    n, m = pattern(rng)
    rows, columns = rng.randint(1, 8), m * rng.randint(1, 5)
    odd = torch.stack([2.0 * torch.randperm(columns) + 1 for _ in range(rows)])  # [rows, columns]
    weight = odd * torch.randn(rows, columns).sign()
    norms = 2.0 ** torch.randint(-3, 4, (columns,))
    return (weight, norms, *rng.choice([(rng.random(),), (1 - n / m, (n, m))]))


def bad_inputs(rng: Random) -> list[tuple]:
    rows, columns = rng.randint(1, 8), 4 * rng.randint(1, 5)
    weight, norms = torch.ones(rows, columns), torch.ones(columns)
    return [
        (weight, norms, 0.4 * rng.random(), (2, 4)),
        (weight, torch.ones(columns + 1)),
        *((weight, norms, sparsity) for sparsity in bad_sparsities(rng)),
        (weight * math.nan, norms),
        (weight, norms * math.nan),
    ]

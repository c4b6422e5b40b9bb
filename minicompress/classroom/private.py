"""Inputs that the judge draws from its private seed, with shapes of their own, for functions that are pure.

Many graders have inputs that everybody knows, so that a table of the expected values passes them. On these
inputs a learner's function has to agree with the reference. They say nothing of what is right: the reference
does. Where it chooses between numbers (masks, roundings), these lie far apart: no rounding decides.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from random import Random
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import nn


class Pure(NamedTuple):
    """How to draw arguments of one function, and what of its result is compared."""

    draw: Callable[[Random], tuple]
    bad: Callable[[Random], Iterable[tuple]] = lambda _: ()  # arguments that are refused by a ValueError
    view: Callable = lambda result, *_: result  # of the result and the arguments


# ------------------------------------------------------------ numbers, tensors, layers


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


def not_ranked(rng: Random, sizes: tuple[int, ...]) -> list[torch.Tensor]:
    """NaN among numbers, and integers."""
    return [torch.full(sizes, math.nan), torch.ones(sizes, dtype=torch.int64)]


# ------------------------------------------------------------ chapter 0


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


# ------------------------------------------------------------ chapter 1


def bad_sparsities(rng: Random) -> list[float]:
    return [1.01 + rng.random(), -0.01 - rng.random()]


def bad_weights(rng: Random) -> list[tuple]:
    wrong = [(distinct(rng, shape(rng)), sparsity) for sparsity in bad_sparsities(rng)]
    return wrong + [(weight, rng.random()) for weight in not_ranked(rng, shape(rng))]


def weights_by_name(rng: Random) -> dict[str, torch.Tensor]:
    shapes = [shape(rng) for _ in range(rng.randint(1, 5))]
    pieces = distinct(rng, (sum(map(math.prod, shapes)),)).split(list(map(math.prod, shapes)))
    names = rng.sample("abcdefgh", len(shapes))
    return {name: piece.clone().view(s) for name, piece, s in zip(names, pieces, shapes, strict=True)}


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
    strange = [(wrong, 1, m) for wrong in not_ranked(rng, (2, 2 * m))]
    return [(scores, 0, m), (scores, m + 1, m), (scores[:, 1:], 1, m), *strange]


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


# ------------------------------------------------------------ chapter 2


def channels(rng: Random) -> tuple:
    sizes = shape(rng, 2, 4)
    return (torch.randn(sizes, dtype=precision(rng)),)


def bad_channels(rng: Random) -> list[tuple]:
    return [(torch.ones(rng.randint(1, 9)),), *((wrong,) for wrong in not_ranked(rng, shape(rng, 2, 3)))]


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


def answer_of_layer(layer: nn.Module, *_: object) -> tuple:
    """Its kind, whether it is training, and what it makes of an input."""
    sizes = (3, inputs_of(layer)) if isinstance(layer, nn.Linear) else (2, inputs_of(layer), 5, 6)
    return type(layer).__name__, layer.training, layer(wave(*sizes))


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


# ------------------------------------------------------------ chapter 3


def logits_and_labels(rng: Random) -> tuple:
    sizes, vocabulary = shape(rng, 1, 3), rng.randint(2, 9)
    ours, theirs = (3 * torch.randn(*sizes, vocabulary) for _ in range(2))
    labels, ignored = torch.randint(vocabulary, sizes), rng.choice((-100, -1))
    labels[torch.rand(sizes) < 0.4] = ignored
    labels.view(-1)[0] = vocabulary - 1  # one at least is real
    T, alpha = 0.5 + 4 * rng.random(), rng.random()
    return ours, theirs, rng.choice((None, labels)), T, alpha, ignored


def bad_logits(rng: Random) -> list[tuple]:
    rows, vocabulary = rng.randint(2, 9), rng.randint(2, 9)
    logits, labels = torch.zeros(rows, vocabulary), torch.zeros(rows, dtype=torch.int64)
    return [
        (logits, torch.zeros(rows, vocabulary + 1), labels),
        (logits, logits, torch.full((rows,), -100)),
        (logits, logits, labels[1:]),
        (logits, logits, labels, -rng.random()),
        (logits, logits, labels, 2.0, 1.01 + rng.random()),
        (logits, logits, labels, 2.0, -0.01 - rng.random()),
    ]


def states(rng: Random) -> tuple:
    """Hidden states of two models, which pairs of them are compared, and projections between two widths."""
    sizes, ours, theirs = shape(rng, 1, 2), rng.randint(1, 5), rng.randint(1, 5)
    width, other = rng.randint(1, 9), rng.randint(1, 9)
    pairs = [(rng.randrange(ours), rng.randrange(theirs)) for _ in range(rng.randint(1, 4))]
    projections = [noisy(nn.Linear(width, other)) for _ in pairs] if width != other else None
    student, teacher = (
        [torch.randn(*sizes, w) for _ in range(n)] for w, n in ((width, ours), (other, theirs))
    )
    return student, teacher, pairs, projections


def bad_states(rng: Random) -> list[tuple]:
    width = rng.randint(2, 9)
    ours = [torch.randn(3, width)]
    outside = [(ours, ours, pairs) for pairs in ([], [(1, 0)], [(0, rng.randint(1, 5))], [(-1, 0)])]
    return [*outside, (ours, [torch.randn(3, width + 1)], [(0, 0)]), (ours, ours, [(0, 0)], [])]


def two_distributions(rng: Random) -> tuple:
    sizes = (*shape(rng, 1, 3), rng.randint(2, 9))
    return 3 * torch.randn(sizes), 3 * torch.randn(sizes), rng.choice((rng.random(), rng.random(), 0.0, 1.0))


def bad_distributions(rng: Random) -> list[tuple]:
    logits = torch.zeros(rng.randint(1, 9), rng.randint(2, 9))
    betas = [(logits, logits, beta) for beta in bad_sparsities(rng)]
    return [*betas, (logits, logits[:, 1:]), (logits[:0], logits[:0])]


def two_outputs(rng: Random) -> tuple:
    """Outputs of two masked language models, one perhaps deeper."""
    rows, length, vocabulary, width = (rng.randint(2, 7) for _ in range(4))
    depth, times = rng.randint(1, 3), rng.randint(1, 3)
    outputs = [
        SimpleNamespace(
            logits=3 * torch.randn(rows, length, vocabulary),
            hidden_states=tuple(torch.randn(rows, length, width) for _ in range(layers + 1)),
        )
        for layers in (depth, depth * times)
    ]
    labels, mask = torch.randint(vocabulary, (rows, length)), torch.ones(rows, length, dtype=torch.int64)
    labels[:, 1:][torch.rand(rows, length - 1) < 0.5] = -100
    mask[:, rng.randint(1, length) :] = 0
    weights = tuple(rng.choice((0, 5 * rng.random())) for _ in range(4))
    return *outputs, labels, mask, 0.5 + 4 * rng.random(), weights


def bad_outputs(rng: Random) -> list[tuple]:
    ours, theirs, labels, mask, T, weights = two_outputs(rng)
    return [
        (ours, theirs, torch.full_like(labels, -100), mask, T, weights),
        (ours, theirs, labels, torch.zeros_like(mask), T, weights),
        (ours, theirs, labels, mask, T, (1, 1, -rng.random(), 1)),
        (ours, theirs, labels, mask, T, (1, 1, 1)),
    ]


# ------------------------------------------------------------ chapter 4


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


def answer_of_linear(layer: nn.Module, *_: object) -> tuple:
    sizes = (layer.in_features, layer.out_features, layer.rank)
    return sizes, layer.training, layer(wave(3, layer.in_features))


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
    return (inputs @ inputs.T + torch.eye(size)).to(inputs.dtype)


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


# ------------------------------------------------------------ chapter 5


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


def answer_of_quantized(layer: nn.Module, *_: object) -> tuple:
    return layer.values, layer.scale, layer(wave(3, layer.values.shape[1]))


# Exercise -> function -> how to draw its arguments. A method of a class has a dotted name.
CASES: dict[str, dict[str, Pure]] = {
    "0.4": {"model_bytes": Pure(any_model)},
    "1.1": {"magnitude_mask": Pure(lambda rng: (distinct(rng, shape(rng)), rng.random()), bad_weights)},
    "1.3": {
        "global_magnitude_masks": Pure(
            lambda rng: (weights_by_name(rng), rng.random()),
            lambda rng: [({}, 0.5), *((weights_by_name(rng), wrong) for wrong in bad_sparsities(rng))],
        )
    },
    "1.4": {"sparsity_schedule": Pure(schedule, bad_schedules)},
    "1.6": {"nm_mask": Pure(group_scores, bad_groups)},
    "1.7": {
        "to_coo": Pure(lambda rng: (sparse(rng, shape(rng)),)),
        "from_coo": Pure(coordinates, bad_coordinates),
        "to_bitmask": Pure(lambda rng: (sparse(rng, shape(rng)),)),
        "from_bitmask": Pure(bitmask, bad_bitmasks),
        "storage_bytes": Pure(storage, bad_storages),
    },
    "1.9": {"wanda_mask": Pure(loud_inputs, bad_inputs)},
    "2.1": {"channel_importance": Pure(channels, bad_channels)},
    "2.2": {
        "prune_output_channels": Pure(layer_and_keep(outputs_of), bad_keeps, answer_of_layer),
        "prune_input_channels": Pure(layer_and_keep(inputs_of), bad_keeps, answer_of_layer),
    },
    "2.3": {"prune_conv_chain": Pure(chain, bad_chains, answer_of_chain)},
    "3.1": {"distillation_loss": Pure(logits_and_labels, bad_logits)},
    "3.2": {"feature_distillation_loss": Pure(states, bad_states)},
    "3.5": {"generalized_jsd": Pure(two_distributions, bad_distributions)},
    "3.7": {"distilbert_loss": Pure(two_outputs, bad_outputs)},
    "4.1": {"low_rank_decompose": Pure(matrix_and_rank, bad_matrices, product)},
    "4.2": {
        "LowRankLinear.from_factors": Pure(factors, view=answer_of_linear),
        "LowRankLinear.from_linear": Pure(linear_and_rank, view=answer_of_linear),
    },
    "4.3": {
        "break_even_rank": Pure(
            lambda rng: (rng.randint(1, 5000), rng.randint(1, 5000)),
            lambda rng: [(-rng.randint(0, 9), rng.randint(1, 9)), (rng.randint(1, 9), -rng.randint(0, 9))],
        ),
        "rank_for_energy": Pure(singular_values, bad_values),
    },
    "4.4": {"convert_to_low_rank": Pure(some_layers, bad_conversions, answer_of_model)},
    "4.5": {
        "damped_cholesky": Pure(any_covariance),
        "whitened_decompose": Pure(weight_and_covariance, bad_covariances, product),
    },
    "5.1": {
        "quantize_symmetric": Pure(quantizable, bad_quantizations),
        "dequantize": Pure(quantized),
    },
    "5.2": {"pack_int4": Pure(nibbles, bad_nibbles), "unpack_int4": Pure(packed, bad_packed)},
    "5.3": {"QuantizedLinear.from_linear": Pure(quantizable_linear, view=answer_of_quantized)},
}

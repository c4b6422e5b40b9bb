"""Draws for chapter 3: what student and teacher say."""

from random import Random
from types import SimpleNamespace

import torch
from torch import nn

from minicompress.classroom.draws.pruning import bad_sparsities
from minicompress.classroom.draws.tensors import noisy, shape


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
    weights = [rng.choice((0, 5 * rng.random())) for _ in range(4)]
    weights[rng.randrange(4)] = 0.1 + rng.random()
    return *outputs, labels, mask, 0.5 + 4 * rng.random(), tuple(weights)


def bad_outputs(rng: Random) -> list[tuple]:
    ours, theirs, labels, mask, T, weights = two_outputs(rng)
    return [
        (ours, theirs, torch.full_like(labels, -100), mask, T, weights),
        (ours, theirs, labels, torch.zeros_like(mask), T, weights),
        (ours, theirs, labels, mask, T, (1, 1, -rng.random(), 1)),
        (ours, theirs, labels, mask, T, (1, 1, 1)),
    ]

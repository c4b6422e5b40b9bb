"""Draws for the part of chapter 1 that prunes whole models."""

import copy
import importlib
import itertools
from random import Random

import torch
from torch import nn

from minicompress.classroom.draws import choices, models
from minicompress.classroom.draws.pruning import bad_sparsities, pattern
from minicompress.classroom.draws.tensors import wave
from minicompress.lab.modules import linear_layers

# ------------------------------------------------------------ 1.5


def tower(rng: Random) -> nn.Module:
    """Linear layers in a list, and a head outside; the weights are odd numbers, no two of them alike."""
    sizes = [rng.randint(1, 8) for _ in range(rng.randint(2, 5))]
    blocks = [nn.Linear(a, b, rng.random() < 0.5) for a, b in itertools.pairwise(sizes)]
    model = nn.ModuleDict({"blocks": nn.ModuleList(blocks), "head": nn.Linear(sizes[-1], 3)})
    weights = [block.weight for block in blocks]
    odd = 2.0 * torch.randperm(sum(weight.numel() for weight in weights)) + 1
    with torch.no_grad():
        for weight, part in zip(weights, odd.split([weight.numel() for weight in weights]), strict=True):
            weight.copy_((part * torch.randn(len(part)).sign()).view_as(weight))
    return model


def tuned(model: nn.Module) -> None:
    """Change every parameter by a power of 2: odd numbers stay different, and nothing is rounded."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0 ** (wave(*parameter.shape) * 2).round())


def score(model: nn.Module) -> float:
    """A number that tells the layers' weights, as they are by now."""
    layers = [*model["blocks"], model["head"]]
    return sum(float((layer.weight.detach().double() * wave(*layer.weight.shape)).sum()) for layer in layers)


def pruning_run(rng: Random) -> tuple:
    return tower(rng), tuned, score, rng.random(), rng.randint(1, 6), rng.choice(("linear", "cubic"))


def bad_runs(rng: Random) -> list[tuple]:
    model = tower(rng)
    wrong = [(model, tuned, score, final, 2) for final in bad_sparsities(rng)]
    wrong += [(model, tuned, score, 0.5, -rng.randint(0, 5)), (nn.Linear(2, 2), tuned, score, 0.5, 2)]
    return [*wrong, (model, tuned, score, 0.5, 2, f"k{rng.randint(0, 9)}")]


def answer_of_run(records: list, model: nn.Module, *_: object) -> tuple:
    """The records, the weights, and which of the layers have a mask that is not baked in."""
    layers = [*model["blocks"], model["head"]]
    masked = [hasattr(layer, "parametrizations") for layer in layers]
    return records, masked, [layer.weight.detach() for layer in layers]


# ------------------------------------------------------------ 1.10 and 1.11


def share_or_pattern(rng: Random, model: nn.Module) -> tuple:
    """(sparsity, pattern): a pattern where one fits all of the model's layers."""
    layers = linear_layers(model).values()
    widths = [importlib.import_module("minicompress.pruning").matrix(layer).shape[1] for layer in layers]
    n, m = pattern(rng)
    fits = all(width % m == 0 for width in widths)
    return (1 - n / m, (n, m)) if fits else (rng.random(), None)


def wanda_run(rng: Random) -> tuple:
    def draw() -> tuple:
        model, batches = models.model_and_batches(rng)
        return model, batches, *share_or_pattern(rng, model)

    return models.until(draw, lambda *arguments: chooses_clearly("wanda_prune", arguments))


def chooses_clearly(name: str, arguments: tuple) -> bool:
    """Whether this function of the chapter meets no two scores between which rounding could decide."""
    with choices.noted() as gaps:
        getattr(importlib.import_module("minicompress.pruning"), name)(*copy.deepcopy(arguments))
    return min(gaps, default=1.0) > models.SAFE


def bad_wanda_runs(rng: Random) -> list[tuple]:
    model, batches = models.model_and_batches(rng)
    wrong = [(model, batches, sparsity) for sparsity in bad_sparsities(rng)]
    return [*wrong, (model, batches, 0.4 * rng.random(), (2, 4)), *models.bad_batches(rng)]


def weight_and_hessian(rng: Random) -> tuple:
    """Some have an input that is always zero. The last block may be narrower than the others."""

    def draw() -> tuple:
        n, m = pattern(rng)
        rows, columns = rng.randint(1, 7), m * rng.randint(1, 4)
        x = torch.randn(4 * columns, columns) @ (torch.eye(columns) + 0.3 * torch.randn(columns, columns))
        if rng.random() < 0.3:
            x[:, rng.randrange(columns)] = 0
        choice = rng.choice([(rng.random(), None, rng.randint(1, columns + 3)), (1 - n / m, (n, m), 3 * m)])
        return torch.randn(rows, columns), x.T @ x, *choice, 0.01 + 0.2 * rng.random()

    return models.until(draw, lambda *arguments: chooses_clearly("sparsegpt_weight", arguments))


def sparsegpt_run(rng: Random) -> tuple:
    """Much text and much damping: sums in fp32 and in float64 give the same."""

    def draw() -> tuple:
        model = models.any_model(rng)
        batches = models.batches(rng, model.config.vocab_size, longer=6)
        sparsity, chosen = share_or_pattern(rng, model)
        size = chosen[1] * rng.randint(1, 4) if chosen else rng.randint(1, 20)
        return model, batches, sparsity, chosen, size, 0.1 + rng.random()

    return models.until(draw, lambda *arguments: chooses_clearly("sparsegpt_prune", arguments))


def bad_sparsegpt_runs(rng: Random) -> list[tuple]:
    model, batches = models.model_and_batches(rng)
    wrong = [(model, batches, 0.5, *rest) for rest in ((None, 0), ((2, 4), 6), (None, 8, -rng.random()))]
    return [*wrong, *bad_wanda_runs(rng)]


def answer_of_pruning(_: None, model: nn.Module, *__: object) -> tuple:
    return models.left_as_it_was(model)  # all but the weights

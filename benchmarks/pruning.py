"""The curves of notebook 01, which take too long to run live: `python -m benchmarks.pruning [PART ...]`.

    curves        perplexity against sparsity, for every method
    calibration   how many calibration sequences are enough
    iterative     the teacher to 90%, in ten linear or cubic steps and in one
    budgets       the student to 90%, in the same three ways, for budgets of updates that differ
    training      one shape, trained for longer and longer: what norms and rows are then worth

Writes `results/pruning.json`. Everything is measured on validation files at context 256; calibration text
comes from training files. Parts that are not asked for keep what was measured before.
"""

import copy
from collections.abc import Callable, Mapping
from itertools import islice

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from benchmarks import common
from benchmarks.common import SEED
from benchmarks.lessons import (
    CALIBRATION,
    CONTEXT,
    calibration_batches,
    label_loss,
    learn,
    training_batches,
    validation_facts,
    validation_tokens,
)
from minicompress import distillation, metrics, pruning
from minicompress.lab import corpus
from minicompress.lab.loops import next_token_loss
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers, parameter_count
from minicompress.lab.paths import OUT
from minicompress.train.loop import Plan, train
from minicompress.train.shapes import SHAPES, new_model

SPARSITIES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
FINAL = 0.9  # of iterative pruning
# Ways to get there: how many steps, and the kind of their schedule. With one step both kinds are the same.
WAYS = {"ten steps": (10, "linear"), "ten cubic steps": (10, "cubic"), "one step": (1, "linear")}

Batches = list[dict]


def perplexity(model: nn.Module) -> float:
    return metrics.perplexity(model, validation_tokens())


# ---------------------------------------------------------------- the methods compared


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Name -> weight of every layer inside the blocks."""
    return {name: layer.weight.detach() for name, layer in linear_layers(model).items()}


def zero_out(model: nn.Module, masks: Mapping[str, torch.Tensor]) -> None:
    """Set to zero what the masks of the named layers prune, in place."""
    layers = linear_layers(model)
    for name, mask in masks.items():
        layers[name].weight.data.masked_fill_(~mask, 0)


def magnitude_per_layer(model: nn.Module, sparsity: float, batches: Batches) -> None:
    masks = {name: pruning.magnitude_mask(weight, sparsity) for name, weight in weights_of(model).items()}
    zero_out(model, masks)


def magnitude_global(model: nn.Module, sparsity: float, batches: Batches) -> None:
    zero_out(model, pruning.global_magnitude_masks(weights_of(model), sparsity))


def magnitude_per_row(model: nn.Module, sparsity: float, batches: Batches) -> None:
    """Wanda's comparison within each row, without Wanda's norms."""
    alike = lambda weight: pruning.wanda_mask(weight, torch.ones(weight.shape[1]), sparsity)  # noqa: E731
    zero_out(model, {name: alike(weight) for name, weight in weights_of(model).items()})


def magnitude_by_norm_per_layer(model: nn.Module, sparsity: float, batches: Batches) -> None:
    """Wanda's scores, ranked over the whole layer; the norms are those of the unpruned model's inputs."""
    norms = pruning.input_norms(model, batches)
    scores = {name: weight.abs() * norms[name] for name, weight in weights_of(model).items()}
    zero_out(model, {name: pruning.magnitude_mask(score, sparsity) for name, score in scores.items()})


def wanda(model: nn.Module, sparsity: float, batches: Batches) -> None:
    pruning.wanda_prune(model, batches, sparsity)


def sparsegpt(model: nn.Module, sparsity: float, batches: Batches) -> None:
    pruning.sparsegpt_prune(model, batches, sparsity)


METHODS: dict[str, Callable[[nn.Module, float, Batches], None]] = {
    "magnitude, per layer": magnitude_per_layer,
    "magnitude, global": magnitude_global,
    "magnitude, per row": magnitude_per_row,
    "magnitude x norm, per layer": magnitude_by_norm_per_layer,
    "Wanda": wanda,
    "SparseGPT": sparsegpt,
}


def pruned(dense: nn.Module, method: str, sparsity: float, batches: Batches) -> nn.Module:
    """A copy, pruned by one of the methods. ValueError: there is no such method."""
    prune, model = common.choose(METHODS, method, "method"), copy.deepcopy(dense)
    prune(model, sparsity, batches)
    return model


def loudness(model: nn.Module, batches: Batches) -> dict[str, float]:
    """For every layer, the largest norm of an input feature over the median one."""
    norms = pruning.input_norms(model, batches)
    return {name: (norm.max() / norm.median()).item() for name, norm in norms.items()}


# ---------------------------------------------------------------- one shot


def two_of_four(dense: nn.Module, batches: Batches) -> dict[str, float]:
    """Perplexity at 2:4."""
    by_wanda, by_sparsegpt, by_magnitude = (copy.deepcopy(dense) for _ in range(3))
    pruning.wanda_prune(by_wanda, batches, pattern=(2, 4))
    pruning.sparsegpt_prune(by_sparsegpt, batches, pattern=(2, 4))
    zero_out(by_magnitude, {name: pruning.nm_mask(w.abs()) for name, w in weights_of(dense).items()})
    return {
        "Wanda": perplexity(by_wanda),
        "SparseGPT": perplexity(by_sparsegpt),
        "magnitude": perplexity(by_magnitude),
    }


def curves_of(name: str, sparsities: list[float], batches: Batches) -> dict:
    """One model's perplexity against sparsity for every method, at 2:4, and how uneven its inputs are."""
    dense = shipped_model(name)
    curve = lambda method: [perplexity(pruned(dense, method, s, batches)) for s in sparsities]  # noqa: E731
    return {
        "dense": perplexity(dense),
        "sparsities": sparsities,
        "methods": {method: curve(method) for method in tqdm(METHODS, desc=f"{name}: curves")},
        "2:4": two_of_four(dense, batches),
        "largest_norm_over_median": loudness(dense, batches),
    }


def curves() -> dict:
    """The teacher, and the medium student, one shot."""
    batches = calibration_batches()
    return {
        "calibration_sequences": CALIBRATION,
        "teacher": curves_of("teacher", SPARSITIES, batches),
        "medium": curves_of("medium", [0.3, 0.5, 0.7], batches),
    }


def calibration() -> dict:
    """Perplexity of the teacher at 50% against the number of calibration sequences, two draws each."""
    dense, sizes, methods = shipped_model("teacher"), [1, 4, 16, 64, 128], ("Wanda", "SparseGPT")
    result = {"sequences": sizes} | {method: [] for method in methods}
    for sequences in tqdm(sizes, desc="calibration"):
        draws = [calibration_batches(sequences, seed) for seed in range(2)]
        for method in methods:
            result[method].append([perplexity(pruned(dense, method, 0.5, draw)) for draw in draws])
    return result


# ---------------------------------------------------------------- step by step


def prune_in_steps(
    model: nn.Module, way: str, batches: Batches, fine_tune: Callable[[nn.Module, Batches], object]
) -> list[dict]:
    """Prune to 90% in place, fine-tuning after each step on the next share of the batches; the records.

    ValueError: there is no such way.
    """
    steps, kind = common.choose(WAYS, way, "way")
    rest, share = iter(batches), len(batches) // steps
    learn_on = lambda model: fine_tune(model, list(islice(rest, share)))  # noqa: E731
    return pruning.iterative_pruning(model, learn_on, perplexity, FINAL, steps, kind)


def iterative(updates: int = 120, rows: int = 8) -> dict:
    """The teacher to 90%, taught by its dense self, with as many updates altogether."""
    dense = shipped_model("teacher")
    batches = training_batches(updates, rows, np.random.default_rng(SEED))

    def trial(way: str) -> list[dict]:
        model = shipped_model("teacher")
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.0)

        def on_logits(model: nn.Module, batches: Batches) -> None:
            distillation.distill(model, dense, batches, optimizer, T=1.0, alpha=0.7)

        return prune_in_steps(model, way, batches, on_logits)

    return {"updates": updates, "rows": rows} | {way: trial(way) for way in tqdm(WAYS, desc="iterative")}


def budgets(sizes: tuple[int, ...] = (40, 160, 640), seeds: int = 2, rows: int = 8) -> dict:
    """The student to 90% on labels, with as many updates altogether: perplexity for each budget and seed."""

    def trial(way: str, updates: int, seed: int) -> float:
        model, batches = (
            shipped_model("student"),
            training_batches(updates, rows, np.random.default_rng(seed)),
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)

        def on_labels(model: nn.Module, batches: Batches) -> None:
            learn(model, batches, label_loss, optimizer)

        return prune_in_steps(model, way, batches, on_labels)[-1]["score"]

    result = {"updates": list(sizes), "seeds": seeds, "rows": rows} | {way: [] for way in WAYS}
    for updates in tqdm(sizes, desc="budgets"):
        for way in WAYS:
            result[way].append([trial(way, updates, seed) for seed in range(seeds)])
    return result


# ---------------------------------------------------------------- longer and longer training


def trained_student(steps: int, rows: int) -> nn.Module:
    """The student's shape, from random weights, on labels alone."""
    tokens, _ = corpus.load_tokens("train", CONTEXT)

    def loss_of(model: nn.Module, step: int) -> torch.Tensor:
        chosen = np.random.default_rng((SEED, step)).integers(len(tokens), size=rows)
        return next_token_loss(model, tokens[torch.from_numpy(chosen)])

    model = new_model(SHAPES["student"], SEED)
    train(model, loss_of, Plan(steps), OUT / "bench-pruning" / f"student-{steps}")
    return model


def training(lengths: tuple[int, ...] = (100, 400, 1600), rows: int = 16) -> dict:
    """Each model pruned to 50% by every method."""
    batches = calibration_batches()
    result = {"parameters": 0, "tokens": [], "dense": [], "methods": {method: [] for method in METHODS}}
    result["largest_norm_over_median"] = []
    for steps in tqdm(lengths, desc="training"):
        dense = trained_student(steps, rows)
        result["parameters"] = parameter_count(dense)
        result["tokens"].append(steps * rows * CONTEXT)
        result["dense"].append(perplexity(dense))
        result["largest_norm_over_median"].append(list(loudness(dense, batches).values()))
        for method in METHODS:
            result["methods"][method].append(perplexity(pruned(dense, method, 0.5, batches)))
    return result


PARTS = {
    "curves": curves,
    "calibration": calibration,
    "iterative": iterative,
    "budgets": budgets,
    "training": training,
}

if __name__ == "__main__":
    common.main("pruning", PARTS, validation_facts)

"""The curves of notebook 01, which take too long to run live: `python -m benchmarks.pruning [PART ...]`, all
parts by default.

    curves        perplexity against sparsity, for every method
    calibration   how many calibration sequences are enough
    iterative     the teacher to 90%, in ten steps and in one
    budgets       the student to 90%, in ten steps and in one, for budgets of updates that differ
    training      one shape, trained for longer and longer: what norms and rows are then worth

Writes `results/pruning.json`. Everything is measured on validation files at context 256; calibration text
comes from training files. Parts that are not asked for keep what was measured before.
"""

import copy
import json
import sys

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.run import RESULTS, ROOT, SEED, write
from minicompress import distillation, metrics, pruning
from minicompress.lab import corpus
from minicompress.lab.machine import keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers
from minicompress.train import STUDENT, Plan, new_model, next_token_loss
from minicompress.train import train as train_model

SPARSITIES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
CALIBRATION = 64  # sequences of 256 tokens


def calibration_batches(sequences: int, seed: int = SEED) -> list[dict]:
    """Random training sequences, 16 a batch."""
    tokens, _ = corpus.load_tokens("train")
    chosen = np.random.default_rng(seed).choice(len(tokens), sequences, replace=False)
    return [{"input_ids": rows} for rows in tokens[torch.from_numpy(chosen)].split(16)]


def by_layer(model: torch.nn.Module, scores: dict[str, torch.Tensor], sparsity: float) -> None:
    """Prune each layer to the same sparsity, ranking its scores over the whole layer, in place."""
    for name, layer in linear_layers(model).items():
        layer.weight.data.masked_fill_(~pruning.magnitude_mask(scores[name], sparsity), 0)


def prune(model: torch.nn.Module, method: str, sparsity: float, batches: list[dict]) -> None:
    """Prune a model by one of the methods compared, in place. 'dense norms' are the input norms of the
    unpruned model.
    """
    layers = linear_layers(model)
    weights = {name: layer.weight.detach() for name, layer in layers.items()}
    if method == "magnitude, per layer":
        by_layer(model, weights, sparsity)
    elif method == "magnitude, global":
        for name, mask in pruning.global_magnitude_masks(weights, sparsity).items():
            layers[name].weight.data.masked_fill_(~mask, 0)
    elif method == "magnitude, per row":
        for weight in weights.values():
            weight.masked_fill_(~pruning.wanda_mask(weight, torch.ones(weight.shape[1]), sparsity), 0)
    elif method == "magnitude x norm, per layer":
        norms = pruning.input_norms(model, batches)
        by_layer(model, {name: weight.abs() * norms[name] for name, weight in weights.items()}, sparsity)
    elif method == "Wanda":
        pruning.wanda_prune(model, batches, sparsity)
    elif method == "SparseGPT":
        pruning.sparsegpt_prune(model, batches, sparsity)
    else:
        raise ValueError(f"unknown method {method!r}")


METHODS = (
    "magnitude, per layer",
    "magnitude, global",
    "magnitude, per row",
    "magnitude x norm, per layer",
    "Wanda",
    "SparseGPT",
)


def curves(held_out: torch.Tensor) -> dict:
    """Perplexity of the teacher, and of the medium student, against sparsity, one shot, for every method."""
    batches = calibration_batches(CALIBRATION)
    result = {"calibration_sequences": CALIBRATION}
    for name, sparsities in (("teacher", SPARSITIES), ("medium", [0.3, 0.5, 0.7])):
        dense = shipped_model(name)
        result[name] = {"dense": metrics.perplexity(dense, held_out), "sparsities": sparsities, "methods": {}}
        for method in tqdm(METHODS, desc=f"{name}: curves"):
            values = []
            for sparsity in sparsities:
                model = copy.deepcopy(dense)
                prune(model, method, sparsity, batches)
                values.append(metrics.perplexity(model, held_out))
            result[name]["methods"][method] = values
        result[name]["2:4"] = {}
        for method, run in (("Wanda", pruning.wanda_prune), ("SparseGPT", pruning.sparsegpt_prune)):
            model = copy.deepcopy(dense)
            run(model, batches, pattern=(2, 4))
            result[name]["2:4"][method] = metrics.perplexity(model, held_out)
        model = copy.deepcopy(dense)
        for layer in linear_layers(model).values():
            layer.weight.data.masked_fill_(~pruning.nm_mask(layer.weight.abs()), 0)
        result[name]["2:4"]["magnitude"] = metrics.perplexity(model, held_out)
        norms = pruning.input_norms(dense, batches)
        result[name]["largest_norm_over_median"] = {
            key: (norm.max() / norm.median()).item() for key, norm in norms.items()
        }
    return result


def calibration(held_out: torch.Tensor) -> dict:
    """Perplexity of the teacher at 50% against the number of calibration sequences, two draws each."""
    dense, result = shipped_model("teacher"), {"sequences": [1, 4, 16, 64, 128], "Wanda": [], "SparseGPT": []}
    for sequences in tqdm(result["sequences"], desc="calibration"):
        for method in ("Wanda", "SparseGPT"):
            values = []
            for seed in range(2):
                model = copy.deepcopy(dense)
                prune(model, method, 0.5, calibration_batches(sequences, seed))
                values.append(metrics.perplexity(model, held_out))
            result[method].append(values)
    return result


def iterative(held_out: torch.Tensor, steps: int = 10, updates: int = 12) -> dict:
    """The teacher to 90%, in ten steps with fine-tuning after each, and in one, with as many updates
    altogether.
    """
    train, _ = corpus.load_tokens("train")

    def trial(steps: int, updates: int) -> list[dict]:
        model, generator = shipped_model("teacher"), np.random.default_rng(SEED)
        dense = shipped_model("teacher")
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.0)

        def fine_tune(model: torch.nn.Module) -> None:
            batches = [
                {"input_ids": train[torch.from_numpy(generator.integers(len(train), size=8))]}
                for _ in range(updates)
            ]
            distillation.distill(model, dense, batches, optimizer, T=1.0, alpha=0.7)

        return pruning.iterative_pruning(
            model, fine_tune, lambda model: metrics.perplexity(model, held_out), 0.9, steps
        )

    return {
        "updates": steps * updates,
        "rows": 8,
        "ten steps": trial(steps, updates),
        "one step": trial(1, steps * updates),
    }


def budgets(held_out: torch.Tensor) -> dict:
    """The student to 90% in ten steps and in one, with as many updates altogether: perplexity for each budget
    and seed.
    """
    train, _ = corpus.load_tokens("train")
    result = {"updates": [40, 160, 640], "seeds": 2, "rows": 8, "ten steps": [], "one step": []}

    def trial(steps: int, updates: int, seed: int) -> float:
        model, generator = shipped_model("student"), np.random.default_rng(seed)
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)

        def fine_tune(model: torch.nn.Module) -> None:
            for _ in range(updates):
                optimizer.zero_grad()
                next_token_loss(
                    model, train[torch.from_numpy(generator.integers(len(train), size=result["rows"]))]
                ).backward()
                optimizer.step()

        return pruning.iterative_pruning(
            model, fine_tune, lambda model: metrics.perplexity(model, held_out), 0.9, steps
        )[-1]["score"]

    for updates in tqdm(result["updates"], desc="budgets"):
        for name, steps in (("ten steps", 10), ("one step", 1)):
            result[name].append([trial(steps, updates // steps, seed) for seed in range(result["seeds"])])
    return result


def training(held_out: torch.Tensor) -> dict:
    """The student's shape, from random weights on labels alone, for more and more steps; each model pruned to
    50% by every method.
    """
    train, _ = corpus.load_tokens("train")
    batches = calibration_batches(CALIBRATION)
    result = {
        "parameters": 0,
        "tokens": [],
        "dense": [],
        "methods": {method: [] for method in METHODS},
        "largest_norm_over_median": [],
    }
    for steps in tqdm([100, 400, 1600], desc="training"):

        def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
            return next_token_loss(
                model,
                train[torch.from_numpy(np.random.default_rng((SEED, step)).integers(len(train), size=16))],
            )

        dense = new_model(STUDENT, SEED)
        train_model(dense, loss_of, Plan(steps), ROOT / "out" / "bench-pruning" / f"student-{steps}")
        result["parameters"] = sum(parameter.numel() for parameter in dense.parameters())
        result["tokens"].append(steps * 16 * train.shape[1])
        result["dense"].append(metrics.perplexity(dense, held_out))
        norms = pruning.input_norms(dense, batches)
        result["largest_norm_over_median"].append(
            [(norm.max() / norm.median()).item() for norm in norms.values()]
        )
        for method in METHODS:
            model = copy.deepcopy(dense)
            prune(model, method, 0.5, batches)
            result["methods"][method].append(metrics.perplexity(model, held_out))
    return result


def main(parts: list[str]) -> None:
    keep_freed_memory()
    place = RESULTS / "pruning.json"
    result = json.loads(place.read_text()) if place.is_file() else {}
    held_out, _ = corpus.load_tokens("validation", per_file=1)
    every = {
        "curves": curves,
        "calibration": calibration,
        "iterative": iterative,
        "budgets": budgets,
        "training": training,
    }
    for part in parts or every:
        result[part] = every[part](held_out)
        measured = {name: result[name] for name in every if name in result}
        write(
            "pruning", measured | {"held_out_tokens": held_out[:, 1:].numel(), "context": held_out.shape[1]}
        )


if __name__ == "__main__":
    main(sys.argv[1:])

"""The ways from the dense student to a number of bytes that `structured_pruning recipe` compares."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from benchmarks.lessons import falling_rate, label_loss, learn
from minicompress import pruning
from minicompress.job.recipes import NEURONS
from minicompress.job.stages import keep_zeros
from minicompress.lab.modules import linear_layers, mlp_modules, parameter_count
from minicompress.structured_pruning import prune_neurons


class Budget(NamedTuple):
    """The bytes to reach, and the training on the way, the same for every arm."""

    target: int
    batches: list[dict]
    rate: float

    def shares(self) -> tuple[list[dict], list[dict]]:
        """The batches for the first and for the second round of training."""
        middle = len(self.batches) // 2
        return self.batches[:middle], self.batches[middle:]


def train_on_labels(model: nn.Module, batches: list[dict], rate: float) -> None:
    """AdamW on the next tokens, the rate falling linearly to zero, in place."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    learn(model, falling_rate(batches, optimizer), label_loss, optimizer)


# ---------------------------------------------------------------- bytes


def block_weights(model: nn.Module) -> list[torch.Tensor]:
    return [layer.weight for layer in linear_layers(model).values()]


def zeros_in(model: nn.Module) -> float:
    """The share of zeros in the blocks."""
    weights = block_weights(model)
    kept = sum(int(weight.count_nonzero()) for weight in weights)
    return 1 - kept / sum(weight.numel() for weight in weights)


def stored_bytes(model: nn.Module) -> int:
    """fp16 bytes of all tensors; a matrix inside the blocks as a bitmask and its non-zeros where that is
    smaller.
    """
    total = 2 * parameter_count(model)
    for weight in block_weights(model):
        zeros = 1 - int(weight.count_nonzero()) / weight.numel()
        dense, sparse = (
            pruning.storage_bytes(weight.shape, zeros, 16, form) for form in ("dense", "bitmask")
        )
        total -= dense - min(dense, sparse)
    return total


def smallest_target(model: nn.Module) -> int:
    """The bytes that all arms aim at: those of the artefact's neurons with 40% zeros."""
    smaller = prune_neurons(copy.deepcopy(model), NEURONS)
    mask_globally(smaller, 0.4)
    pruning.bake_masks(smaller)
    return stored_bytes(smaller)


def mask_globally(model: nn.Module, sparsity: float) -> None:
    layers = linear_layers(model)
    weights = {name: layer.weight for name, layer in layers.items()}
    for name, mask in pruning.global_magnitude_masks(weights, sparsity).items():
        pruning.apply_mask(layers[name], mask)


def sparsity_for(model: nn.Module, target: int) -> float:
    """The global sparsity at which the model takes `target` bytes: 16 bits a non-zero and 1 bit a weight."""
    weights = sum(weight.numel() for weight in block_weights(model))
    others = parameter_count(model) - weights
    return 1 - (target - 2 * others - weights / 8) / (2 * weights)


def neurons_for(model: nn.Module, target: int) -> int:
    """The most neurons a layer with which the model takes at most `target` bytes, chosen by their norms."""
    neurons = mlp_modules(model)[0].gate_proj.out_features
    while stored_bytes(prune_neurons(copy.deepcopy(model), neurons)) > target:
        neurons -= 1
    return neurons


def sparsity_before(model: nn.Module, target: int) -> float:
    """The global sparsity that leaves just over `target` bytes once the neurons are gone."""
    low, high = 0.0, 1.0
    for _ in range(12):
        middle, pruned = (low + high) / 2, copy.deepcopy(model)
        mask_globally(pruned, middle)
        pruning.bake_masks(pruned)
        too_large = stored_bytes(prune_neurons(pruned, NEURONS)) > 1.002 * target
        low, high = (middle, high) if too_large else (low, middle)
    return low


# ---------------------------------------------------------------- the arms: (dense student, budget), in place


def dense(model: nn.Module, budget: Budget) -> None:
    """No pruning: what the training alone does."""
    train_on_labels(model, budget.batches, budget.rate)


def unstructured_then_structured(model: nn.Module, budget: Budget) -> None:
    """The article's order, to the same neurons and zeros as its reverse."""
    first, second = budget.shares()
    mask_globally(model, sparsity_before(model, budget.target))
    train_on_labels(model, first, budget.rate)
    pruning.bake_masks(model)
    prune_neurons(model, NEURONS)
    keep_zeros(model)
    mask_globally(model, sparsity_for(model, budget.target))  # the last per mille
    train_on_labels(model, second, budget.rate)


def structured_then_unstructured(model: nn.Module, budget: Budget) -> None:
    first, second = budget.shares()
    prune_neurons(model, NEURONS)
    train_on_labels(model, first, budget.rate)
    mask_globally(model, sparsity_for(model, budget.target))
    train_on_labels(model, second, budget.rate)


def unstructured_then_structured_fewer_zeros(model: nn.Module, budget: Budget) -> None:
    """Each kind takes half of the bytes."""
    first, second = budget.shares()
    mask_globally(model, sparsity_for(model, budget.target) / 2)
    train_on_labels(model, first, budget.rate)
    pruning.bake_masks(model)
    prune_neurons(model, neurons_for(model, budget.target))
    keep_zeros(model)
    train_on_labels(model, second, budget.rate)


def structured_alone(model: nn.Module, budget: Budget) -> None:
    """In two rounds, as the others: half of the bytes first."""
    first, second = budget.shares()
    prune_neurons(model, neurons_for(model, (budget.target + stored_bytes(model)) // 2))
    train_on_labels(model, first, budget.rate)
    prune_neurons(model, neurons_for(model, budget.target))
    train_on_labels(model, second, budget.rate)


def unstructured_alone(model: nn.Module, budget: Budget) -> None:
    first, second = budget.shares()
    mask_globally(model, sparsity_for(model, budget.target) / 2)
    train_on_labels(model, first, budget.rate)
    pruning.bake_masks(model)
    mask_globally(model, sparsity_for(model, budget.target))
    train_on_labels(model, second, budget.rate)


Arm = Callable[[nn.Module, Budget], None]
UNPRUNED = "dense"  # the arm that is larger than the others, to see what the training alone does
ARMS: dict[str, Arm] = {
    "unstructured, then structured": unstructured_then_structured,
    "structured, then unstructured": structured_then_unstructured,
    "unstructured, then structured, fewer zeros": unstructured_then_structured_fewer_zeros,
    "structured alone": structured_alone,
    "unstructured alone": unstructured_alone,
    UNPRUNED: dense,
}

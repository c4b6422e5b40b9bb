"""Ways to compress an LLM in one shot, as recipes for `benchmarks.real_llm`.

Every function that makes a model changes and returns the one that it is given.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from benchmarks import pruning as by_pruning
from benchmarks.llm_rows import Recipe
from benchmarks.structured_pruning import kept_neurons, without_heads
from minicompress import low_rank, pipeline, pruning, structured_pruning
from minicompress.lab.calibration import input_covariances
from minicompress.lab.modules import linear_layers
from minicompress.lab.ranks import uniform_ranks

EVERY = "any place"  # the pattern of pruning that chooses weights one by one
PATTERN = (2, 4)
EMBEDDING_BITS = 8  # of the embedding, tied to the head, where the blocks have fewer

Batches = list[dict]
Make = Callable[[nn.Module], nn.Module]


def in_place(change: Callable[[nn.Module], object]) -> Make:
    """The function that makes this change and returns the model."""

    def make(model: nn.Module) -> nn.Module:
        change(model)
        return model

    return make


def read(batches: Batches, what: str = "half English, half code") -> str:
    """What a row says of its calibration text."""
    return f"{sum(batch['input_ids'].numel() for batch in batches)} tokens, {what}"


# ---------------------------------------------------------------- pruning


def magnitude(sparsity: float) -> Recipe:
    make = in_place(lambda model: by_pruning.magnitude_per_layer(model, sparsity, []))
    return Recipe("magnitude", EVERY, sparsity, make)


def wanda(sparsity: float, batches: Batches, what: str = "half English, half code") -> Recipe:
    make = in_place(lambda model: pruning.wanda_prune(model, batches, sparsity))
    return Recipe("Wanda", EVERY, sparsity, make, read(batches, what))


def sparsegpt(sparsity: float, batches: Batches, what: str = "half English, half code") -> Recipe:
    make = in_place(lambda model: pruning.sparsegpt_prune(model, batches, sparsity))
    return Recipe("SparseGPT", EVERY, sparsity, make, read(batches, what))


def magnitude_24(model: nn.Module) -> None:
    weights = by_pruning.weights_of(model)
    by_pruning.zero_out(model, {name: pruning.nm_mask(weight.abs()) for name, weight in weights.items()})


def first_table(batches: Batches) -> Iterator[Recipe]:
    """The article's first table: what is lost at which sparsity, for three methods, and at 2:4."""
    yield Recipe("dense", "-", 0.0, lambda model: model)
    yield sparsegpt(0.5, batches)
    yield wanda(0.5, batches)
    yield from map(magnitude, (0.5, 0.2, 0.3, 0.7))
    yield wanda(0.7, batches)
    yield sparsegpt(0.7, batches)
    yield Recipe("magnitude", "2:4", 0.5, in_place(magnitude_24))
    by_wanda = in_place(lambda model: pruning.wanda_prune(model, batches, pattern=PATTERN))
    yield Recipe("Wanda", "2:4", 0.5, by_wanda, read(batches))
    by_sparsegpt = in_place(lambda model: pruning.sparsegpt_prune(model, batches, pattern=PATTERN))
    yield Recipe("SparseGPT", "2:4", 0.5, by_sparsegpt, read(batches))


def norms_and_rows(batches: Batches) -> Iterator[Recipe]:
    """At 50%: scores with or without the input norms, ranked within a layer or a row; norms of the dense."""

    def norm_per_row(model: nn.Module) -> None:
        norms = pruning.input_norms(model, batches)
        weights = by_pruning.weights_of(model)
        by_pruning.zero_out(model, {name: pruning.wanda_mask(w, norms[name]) for name, w in weights.items()})

    by_layer = lambda model: by_pruning.magnitude_by_norm_per_layer(model, 0.5, batches)  # noqa: E731
    yield Recipe("magnitude, per layer", EVERY, 0.5, magnitude(0.5).make)
    by_row = in_place(lambda model: by_pruning.magnitude_per_row(model, 0.5, []))
    yield Recipe("magnitude, per row", EVERY, 0.5, by_row)
    yield Recipe("magnitude x norm, per layer", EVERY, 0.5, in_place(by_layer), read(batches))
    yield Recipe("magnitude x norm, per row", EVERY, 0.5, in_place(norm_per_row), read(batches))


# ---------------------------------------------------------------- bits


def bits(number: int, group_size: int | None = None, embedding: int = EMBEDDING_BITS) -> Make:
    """Round every matrix of the blocks to that many bits, the embedding to `embedding`."""
    return lambda model: pipeline.quantize_model(model, number, embedding, group_size)


def all_bits() -> Iterator[Recipe]:
    """8 to 2 bits with a scale for each row, and for each 32 inputs of it."""
    for number in (8, 4, 3, 6, 2):
        yield Recipe("quantized", f"{number} bits, rows", None, bits(number))
        yield Recipe("quantized", f"{number} bits, groups of 32", None, bits(number, 32))


# ---------------------------------------------------------------- low rank, neurons, heads, blocks


def factorized(share: float, covariances: dict[str, torch.Tensor] | None) -> Make:
    """Give every layer of the blocks the rank that keeps this share of its parameters."""

    def make(model: nn.Module) -> nn.Module:
        shapes = {name: tuple(layer.weight.shape) for name, layer in linear_layers(model).items()}
        low_rank.factorize(model, uniform_ranks(shapes, share), covariances)
        return model

    return make


def low_ranks(dense: nn.Module, batches: Batches) -> Iterator[Recipe]:
    """90 to 50% of the blocks' parameters, plain and whitened."""
    covariances = input_covariances(dense, batches)
    for share in (0.9, 0.8, 0.7, 0.6, 0.5):
        gone = round(1 - share, 2)
        yield Recipe("low rank, whitened", "rank", gone, factorized(share, covariances), read(batches))
        yield Recipe("low rank, plain", "rank", gone, factorized(share, None))


def without_neurons(share: float) -> Make:
    def make(model: nn.Module) -> nn.Module:
        return structured_pruning.prune_neurons(model, kept_neurons(share, model.config.intermediate_size))

    return make


def without_blocks(count: int, influence: torch.Tensor) -> Make:
    """Without the blocks that turn the hidden states least."""
    keep = influence.cpu().argsort(stable=True)[count:].sort().values
    return in_place(lambda model: structured_pruning.drop_blocks(model, keep))


def gone_from_blocks(dense: nn.Module, make: Make, fresh: Callable[[], nn.Module]) -> float:
    """The share of the blocks' weights that a recipe takes away."""
    count = lambda model: sum(layer.weight.numel() for layer in linear_layers(model).values())  # noqa: E731
    return round(1 - count(make(fresh())) / count(dense), 3)


def structures(dense: nn.Module, fresh: Callable[[], nn.Module], batches: Batches) -> Iterator[Recipe]:
    """Neurons, one query head of every KV group, and blocks."""
    influence = structured_pruning.block_influence(dense, batches)
    importance = structured_pruning.head_importance(dense, batches)

    def fewer_heads(model: nn.Module) -> nn.Module:
        without_heads(model, 1, importance)
        structured_pruning.sync_config(model)
        return model

    said = read(batches)
    cuts = [(f"{share:.0%} of the neurons", without_neurons(share), None) for share in (0.1, 0.2, 0.3)]
    cuts += [(f"{n} blocks", without_blocks(n, influence), said) for n in (2, 4, 8)]
    cuts.append(("a third of the query heads", fewer_heads, said))
    for pattern, make, calibration in cuts:
        yield Recipe("structured", pattern, gone_from_blocks(dense, make, fresh), make, calibration)


# ---------------------------------------------------------------- several methods


def one_after_the_other(*makes: Make) -> Make:
    def make(model: nn.Module) -> nn.Module:
        for step in makes:
            model = step(model)
        return model

    return make


def combinations(dense: nn.Module, batches: Batches) -> Iterator[Recipe]:
    """Five ways to about 4x to 8x, none followed by training."""
    said = read(batches)
    half = sparsegpt(0.5, batches).make
    by_24 = in_place(lambda model: pruning.sparsegpt_prune(model, batches, pattern=PATTERN))
    whitened = factorized(0.8, input_covariances(dense, batches))
    fewer = without_blocks(2, structured_pruning.block_influence(dense, batches))
    ways: Sequence[tuple[str, float, Make]] = [
        ("SparseGPT 50%, 4 bits, embedding 6", 0.5, one_after_the_other(half, bits(4, 32, 6))),
        ("2 blocks gone, 4 bits, embedding 6", 0.067, one_after_the_other(fewer, bits(4, 32, 6))),
        ("whitened 80%, 4 bits, embedding 6", 0.2, one_after_the_other(whitened, bits(4, 32, 6))),
        ("SparseGPT 50%, 3 bits, embedding 4", 0.5, one_after_the_other(half, bits(3, 32, 4))),
        ("SparseGPT 2:4, 3 bits, embedding 4", 0.5, one_after_the_other(by_24, bits(3, None, 4))),
    ]
    for pattern, sparsity, make in ways:
        yield Recipe("combined", pattern, sparsity, make, said)


# ---------------------------------------------------------------- calibration text


def calibrations(batches_of: Callable[..., Batches]) -> Iterator[Recipe]:
    """At 50%: which text to calibrate on, and how much of it.

    batches_of(sequences, names): calibration batches of that many sequences of those texts.
    """
    for name in ("English", "code"):
        batches = batches_of(16, (name,))
        yield wanda(0.5, batches, name)
        yield sparsegpt(0.5, batches, name)
    for sequences in (2, 4, 8, 32):
        batches = batches_of(sequences)
        yield wanda(0.5, batches)
        yield sparsegpt(0.5, batches)

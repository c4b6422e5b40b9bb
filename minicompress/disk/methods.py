"""What can be done to a checkpoint, block by block: a table, name -> Method.

    METHODS["wanda"].run(model, batches, sparsity=0.5, pattern=(2, 4))

`run` changes the Linear layers inside the blocks of a model in place, whether it lies in memory or on a
shelf. The chapters' functions do the work.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from minicompress.interop.compressed_tensors import (
    linears_outside_blocks,
    pack_layer,
    packable_layers,
    quantization_config,
)
from minicompress.lab.calibration import Batch, walk_blocks, walk_layers
from minicompress.lab.checks import check_bits, check_pattern, check_pattern_sparsity, check_sparsity
from minicompress.lab.modules import as_linear, linear_layers
from minicompress.lab.ranks import uniform_ranks
from minicompress.low_rank import low_rank_decompose, whitened_decompose
from minicompress.pruning import magnitude_mask, matrix, nm_mask, sparsegpt_prune, wanda_prune
from minicompress.quantization import dequantize, quantize_symmetric

Settings = Mapping[str, object]


def layer_shapes(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Name -> (out, in) of the layers inside the blocks, also of a GPT-2's, whose weights are [in, out]."""
    return {name: tuple(as_linear(layer).weight.shape) for name, layer in linear_layers(model).items()}


# ---------------------------------------------------------------- pruning

PRUNING = {"sparsity": 0.5, "pattern": None}


def prune_by_magnitude(
    model: nn.Module, batches: Sequence[Batch], sparsity: float, pattern: tuple[int, int] | None
) -> None:
    """Set the smallest weights of each matrix to zero; no text is read."""
    for layers in walk_layers(model):
        for layer in layers.values():
            weight = matrix(layer)  # [out, in]
            mask = magnitude_mask(weight, sparsity) if pattern is None else nm_mask(weight.abs(), *pattern)
            weight.masked_fill_(~mask, 0)


def check_pruning(model: nn.Module, sparsity: float, pattern: tuple[int, int] | None) -> None:
    check_sparsity(sparsity)
    if pattern is None:
        return
    for _, columns in layer_shapes(model).values():
        check_pattern(*pattern, columns)
    check_pattern_sparsity(pattern, sparsity)


def say_pruning(model: nn.Module, sparsity: float, pattern: tuple[int, int] | None) -> list[str]:
    if pattern is None:
        return ["The zeros are stored like every other number: the file is as large as before."]
    n, m = pattern
    return [
        f"Of every {m} neighbouring inputs {n} are kept. They are stored dense, zeros and all: "
        "compressed-tensors has dropped its form for 2:4 (from 0.15 on), and transformers loads no other."
    ]


# ---------------------------------------------------------------- low rank

LOW_RANK = {"share": 0.8}


def rank_of(shape: tuple[int, int], share: float) -> int:
    """The rank at which the two factors of a matrix [out, in] have this share of its parameters."""
    return uniform_ranks({"": tuple(shape)}, share)[""]


def reduce_rank(model: nn.Module, batches: Sequence[Batch], share: float) -> None:
    """Replace each matrix by the nearest one of its rank; no text is read."""
    for layers in walk_layers(model):
        for layer in layers.values():
            weight = matrix(layer)  # [out, in]
            U_scaled, V_scaled = low_rank_decompose(weight, rank_of(weight.shape, share))
            weight.copy_(U_scaled @ V_scaled)


def reduce_rank_whitened(model: nn.Module, batches: Sequence[Batch], share: float) -> None:
    """Replace each matrix by the one of its rank whose outputs on the text are nearest."""
    for block in walk_blocks(model, batches):
        covariances: dict[tuple[str, ...], torch.Tensor] = {}  # one for all layers that read the same input
        for names, x in block.shared_inputs():
            x = x.double()  # [tokens, in]
            covariances[names] = covariances[names].addmm_(x.T, x) if names in covariances else x.T @ x
        while covariances:  # each is let go as soon as its layers are done
            names, covariance = covariances.popitem()
            for name in names:
                weight = matrix(block.layers[name])  # [out, in]
                rank = rank_of(weight.shape, share)
                U_scaled, V_scaled = whitened_decompose(weight, covariance, rank)
                weight.copy_(U_scaled @ V_scaled)


def check_share(model: nn.Module, share: float) -> None:
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share must lie in (0, 1], got {share}")


def say_low_rank(model: nn.Module, share: float) -> list[str]:
    shapes = layer_shapes(model).values()
    full = sum(rows * columns for rows, columns in shapes)
    factors = sum(rank_of(shape, share) * sum(shape) for shape in shapes)
    return [
        "Each matrix is stored as the product of its two factors, as large as before: transformers knows no "
        "layer of two factors, and a file with some would need code beside it.",
        f"The factors have {factors:,} numbers, {factors / full:.1%} of the {full:,} of the matrices.",
    ]


# ---------------------------------------------------------------- quantization

QUANTIZATION = {"bits": 8, "group_size": None}


def round_weights(model: nn.Module, batches: Sequence[Batch], bits: int, group_size: int | None) -> None:
    """Round each matrix to integers times scales; no text is read. The weights are these products."""
    for layers in walk_layers(model):
        for layer in layers.values():
            weight = matrix(layer)  # [out, in]
            weight.copy_(dequantize(quantize_symmetric(weight, bits, group_size)))


def check_quantization(model: nn.Module, bits: int, group_size: int | None) -> None:
    check_bits(bits)
    for name, (_, columns) in layer_shapes(model).items():
        if group_size is not None and (group_size < 1 or columns % group_size):
            raise ValueError(f"group_size must divide the {columns} inputs of {name}, got {group_size}")


def say_quantization(model: nn.Module, bits: int, group_size: int | None) -> list[str]:
    group = "each row" if group_size is None else f"each {group_size} neighbouring inputs of a row"
    return [
        f"Each weight is one of {2**bits - 1} integers times a scale, one for {group}. The products are "
        "stored, in the checkpoint's own type: the file is as large as before."
    ]


# ---------------------------------------------------------------- packed integers


def only_walk(model: nn.Module, batches: Sequence[Batch], bits: int, group_size: int | None) -> None:
    """Go from block to block and change nothing: the weights are rounded where a block is stored."""
    for _ in walk_layers(model):
        pass


def check_packing(model: nn.Module, bits: int, group_size: int | None) -> None:
    packable_layers(model)
    quantization_config(bits, group_size)
    check_quantization(model, bits, group_size)


def say_packing(model: nn.Module, bits: int, group_size: int | None) -> list[str]:
    group = "each row" if group_size is None else f"each {group_size} neighbouring inputs of a row"
    return [
        f"Each weight is one of {2**bits - 1} integers times a scale, one for {group}. They are stored "
        "in compressed-tensors' form pack-quantized: transformers loads it where that package is installed."
    ]


def pack(layer: nn.Module, bits: int, group_size: int | None) -> dict[str, torch.Tensor]:
    """What is stored for a layer's weight: the integers, the scales and the shape."""
    return pack_layer(matrix(layer), bits, group_size)


def packed_config(model: nn.Module, bits: int, group_size: int | None) -> dict:
    """What config.json says of them."""
    return quantization_config(bits, group_size, linears_outside_blocks(model))


# ---------------------------------------------------------------- the table


@dataclass(frozen=True)
class Method:
    """One way to compress.

    run: (model, batches, **settings), changes the model in place. options: the settings it takes, and their
    defaults. check: (model, **settings), ValueError before any work. say: (model, **settings), sentences for
    the card. These two, and config, see a model that may have shapes alone.

    A method with a form of storage of its own has encode: (layer, **settings) -> what stands in the file for
    the layer's weight, part -> tensor. config: (model, **settings) -> `quantization_config` of config.json.
    """

    run: Callable[..., None]
    options: Settings
    check: Callable[..., None]
    say: Callable[..., list[str]]
    calibrated: bool = False
    encode: Callable[..., dict[str, torch.Tensor]] | None = None
    config: Callable[..., dict] = field(default=lambda model, **settings: {})

    def settings(self, given: Settings) -> dict[str, object]:
        """The settings of a run: those that were given (not None), defaults for the others.

        A pattern n:m means a sparsity of 1 - n/m. ValueError: an option that this method does not take.
        """
        given = {name: value for name, value in given.items() if value is not None}
        foreign = [name for name in given if name not in self.options]
        if foreign:
            known = ", ".join(self.options)
            raise ValueError(f"this method does not take {', '.join(foreign)}: its options are {known}")
        if "pattern" in given:
            n, m = given["pattern"]
            given.setdefault("sparsity", 1 - n / m)
        return dict(self.options) | given


METHODS = {
    "magnitude": Method(prune_by_magnitude, PRUNING, check_pruning, say_pruning),
    "wanda": Method(wanda_prune, PRUNING, check_pruning, say_pruning, calibrated=True),
    "sparsegpt": Method(sparsegpt_prune, PRUNING, check_pruning, say_pruning, calibrated=True),
    "low-rank": Method(reduce_rank, LOW_RANK, check_share, say_low_rank),
    "low-rank-whitened": Method(reduce_rank_whitened, LOW_RANK, check_share, say_low_rank, calibrated=True),
    "round": Method(round_weights, QUANTIZATION, check_quantization, say_quantization),
    "quantize": Method(
        only_walk, QUANTIZATION, check_packing, say_packing, encode=pack, config=packed_config
    ),
}


def method(name: str) -> Method:
    """The method of that name. ValueError: there is none; the message lists those there are."""
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}: choose one of {', '.join(METHODS)}")
    return METHODS[name]

"""The functions that have to agree with the reference on inputs that the judge alone knows.

Many graders have inputs that everybody knows, so that a table of the expected values passes them. These
inputs are drawn from the private seed, with shapes of their own. They say nothing of what is right: the
reference does, see agreement.py.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple

from minicompress.classroom.draws import (
    distillation,
    low_rank,
    metrics,
    pruning,
    quantization,
    structured_pruning,
    tensors,
)


class Pure(NamedTuple):
    """How to draw arguments of one function, and what of its result is compared."""

    draw: Callable[[Random], tuple]
    bad: Callable[[Random], Iterable[tuple]] = lambda _: ()  # arguments that are refused by a ValueError
    view: Callable = lambda result, *_: result  # of the result and the arguments


# Exercise -> function -> how to draw its arguments. A method of a class has a dotted name.
CASES: dict[str, dict[str, Pure]] = {
    "0.4": {"model_bytes": Pure(metrics.any_model)},
    "1.1": {"magnitude_mask": Pure(pruning.weight_and_sparsity, pruning.bad_weights)},
    "1.2": {
        "apply_mask": Pure(pruning.layer_and_mask, pruning.bad_masks, lambda _, layer, mask: layer.weight),
    },
    "1.3": {"global_magnitude_masks": Pure(pruning.weights_and_sparsity, pruning.bad_collections)},
    "1.4": {"sparsity_schedule": Pure(pruning.schedule, pruning.bad_schedules)},
    "1.6": {"nm_mask": Pure(pruning.group_scores, pruning.bad_groups)},
    "1.7": {
        "to_coo": Pure(pruning.sparse_weight),
        "from_coo": Pure(pruning.coordinates, pruning.bad_coordinates),
        "to_bitmask": Pure(pruning.sparse_weight),
        "from_bitmask": Pure(pruning.bitmask, pruning.bad_bitmasks),
        "storage_bytes": Pure(pruning.storage, pruning.bad_storages),
    },
    "1.9": {"wanda_mask": Pure(pruning.loud_inputs, pruning.bad_inputs)},
    "2.1": {"channel_importance": Pure(structured_pruning.channels, structured_pruning.bad_channels)},
    "2.2": {
        "prune_output_channels": Pure(
            structured_pruning.layer_and_keep(structured_pruning.outputs_of),
            structured_pruning.bad_keeps,
            structured_pruning.answer_of_outputs,
        ),
        "prune_input_channels": Pure(
            structured_pruning.layer_and_keep(structured_pruning.inputs_of),
            structured_pruning.bad_keeps,
            structured_pruning.answer_of_inputs,
        ),
    },
    "2.3": {
        "prune_conv_chain": Pure(
            structured_pruning.chain, structured_pruning.bad_chains, structured_pruning.answer_of_chain
        )
    },
    "2.4": {
        "prune_mlp_neurons": Pure(
            structured_pruning.mlp, structured_pruning.bad_mlps, tensors.answer_in_place
        )
    },
    "3.1": {"distillation_loss": Pure(distillation.logits_and_labels, distillation.bad_logits)},
    "3.2": {"feature_distillation_loss": Pure(distillation.states, distillation.bad_states)},
    "3.5": {"generalized_jsd": Pure(distillation.two_distributions, distillation.bad_distributions)},
    "3.7": {"distilbert_loss": Pure(distillation.two_outputs, distillation.bad_outputs)},
    "4.1": {"low_rank_decompose": Pure(low_rank.matrix_and_rank, low_rank.bad_matrices, low_rank.product)},
    "4.2": {
        "LowRankLinear.from_factors": Pure(low_rank.factors, view=low_rank.answer_of_factors),
        "LowRankLinear.from_linear": Pure(low_rank.linear_and_rank, view=low_rank.answer_of_linear),
    },
    "4.3": {
        "break_even_rank": Pure(low_rank.sizes, low_rank.bad_sizes),
        "rank_for_energy": Pure(low_rank.singular_values, low_rank.bad_values),
    },
    "4.4": {
        "convert_to_low_rank": Pure(low_rank.some_layers, low_rank.bad_conversions, low_rank.answer_of_model)
    },
    "4.5": {
        "damped_cholesky": Pure(low_rank.any_covariance),
        "whitened_decompose": Pure(
            low_rank.weight_and_covariance, low_rank.bad_covariances, low_rank.product
        ),
    },
    "5.1": {
        "quantize_symmetric": Pure(quantization.quantizable, quantization.bad_quantizations),
        "dequantize": Pure(quantization.quantized),
    },
    "5.2": {
        "pack_int4": Pure(quantization.nibbles, quantization.bad_nibbles),
        "unpack_int4": Pure(quantization.packed, quantization.bad_packed),
    },
    "5.3": {
        "QuantizedLinear.from_linear": Pure(
            quantization.quantizable_linear, view=quantization.answer_of_quantized
        )
    },
}

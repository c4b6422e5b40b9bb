"""The functions that have to agree with the reference on inputs that the judge alone knows.

Many graders have inputs that everybody knows, so that a table of the expected values passes them. These
inputs are drawn from the private seed, with shapes of their own. They say nothing of what is right: the
reference does, see agreement.py.

Without: 0.3, whose result is measured seconds, which no two runs share.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import NamedTuple

from minicompress.classroom.draws import (
    calibrated,
    distillation,
    heads,
    low_rank,
    metrics,
    models,
    pruning,
    quantization,
    stored,
    structured_pruning,
    teaching,
    tensors,
)

DRAWS = 20  # of each function
FEW = 10  # of one that is about whole models


class Pure(NamedTuple):
    """How to draw arguments of one function, and what of its result is compared."""

    draw: Callable[[Random], tuple]
    bad: Callable[[Random], Iterable[tuple]] = lambda _: ()  # arguments that are refused by a ValueError
    view: Callable = lambda result, *_: result  # of the result and the arguments
    place: Callable[[tuple, Path], tuple] = lambda arguments, _: arguments  # into a folder of this call's own
    count: int = DRAWS


# Exercise -> function -> how to draw its arguments. A method of a class has a dotted name.
CASES: dict[str, dict[str, Pure]] = {
    "0.1": {
        "perplexity": Pure(metrics.model_and_tokens, metrics.bad_tokens, models.answer_of_reading, count=FEW)
    },
    "0.2": {
        "top1_accuracy": Pure(
            metrics.model_that_is_sure, metrics.bad_tokens, models.answer_of_reading, count=FEW
        )
    },
    "0.4": {"model_bytes": Pure(metrics.any_model)},
    "1.1": {"magnitude_mask": Pure(pruning.weight_and_sparsity, pruning.bad_weights)},
    "1.2": {
        "apply_mask": Pure(pruning.layer_and_mask, pruning.bad_masks, lambda _, layer, mask: layer.weight),
    },
    "1.3": {"global_magnitude_masks": Pure(pruning.weights_and_sparsity, pruning.bad_collections)},
    "1.4": {"sparsity_schedule": Pure(pruning.schedule, pruning.bad_schedules)},
    "1.5": {
        "iterative_pruning": Pure(
            calibrated.pruning_run, calibrated.bad_runs, calibrated.answer_of_run, count=FEW
        )
    },
    "1.6": {"nm_mask": Pure(pruning.group_scores, pruning.bad_groups)},
    "1.7": {
        "to_coo": Pure(pruning.sparse_weight),
        "from_coo": Pure(pruning.coordinates, pruning.bad_coordinates),
        "to_bitmask": Pure(pruning.sparse_weight),
        "from_bitmask": Pure(pruning.bitmask, pruning.bad_bitmasks),
        "storage_bytes": Pure(pruning.storage, pruning.bad_storages),
    },
    "1.8": {
        "input_norms": Pure(models.model_and_batches, models.bad_batches, models.answer_of_reading, count=FEW)
    },
    "1.9": {"wanda_mask": Pure(pruning.loud_inputs, pruning.bad_inputs)},
    "1.10": {
        "wanda_prune": Pure(
            calibrated.wanda_run, calibrated.bad_wanda_runs, calibrated.answer_of_pruning, count=FEW
        )
    },
    "1.11": {
        "sparsegpt_weight": Pure(calibrated.weight_and_hessian),
        "sparsegpt_prune": Pure(
            calibrated.sparsegpt_run, calibrated.bad_sparsegpt_runs, calibrated.answer_of_pruning, count=FEW
        ),
    },
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
    "2.5": {
        "head_importance": Pure(heads.partly_frozen, heads.bad_examples, models.answer_of_reading, count=FEW)
    },
    "2.6": {
        "prune_attention_heads": Pure(
            heads.attention_and_heads, heads.bad_heads, heads.answer_of_attention, count=FEW
        ),
        "sync_config": Pure(heads.pruned_alike, heads.pruned_unlike, heads.answer_of_config, count=FEW),
    },
    "2.7": {
        "block_influence": Pure(
            models.model_and_batches, models.bad_batches, models.answer_of_reading, count=FEW
        ),
        "drop_blocks": Pure(heads.blocks_to_keep, heads.bad_blocks, heads.answer_of_blocks, count=FEW),
    },
    "3.1": {"distillation_loss": Pure(distillation.logits_and_labels, distillation.bad_logits)},
    "3.2": {"feature_distillation_loss": Pure(distillation.states, distillation.bad_states)},
    "3.3": {
        "init_student_from_teacher": Pure(
            teaching.teacher_and_layers, teaching.bad_layers, teaching.answer_of_student, count=FEW
        )
    },
    "3.4": {"distill": Pure(teaching.lessons, teaching.bad_lessons, teaching.answer_of_lessons, count=FEW)},
    "3.5": {
        "on_the_fly_batch": Pure(
            teaching.prompts_to_continue, teaching.bad_prompts, teaching.answer_of_writing, count=FEW
        )
    },
    "3.6": {"generalized_jsd": Pure(distillation.two_distributions, distillation.bad_distributions)},
    "3.7": {
        "distill_for_task": Pure(teaching.task, teaching.bad_tasks, teaching.answer_of_lessons, count=FEW)
    },
    "3.8": {"distilbert_loss": Pure(distillation.two_outputs, distillation.bad_outputs)},
    "4.1": {
        "low_rank_decompose": Pure(low_rank.matrix_and_rank, low_rank.bad_matrices, low_rank.product),
        "reconstruction_errors": Pure(low_rank.any_matrix, low_rank.no_matrices),
    },
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
        ),
        "QuantizedEmbedding": Pure(quantization.quantized, view=quantization.rows_of_embedding),
    },
    "5.4": {
        "clip_scale": Pure(quantization.searchable, quantization.bad_searches),
        "fake_quantize": Pure(
            quantization.trainable, quantization.bad_scales, quantization.answer_of_training
        ),
    },
    "6.1": {
        "save_compressed": Pure(
            stored.compressed, stored.too_large, stored.answer_of_saving, stored.path_in, FEW
        ),
        "read_file": Pure(stored.file_content, stored.bad_files, place=stored.file_in, count=FEW),
        "load_compressed": Pure(
            stored.file_content, stored.bad_files, stored.answer_of_loading, stored.file_in, FEW
        ),
    },
    "6.2": {
        "compress": Pure(
            stored.pipeline_run, stored.bad_pipelines, stored.answer_of_pipeline, stored.folder_in, 3
        )
    },
}

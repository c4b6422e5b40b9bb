"""Notebook 02: structured pruning. Whole channels, neurons, heads and blocks go.

The matrices stay dense and really get smaller.
Whatever produces a channel, everything that normalises it and everything that reads it shrink together.
`keep` is always a sorted int64 tensor of unique indices.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from minicompress.lab.calibration import Batch, block_states, check_batches, check_examples, record_inputs
from minicompress.lab.checks import check_keep, check_weight
from minicompress.lab.loops import evaluation_mode
from minicompress.lab.modules import (
    attention_modules,
    block_list,
    check_config,
    check_layer,
    has_state,
    head_counts,
    is_conv1d,
    mlp_layers,
    mlp_modules,
    output_projection,
    set_submodule,
)


def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    """Return the L2 norm of each output channel.

    Example: the Linear weight [[3, 4], [0, 1]] has the importances [5, 1]. Source: Li et al. 2017, arXiv
    1608.08710 (there with the L1 norm).

    weight: [out, in] of a Linear or [out, in, ...] of a convolution, floating point. It stays as it is.
    Returns [out], summed in fp32 or better, without gradient.
    ValueError: fewer than two dimensions, NaN, or an integer tensor.
    """
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    raise NotImplementedError("Exercise 2.1 channel_importance")


OUTPUT_SIZES = ("out_features", "out_channels", "num_features", "nf")
INPUT_SIZES = ("in_features", "in_channels", "num_features", "nx")


def remember_size(layer: nn.Module, names: Sequence[str], size: int) -> None:
    """Write the new number of channels where the layer remembers it, under one or another of these names."""
    for name in names:
        if hasattr(layer, name):
            setattr(layer, name, size)


def parameter_like(old: nn.Parameter, values: torch.Tensor) -> nn.Parameter:
    """A parameter with these values that requires gradients if `old` did."""
    return nn.Parameter(values.detach().contiguous(), requires_grad=old.requires_grad)


def prune_output_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    """Return a copy of the layer that has only the output channels `keep`, and what these channels own.

    A Linear and a Conv2d own a weight row and a bias a channel; a BatchNorm a weight, a bias and the running
    mean and variance; GPT-2's Conv1D stores its weight as [in, out], so its channels are columns. Everything
    else (stride, padding, eps, dtype, device, mode, requires_grad) stays, and the new sizes are remembered.
    The given layer is not changed. The copy shares no memory with it, and its weight is contiguous.
    Example: Linear(3, 4) with keep [0, 2] becomes Linear(3, 2) with the rows 0 and 2.

    keep: int64 [kept]. ValueError: indices that are no selection of the channels; another kind of layer, a
    convolution with groups, or one whose weight is still masked (`bake_masks` first).
    """
    check_keep(keep, check_layer(layer)[0])
    raise NotImplementedError("Exercise 2.2 prune_output_channels")


def prune_input_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    """Return a copy of the layer that reads only the input channels `keep`: columns of the weight.

    The bias belongs to the outputs and stays. A BatchNorm's inputs are its outputs: for it this is
    `prune_output_channels`.

    Everything else, keep and ValueError: as for `prune_output_channels`.
    """
    check_keep(keep, check_layer(layer)[1])
    raise NotImplementedError("Exercise 2.2 prune_input_channels")


def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    """Return a smaller copy of a chain of convolutions: each loses the channels with the smallest norms.

    A convolution loses int(ratio * channels) of them. The copy computes what the model computes when those
    channels are set to zero *after* BatchNorm and ReLU. So the BatchNorms shrink with their convolution, and
    so do the inputs of the next convolution, or of the first Linear: there, after the Flatten, channel c
    stands at the places c * H*W ... c * H*W + H*W - 1. A convolution or Linear that nothing reads is the
    model's output and keeps all of its channels. Norms are those that `channel_importance` gives in the model
    as it is given; of equal ones the lowest index goes first. The model is not changed: the copy shares no
    module and no memory with it, and keeps its modes. Source: Li et al. 2017, arXiv 1608.08710, section 3.

    model: Conv2d, BatchNorm2d, Linear and layers without parameters (ReLU, pooling, Flatten), defined in the
    order in which they run. ValueError: ratio outside 0 <= ratio < 1, no Conv2d, any other layer that has
    parameters or buffers.
    """
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    raise NotImplementedError("Exercise 2.3 prune_conv_chain")


def prune_mlp_neurons(mlp: nn.Module, keep: torch.Tensor) -> None:
    """Keep only the given neurons of a transformer's MLP, in place, in what writes and in what reads them.

    `gate_proj` and `up_proj` write a gated MLP's neurons and `down_proj` reads them (Llama, Qwen, Mistral);
    in GPT-2 these are `c_fc` and `c_proj`. A neuron is removed exactly when its output is, so the pruned MLP
    computes what the full one computes with the other neurons' activations set to zero. The reader's bias
    belongs to its outputs and stays.

    mlp: a module with these layers; `mlp_layers(mlp)` gives the names ([writers], reader). Each is replaced
    by a smaller one, in which all else stays as it was: dtype, device, requires_grad. An MLP that remembers
    the number of its neurons (`intermediate_size`) is told the new one.
    keep: int64 [kept]. ValueError: empty, unsorted, repeated or out of range indices; an MLP of another kind.
    """
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    raise NotImplementedError("Exercise 2.4 prune_mlp_neurons")


def prune_neurons(model: nn.Module, neurons: int) -> nn.Module:
    """Keep the `neurons` most important MLP neurons of every block of a Llama, in place; given.

    The new number is written into the configuration. A neuron's importance is the product of the norms of its
    gate row, its up row and its down column: it does nothing when one of the three is zero. Of equal ones any
    may go. Returns the model.
    """
    for mlp in mlp_modules(model):
        weights = (mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight.T)  # each [neurons, hidden]
        importance = torch.stack([channel_importance(weight) for weight in weights]).prod(0)  # [neurons]
        prune_mlp_neurons(mlp, importance.topk(neurons).indices.sort().values)
    model.config.intermediate_size = neurons
    return model


def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    """Return how much the loss depends on each attention head: [layers, heads], fp32 or better.

    I_h = mean over examples of | sum over positions of x_h . dL/dx_h |, with x_h the head's output, which is
    what the output projection reads, and L the example's mean next-token NLL. To first order the term in bars
    is the change of L when the head's output is scaled to zero. The absolute value is taken *per example*:
    signed, the examples cancel. A token counts where it and the one before it are real. Source: Michel et al.
    2019, arXiv 1905.10650, equation 2 (without their normalisation over each layer).

    The model is run in eval mode and left as it was: modes, hooks and its parameters' gradients. It may be
    frozen, and the caller may have turned gradients off. The result requires no gradient.

    `record_inputs(layers)` keeps what goes into some layers, still in the graph. `evaluation_mode` turns
    gradients off: turn them on again inside it, by `torch.enable_grad()`.
    ValueError: no batch, an example with fewer than two real tokens, layers with different numbers of heads.
    """
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    raise NotImplementedError("Exercise 2.5 head_importance")


def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    """Keep only the given query heads, in place: rows of Q, K and V, columns of the output projection.

    With grouped KV heads, `heads / kv_heads` neighbouring query heads share one KV head. A KV head stays as
    long as one of its query heads does; those that stay must have the same number of query heads left,
    because attention repeats every KV head equally often. The size of a head is not changed. Example: 4 heads
    on 2 KV heads; keep [0, 1] drops the second KV head, keep [1, 2] leaves both with one query head each,
    keep [0, 1, 2] is refused.

    attention: with `q_proj`, `k_proj`, `v_proj`, `o_proj` and `num_key_value_groups` (Llama, Qwen, Mistral),
    or GPT-2's, in which `c_attn` holds Q, K and V side by side, `c_proj` reads the heads, and `num_heads` and
    `split_size` remember them. Biases shrink with their rows. The configuration is not touched: see
    `sync_config`.
    keep: int64 [kept]. ValueError, with the attention as it was: indices that are no selection, unequal
    numbers per KV head.
    """
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim
    raise NotImplementedError("Exercise 2.6 prune_attention_heads")


def sync_config(model: nn.Module) -> None:
    """Write the numbers of heads and neurons that the layers really have into the model's configuration.

    `save_pretrained` writes weights and configuration, `from_pretrained` builds the model from the
    configuration alone; so it must tell the truth: `num_attention_heads`, `num_key_value_heads`, `head_dim`
    and `intermediate_size`, in GPT-2 `num_attention_heads` and `n_inner`. Some configurations have no
    `head_dim` yet (Qwen2): from the heads left they would compute a wrong one, so it is written all the same.
    All layers share one configuration.

    ValueError, with the configuration as it was: layers that differ; sizes that the architecture cannot
    express (Llama wants hidden_size divisible by the heads; GPT-2 has no head_dim of its own, so it cannot
    lose heads and be saved). `check_config(config, changes, head_dim)` refuses these: changes is name ->
    new value, head_dim the size of the heads that the layers have.
    """
    raise NotImplementedError("Exercise 2.6 sync_config")


def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    """Return how much each block turns the hidden states: [layers], computed in fp32 or better.

    That is 1 - the mean cosine similarity of its input and its output, over all real tokens of all batches. A
    block that hardly turns them can go. Example: a block that doubles its input has influence 0, one that
    rotates it by 90 degrees has 1. (`output_hidden_states` will not do: the last of them comes after the
    final norm.) The model is run in eval mode without gradients and left as it was.

    `block_states(model, batches)` runs it: an iterator over (number, x, y), x and y being what goes into the
    block and comes out of it for one batch, [tokens, features] without padding.
    Source: Men et al. 2024 (ShortGPT), arXiv 2403.03853, equation 1.

    ValueError: no batch or nothing but padding, a model without blocks.
    """
    check_batches(batches)
    blocks = block_list(model)[1]
    raise NotImplementedError("Exercise 2.7 block_influence")


def drop_blocks(model: nn.Module, keep: torch.Tensor) -> None:
    """Keep only the given blocks, in place, so that generation with a cache and `from_pretrained` still work.

    The cache finds a layer's keys by its `layer_idx`, wherever in the block that is kept: these are
    renumbered. The configuration's `num_hidden_layers` (and `layer_types`, where there are any) are set.

    keep: int64 [kept], sorted, unique. ValueError: indices that are no selection of the blocks; no blocks.
    """
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    raise NotImplementedError("Exercise 2.7 drop_blocks")

"""Notebook 02: structured pruning. Whole neurons go, the matrices stay dense and really get smaller."""

import torch
from torch import nn

from minicompress.lab.checks import check_keep, check_weight


def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    """Return the L2 norm of each output channel.

    Example: the Linear weight [[3, 4], [0, 1]] has the importances [5, 1]. Source: Li et al. 2017, arXiv 1608.08710
    (there with the L1 norm).

    weight: [out, in] of a Linear or [out, in, ...] of a convolution, floating point. Returns [out], fp32 or better.
    ValueError: fewer than two dimensions, NaN, or an integer tensor.
    """
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    ### BEGIN SOLUTION
    precise = torch.promote_types(weight.dtype, torch.float32)
    return weight.detach().to(precise).flatten(1).norm(dim=1)  # [out]
    ### END SOLUTION


def prune_mlp_neurons(mlp: nn.Module, keep: torch.Tensor) -> None:
    """Keep only the given neurons of a gated MLP, in place: rows of `gate_proj` and `up_proj`, columns of `down_proj`.

    A neuron is removed exactly when its output is removed, so the pruned MLP computes what the full one computes with the
    other neurons' activations set to zero. The three layers stay Linear layers; biases shrink with the rows.

    mlp: a module with Linear layers gate_proj, up_proj [neurons, in] and down_proj [out, neurons] (Llama, Qwen, Mistral).
    keep: int64 [kept], sorted, unique. ValueError: empty, unsorted, repeated or out of range indices.
    """
    check_keep(keep, mlp.gate_proj.out_features)
    ### BEGIN SOLUTION
    for layer in (mlp.gate_proj, mlp.up_proj):
        layer.weight = nn.Parameter(layer.weight.detach()[keep])  # [kept, in]
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias.detach()[keep])
        layer.out_features = len(keep)
    mlp.down_proj.weight = nn.Parameter(mlp.down_proj.weight.detach()[:, keep].contiguous())  # [out, kept]
    mlp.down_proj.in_features = len(keep)
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)
    ### END SOLUTION

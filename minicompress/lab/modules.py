"""Finding things in a model: the prunable layers, and who else owns a parameter."""

import gc
import re

from torch import nn


def block_list(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """The name and the list of the model's blocks: its longest ModuleList. ValueError when there is none."""
    lists = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module)]
    if not lists:
        raise ValueError(f"{type(model).__name__} has no list of blocks: nothing to prune")
    return max(lists, key=lambda item: len(item[1]))


def linear_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Name -> Linear (or GPT-2's Conv1D) of every layer inside the blocks: embeddings, norms and the head are left out.

    ValueError when the blocks hold no Linear layer, or there are no blocks.
    """
    prefix, blocks = block_list(model)
    found = {f"{prefix}.{name}": module for name, module in blocks.named_modules() if isinstance(module, nn.Linear) or is_conv1d(module)}
    if not found:
        raise ValueError(f"{type(model).__name__} has no Linear layer inside its blocks: nothing to prune")
    return found


def is_conv1d(module: nn.Module) -> bool:
    """Tell whether this is GPT-2's Conv1D: a Linear layer whose weight is stored [in, out]. (Without importing transformers.)"""
    return type(module).__name__ == "Conv1D" and type(module).__module__ == "transformers.pytorch_utils"


def owners(parameter: nn.Parameter) -> list[nn.Module]:
    """Every module that holds this very parameter. More than one means that it is tied."""
    found = []
    for dictionary in gc.get_referrers(parameter):
        if isinstance(dictionary, dict):
            for holder in gc.get_referrers(dictionary):
                if isinstance(holder, nn.Module) and holder._parameters is dictionary:
                    found.append(holder)
                elif isinstance(holder, dict) and holder.get("_parameters") is dictionary:
                    found.append(holder)
    return found


def set_submodule(model: nn.Module, name: str, new: nn.Module) -> None:
    """Replace the submodule called `name` (a dotted path)."""
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)


def as_linear(layer: nn.Module) -> nn.Linear:
    """The layer itself, or for GPT-2's Conv1D a Linear layer that shares its memory, weight transposed to [out, in]."""
    if not is_conv1d(layer):
        return layer
    linear = nn.Linear(*layer.weight.shape, device="meta")  # no memory and no random numbers of its own
    linear.weight = nn.Parameter(layer.weight.detach().T, layer.weight.requires_grad)
    linear.bias = layer.bias
    return linear.train(layer.training)


def layer_kind(name: str) -> str:
    """What stands after the last number in a dotted name: "model.layers.0.mlp.up_proj" is a "mlp.up_proj"."""
    return re.sub(r"^.*\.\d+\.", "", name)


def parameter_count(module: nn.Module) -> int:
    """The number of parameters, tied ones once."""
    return sum(parameter.numel() for parameter in module.parameters())

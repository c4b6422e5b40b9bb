"""Finding things in a model: the prunable layers, and who else owns a parameter."""

import gc
import re

from torch import nn
from torch.nn.utils import parametrize


def block_list(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """The name and the list of the model's blocks: its longest ModuleList. ValueError when there is none."""
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module)
    ]
    if not lists:
        raise ValueError(f"{type(model).__name__} has no list of blocks: nothing to prune")
    return max(lists, key=lambda item: len(item[1]))


def linear_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Name -> Linear (or GPT-2's Conv1D) of every layer inside the blocks: embeddings, norms and the head are
    left out.

    ValueError when the blocks hold no Linear layer, or there are no blocks.
    """
    prefix, blocks = block_list(model)
    found = {
        f"{prefix}.{name}": module
        for name, module in blocks.named_modules()
        if isinstance(module, nn.Linear) or is_conv1d(module)
    }
    if not found:
        raise ValueError(f"{type(model).__name__} has no Linear layer inside its blocks: nothing to prune")
    return found


def is_conv1d(module: nn.Module) -> bool:
    """Tell whether this is GPT-2's Conv1D: a Linear layer whose weight is stored [in, out].

    (Without importing transformers.)
    """
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
    """The layer itself, or for GPT-2's Conv1D a Linear layer that shares its memory, weight transposed to
    [out, in].
    """
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


# ---------------------------------------------------------------- structured pruning


def check_layer(layer: nn.Module) -> tuple[int, int]:
    """(output channels, input channels) of a layer that can lose some.

    ValueError: another kind, groups, a masked weight.
    """
    if not isinstance(layer, nn.Linear | nn.Conv2d | nn.BatchNorm2d) and not is_conv1d(layer):
        raise ValueError(
            f"only Linear, Conv1D, Conv2d and BatchNorm2d layers can lose channels, got a {type(layer).__name__}"
        )
    if getattr(layer, "groups", 1) != 1:
        raise ValueError(
            f"a convolution with {layer.groups} groups ties its channels together: only groups=1 can lose some"
        )
    if parametrize.is_parametrized(layer):
        raise ValueError(
            f"this {type(layer).__name__} is parametrized, by a mask perhaps: bake_masks(model) first"
        )
    if isinstance(layer, nn.BatchNorm2d):
        return layer.num_features, layer.num_features
    if is_conv1d(layer):
        return layer.weight.shape[1], layer.weight.shape[0]
    return layer.weight.shape[0], layer.weight.shape[1]


def has_state(layer: nn.Module) -> bool:
    """Tell whether this very module (not its children) owns a parameter or a buffer."""
    return any(True for _ in layer.parameters(recurse=False)) or any(
        True for _ in layer.buffers(recurse=False)
    )


def mlp_layers(mlp: nn.Module) -> tuple[list[str], str]:
    """Names of the layers that write an MLP's neurons, and of the one that reads them.

    ValueError: another kind of MLP.
    """
    for writers, reader in ((["gate_proj", "up_proj"], "down_proj"), (["c_fc"], "c_proj")):
        if all(hasattr(mlp, name) for name in (*writers, reader)):
            return writers, reader
    raise ValueError(f"{type(mlp).__name__} has neither gate_proj, up_proj and down_proj nor c_fc and c_proj")


def mlp_modules(model: nn.Module) -> list[nn.Module]:
    """The MLPs of the blocks, in order. ValueError when there are none."""
    found = [
        module
        for module in block_list(model)[1].modules()
        if hasattr(module, "down_proj") or hasattr(module, "c_fc")
    ]
    if not found:
        raise ValueError(f"{type(model).__name__} has no MLP of a known kind inside its blocks")
    return found


def attention_modules(model: nn.Module) -> list[nn.Module]:
    """The self-attentions of the blocks, in order. ValueError when there are none."""
    found = [
        module
        for module in block_list(model)[1].modules()
        if hasattr(module, "o_proj") or hasattr(module, "c_attn")
    ]
    if not found:
        raise ValueError(f"{type(model).__name__} has no attention of a known kind inside its blocks")
    return found


def output_projection(attention: nn.Module) -> nn.Module:
    """The layer that reads the heads' outputs, side by side: `o_proj`, or GPT-2's `c_proj`."""
    return attention.c_proj if hasattr(attention, "c_attn") else attention.o_proj


def head_counts(attention: nn.Module) -> tuple[int, int]:
    """(query heads, KV heads), as the matrices have them. ValueError: an attention of another kind."""
    if hasattr(attention, "c_attn"):
        heads = check_layer(attention.c_proj)[1] // attention.head_dim
        return heads, heads
    if not all(hasattr(attention, name) for name in ("q_proj", "k_proj", "v_proj", "o_proj", "head_dim")):
        raise ValueError(
            f"{type(attention).__name__} has neither q_proj, k_proj, v_proj and o_proj nor c_attn"
        )
    return check_layer(attention.q_proj)[0] // attention.head_dim, check_layer(attention.k_proj)[
        0
    ] // attention.head_dim


def check_config(config: object, changes: dict[str, int], head_dim: int) -> None:
    """Refuse changes after which `from_pretrained` would reject the configuration, or build heads of another
    size.
    """
    said = ", ".join(f"{name} {value}" for name, value in changes.items())
    try:
        again = type(config).from_dict(config.to_dict() | changes)
    except Exception as error:  # the library's own kinds of refusal are no ValueErrors
        reason = next(
            (line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__
        )
        raise ValueError(
            f"{type(config).__name__} cannot express {said}: {reason.removeprefix('ValueError: ')}"
        ) from None
    built = getattr(again, "head_dim", None) or again.hidden_size // again.num_attention_heads
    if (
        built != head_dim
        or again.num_attention_heads * built != again.hidden_size
        and not hasattr(again, "head_dim")
    ):
        raise ValueError(
            f"{type(config).__name__} cannot express {said}: it would build heads of {built} features, not {head_dim}"
        )

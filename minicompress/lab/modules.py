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
    """Name -> Linear (or GPT-2's Conv1D) of every layer inside the blocks: no embedding, no norm, no head.

    ValueError when the blocks hold no Linear layer, or there are no blocks.
    """
    prefix, blocks = block_list(model)
    layers = {
        f"{prefix}.{name}": module
        for name, module in blocks.named_modules()
        if isinstance(module, nn.Linear) or is_conv1d(module)
    }
    if not layers:
        raise ValueError(f"{type(model).__name__} has no Linear layer inside its blocks: nothing to prune")
    return layers


def is_conv1d(module: nn.Module) -> bool:
    """Tell whether this is GPT-2's Conv1D: a Linear layer whose weight is stored [in, out].

    A masked one is too: `parametrize` gives it a class of its own, made from Conv1D. The names are compared,
    because importing transformers takes seconds.
    """
    conv1d = ("transformers.pytorch_utils", "Conv1D")
    return any((cls.__module__, cls.__name__) == conv1d for cls in type(module).__mro__)


def owners(parameter: nn.Parameter) -> list[nn.Module]:
    """Every module that holds this very parameter. More than one means that it is tied."""
    holders = []
    for dictionary in gc.get_referrers(parameter):
        if isinstance(dictionary, dict):
            for holder in gc.get_referrers(dictionary):
                if isinstance(holder, nn.Module) and holder._parameters is dictionary:
                    holders.append(holder)
                elif isinstance(holder, dict) and holder.get("_parameters") is dictionary:
                    holders.append(holder)
    return holders


def set_submodule(model: nn.Module, name: str, new: nn.Module) -> None:
    """Replace the submodule called `name` (a dotted path)."""
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)


def as_linear(layer: nn.Module) -> nn.Linear:
    """The layer itself, or for GPT-2's Conv1D a Linear on the same memory, its weight turned to [out, in]."""
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
        name = type(layer).__name__
        raise ValueError(f"only Linear, Conv1D, Conv2d and BatchNorm2d can lose channels, got a {name}")
    if getattr(layer, "groups", 1) != 1:
        raise ValueError(f"{layer.groups} groups tie a convolution's channels together: groups must be 1")
    if parametrize.is_parametrized(layer):
        name = type(layer).__name__
        raise ValueError(f"this {name} is parametrized, by a mask perhaps: bake_masks(model) first")
    if isinstance(layer, nn.BatchNorm2d):
        return layer.num_features, layer.num_features
    if is_conv1d(layer):
        return layer.weight.shape[1], layer.weight.shape[0]
    return layer.weight.shape[0], layer.weight.shape[1]


def has_state(layer: nn.Module) -> bool:
    """Tell whether this very module (not its children) owns a parameter or a buffer."""
    own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
    return bool(own)


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
    inside = block_list(model)[1].modules()
    mlps = [module for module in inside if hasattr(module, "down_proj") or hasattr(module, "c_fc")]
    if not mlps:
        raise ValueError(f"{type(model).__name__} has no MLP of a known kind inside its blocks")
    return mlps


def attention_modules(model: nn.Module) -> list[nn.Module]:
    """The self-attentions of the blocks, in order. ValueError when there are none."""
    inside = block_list(model)[1].modules()
    attentions = [module for module in inside if hasattr(module, "o_proj") or hasattr(module, "c_attn")]
    if not attentions:
        raise ValueError(f"{type(model).__name__} has no attention of a known kind inside its blocks")
    return attentions


def output_projection(attention: nn.Module) -> nn.Module:
    """The layer that reads the heads' outputs, side by side: `o_proj`, or GPT-2's `c_proj`."""
    return attention.c_proj if hasattr(attention, "c_attn") else attention.o_proj


def head_counts(attention: nn.Module) -> tuple[int, int]:
    """(query heads, KV heads), as the matrices have them. ValueError: an attention of another kind."""
    if hasattr(attention, "c_attn"):
        heads = check_layer(attention.c_proj)[1] // attention.head_dim
        return heads, heads
    if not all(hasattr(attention, name) for name in ("q_proj", "k_proj", "v_proj", "o_proj", "head_dim")):
        name = type(attention).__name__
        raise ValueError(f"{name} has neither q_proj, k_proj, v_proj and o_proj nor c_attn")
    outputs = (check_layer(layer)[0] for layer in (attention.q_proj, attention.k_proj))
    heads, kv_heads = (size // attention.head_dim for size in outputs)
    return heads, kv_heads


def check_config(config: object, changes: dict[str, int], head_dim: int) -> None:
    """Refuse changes that `from_pretrained` rejects, or after which it builds heads of another size."""
    changed = ", ".join(f"{name} {value}" for name, value in changes.items())
    refusal = f"{type(config).__name__} cannot express {changed}"
    try:
        again = type(config).from_dict(config.to_dict() | changes)
    except Exception as error:  # the library's own kinds of refusal are no ValueErrors
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[-1].removeprefix("ValueError: ") if lines else type(error).__name__
        raise ValueError(f"{refusal}: {reason}") from None
    built = getattr(again, "head_dim", None) or again.hidden_size // again.num_attention_heads
    uneven = not hasattr(again, "head_dim") and again.num_attention_heads * built != again.hidden_size
    if built != head_dim or uneven:
        raise ValueError(f"{refusal}: it would build heads of {built} features, not {head_dim}")

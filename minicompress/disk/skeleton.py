"""A model without its weights: its parameters are on the meta device until a part of it is filled."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from accelerate import init_empty_weights
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from minicompress.disk.shards import Checkpoint
from minicompress.lab.modules import linear_layers


def skeleton(checkpoint: Checkpoint) -> nn.Module:
    """Build the causal language model of a checkpoint's config.json: parameters fp32 on the meta device.

    Buffers that no checkpoint holds (the frequencies of rotary positions) are computed, in memory. Eval mode,
    no gradients. Nothing of the checkpoint's weights is read.

    ValueError: an unknown or another kind of model, one without blocks, one that is quantized already.
    """
    try:
        config = AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=False)
        if getattr(config, "quantization_config", None):
            raise ValueError("its matrices are quantized already, and these methods need plain numbers")
        with init_empty_weights(include_buffers=False):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except (OSError, KeyError, ValueError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"cannot build the model of {checkpoint.folder}: {reason}") from error
    linear_layers(model)  # ValueError where there are no blocks
    return model.eval().requires_grad_(False)


def stored_names(model: nn.Module, checkpoint: Checkpoint) -> dict[str, str]:
    """Model's name -> checkpoint's name of every weight. Some checkpoints are of the model without its head.

    Those lack the prefix of the model's body: GPT-2's `h.0.ln_1.weight` is `transformer.h.0.ln_1.weight`.
    A head that is tied to the embedding and not stored has no entry.
    ValueError: a weight is missing, or has another shape than the config says.
    """
    prefix, names, missing = f"{model.base_model_prefix}.", {}, []
    tied = getattr(model, "all_tied_weights_keys", {})
    for name, weight in model.state_dict().items():
        candidates = [known for known in (name, name.removeprefix(prefix)) if known in checkpoint.places]
        if candidates:
            names[name] = candidates[0]
            check_shape(names[name], checkpoint.places[names[name]].shape, tuple(weight.shape))
        elif name not in tied:
            missing.append(name)
    if missing:
        raise ValueError(
            f"{checkpoint.folder} is no complete {type(model).__name__}: {len(missing)} weights are missing, "
            f"{missing[0]} among them"
        )
    return names


def check_shape(name: str, stored: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Refuse a tensor that the config describes otherwise."""
    if stored != wanted:
        raise ValueError(f"{name} is {list(stored)} in the checkpoint, but config.json means {list(wanted)}")


def fill(module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Let these tensors be the module's parameters of those names; nothing is copied."""
    unknown = module.load_state_dict(tensors, strict=False, assign=True).unexpected_keys
    if unknown:
        raise ValueError(f"{type(module).__name__} has no {', '.join(unknown)}")


def some_rows(stored: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return fp32 of stored's shape [rows, columns] with these rows of it, zeros elsewhere.

    A large embedding has many rows that a short text never looks up. Here they cost no memory: NumPy asks the
    system for zeros, and the system provides a page only when it is written to.
    """
    filled = torch.from_numpy(np.zeros(stored.shape, dtype=np.float32))
    filled[rows] = stored[rows].float()
    return filled


def let_go(module: nn.Module, names: Iterable[str]) -> None:
    """Take the memory away from the module's parameters of those names; their shapes stay."""
    state = module.state_dict()
    fill(module, {name: torch.empty_like(state[name], device="meta") for name in names})

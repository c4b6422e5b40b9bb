"""Checkpoints: where an interrupted training goes on. They are safetensors, so nothing is pickled."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from minicompress.lab.files import atomic_write

FILE = "checkpoint.safetensors"


class Progress(NamedTuple):
    """How far a training has come."""

    updates: int
    seconds: float


def save_checkpoint(folder: Path, model: torch.nn.Module, optimizers: list, progress: Progress) -> None:
    """Write weights, optimizer states and the progress to `folder`, all or nothing."""
    tensors = {f"model.{name}": parameter.detach() for name, parameter in model.named_parameters()}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{index}.{key}": value for key, value in state.items()}
    with atomic_write(folder / FILE) as temporary:
        save_file(
            {name: tensor.contiguous().clone() for name, tensor in tensors.items()},
            temporary,
            {"progress": json.dumps(progress._asdict())},
        )


def progress_of(folder: Path) -> Progress:
    """How far the training in `folder` has come; nowhere when there is no checkpoint."""
    if not (folder / FILE).is_file():
        return Progress(0, 0.0)
    with safe_open(folder / FILE, "pt") as file:
        return Progress(**json.loads(file.metadata()["progress"]))


def load_checkpoint(folder: Path, model: torch.nn.Module, optimizers: list) -> Progress:
    """Restore what `save_checkpoint` wrote, in place; without a checkpoint nothing changes."""
    progress = progress_of(folder)
    if progress.updates == 0:
        return progress
    parameters = dict(model.named_parameters())
    states: list[dict] = [{} for _ in optimizers]
    with safe_open(folder / FILE, "pt") as file, torch.no_grad():
        for key in file.keys():
            owner, name = key.split(".", 1)
            if owner == "model":
                parameters[name].copy_(file.get_tensor(key))
            else:
                number, index, entry = name.split(".")
                states[int(number)].setdefault(int(index), {})[entry] = file.get_tensor(key)
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return progress

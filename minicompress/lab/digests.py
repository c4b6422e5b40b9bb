"""Digests: short names of long contents, equal exactly where the contents are."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn


def tensor_digest(*tensors: torch.Tensor) -> str:
    """sha256 over the types, shapes and bytes of tensors, in their order."""
    digest = hashlib.sha256()
    for tensor in tensors:
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def weights_digest(model: nn.Module) -> str:
    """sha256 over the names and values of all parameters and persistent buffers, whatever their order."""
    state: Mapping[str, torch.Tensor] = model.state_dict()
    names = sorted(state)
    return hashlib.sha256(f"{names} {tensor_digest(*(state[name] for name in names))}".encode()).hexdigest()


def digest_of_files(paths: list[Path]) -> str:
    """sha256 over the names and contents of files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()

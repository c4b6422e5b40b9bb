"""How a causal LM is held and fed on three sizes of machine."""

from typing import NamedTuple

import torch


class Preset(NamedTuple):
    """Settings for one size of machine.

    dtype: of the weights. rows: sequences in a batch. updates: of a recovery that takes some minutes.
    largest: parameters that fit, with room for what pruning and low rank keep beside them.
    """

    machine: str
    device: str
    dtype: torch.dtype
    rows: int
    updates: int
    largest: float


PRESETS = {
    "cpu": Preset("two CPU cores, 8 GB", "cpu", torch.float32, rows=4, updates=100, largest=0.4e9),
    "24gb": Preset("one GPU of 24 GB", "cuda", torch.bfloat16, rows=8, updates=500, largest=3e9),
    "80gb": Preset("one GPU of 80 GB", "cuda", torch.bfloat16, rows=16, updates=1000, largest=8e9),
}


def preset(name: str) -> Preset:
    """The preset of that name. ValueError: there is none; or it needs a GPU, and there is none."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}: choose one of {', '.join(PRESETS)}")
    chosen = PRESETS[name]
    if chosen.device == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"the preset {name!r} needs {chosen.machine}, but torch finds no GPU here")
    return chosen

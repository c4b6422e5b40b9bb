"""The shipped models, by name."""

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM
from transformers.utils import logging

from minicompress.lab.paths import ASSETS


def shipped_model(name: str) -> torch.nn.Module:
    """Load a shipped model in fp32 and eval mode: 'teacher' (7.3M parameters), 'half', 'medium', 'student'
    (0.5M), or 'bert' (3.2M).

    ValueError: no model of that name.
    """
    known = sorted(path.parent.name for path in ASSETS.glob("*/config.json"))
    if name not in known:
        raise ValueError(f"no shipped model is called {name!r}: choose one of {', '.join(known)}")
    logging.disable_progress_bar()  # these models load in a blink
    masked = AutoConfig.from_pretrained(ASSETS / name).model_type == "bert"
    return (
        (AutoModelForMaskedLM if masked else AutoModelForCausalLM)
        .from_pretrained(ASSETS / name, dtype=torch.float32)
        .eval()
    )

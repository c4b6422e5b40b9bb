"""The one loader of models and their tokenizers: shipped ones by name, others by folder or hub id."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer
from transformers.utils import logging

from minicompress.lab import smollm2
from minicompress.lab.corpus import load_tokenizer
from minicompress.lab.paths import ASSETS

MASKED = ("bert", "distilbert")  # the model types that fill in hidden tokens; all others continue a text


def shipped_model(name: str) -> torch.nn.Module:
    """Load a shipped model in fp32 and eval mode.

    name: 'teacher' (7.3M parameters), 'half', 'medium', 'student' (0.5M), 'student-clip3' or 'bert' (3.2M).
    ValueError: no model of that name.
    """
    known = sorted(path.parent.name for path in ASSETS.glob("*/config.json"))
    if name not in known:
        raise ValueError(f"no shipped model is called {name!r}: choose one of {', '.join(known)}")
    return load_folder(ASSETS / name)


def load_folder(folder: Path) -> torch.nn.Module:
    """Load a Hugging Face folder of ours, a causal or a masked language model, in fp32 and eval mode."""
    logging.disable_progress_bar()  # these models load in a blink
    masked = AutoConfig.from_pretrained(folder).model_type in MASKED
    family = AutoModelForMaskedLM if masked else AutoModelForCausalLM
    return family.from_pretrained(folder, dtype=torch.float32).eval()


def located(source: str) -> dict[str, object]:
    """What transformers' `from_pretrained` takes for "smollm2", a folder, a hub id or a GGUF file.

    ValueError: "smollm2", which `minicompress llm` has not made yet.
    """
    if source == smollm2.NAME:
        return {"pretrained_model_name_or_path": smollm2.folder()}
    path = Path(source)
    if path.suffix == ".gguf":
        return {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    return {"pretrained_model_name_or_path": source}


def load(source: str, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """Load anybody's causal LM in eval mode: "smollm2", a folder, a hub id, or a GGUF file, dequantized.

    ValueError: no model there, one of another kind, or one whose file lacks weights.
    """
    where = located(source)
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(**where)
        model, loaded = AutoModelForCausalLM.from_pretrained(**where, dtype=dtype, output_loading_info=True)
    except (OSError, KeyError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"cannot load a causal language model from {source!r}: {reason}") from error
    architectures = config.architectures or [type(model).__name__]  # a GGUF file names none
    if not any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in architectures):
        found = ", ".join(architectures)
        raise ValueError(f"{source} is no causal language model: its architecture is {found}")
    if missing := sorted(loaded["missing_keys"]):
        raise ValueError(
            f"{source} is incomplete: {len(missing)} weights are missing, {missing[0]} among them"
        )
    return model.eval()


class Text(NamedTuple):
    """From text to token ids and back."""

    encode: Callable[[str], list[int]]
    decode: Callable[[list[int]], str]


def shipped_text() -> Text:
    """The shipped tokenizer's two directions."""
    shipped = load_tokenizer()
    return Text(lambda text: shipped.encode(text).ids, shipped.decode)


def load_text(source: str, vocabulary: int) -> Text:
    """The tokenizer of a model; the shipped one when the folder has none and the vocabulary sizes agree.

    ValueError: neither fits the model's `vocabulary`.
    """
    try:
        own = AutoTokenizer.from_pretrained(**located(source))
        # A folder without one can give an empty tokenizer.
        if own("def f(x): return x")["input_ids"] and len(own) <= vocabulary:
            return Text(lambda text: own(text, add_special_tokens=False)["input_ids"], own.decode)
    except (OSError, ValueError, KeyError, ImportError, TypeError):
        pass
    shipped = load_tokenizer().get_vocab_size()
    if shipped == vocabulary:
        return shipped_text()
    raise ValueError(
        f"{source} has no usable tokenizer, and its vocabulary of {vocabulary} "
        f"is not the shipped one's {shipped}"
    )

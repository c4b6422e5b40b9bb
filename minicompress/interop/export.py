"""Given: `minicompress export`, one model from wherever it comes to a folder for other libraries."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from torch import nn
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from minicompress.interop import compressed_tensors, onnx
from minicompress.lab import corpus, models
from minicompress.lab.files import new_folder
from minicompress.lab.paths import ASSETS
from minicompress.pipeline import load_compressed

Target = Literal["onnx", "compressed-tensors"]
BITS, GROUP = 4, 32  # where none are asked for

SPARSE = (
    "Its matrices are 2:4 sparse, and were written dense, zeros and all: compressed-tensors dropped its form "
    "for 2:4 in 0.15, and loads a file in that form without an error and with random weights."
)


class Order(NamedTuple):
    """What is asked for. bits and group: None where nothing was said; a group of 0 is a whole row."""

    source: str
    to: Target
    out: Path
    bits: int | None
    group: int | None


def export(order: Order, say: Callable[[str], object]) -> None:
    """Write a new folder, all or nothing: the model, its configuration, its tokenizer where one is known.

    ValueError: the folder exists, no such model, and what the two formats refuse.
    """
    write = WRITERS[order.to](order)
    with new_folder(order.out) as made:
        model = load(order.source)
        write(model, made)
        if not write_tokenizer(order.source, model.config.vocab_size, made):
            say(f"{order.source} has no tokenizer that fits: the folder holds none.")
        if order.to == "compressed-tensors" and compressed_tensors.is_two_to_four(model):
            say(SPARSE)
    say(f"{order.out} holds {', '.join(described(order.out))}. {LOADED_BY[order.to]}")


def onnx_writer(order: Order) -> Callable[[nn.Module, Path], None]:
    """How an ONNX folder is written. ValueError: bits or groups were asked for."""
    if order.bits is not None or order.group is not None:
        asked = "--bits" if order.bits is not None else "--group"
        raise ValueError(
            f"{asked} is for compressed-tensors: an ONNX file holds the model's numbers as they are"
        )
    return onnx.write


def compressed_tensors_writer(order: Order) -> Callable[[nn.Module, Path], None]:
    """How a compressed-tensors folder is written. ValueError: wrong bits, a negative group."""
    bits = BITS if order.bits is None else order.bits
    group = (GROUP if order.group is None else order.group) or None
    compressed_tensors.quantization_config(bits, group)  # refuses before anything is loaded
    return lambda model, folder: compressed_tensors.write(model, folder, bits, group)


WRITERS = {"onnx": onnx_writer, "compressed-tensors": compressed_tensors_writer}
LOADED_BY = {
    "onnx": "onnxruntime runs it: minicompress/interop/onnx_complete.py shows how.",
    "compressed-tensors": "transformers loads it where the package compressed-tensors is installed.",
}


def load(source: str) -> nn.Module:
    """A compressed file, a shipped model by its name, or anybody's causal LM (`lab.models.load`).

    ValueError: no such model, or one that fills in hidden tokens.
    """
    if source.endswith(".safetensors"):
        return load_compressed(source)
    model = models.shipped_model(source) if is_shipped(source) else models.load(source)
    if model.config.model_type in models.MASKED:
        raise ValueError(f"{source} fills in hidden tokens: only models that continue a text are exported")
    return model


def is_shipped(source: str) -> bool:
    """Tell whether this is the name of a shipped model, and no folder of that name lies here."""
    return not Path(source).exists() and (ASSETS / source / "config.json").is_file()


def write_tokenizer(source: str, vocabulary: int, folder: Path) -> bool:
    """Write the model's own tokenizer, or the shipped one where it fits; tell whether there was one."""
    tokenizer = None if is_ours(source) else own_tokenizer(source, vocabulary)
    shipped = corpus.load_tokenizer()
    if tokenizer is None and shipped.get_vocab_size() == vocabulary:
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=shipped, eos_token=corpus.END)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return tokenizer is not None


def is_ours(source: str) -> bool:
    """Tell whether a model comes without a tokenizer because it uses the shipped one."""
    return source.endswith(".safetensors") or is_shipped(source)


def own_tokenizer(source: str, vocabulary: int) -> PreTrainedTokenizerFast | None:
    """The tokenizer that lies beside a model, None where there is none that fits."""
    try:
        own = AutoTokenizer.from_pretrained(**models.located(source))
        # A folder without one can give an empty tokenizer.
        return own if own("def f(x): return x")["input_ids"] and len(own) <= vocabulary else None
    except (OSError, ValueError, KeyError, ImportError, TypeError):
        return None


def described(folder: Path) -> list[str]:
    """Each file of a folder with its size, the largest first."""
    files = sorted(folder.iterdir(), key=lambda path: -path.stat().st_size)
    return [f"{path.name} ({path.stat().st_size:,} bytes)" for path in files]

"""The text that a method is calibrated on, as batches of one sequence each."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from minicompress.lab import plain_text
from minicompress.lab.calibration import Batch
from minicompress.lab.corpus import cut, read_text
from minicompress.lab.models import Text, load_text


@dataclass(frozen=True)
class Calibration:
    """What is asked for: `samples` sequences of `length` tokens.

    files: whole sequences of these texts, drawn with `seed`. Without files it is the course's text, half
    English and half code (`lab.plain_text`), always the same.
    """

    files: Sequence[Path] = ()
    samples: int = 16
    length: int = 512
    seed: int = 0


def batches(asked: Calibration, folder: Path, config: object) -> list[Batch]:
    """Read the text with the tokenizer of the checkpoint in `folder`: input_ids int64 [1, length] each.

    ValueError: numbers below 1, a length beyond the model's context, too little text, no usable tokenizer.
    """
    context = getattr(config, "max_position_embeddings", asked.length)
    if asked.samples < 1 or not 1 <= asked.length <= context:
        raise ValueError(
            f"samples must be at least 1 and length lie in 1..{context}, the model's context, "
            f"got {asked.samples} and {asked.length}"
        )
    text = load_text(str(folder), config.vocab_size)
    tokens = from_files(asked, text) if asked.files else of_the_course(asked, text)  # [samples, length]
    if tokens.max() >= config.vocab_size:
        raise ValueError(
            f"the tokenizer made token {int(tokens.max())}, "
            f"beyond the model's vocabulary of {config.vocab_size}"
        )
    return [{"input_ids": sequence[None]} for sequence in tokens]


def of_the_course(asked: Calibration, text: Text) -> torch.Tensor:
    """Half English, half code; one more of English where the number is odd. int64 [samples, length]"""
    counts = {"english": asked.samples - asked.samples // 2, "code": asked.samples // 2}
    documents = {"english": plain_text.english, "code": plain_text.code}
    return torch.cat([
        plain_text.sequences(documents[name]("calibration"), text.encode, asked.length, count)[0]
        for name, count in counts.items()
        if count
    ])  # fmt: skip


def from_files(asked: Calibration, text: Text) -> torch.Tensor:
    """Sequences of the given files, each at most once, in the order in which they are drawn."""
    pieces = []
    for path in asked.files:
        try:
            pieces.append(cut(text.encode(read_text(path)), asked.length))
        except OSError as error:
            raise ValueError(f"cannot read the text file {path}: {error.strerror}") from error
    tokens = torch.cat(pieces)  # [all of them, length]
    if len(tokens) < asked.samples:
        raise ValueError(
            f"the text gives {len(tokens)} whole sequences of {asked.length} tokens, "
            f"{asked.samples} are wanted"
        )
    return tokens[random.Random(asked.seed).sample(range(len(tokens)), asked.samples)]

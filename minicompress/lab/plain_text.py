"""Text for a real LLM, on every machine: English reference prose and Python code, in whole documents.

Both lie in the standard library. A document belongs to `calibration` or to `test`, never to both.

    documents = english("test")                             # name -> text
    tokens, owners = sequences(documents, encode, 512, 33)  # [33, 512], [33]
"""

import hashlib
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from pydoc_data import topics

import torch

from minicompress.lab.corpus import cut, read_text, stdlib_files

SPLITS = ("calibration", "test")


def english(split: str) -> dict[str, str]:
    """The Python language reference as `help()` shows it, 79 topics of plain English: topic -> text.

    Half of the topics are for testing, by the sha256 of their names. ValueError: an unknown split.
    """
    _check(split)
    return {
        name: text
        for name, text in topics.topics.items()
        if (_order(name)[0] in "01234567") == (split == "test")
    }


def code(split: str) -> dict[str, str]:
    """The standard library's source: training files to calibrate on, test files to test on: path -> text.

    ValueError: an unknown split.
    """
    _check(split)
    root = Path(sysconfig.get_path("stdlib"))
    files = stdlib_files("test" if split == "test" else "train")
    return {path.relative_to(root).as_posix(): read_text(path) for path in files}


def sequences(
    documents: Mapping[str, str],
    encode: Callable[[str], list[int]],
    length: int,
    count: int,
    per_document: int = 2,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `count` sequences of the documents in a shuffled order that is always the same.

    At most `per_document` come from the start of each document, so that no long one speaks for all. Returns
    tokens int64 [count, length] and the number of each one's document, int64 [count]. ValueError: too little
    text.
    """
    tokens, owners = [], []
    for number, name in enumerate(sorted(documents, key=_order)):
        found = cut(encode(documents[name]), length)[:per_document]
        tokens.append(found)
        owners += [number] * len(found)
        if len(owners) >= count:
            return torch.cat(tokens)[:count], torch.tensor(owners[:count])
    raise ValueError(
        f"the {len(documents)} documents give {len(owners)} sequences of {length} tokens, {count} are wanted"
    )


def _check(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")


def _order(name: str) -> str:
    """A document's place in the shuffled order: the sha256 of its name, in hexadecimal digits."""
    return hashlib.sha256(name.encode()).hexdigest()

"""What an LLM's students learn from: Python text in the teacher's tokens, its vocabulary trimmed.

It is made once and kept in the cache folder.
"""

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from minicompress.lab.corpus import END, read_text
from minicompress.lab.files import write_json
from minicompress.lab.mixture import join_tokens, training_files
from minicompress.lab.models import located
from minicompress.lab.paths import ROOT, cache_folder
from minicompress.train.trimming import check_tokenizer, kept_tokens, trimmed_tokenizer

TOKENIZER, STREAMS = "tokenizer.json", ("stdlib", "packages")


class TrimmedText(NamedTuple):
    """The trimmed tokenizer, the teacher's id of each of its tokens, and the training text in its ids."""

    tokenizer: Tokenizer
    kept: np.ndarray  # int64 [V]
    streams: dict[str, np.ndarray]  # uint16 [tokens]
    report: dict

    @property
    def end(self) -> int:
        """The id of the token between two documents."""
        return self.tokenizer.token_to_id(END)


def own_tokenizer(source: str) -> Tokenizer:
    """The tokenizer of a model, as `lab.models.load` names one. ValueError: none that can be trimmed."""
    try:
        found = AutoTokenizer.from_pretrained(**located(source)).backend_tokenizer
    except (OSError, KeyError, ImportError, TypeError, AttributeError) as error:
        raise ValueError(f"{source} has no tokenizer that can be trimmed: {error}") from error
    check_tokenizer(found)
    return found


def trimmed_text(source: str, least: int) -> TrimmedText:
    """The training text for the students of this teacher; the first use makes it (minutes).

    least: how often a token must occur in it to be kept. ValueError: as in `own_tokenizer`, `kept_tokens`.
    """
    tokenizer = own_tokenizer(source)
    digest = hashlib.sha256(tokenizer.to_str().encode()).hexdigest()[:12]
    folder = cache_folder() / f"llm-text-{platform.python_version()}-{digest}-{least}"
    if not folder.is_dir():
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
        temporary.mkdir(parents=True)
        write_text(tokenizer, least, temporary)
        temporary.rename(folder)
    return TrimmedText(
        Tokenizer.from_file(str(folder / TOKENIZER)),
        np.load(folder / "kept.npy"),
        {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in STREAMS},
        json.loads((folder / "report.json").read_text(encoding="utf-8")),
    )


def write_text(tokenizer: Tokenizer, least: int, folder: Path) -> None:
    """Count the tokens of the training text, trim the tokenizer, and write the text in its new ids."""
    files, report = training_files(ROOT / "requirements.lock")
    counts = np.zeros(max(tokenizer.get_vocab().values()) + 1, dtype=np.int64)
    for paths in files.values():
        for ids in documents(tokenizer, paths):
            counts += np.bincount(ids, minlength=len(counts))
    kept = kept_tokens(tokenizer, counts, least)
    trimmed = trimmed_tokenizer(tokenizer, kept)
    np.save(folder / "kept.npy", kept)
    trimmed.save(str(folder / TOKENIZER))
    streams = {
        name: join_tokens(documents(trimmed, paths), trimmed.token_to_id(END))
        for name, paths in files.items()
    }
    for name, stream in streams.items():
        np.save(folder / f"{name}.npy", stream)
    tokens = {name: len(stream) for name, stream in streams.items()}
    share = int(np.delete(counts, kept).sum()) / int(counts.sum())  # of tokens that are split further now
    write_json(folder / "report.json", report | {"tokens": tokens, "vocabulary": len(kept), "split": share})


def documents(tokenizer: Tokenizer, paths: list[Path], at_once: int = 200) -> Iterator[np.ndarray]:
    """The ids of every file, some files at once: what the library keeps of a token takes a hundred bytes."""
    for first in range(0, len(paths), at_once):
        texts = [read_text(path) for path in paths[first : first + at_once]]
        for encoded in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
            yield np.asarray(encoded.ids, dtype=np.int32)

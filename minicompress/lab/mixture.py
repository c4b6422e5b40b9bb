"""The teacher's larger diet: token streams from the standard library and from installed packages, mixed into
batches.
"""

import hashlib
import importlib.metadata
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import torch

from minicompress.lab.corpus import (
    END,
    LEFT_OUT_FOLDERS,
    encode_pair,
    load_tokenizer,
    read_text,
    stdlib_files,
    summarization_pairs,
)


def package_files(packages: list[str]) -> list[Path]:
    """List the source files of installed distributions, tests and vendored folders left out, sorted."""
    chosen = []
    for package in sorted(packages):
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.suffix == ".py" and LEFT_OUT_FOLDERS.isdisjoint(file.parts[:-1]):
                chosen.append(Path(file.locate()))
    return sorted(set(path for path in chosen if path.is_file()))


def long_spans(text: str, lines: int = 6, characters: int = 160) -> set[int]:
    """Fingerprint every run of `lines` non-blank stripped lines that holds at least `characters` of text."""
    kept = [line.strip() for line in text.split("\n") if line.strip()]
    spans = ("\n".join(kept[start : start + lines]) for start in range(len(kept) - lines + 1))
    return {
        int.from_bytes(hashlib.blake2b(span.encode(), digest_size=8).digest())
        for span in spans
        if len(span) >= characters
    }


def held_out_spans() -> set[int]:
    """Fingerprints of every long span in the validation and test files."""
    return set().union(
        *(long_spans(read_text(path)) for split in ("validation", "test") for path in stdlib_files(split))
    )


def select_unseen(
    paths: list[Path], most_repeated: float = 0.5, most_characters: int = 200_000
) -> tuple[list[Path], dict]:
    """Leave out files that would leak held-out text or mostly repeat earlier files; report how many and why.

    A file that shares a single long span with a held-out file is a leak. A file of which more than
    `most_repeated` of the long spans stood in earlier files is a repeat (copied model definitions, say).
    """
    held_out, seen, chosen = held_out_spans(), set(), []
    report = {"files": len(paths), "leaks": 0, "repeats": 0, "too_long": 0}
    for path in paths:
        text = read_text(path)
        if len(text) > most_characters:  # nearly always a generated table
            report["too_long"] += 1
            continue
        spans = long_spans(text)
        if spans & held_out:
            report["leaks"] += 1
        elif len(spans & seen) > most_repeated * max(len(spans), 1):
            report["repeats"] += 1
        else:
            chosen.append(path)
            seen |= spans
    report["kept"] = len(chosen)
    return chosen, report


def packages_of_lock_file(lock_file: Path) -> list[str]:
    """Name the distributions that a requirements file pins, in its order."""
    lines = (line.split("#")[0].strip() for line in lock_file.read_text(encoding="utf-8").splitlines())
    return [re.split(r"[=<>!~\[; ]", line)[0] for line in lines if line]


def join_tokens(documents: Iterable[Iterable[int]], end: int) -> np.ndarray:
    """Join documents into one stream, uint16 [tokens], each closed by the end mark."""
    return np.concatenate([np.asarray([*ids, end], dtype=np.uint16) for ids in documents])


def training_files(lock_file: Path) -> tuple[dict[str, list[Path]], dict]:
    """The files that teachers learn from, and a report of what was left out of them.

    `stdlib`: the standard library's training files. `packages`: the sources of the pinned packages.
    """
    stdlib, stdlib_report = select_unseen(stdlib_files("train"))
    packages, package_report = select_unseen(package_files(packages_of_lock_file(lock_file)))
    return {"stdlib": stdlib, "packages": packages}, {"stdlib": stdlib_report, "packages": package_report}


def training_streams(lock_file: Path, longest_pair: int = 256) -> tuple[dict[str, np.ndarray], dict]:
    """Build the three token streams that teachers learn from, and a report of what went in and what was left
    out.

    `stdlib` and `packages`: see `training_files`. `pairs`: code summarization, formed from both.
    """
    tokenizer = load_tokenizer()
    end = tokenizer.token_to_id(END)
    files, report = training_files(lock_file)
    streams, pairs = {}, []
    for name, paths in files.items():
        texts = [read_text(path) for path in paths]
        streams[name] = join_tokens([encoded.ids for encoded in tokenizer.encode_batch(texts)], end)
        for text in texts:
            pairs += summarization_pairs(text)
    encoded = (encode_pair(tokenizer, *pair) for pair in sorted(set(pairs)))
    short = [prompt + answer[:-1] for prompt, answer in encoded if len(prompt) + len(answer) <= longest_pair]
    np.random.default_rng(0).shuffle(short)
    streams["pairs"] = join_tokens(short, end)
    report["pairs"] = {"kept": len(short)}
    return streams, report | {"tokens": {name: len(stream) for name, stream in streams.items()}}


class Mixture:
    """Training batches from several token streams, a function of (seed, step) alone, so that a run can be
    resumed.

    Each batch takes a fixed number of rows from each stream. A stream is read in shuffled windows; every pass
    over it starts at another offset, so that the windows differ between passes.

        mixture = Mixture(streams, {"stdlib": 14, "packages": 16, "pairs": 2}, length=256)
        mixture.batch(0)                                    # int64 [32, 256]
    """

    def __init__(
        self, streams: dict[str, np.ndarray], rows: dict[str, int], length: int = 256, seed: int = 0
    ):
        for name in rows:
            if len(streams[name]) < 2 * length:
                raise ValueError(
                    f"stream {name!r} has {len(streams[name])} tokens, at least {2 * length} are needed"
                )
        self.streams, self.rows, self.length, self.seed = streams, rows, length, seed

    def windows(self, name: str, first: int, count: int) -> list[np.ndarray]:
        """Windows number `first` .. `first + count - 1` of a stream's endless shuffled reading."""
        stream, length = self.streams[name], self.length
        per_pass = len(stream) // length - 1
        chosen = []
        for number in range(first, first + count):
            offset, order = self._pass(name, number // per_pass)
            start = offset + int(order[number % per_pass]) * length
            chosen.append(stream[start : start + length])
        return chosen

    @cache  # noqa: B019  (a few passes of a few streams: small, and needed as long as the process lives)
    def _pass(self, name: str, number: int) -> tuple[int, np.ndarray]:
        generator = np.random.default_rng([self.seed, number, *name.encode()])
        return int(generator.integers(self.length)), generator.permutation(
            len(self.streams[name]) // self.length - 1
        )

    def batch(self, step: int) -> torch.Tensor:
        """Rows of all streams for one step: int64 [sum of rows, length]."""
        rows = [
            window for name, count in self.rows.items() for window in self.windows(name, step * count, count)
        ]
        return torch.from_numpy(np.stack(rows).astype(np.int64))  # [rows, length]

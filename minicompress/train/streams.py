"""The token streams that teachers learn from, built once and kept in the cache folder."""

import json
import os
from pathlib import Path

import numpy as np

from minicompress.lab.corpus import cache_key
from minicompress.lab.files import write_json
from minicompress.lab.mixture import Mixture, training_streams
from minicompress.lab.paths import ROOT, cache_folder

ROWS = {"stdlib": 14, "packages": 16, "pairs": 2}  # rows of each stream in a batch


def streams_folder() -> Path:
    return cache_folder() / f"streams-{cache_key()}"


def cached_streams() -> dict[str, np.ndarray]:
    """The token streams, memory-mapped; built on first use (a few minutes)."""
    folder = streams_folder()
    if not folder.is_dir():
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
        temporary.mkdir(parents=True)
        streams, report = training_streams(ROOT / "requirements.lock")
        for name, stream in streams.items():
            np.save(temporary / f"{name}.npy", stream)
        write_json(temporary / "report.json", report)
        temporary.rename(folder)
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ROWS}


def describe(mixture: Mixture) -> dict:
    """What a run's record says about its data: the shares of the streams, and what was left out of them."""
    report = json.loads((streams_folder() / "report.json").read_text(encoding="utf-8"))
    return {
        "shares": mixture.rows,
        "length": mixture.length,
        "seed": mixture.seed,
        "report": report,
    }

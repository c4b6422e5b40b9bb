"""The folder that a run leaves: run.json, log.jsonl, a checkpoint, and `final/`, the finished model."""

import os
import shutil
from pathlib import Path

import torch

from minicompress.lab.models import load_folder
from minicompress.lab.paths import ASSETS, cache_folder
from minicompress.train.record import Record, read_record

FINAL = "final"


def training_folder(name: str) -> Path:
    """Where a run of this name lies in the cache folder."""
    return cache_folder() / "training" / name


def answers_folder(teacher: str) -> Path:
    """Where the answers of this teacher lie in the cache folder."""
    return training_folder("answers" if teacher == "teacher" else f"answers-{teacher}")


def load_run(name: str) -> torch.nn.Module:
    """Load a finished run, fp32, in eval mode. One that was never begun on this machine is taken from the
    shipped models.

    ValueError: the run has not finished, or there is neither a run nor a shipped model of that name.
    """
    folder = training_folder(name)
    if (folder / FINAL).is_dir():
        return load_folder(folder / FINAL)
    if read_record(folder):
        raise ValueError(f"the run {name!r} has begun but not finished: give its command again to go on")
    if (ASSETS / name / "config.json").is_file():
        return load_folder(ASSETS / name)
    raise ValueError(f"there is no finished run {name!r} here, and no such model is shipped")


def record_of(name: str) -> Record | None:
    """The record of the model that `load_run` loads; None where it has none."""
    folder = training_folder(name)
    return read_record(folder if (folder / FINAL).is_dir() else ASSETS / name)


def save_model(model: torch.nn.Module, folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """Save a plain Hugging Face folder (config.json, model.safetensors) in `dtype`, all or nothing."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    model.to(dtype).save_pretrained(temporary)
    model.float()
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)

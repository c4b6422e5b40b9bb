"""Taking a finished run into the repository: its files, its scores, its card."""

import math
import shutil
from pathlib import Path

import torch

from minicompress.lab import bert
from minicompress.lab.corpus import load_tokens
from minicompress.lab.files import atomic_write
from minicompress.lab.loops import validation_score
from minicompress.lab.models import MASKED
from minicompress.lab.qat import put_on_grids
from minicompress.train import log
from minicompress.train.card import model_card
from minicompress.train.lessons import LENGTH
from minicompress.train.masked import BERT_LENGTH
from minicompress.train.record import read_record
from minicompress.train.runs import FINAL, load_run, training_folder

PER_FILE = 16  # sequences of each validation file


def publish_run(name: str, to: Path) -> None:
    """Copy a finished run: configuration, weights, log and record. Measure it, and write its card.

    Weights that were trained to be rounded to a grid are rounded to it when they are measured.
    ValueError: no run of that name has finished on this machine.
    """
    folder = training_folder(name)
    record = read_record(folder)
    if record is None or record.updates is None:
        raise ValueError(f"no run {name!r} has finished here: there is nothing to publish")
    to.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "generation_config.json", "model.safetensors"):
        if (folder / FINAL / file).is_file():  # a BERT generates nothing
            copy(folder / FINAL / file, to / file)
    copy(folder / log.FILE, to / log.FILE)
    grids = {part: record.arguments.get(part) for part in ("blocks", "embedding")}
    scores = measure(load_run(name), grids)
    record.published = {"bytes": (to / "model.safetensors").stat().st_size, "scores": scores}
    record.write(to)
    with atomic_write(to / "README.md") as temporary:
        temporary.write_text(model_card(record), encoding="utf-8")


def copy(source: Path, target: Path) -> None:
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)


def measure(model: torch.nn.Module, grids: dict) -> dict:
    """The scores of a model on validation files, its weights rounded to their grids."""
    if model.config.model_type in MASKED:
        score = bert.masked_score(model, load_tokens("validation", BERT_LENGTH, PER_FILE)[0])
        return {"per_file": PER_FILE, "length": BERT_LENGTH} | score
    put_on_grids(model, grids["blocks"] or "", grids["embedding"] or "")
    score = validation_score(model, load_tokens("validation", LENGTH, PER_FILE)[0])
    return {
        "per_file": PER_FILE,
        "length": LENGTH,
        "grids": grids,
        "perplexity": math.exp(score["validation_loss"]),
        "top1_accuracy": score["validation_top1"],
    }

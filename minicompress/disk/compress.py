"""Compress a checkpoint from disk to disk: one run, which can be killed at any moment and goes on when it is
started again.
"""

import functools
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from torch import nn

from minicompress.disk import finish, text
from minicompress.disk.methods import Method, method
from minicompress.disk.shards import Checkpoint
from minicompress.disk.shelf import DiskShelf, as_it_is
from minicompress.disk.skeleton import skeleton, stored_names
from minicompress.disk.work import WorkFolder
from minicompress.lab import smollm2
from minicompress.lab.calibration import Batch
from minicompress.lab.digests import digest_of_files, tensor_digest
from minicompress.lab.machine import versions
from minicompress.lab.modules import block_list, linear_layers
from minicompress.lab.paths import CHAPTERS, ROOT


@dataclass(frozen=True)
class Request:
    """What is asked for: `source` is "smollm2", a folder, or a hub id whose files are in the hub's cache.

    options: the method's settings; None where nothing was said.
    """

    source: str
    method: str
    out: Path
    options: Mapping[str, object]
    calibration: text.Calibration = text.Calibration()


@dataclass(frozen=True)
class Result:
    """A finished checkpoint, the share of zeros in its blocks' matrices, and the bytes of all tensors."""

    folder: Path
    zeros: float | None  # None where the matrices are not stored as such
    bytes_before: int
    bytes_after: int


def compress(request: Request) -> Result:
    """Do what is asked for; everything is checked before the work begins.

    ValueError: anything that does not fit; OSError: a disk that is full. The message is one sentence.
    """
    chosen = method(request.method)
    settings = chosen.settings(request.options)
    checkpoint = Checkpoint(located(request.source))
    model = skeleton(checkpoint)
    chosen.check(model, **settings)
    batches = text.batches(request.calibration, checkpoint.folder, model.config) if chosen.calibrated else []
    return compress_model(model, checkpoint, request, settings, batches)


def located(source: str) -> Path:
    """The folder of a checkpoint. Nothing is downloaded. ValueError: there is none."""
    if source == smollm2.NAME:
        return smollm2.folder()
    if Path(source).is_dir():
        return Path(source)
    try:
        return Path(snapshot_download(source, local_files_only=True))
    except (OSError, ValueError) as error:  # no id at all, or one that is not there
        raise ValueError(f"{source} is neither a folder nor a model in the hub's cache here") from error


def compress_model(
    model: nn.Module,
    checkpoint: Checkpoint,
    request: Request,
    settings: Mapping[str, object],
    batches: Sequence[Batch],
) -> Result:
    """Run the method over the blocks of a skeleton, then write what stands beside them."""
    chosen, names = method(request.method), stored_names(model, checkpoint)
    record = record_of(request, checkpoint, settings, batches)
    work = WorkFolder(request.out, record, len(block_list(model)[1]))
    encode = functools.partial(chosen.encode, **settings) if chosen.encode else as_it_is
    shelf = DiskShelf(model, checkpoint, names, work, batches, encode)
    with work.removed_unless_begun():
        run(chosen, model, shelf, batches, settings)
    weights = [names[f"{name}.weight"] for name in linear_layers(model)]
    with finish.space_needed(work):
        finish.write_rest(checkpoint, work, shelf.names_outside())
        finish.write_index(work)
        finish.copy_files(checkpoint, work, chosen.config(model, **settings))
        zeros = None if chosen.encode else finish.share_of_zeros(work, weights)
        finish.write_card(work, record, chosen.say(model, **settings), zeros)
    result = Result(request.out, zeros, checkpoint.nbytes(), Checkpoint(work.path).nbytes())
    work.move_in_place()
    return result


def run(
    chosen: Method,
    model: nn.Module,
    shelf: DiskShelf,
    batches: Sequence[Batch],
    settings: Mapping[str, object],
) -> None:
    """Let the method work on the model on this shelf. ValueError: it did not go from block to block."""
    model.shelf = shelf
    try:
        with shelf.progress:
            chosen.run(model, batches, **settings)
    except (RuntimeError, NotImplementedError) as error:
        if "meta" not in str(error):  # what torch says of weights that are not there
            raise
        reason = str(error).splitlines()[0]
        raise ValueError(f"this method reads a block that is not in memory: {reason}") from error
    done, blocks = shelf.work.finished(), len(shelf.blocks)
    if done < blocks:
        raise ValueError(
            f"this method went through {done} of {blocks} blocks: `walk_blocks` gives it all of them"
        )


# ---------------------------------------------------------------- what decides the result


def record_of(
    request: Request, checkpoint: Checkpoint, settings: Mapping[str, object], batches: Sequence[Batch]
) -> dict[str, object]:
    """Everything that decides the result: blocks of an earlier run are used only if all of it is equal."""
    return {
        "model": Path(request.source).name,
        "method": request.method,
        "settings": dict(settings),
        "text": said_of(batches),
        "config": digest_of_files([checkpoint.folder / "config.json"]),
        "checkpoint": checkpoint.identity(),
        "code": digest_of_files(code_files()),
        "versions": versions(),
        "threads": torch.get_num_threads(),
    }


def said_of(batches: Sequence[Batch]) -> str:
    """The calibration text in a few words that differ where its tokens do."""
    if not batches:
        return "no text"
    tokens = [batch["input_ids"] for batch in batches]
    return f"{sum(ids.numel() for ids in tokens):,} tokens, sha256 {tensor_digest(*tokens)[:16]}"


def code_files() -> list[Path]:
    """The chapters as they are imported, yours or the reference, and the given code of a run."""
    package = ROOT / "minicompress"
    chapters = [Path(importlib.util.find_spec(f"minicompress.{name}").origin) for name in CHAPTERS]
    return [*chapters, *sorted((package / "disk").glob("*.py")), *sorted((package / "lab").glob("*.py"))]

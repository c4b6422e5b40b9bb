"""`minicompress compress`. Nothing heavy is imported before the command runs."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

MODEL = typer.Argument(help="smollm2, a folder with safetensors, or a hub id in the hub's cache.")
METHOD = typer.Option(help="magnitude, wanda, sparsegpt, low-rank, low-rank-whitened, round or quantize.")
OUT = typer.Option(help="A new folder for the compressed checkpoint.")
SPARSITY = typer.Option(help="Pruning: the share of zeros in each matrix. Default 0.5.")
PATTERN = typer.Option(help="Pruning: keep n of every m neighbouring inputs, say 2:4.")
BITS = typer.Option(help="round: 2 to 8 bits; quantize: 4 or 8. Default 8.")
GROUP_SIZE = typer.Option(help="round, quantize: inputs that share a scale. Default: a whole row.")
SHARE = typer.Option(help="low-rank: the factors' share of each matrix's parameters. Default 0.8.")
TEXT = typer.Option(help="Calibrate on these files, one option each. Default: the course's text.")
SAMPLES = typer.Option(help="Calibration sequences.")
LENGTH = typer.Option(help="Tokens of each.")
SEED = typer.Option(help="Which sequences of --text are drawn.")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(compress)


def compress(
    model: Annotated[str, MODEL],
    method: Annotated[str, METHOD],
    out: Annotated[Path, OUT],
    sparsity: Annotated[float | None, SPARSITY] = None,
    pattern: Annotated[str | None, PATTERN] = None,
    bits: Annotated[int | None, BITS] = None,
    group_size: Annotated[int | None, GROUP_SIZE] = None,
    share: Annotated[float | None, SHARE] = None,
    text: Annotated[list[Path] | None, TEXT] = None,
    samples: Annotated[int, SAMPLES] = 16,
    length: Annotated[int, LENGTH] = 512,
    seed: Annotated[int, SEED] = 0,
) -> None:
    """Compress a checkpoint from disk to disk, one block in memory at a time.

    A run that was interrupted goes on when the same command is given again.
    """
    from transformers.utils import logging

    from minicompress.disk.compress import Request
    from minicompress.disk.compress import compress as run
    from minicompress.disk.text import Calibration
    from minicompress.lab.machine import return_freed_memory

    return_freed_memory()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    options = {
        "sparsity": sparsity,
        "pattern": pattern_of(pattern),
        "bits": bits,
        "group_size": group_size,
        "share": share,
    }
    calibration = Calibration(tuple(text or ()), samples, length, seed)
    try:
        result = run(Request(model, method, out, options, calibration))
    except KeyboardInterrupt:
        print("minicompress: interrupted; the same command goes on with the next block", file=sys.stderr)
        raise typer.Exit(130) from None
    zeros = "" if result.zeros is None else f", {result.zeros:.1%} zeros in the matrices of its blocks"
    print(f"{result.folder}: {result.bytes_after:,} bytes of tensors, before {result.bytes_before:,}{zeros}")


def pattern_of(words: str | None) -> tuple[int, int] | None:
    """ "2:4" -> (2, 4). ValueError: anything else than two numbers with 1 <= n <= m."""
    if words is None:
        return None
    parts = re.fullmatch(r"(\d+):(\d+)", words)
    if not parts or not 1 <= int(parts[1]) <= int(parts[2]):
        raise ValueError(f"--pattern is n:m with 1 <= n <= m, say 2:4, got {words!r}")
    return int(parts[1]), int(parts[2])

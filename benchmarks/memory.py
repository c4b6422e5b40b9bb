"""Peak memory of compressing from disk to disk, against the size: `python -m benchmarks.memory [SIZE]`.

Llama checkpoints with random bf16 weights, of about 100M, 400M and 1.6B parameters, one shard a block, lie in
out/memory while they are measured. Each figure is the largest resident memory (VmHWM) of a fresh process that
reads the checkpoint, prunes half of it on 4 x 256 tokens and writes it. `alone` is that of the same on a
model of 0.1M parameters: Python and the libraries. At the two smaller sizes llmcompressor's `oneshot` stands
beside it (`make .venv-oracles/ready`): as many tokens, one sequence at a time, saving included.

A run that was stopped goes on: each figure is kept in out/memory as soon as it is there, and the command that
is measured goes on with its next block (its peak is then that of the blocks that were left).
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import common, random_llama
from benchmarks.random_llama import Sizes
from minicompress.lab.files import write_json
from minicompress.lab.machine import peak_memory_bytes, return_freed_memory
from minicompress.lab.paths import OUT, ROOT

FOLDER = OUT / "memory"
SAMPLES, LENGTH = 4, 256
METHODS = ("wanda", "sparsegpt")
ALONE = Sizes(width=4, mlp=8, blocks=2, heads=1)
SIZES = {
    "100M": Sizes(width=768, mlp=2048, blocks=12, heads=12),
    "400M": Sizes(width=1024, mlp=3840, blocks=24, heads=16),
    "1.6B": Sizes(width=2048, mlp=5632, blocks=30, heads=16),
}
BESIDE = ("100M", "400M")  # where the other library is measured, too: it holds the whole model


def from_disk_to_disk(source: Path, method: str, out: Path) -> dict:
    """Our command in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--run", source, method, out]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{method} on {source.name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def by_oneshot(source: Path, method: str, out: Path) -> dict:
    """llmcompressor's in its own environment."""
    return common.run_oracle("memory", source, method, out, SAMPLES, LENGTH)


TOOLS: dict[str, Callable[[Path, str, Path], dict]] = {
    "minicompress": from_disk_to_disk,
    "oneshot": by_oneshot,
}


def run(source: Path, method: str, out: Path) -> None:
    """What the process of its own does: compress as the command does, then print what it took."""
    from minicompress.disk.compress import Request, compress
    from minicompress.disk.text import Calibration

    return_freed_memory()
    started = time.perf_counter()
    calibration = Calibration(samples=SAMPLES, length=LENGTH)
    result = compress(Request(str(source), method, out, {"sparsity": 0.5}, calibration))
    seconds = time.perf_counter() - started
    print(json.dumps({"peak_bytes": peak_memory_bytes(), "seconds": seconds, "zeros": result.zeros}))


def measured(name: str, sizes: Sizes, tool: str, method: str) -> dict:
    """One figure, from the file where it was measured before; the checkpoint that it wrote is removed."""
    kept, out = FOLDER / f"{name}-{tool}-{method}.json", FOLDER / f"{name}-{tool}-{method}"
    if not kept.is_file():
        source = FOLDER / name
        random_llama.write(source, sizes)
        shutil.rmtree(out, ignore_errors=True)
        write_json(kept, TOOLS[tool](source, method, out))
        shutil.rmtree(out, ignore_errors=True)
    return json.loads(kept.read_text(encoding="utf-8"))


def row(name: str, sizes: Sizes, tools: tuple[str, ...]) -> dict:
    """A size: its parameters and bytes, and for each tool and method what it took."""
    rows = {tool: {method: measured(name, sizes, tool, method) for method in METHODS} for tool in tools}
    shutil.rmtree(FOLDER / name, ignore_errors=True)  # 2 bytes a parameter
    return {
        "parameters": sizes.parameters(),
        "blocks": sizes.blocks,
        "checkpoint_bytes": 2 * sizes.parameters(),
        "block_bytes": 4 * sizes.block_parameters(),  # in memory it is fp32
        "outside_bytes": 4 * sizes.outside_parameters(),
        "hidden_bytes": 4 * SAMPLES * LENGTH * sizes.width,
        **rows,
    }


def part(name: str) -> common.Part:
    return lambda: row(name, SIZES[name], tuple(TOOLS) if name in BESIDE else ("minicompress",))


PARTS = {"alone": lambda: row("alone", ALONE, tuple(TOOLS))} | {name: part(name) for name in SIZES}


def facts() -> dict:
    return {"calibration_tokens": SAMPLES * LENGTH, "threads": torch.get_num_threads()}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
    else:
        common.command("memory", PARTS, facts)

"""What every benchmark does beside measuring: choose its parts, write its result, ask another library."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch

from minicompress.lab import paths
from minicompress.lab.files import write_json
from minicompress.lab.machine import commit, hardware, keep_freed_memory, versions

SEED = 0
ORACLES = paths.ROOT / ".venv-oracles"

Part = Callable[[], dict]
Entry = TypeVar("Entry")


def choose(table: Mapping[str, Entry], name: str, what: str) -> Entry:
    """The entry of that name. ValueError: there is none; the message lists those there are."""
    if name not in table:
        raise ValueError(f"unknown {what} {name!r}: choose one of {', '.join(map(repr, table))}")
    return table[name]


# ---------------------------------------------------------------- results


def origin() -> dict:
    """Where a result comes from, the first keys of every file in `results/`."""
    return {"seed": SEED, "commit": commit(), "versions": versions(), "hardware": hardware()}


def write(name: str, measured: Mapping[str, object], parts: Sequence[str] = ()) -> None:
    """Write `results/<name>.json`, all or nothing: where it comes from, then what was measured now.

    parts: the names of all parts of a benchmark that has several, in the file's order. A part that was not
    measured now stays as the file has it, and `commits` says at which commit each one was measured.
    """
    path = paths.RESULTS / f"{name}.json"
    earlier = paths.results(name) if parts and path.is_file() else {}
    content = {part: earlier[part] for part in parts if part in earlier} | dict(measured)
    ordered = {part: content[part] for part in parts if part in content}
    if parts:
        now = {part: commit() for part in parts if part in measured}
        ordered["commits"] = earlier.get("commits", {}) | now
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, origin() | ordered | {key: content[key] for key in content if key not in ordered})


def measure_parts(
    name: str, parts: Mapping[str, Part], wanted: Sequence[str], facts: Callable[[], dict] = dict
) -> None:
    """Measure the wanted parts, or all; write the file after each, so that a kill loses one part at most.

    Each part starts from the same random numbers, whatever ran before it. `facts()` stands beside the parts.
    ValueError: a part that there is not; nothing has been measured then.
    """
    chosen = {part: choose(parts, part, "part") for part in wanted or parts}
    for part, measure in chosen.items():
        torch.manual_seed(SEED)
        write(name, {part: measure()} | facts(), list(parts))


def main(name: str, parts: Mapping[str, Part], facts: Callable[[], dict] = dict) -> None:
    """The command `python -m benchmarks.<name> [PART ...]` of a benchmark that trains or runs models."""
    keep_freed_memory()
    command(name, parts, facts)


def command(name: str, parts: Mapping[str, Part], facts: Callable[[], dict] = dict) -> None:
    """The same, with the C library's own way of handling memory."""
    try:
        measure_parts(name, parts, sys.argv[1:], facts)
    except ValueError as error:
        raise SystemExit(f"{name}: {error}") from error


# ---------------------------------------------------------------- other libraries


def run_oracle(script: str, *words: object, **environment: str) -> dict:
    """Run `benchmarks/oracle_<script>.py` in a fresh process of `.venv-oracles`; its last line is the answer.

    ValueError: that environment is not there. RuntimeError: the script failed.
    """
    python = ORACLES / "bin" / "python"
    if not python.is_file():
        raise ValueError(f"there is no {paths.shown(python)}: `make parity` makes this environment")
    own = {"HF_HUB_OFFLINE": "1", "LLM_COMPRESSOR_LOG_LEVEL": "ERROR"}
    command = [python, "-m", f"benchmarks.oracle_{script}", *map(str, words)]
    done = subprocess.run(
        command, cwd=paths.ROOT, env=os.environ | own | environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"oracle_{script}.py {' '.join(map(str, words))} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])

"""Every figure quoted in this repository: `python -m benchmarks [SET ...]`, `bench` by default.

    bench    what the learner's environment can measure (`make bench`)
    parity   what stands beside other libraries, in their own environment (`make parity`)
    trained  what needs the long trainings of `benchmarks/train_models.sh`
    class    what grading a class costs, and whether it judges right: two hours
    llm      what is measured on SmolLM2-135M: hours on two cores (`minicompress llm` first)
    memory   what a checkpoint takes from disk to disk, up to 1.6B parameters: an hour, and 7 GB of disk

Then the tables of README.md are written.
Each benchmark runs in a process of its own, so that none finds another's threads and memory.
"""

import subprocess
import sys

from benchmarks import common, readme
from minicompress.lab.paths import ROOT

# For every set: benchmark -> its parts. No part is named where a benchmark is measured as a whole.
SETS = {
    "bench": {
        "ledger": (),
        "models": (),
        "frontier": (),
        "pruning": (),
        "structured_pruning": ("speed", "quality", "recipe", "recovery"),
        "distillation": ("sweep", "fly", "summaries"),
        "low_rank": (),
        "quantization": ("bits", "int8"),
        "combined": (),
        "cuts": (),
        "peers": (),
    },
    "parity": {
        "parity": (),
        "structured_pruning": ("oracle",),
        "distillation": ("trl",),
        "quantization": ("oracle",),
    },
    "trained": {"distillation": ("halves", "fair", "distilbert", "speed")},
    "class": {"grading": ()},
    "llm": {"real_llm": (), "interop": ()},
    "memory": {"memory": ()},
}


def main(wanted: list[str]) -> None:
    chosen = [common.choose(SETS, name, "set of benchmarks") for name in wanted or ["bench"]]
    for benchmarks in chosen:
        for name, parts in benchmarks.items():
            print(f"benchmarks.{name} {' '.join(parts)}", flush=True)
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *parts], cwd=ROOT, check=True)
    readme.main()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        raise SystemExit(str(error)) from error

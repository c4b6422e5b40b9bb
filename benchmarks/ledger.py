"""The whole pipeline, as `make run` does it: `python -m benchmarks.ledger` writes `results/ledger.json`.

`benchmarks.readme` then puts its tables into README.md.
"""

import time

from benchmarks import common
from minicompress.job.job import run
from minicompress.job.recipes import embedded_job
from minicompress.lab import corpus
from minicompress.lab.machine import keep_freed_memory
from minicompress.lab.paths import OUT


def ledger() -> dict:
    """The job's report, the corpus it read, and the minutes it took."""
    started = time.perf_counter()
    report = run(embedded_job(common.SEED, remeasure=True), OUT / "bench", resume=False)
    return report | {"corpus": corpus.describe(), "minutes": (time.perf_counter() - started) / 60}


def main() -> None:
    keep_freed_memory()
    common.write("ledger", ledger())


if __name__ == "__main__":
    main()

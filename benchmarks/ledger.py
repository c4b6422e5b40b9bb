"""The whole pipeline, as `make run` does it: `python -m benchmarks.ledger` writes `results/ledger.json`.

The teacher is measured anew, and its scores on the test files are shipped with its card from then on. Then
`minicompress run` is started once as users start it, for the CPU minutes that it takes. `benchmarks.readme`
puts the tables into README.md.
"""

import os
import subprocess
import sys
import time

from benchmarks import common
from minicompress.job.job import run
from minicompress.job.recipes import embedded_job
from minicompress.job.scores import ScoreBook
from minicompress.lab import corpus
from minicompress.lab.machine import keep_freed_memory
from minicompress.lab.paths import ASSETS, OUT, ROOT


def ledger() -> dict:
    """The job's report, and the corpus it read."""
    job, out = embedded_job(common.SEED, remeasure=True), OUT / "bench"
    report = run(job, out)
    book, weights = ScoreBook(job.held_out, out / "scores.json"), report["stages"][0]["weights"]
    book.write(ASSETS / "teacher" / "held_out.json", {weights: book[weights]})
    return report | {"corpus": corpus.describe()}


def cost() -> dict:
    """CPU minutes (user + system, all processes) and minutes of `minicompress run`, in a fresh process."""
    command = [sys.executable, "-m", "minicompress.cli", "run", "--out", str(OUT / "bench-run")]
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after, seconds = os.times(), time.perf_counter() - started
    used = sum(after[place] - before[place] for place in (2, 3))  # of children: user, system
    return {"cpu_minutes": used / 60, "minutes": seconds / 60}


def main() -> None:
    keep_freed_memory()
    common.write("ledger", ledger() | {"cost": cost()})


if __name__ == "__main__":
    main()

"""`python -m benchmarks.peers`: the course's functions beside other tools on SmolLM2-135M.

Writes results/peers.json. Stop it at any time and start it again: what the file holds is not measured again.
A run that failed stands there with its error; to try it again, delete its row. Environments of other tools
are made where they are missing.
"""

import argparse
from pathlib import Path

from benchmarks.peers.bench import QUICK, Bench, Settings
from benchmarks.peers.environments import names, python_of
from benchmarks.peers.runs import COMPRESSING, SPEED
from minicompress.lab.paths import OUT, RESULTS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small settings: shows that every tool runs")
    parser.add_argument("--environments", action="store_true", help="only make the environments")
    parser.add_argument("--out", type=Path, help="default: results/peers.json, or out/ with --quick")
    parser.add_argument("--repeats", type=int, default=Settings().repeats)
    parser.add_argument("--threads", type=int, default=Settings().threads)
    options = parser.parse_args()
    try:
        measure(options)
    except (ValueError, RuntimeError) as error:
        raise SystemExit(f"peers: {error}") from error


def measure(options: argparse.Namespace) -> None:
    if options.environments:
        for name in names():
            python_of(name)
        return
    chosen = QUICK if options.quick else Settings(repeats=options.repeats)
    place = OUT / "bench-peers-quick" if options.quick else OUT / "bench-peers"
    usual = place / "peers.json" if options.quick else RESULTS / "peers.json"
    bench = Bench(chosen._replace(threads=options.threads), options.out or usual, place)
    bench.dense()
    for repeat in range(chosen.repeats):
        for run in COMPRESSING:
            bench.compress(run, repeat)
        for run in SPEED:  # once, after the first round: a run that is stopped early has them
            bench.speed(run)


if __name__ == "__main__":
    main()

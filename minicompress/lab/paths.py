"""Where things lie: the repository's folders, the measured figures, the cache.

No other file counts its parents.
"""

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASSETS, RESULTS, SOLUTIONS = ROOT / "assets", ROOT / "results", ROOT / "solutions"
TESTS, OUT = ROOT / "tests", ROOT / "out"

# A student's copy of the course has the seven files as they were given in the place of the solutions.
STUBS = ROOT / "stubs"
STUDENT_COPY = STUBS.is_dir()

# What helps when a command meets an exercise that is not written.
WRITE_IT = (
    "write it"
    if STUDENT_COPY
    else "write it, or put MINICOMPRESS_SOLUTIONS=1 before the command to go on with the reference"
)

# The learner's seven modules, in the order of the course.
CHAPTERS = (
    "metrics",
    "pruning",
    "structured_pruning",
    "distillation",
    "low_rank",
    "quantization",
    "pipeline",
)


def results(name: str) -> dict:
    """The measured figures in `results/<name>.json`.

    ValueError, with the names there are, when there is no such file.
    """
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in RESULTS.glob("*.json")))
        raise ValueError(f"there is no results/{name}.json: choose one of {known}")
    return json.loads(path.read_text(encoding="utf-8"))


def cache_folder() -> Path:
    """The folder for what is made once, created: `$MINICOMPRESS_CACHE` or `~/.cache/minicompress`."""
    folder = Path(os.environ.get("MINICOMPRESS_CACHE") or Path.home() / ".cache" / "minicompress")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def shown(path: Path) -> str:
    """A path as people write it: from the repository's root where it lies inside, as given elsewhere."""
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()

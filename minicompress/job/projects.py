"""The three open projects: what a file must reach to count, and what is better (see docs/projects.md)."""

from collections.abc import Callable
from typing import NamedTuple

SMALL_KEEPS, FAST_KEEPS = 0.95, 0.90  # of the teacher's top-1 accuracy on the validation files
ACCURATE_BYTES = 150_000


class Entry(NamedTuple):
    """What is known of one file. Everything but its name is measured."""

    name: str
    digest: str  # sha256 of the file
    file_bytes: int
    accuracy_kept: float  # its hits over the teacher's
    relative_speed: float  # its tokens/s over the teacher's, measured side by side


class Project(NamedTuple):
    """The goal in words, the bounds, and the order of the table: the smallest key comes first."""

    goal: str
    order: Callable[[Entry], tuple]
    keeps: float = 0.0  # share of the teacher's accuracy, at least
    most_bytes: int | None = None


PROJECTS = {
    "small": Project(
        f"the smallest file that keeps {SMALL_KEEPS:.0%} of the teacher's top-1 accuracy",
        order=lambda entry: (entry.file_bytes, -entry.accuracy_kept),
        keeps=SMALL_KEEPS,
    ),
    "accurate": Project(
        f"the most accurate file of at most {ACCURATE_BYTES:,} bytes",
        order=lambda entry: (-entry.accuracy_kept, entry.file_bytes),
        most_bytes=ACCURATE_BYTES,
    ),
    "fast": Project(
        f"the fastest file that keeps {FAST_KEEPS:.0%} of the teacher's top-1 accuracy",
        order=lambda entry: (-entry.relative_speed, entry.file_bytes),
        keeps=FAST_KEEPS,
    ),
}


def check_bytes(name: str, file_bytes: int) -> None:
    """Refuse a file that is too large for a project. ValueError: both numbers."""
    most = PROJECTS[name].most_bytes
    if most is not None and file_bytes > most:
        raise ValueError(f"it has {file_bytes:,} bytes, and the project {name!r} allows {most:,}")


def check_accuracy(name: str, accuracy_kept: float) -> None:
    """Refuse a file that keeps too little for a project. ValueError: both shares, the first rounded down."""
    least = PROJECTS[name].keeps
    if not accuracy_kept >= least:
        kept = f"{int(1e4 * accuracy_kept) / 1e4:.2%} of the teacher's top-1 accuracy"
        raise ValueError(f"it keeps {kept}, and the project {name!r} asks for {least:.0%}")

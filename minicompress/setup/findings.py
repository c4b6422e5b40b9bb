"""What a check of the doctor returns."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """OK: as it should be. NOTE: not there, and not everyone needs it. FAILED: the course needs it."""

    OK = "OK"
    NOTE = "note"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Finding:
    """What a check found, and in one sentence what helps; nothing where nothing is wrong."""

    state: State
    said: str
    remedy: str = ""


def ok(said: str) -> Finding:
    """As it should be."""
    return Finding(State.OK, said)


def note(said: str, remedy: str = "") -> Finding:
    """Something that not everyone needs."""
    return Finding(State.NOTE, said, remedy)


def failed(said: str, remedy: str) -> Finding:
    """Something that the course needs."""
    return Finding(State.FAILED, said, remedy)

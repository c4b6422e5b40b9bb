"""Read what a grading process wrote down.

The learner's code may have written into the same file, so nothing in it is trusted to have any form.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_origin

from minicompress.grading.report import Outcome

MOST = 64_000_000  # bytes that are read of the events
TRACE = 20_000  # characters of what stands between them
FIELDS = {part.name: get_origin(part.type) or part.type for part in dataclasses.fields(Outcome)}
CONTROL = {code: "\ufffd" for code in (*range(32), 127) if chr(code) not in "\n\t"}


@dataclass
class Told:
    """What stands in the events."""

    total: int = 0  # graders there are
    outcomes: list[Outcome] = field(default_factory=list)
    importing: bool = False  # whether it came as far as the learner's file
    running: str = ""  # the grader that began last
    finished: bool = False  # whether all graders have had their turn
    note: str | None = None  # None: not known, because the process did not come so far
    mistake: str | None = None
    names: list[str] = field(default_factory=list)  # of the functions where it hung, the innermost first
    hung: bool = False  # whether it said that its time was over
    idle: bool = False  # and whether it had waited, rather than computed
    trace: str = ""  # where it hung, or what else stands in the file: the stack of a crash


def read_events(path: Path) -> Told:
    """Every event that makes sense."""
    told, stray = Told(), []
    for line in head(path).split("\n"):
        event = parsed(line)
        if event is None:
            stray.append(line)
            continue
        for key, kind in {"total": int, "running": str, "note": str, "mistake": str}.items():
            value = event.get("graders" if key == "total" else key)
            if isinstance(value, kind):
                setattr(told, key, clean(value))
        told.importing |= "importing" in event
        told.finished |= event.get("finished") is True
        if outcome := outcome_of(event.get("outcome")):
            told.outcomes.append(outcome)
        if isinstance(hung := event.get("hung"), dict):
            told.names = [clean(str(name)) for name in listed(hung.get("names"))]
            told.hung, told.idle, told.trace = True, hung.get("idle") is True, clean(str(hung.get("trace")))
    crash = [line for line in stray if line.strip() and not line.startswith("Extension modules:")]
    told.names = told.names or [line.rpartition(" in ")[2] for line in crash if line.startswith("  File ")]
    told.trace = told.trace or clean("\n".join(crash)[-TRACE:])
    return told


def head(path: Path, most: int = MOST) -> str:
    """The beginning of a file as text, whatever it holds; nothing where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def tail(path: Path, most: int = TRACE) -> str:
    """The end of a file as text, whatever it holds; nothing where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most))
            return clean(file.read(most).decode("utf-8", "replace"))
    except OSError:
        return ""


def parsed(line: str) -> dict | None:
    """An event, or None where the line is none."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def outcome_of(facts: object) -> Outcome | None:
    """What a grader said, or None where it is nothing of the kind."""
    if not isinstance(facts, dict) or "name" not in facts or not set(facts) <= set(FIELDS):
        return None
    if not all(isinstance(value, FIELDS[name]) for name, value in facts.items()):
        return None
    return Outcome(**{name: clean(value) for name, value in facts.items()})


def listed(value: object) -> list:
    return value if isinstance(value, list) else []


def clean(value: object) -> object:
    """A text without what a terminal obeys, or cannot show at all; other values as they are."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode("utf-8").translate(CONTROL)

"""What the learner has passed, tried, predicted and been told, in .minicompress/progress.json at the
repository's root, or in the file that MINICOMPRESS_PROGRESS names.

Another version of the course may have written the file, or a person: what is not understood there does no
harm, and stays.
"""

import datetime
import json
import os
from pathlib import Path

from minicompress.lab.files import write_json
from minicompress.lab.paths import ROOT

FILE = Path(os.environ.get("MINICOMPRESS_PROGRESS") or ROOT / ".minicompress" / "progress.json")
KEYS = ("passed", "hints", "failed", "predictions")


def read() -> dict[str, dict]:
    """{"passed": {id: when}, "hints": {id: how many}, "failed": {id: how many checks}, "predictions":
    {id: {name: guess}}}; what cannot be read counts as nothing.
    """
    facts = _facts()
    return {key: facts[key] if isinstance(facts.get(key), dict) else {} for key in KEYS}


def _facts() -> dict:
    """All that the file holds."""
    try:
        facts = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write(key: str, exercise_id: str, value: str | int | dict) -> None:
    """Note one fact. The file is replaced as a whole, so that an interruption leaves the old one."""
    facts = _facts()
    facts[key] = read()[key] | {exercise_id: value}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    write_json(FILE, facts)


def hints_told(exercise_id: str) -> int:
    """How many hints for an exercise were shown, 0 or more."""
    return _count("hints", exercise_id)


def failed_checks(exercise_id: str) -> int:
    """How many checks of an exercise failed, 0 or more."""
    return _count("failed", exercise_id)


def _count(key: str, exercise_id: str) -> int:
    """A noted number; 0 for what is none."""
    counted = read()[key].get(exercise_id)
    return max(counted, 0) if isinstance(counted, int) else 0


def predictions(exercise_id: str) -> dict[str, object]:
    """Name -> guess of an exercise. The prediction without a name has the name ""."""
    noted = read()["predictions"].get(exercise_id)
    return noted if isinstance(noted, dict) else {}


def passed_in_order() -> list[str]:
    """The ids of what was passed, the latest last; first come those whose time cannot be read."""
    passed = read()["passed"]
    return sorted(passed, key=lambda key: _seconds(passed[key]))


def _seconds(when: object) -> float:
    """A noted time in seconds since 1970; minus infinity for what is no time."""
    try:
        return datetime.datetime.fromisoformat(when).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return float("-inf")

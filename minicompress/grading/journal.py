"""What the learner has passed and been told, in .minicompress/progress.json at the repository's root.

Another version of the course may have written the file, or a person: what is not understood there does no
harm, and stays.
"""

import datetime
import json

from minicompress.lab.files import write_json
from minicompress.lab.paths import ROOT

FILE = ROOT / ".minicompress" / "progress.json"


def read() -> dict[str, dict]:
    """{"passed": {id: when}, "hints": {id: how many}}; what cannot be read counts as nothing."""
    facts = _facts()
    return {key: facts[key] if isinstance(facts.get(key), dict) else {} for key in ("passed", "hints")}


def _facts() -> dict:
    """All that the file holds."""
    try:
        facts = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write(key: str, exercise_id: str, value: str | int) -> None:
    """Note one fact. The file is replaced as a whole, so that an interruption leaves the old one."""
    facts = _facts() | read()
    facts[key][exercise_id] = value
    FILE.parent.mkdir(exist_ok=True)
    write_json(FILE, facts)


def hints_told(exercise_id: str) -> int:
    """How many hints for an exercise were shown, 0 or more."""
    told = read()["hints"].get(exercise_id)
    return max(told, 0) if isinstance(told, int) else 0


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

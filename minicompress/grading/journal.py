"""What the learner has passed and been told, in .minicompress/progress.json at the repository's root."""

import json

from minicompress.lab.files import write_json
from minicompress.lab.paths import ROOT

FILE = ROOT / ".minicompress" / "progress.json"


def read() -> dict[str, dict]:
    """{"passed": {id: when}, "hints": {id: how many}}; what cannot be read counts as nothing."""
    try:
        facts = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        facts = {}
    facts = facts if isinstance(facts, dict) else {}
    return {key: facts[key] if isinstance(facts.get(key), dict) else {} for key in ("passed", "hints")}


def write(key: str, exercise_id: str, value: str | int) -> None:
    """Note one fact. The file is replaced as a whole, so that an interruption leaves the old one."""
    facts = read()
    facts[key][exercise_id] = value
    FILE.parent.mkdir(exist_ok=True)
    write_json(FILE, facts)

"""How many updates of training stand behind a shipped model: its own, and those of what it was begun from."""

import json
import re

from minicompress.lab.paths import ASSETS, ROOT

COMMANDS = ROOT / "benchmarks" / "train_models.sh"  # makes every shipped model
ARTEFACT = {"the pipeline's artefact": "student-clip3"}  # of the last stages, the long shipped training


def updates_of(name: str) -> int:
    """Updates of a shipped model and of all models that it was begun from.

    Taken from the record that a run writes itself, `assets/NAME/run.json` or NAME.run.json beside an exported
    file; for files that were exported without one, from the commands in `benchmarks/train_models.sh`. The
    teacher's updates do not count. ValueError: neither knows the model.
    """
    name = ARTEFACT.get(name, name)
    places = (f"{name}/run.json", f"frontier/{name}.run.json", f"baselines/{name}.run.json")
    if record := next((ASSETS / place for place in places if (ASSETS / place).is_file()), None):
        run = json.loads(record.read_text(encoding="utf-8"))
        return run["updates"] + sum(ancestor["updates"] for ancestor in run["ancestors"])
    steps, start = command_of(name)
    return steps + (updates_of(start) if start else 0)


def command_of(name: str) -> tuple[int, str | None]:
    """The steps of the command that trains a model, and the model that it starts from."""
    text = COMMANDS.read_text(encoding="utf-8") if COMMANDS.is_file() else ""
    found = re.search(rf"^train student --name {re.escape(name)} .*$", text, re.M)
    steps = re.search(r"--steps (\d+)", found[0]) if found else None
    if steps is None:
        raise ValueError(f"neither a record nor a command tells how {name!r} was trained")
    start = re.search(r"--start (\S+)", found[0])
    return int(steps[1]), start[1] if start else None


def updates_behind(point: dict) -> int:
    """The updates behind a point of the map or a row of the frontier: its own figure, else what we know.

    point: a row of `results/combined.json` or `frontier.json`. Rows that were measured before this figure was
    written have none: then tuned single methods had as many as `benchmarks.map_points` says, 100, models that
    were quantized or pruned in one shot those of the model they were made from.
    """
    if "updates" in point:
        return point["updates"]
    method, strength = point.get("method", ""), point.get("strength", point.get("name"))
    if method.endswith("tuned") or method == "quantization, trained on the grid":
        return 100
    made_from = re.split(r", |-int\d", strength)[0]
    if made_from == "teacher" or made_from[0].isdigit():
        return 0
    return updates_of(made_from)

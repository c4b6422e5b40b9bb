"""run.json: what a run was asked, from what it learned, what it has done. The model card is written from it
alone.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from minicompress.lab.files import write_json

FILE = "run.json"
BY_ITSELF = "by the run itself"
MAY_CHANGE = ("log_every", "checkpoint_seconds")  # no update depends on them
GOES_ON = ("steps", "decay")  # how long, and where the rates fall: for the updates that are still to come


@dataclass
class Session:
    """One stretch of a run: from its start, or from a resume, to the next."""

    first_update: int
    steps: int  # of the plan by which the learning rates fell
    processes: int | None
    hardware: dict | None
    versions: dict | None
    commit: str | None


@dataclass
class Ancestor:
    """An earlier run that a run goes on from."""

    name: str
    command_line: str
    updates: int | None
    tokens: int | None
    shares: dict


@dataclass
class Record:
    """Everything about a run. None: not known, or not there yet."""

    name: str
    command: str
    command_line: str
    arguments: dict  # every option of the command, as resolved
    shape: dict
    parameters: int
    plan: dict
    seed: int
    data: dict  # see `streams.describe`
    tokens_an_update: int
    started_from: str | None
    began_with: str | None  # a digest of weights, see `training.beginning`
    ancestors: list[Ancestor]  # the oldest first
    saved_as: str  # the type of the weights in the finished model's file
    recorded: str = BY_ITSELF
    notes: list[str] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    updates: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    published: dict | None = None  # bytes and scores, once `publish` has measured them

    def lineage(self) -> list[Ancestor]:
        """The ancestors of a run that starts from this one."""
        mine = Ancestor(self.name, self.command_line, self.updates, self.tokens, self.data["shares"])
        return [*self.ancestors, mine]

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, asdict(self))


def read_record(folder: Path) -> Record | None:
    """The record in a folder; None where there is none."""
    if not (folder / FILE).is_file():
        return None
    record = Record(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    record.ancestors = [Ancestor(**ancestor) for ancestor in record.ancestors]
    record.sessions = [Session(**session) for session in record.sessions]
    return record


def refuse_another_run(old: Record, new: Record, updates: int) -> None:
    """Raise a ValueError that names the difference when `new` is not the run of `old`, gone on with.

    `steps` may change, but not to fewer than the `updates` that are done, and `decay`: from there on the
    learning rates fall by the new plan. How often a run is logged and saved may change freely.
    """
    start = f"the run {old.name!r} was begun with"
    advice = "repeat that, or give the new run another name"
    if old.command != new.command:
        raise ValueError(f"{start} the command {old.command}, now it is {new.command}: {advice}")
    for name, value in new.arguments.items():
        before = old.arguments.get(name)
        if value != before and name not in (*MAY_CHANGE, *GOES_ON):
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{start} {option} {before}, now it is {value}: {advice}")
    if new.arguments["steps"] < updates:
        steps = new.arguments["steps"]
        raise ValueError(f"the run {old.name!r} has done {updates} updates already, --steps {steps} is fewer")
    if old.data != new.data:
        raise ValueError(f"{start} other data than there are now, see its {FILE}: choose another name")

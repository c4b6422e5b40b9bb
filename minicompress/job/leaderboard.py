"""A table of the best files of each open project, kept as JSON; each file stands in it once a project."""

import dataclasses
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from minicompress.job.projects import PROJECTS, Entry
from minicompress.lab.files import write_json
from minicompress.lab.ledger import Columns, cells
from minicompress.lab.tables import table

COLUMNS: Columns = {
    "name": lambda row: row["name"],
    "bytes": lambda row: f"{row['file_bytes']:,}",
    "kept": lambda row: f"{row['accuracy_kept']:.2%}",
    "speed": lambda row: f"{row['relative_speed']:.2f}x",
    "digest": lambda row: row["digest"][:12],
}


@dataclass
class Board:
    """The entries of all projects, and the text on which every one of them was measured."""

    text: str = ""  # a digest of the tokens; empty where there is no entry yet
    python: str = ""  # whose standard library the text is
    entries: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in PROJECTS})

    def ranked(self, project: str) -> list[Entry]:
        """The entries of a project, the best first."""
        return sorted(self.entries[project], key=PROJECTS[project].order)

    def with_entry(self, project: str, entry: Entry) -> "Board":
        """The board with an entry more. One of the same file is replaced: the latest measurement counts."""
        others = [other for other in self.entries[project] if other.digest != entry.digest]
        return dataclasses.replace(self, entries=self.entries | {project: [*others, entry]})


def read_board(path: Path) -> Board:
    """The board in a file, an empty one where there is no file. ValueError: what it holds is no board."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        entries = {name: [entry_of(row) for row in facts["projects"][name]] for name in PROJECTS}
        if not all(isinstance(facts[key], str) for key in ("text", "python")):
            raise TypeError("text and python are not strings")
    except FileNotFoundError:
        return Board()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no leaderboard, and stays as it is: name another file") from error
    return Board(facts["text"], facts["python"], entries)


def entry_of(row: dict) -> Entry:
    """An entry from JSON. TypeError, KeyError or ValueError: something else."""
    if set(row) != set(Entry._fields):
        raise KeyError(f"an entry has {', '.join(Entry._fields)}")
    for name, kind in Entry.__annotations__.items():
        if type(row[name]) is not kind or (kind is float and not math.isfinite(row[name])):
            raise TypeError(f"{name} is no {kind.__name__}")
    if not row["name"].isprintable() or not row["digest"].isalnum():
        raise ValueError("a name or a digest that a terminal would obey")
    return Entry(**row)


def write_board(path: Path, board: Board) -> None:
    """Write the board, all or nothing, the best of each project first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {name: [entry._asdict() for entry in board.ranked(name)] for name in PROJECTS}
    write_json(path, {"text": board.text, "python": board.python, "projects": rows})


def enter(path: Path, project: str, entry: Entry, text: str) -> None:
    """Put an entry that was measured on this text into the board of a file.

    ValueError: no board, or one whose entries were measured on another text.
    """
    check_text(path, text)
    board = dataclasses.replace(read_board(path), text=text, python=sys.version.split()[0])
    write_board(path, board.with_entry(project, entry))


def check_text(path: Path, text: str) -> None:
    """Refuse a board of another text: its shares cannot be compared. ValueError names the two Pythons."""
    board = read_board(path)
    if board.text not in ("", text):
        raise ValueError(
            f"{path} was measured on other text, the standard library of Python {board.python}; this one is "
            f"{sys.version.split()[0]}: name another file with --table"
        )


def run(files: list[Path], project: str, path: Path, text: str, judge: Callable[[Path], Entry]) -> list[str]:
    """Judge each file and enter it; what one of them lacks stops no other. Return why files were refused.

    ValueError: the board is none, or one of another text.
    """
    check_text(path, text)
    refused = []
    for file in files:
        try:
            entry = judge(file)
        except ValueError as error:
            refused.append(str(error))
        else:
            enter(path, project, entry, text)
    return refused


def shown(board: Board, project: str) -> Table:
    """The table of a project, for a terminal."""
    rows = cells(COLUMNS, [entry._asdict() for entry in board.ranked(project)])
    numbered = [[str(place), *row] for place, row in enumerate(rows, 1)]
    return table(f"{project}: {PROJECTS[project].goal}", ("", *COLUMNS), numbered)

"""`minicompress leaderboard`. Nothing heavy is imported before the command runs."""

import functools
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

FILES = typer.Argument(help="Compressed files to measure. None: the table is shown as it is.")
PROJECT = typer.Option(help="small, accurate or fast: see docs/projects.md.")
TABLE = typer.Option(help="File for the table.")
NAME = typer.Option(help="Name in the table, for a single FILE. Default: the file's.")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(leaderboard)


def leaderboard(
    project: Annotated[Literal["small", "accurate", "fast"], PROJECT],
    files: Annotated[list[Path] | None, FILES] = None,
    table: Annotated[Path, TABLE] = Path("out/leaderboard.json"),
    name: Annotated[str | None, NAME] = None,
) -> None:
    """Measure compressed FILEs for an open project, and keep a table of those that qualify.

    The exit code is 1 when a file was refused, else 0.
    """
    from rich.console import Console
    from transformers.utils import logging

    from minicompress.job import leaderboard as board
    from minicompress.job import referee

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    if name is not None and len(files or []) != 1:
        raise ValueError(f"--name is for a single file, got {len(files or [])}")
    refused = []
    if files:
        court = referee.course_referee()
        judge = functools.partial(referee.judged, project=project, referee=court, name=name)
        refused = board.run(files, project, table, court.text, judge)
    for reason in refused:
        print(f"minicompress: not in the table: {reason}", file=sys.stderr)
    Console().print(board.shown(board.read_board(table), project))
    raise typer.Exit(1 if refused else 0)

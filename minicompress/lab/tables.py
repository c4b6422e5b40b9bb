"""Tables for the terminal, for the notebooks, and as Markdown for the README."""

from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.table import Table


def table(title: str, columns: tuple[str, ...], rows: list[list[str]]) -> Table:
    """A rich table that fits into 80 columns, numbers to the right."""
    made = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


def plain(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    left: Collection[int] = (0,),
    gap: int = 2,
) -> Table:
    """A table without lines, for a notebook: numbers to the right, the columns with these places to the left.

    left: places of the columns of words. gap: spaces on both sides of a cell.
    """
    made = Table(title=title, box=None, padding=(0, gap))
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number in left else "right")
    for row in rows:
        made.add_row(*row)
    return made


def markdown_table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    """The same table for a README."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])

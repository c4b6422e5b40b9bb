"""Tables for the terminal, for the notebooks, and as Markdown for the README."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Claims:
    """A table of sentences: a notebook shows it as a table, whose cells may hold Markdown."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def _repr_markdown_(self) -> str:
        return markdown_table(tuple(self.columns), [list(row) for row in self.rows])

    __repr__ = _repr_markdown_


def claims(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Claims:
    """What is claimed, and what was measured, side by side; measured numbers come in through f-strings.

    columns: the headings. rows: a claim each, one text a column. ValueError: a row of another length, or a
    text with a line break or a bar, which would break the table.
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(columns)} columns need {len(columns)} texts, got {len(row)}: {row}")
        if broken := [text for text in row if "\n" in text or "|" in text]:
            raise ValueError(f"a text of a table has no line break and no bar, got {broken[0]!r}")
    return Claims(columns, rows)

"""The tables of the notebooks."""

import pytest
from rich.console import Console

from minicompress.lab import tables


def shown(table) -> list[str]:
    console = Console(width=60)
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


def test_words_stand_left_and_numbers_right():
    head, *rows = shown(tables.plain("", ("name", "count"), [("a", "1"), ("longer", "1,000")]))
    assert head.split() == ["name", "count"]
    assert [row.rstrip() for row in rows] == ["  a             1", "  longer    1,000"]


def test_further_columns_of_words_can_stand_left():
    _, row = shown(tables.plain("", ("x", "name", "long name"), [("1", "a", "b")], left=(1, 2)))
    assert row.rstrip() == "  1    a       b"


def test_the_title_stands_above():
    assert shown(tables.plain("All numbers", ("name",), [("long enough",)]))[0].strip() == "All numbers"


def test_claims_are_a_markdown_table_in_a_notebook_and_the_same_text_elsewhere():
    table = tables.claims(("claim", "here"), [("a zero is free", f"{0.5:.0%} *slower*")])
    lines = ["| claim | here |", "| --- | --- |", "| a zero is free | 50% *slower* |"]
    assert table._repr_markdown_() == repr(table) == "\n".join(lines)


@pytest.mark.parametrize("row", [("one",), ("one", "two", "three"), ("one", "two | three"), ("one\n", "two")])
def test_a_row_of_claims_that_would_break_the_table_is_refused(row):
    with pytest.raises(ValueError, match="texts|bar"):
        tables.claims(("claim", "here"), [row])

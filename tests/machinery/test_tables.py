"""The tables of the notebooks."""

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

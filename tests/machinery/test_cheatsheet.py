"""docs/cheatsheet.md: its bytes are what the encodings take, and its exercises are there."""

import math
import re

import pytest
import torch

from minicompress.grading.course import exercises
from minicompress.lab.encodings import ENCODINGS
from minicompress.lab.paths import ROOT
from minicompress.pruning import storage_bytes

TEXT = (ROOT / "docs" / "cheatsheet.md").read_text(encoding="utf-8")
NUMEL, KEPT, ROWS = 4096, 2048, 64


def rows(first: str) -> list[list[str]]:
    """The cells of the table whose first two headings are these."""
    table = re.search(rf"^\| {re.escape(first)} \|.*\n\| ---.*\n((?:\|.*\n)+)", TEXT, re.M)[1]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def value(formula: str, n: int, z: int, r: int = ROWS) -> int:
    """What a formula of the page gives: `n ÷ 8 + 2 z`, or `6 for every 17 weights`."""
    if every := re.fullmatch(r"(\d+) for every (\d+) weights", formula):
        return int(every[1]) * math.ceil(n / int(every[2]))
    python = re.sub(r"(\d) ([nzr])", r"\1 * \2", formula).replace("÷", "/")
    assert re.fullmatch(r"[\dnzr+*/ ]+", python), formula
    return math.ceil(eval(python, {"n": n, "z": z, "r": r}))


def test_a_formula_of_the_page_is_read_as_a_person_does():
    assert value("n ÷ 8 + 2 z", 80, 5) == 20 and value("6 for every 17 weights", 18, 0) == 12


def bytes_of(encoding: str, n: int, z: int) -> int:
    return 4 * n if encoding == "fp32" else ENCODINGS[encoding].size(n, z)


@pytest.mark.parametrize("encoding, _, formula, example", rows("format | holds"))
def test_an_encoding_takes_the_bytes_that_the_page_says(encoding, _, formula, example):
    encoding = encoding.strip("`")
    assert bytes_of(encoding, NUMEL, KEPT) == int(example.replace(",", ""))
    for n, z in ((NUMEL, KEPT), (1024, 0), (3200, 3200)):
        assert value(formula, n, z) == bytes_of(encoding, n, z)


@pytest.mark.parametrize("format, _, formula, example", rows("format | what is stored beside the values"))
def test_a_sparse_format_takes_the_bytes_that_the_page_says(format, _, formula, example):
    expected = storage_bytes([ROWS, NUMEL // ROWS], 1 - KEPT / NUMEL, 16, format.strip("`"))
    assert expected == int(example.replace(",", "")) == value(formula, NUMEL, KEPT)


def test_the_smallest_range_of_an_encoding_is_what_the_page_says():
    for encoding, holds, *_ in rows("format | holds"):
        if found := re.fullmatch(r"−(\d+) \.\. (\d+)", holds):
            low, high = -int(found[1]), int(found[2])
            fits = ENCODINGS[encoding.strip("`")].holds
            assert fits(torch.tensor([low, high])), encoding
            assert not fits(torch.tensor([low - 1])) and not fits(torch.tensor([high + 1])), encoding


def test_a_bitmask_is_smaller_exactly_where_the_page_says():
    assert "z ÷ n < 1 − 1 ÷ bits" in TEXT
    for bits in range(2, 9):
        n = 64 * bits
        edge = n - n // bits  # z at which z / n = 1 - 1 / bits
        mask, dense = ENCODINGS[f"bitmask{bits}"], ENCODINGS[f"int{bits}"]
        assert mask.size(n, edge) == dense.size(n, edge) > mask.size(n, edge - 8)


def test_every_exercise_that_the_page_names_is_there():
    named = {key for first in ("number | formula", "method | what") for row in lines(first) for key in row}
    assert named and named <= set(exercises())
    assert set(re.findall(r"\((\d\.\d+)[,)]", TEXT)) <= set(exercises())


def lines(first: str) -> list[list[str]]:
    """The exercises in the last column of a table."""
    table = re.search(rf"^\| {re.escape(first)}.*\n\| ---.*\n((?:\|.*\n)+)", TEXT, re.M)[1]
    return [line.strip("| ").split(" | ")[-1].split(", ") for line in table.splitlines()]

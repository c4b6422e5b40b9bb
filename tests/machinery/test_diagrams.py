"""The diagrams: all can be read, in one style, with other numbers too."""

import re

import matplotlib
import matplotlib.pyplot as plt
import pictures
import pytest
import torch
from pictures import no_window  # noqa: F401

from minicompress.lab import diagrams, style

LEDGER = [
    {"name": "teacher", "file_bytes": 14_596_856},
    {"name": "distilled", "file_bytes": 1_043_456},
    {"name": "quantized", "file_bytes": 175_886},
]
CALLS = {
    "course_map": [{}, *({"here": chapter} for chapter in range(8))],
    "two_of_four": [{}, {"weights": [0.1, -0.55, 0.2, 0.8, 1, -1.25, 1, 1]}],
    "magnitude_and_wanda": [
        {},
        {"weights": [0.12, -2, 0.3, 4, -0.55], "norms": [100, 1, 2, 3, 4]},
        {"sparsity": 1},
    ],
    "flattened_channels": [{}, {"channels": 2, "width": 3, "dropped": [0]}, {"height": 1, "width": 1}],
    "query_heads": [{}, {"keep": [0, 1]}, {"keep": [0, 1, 2]}, {"heads": 8, "keep": [0, 7], "head_dim": 64}],
    "teacher_and_student": [{}, {"label": 2, "T": 3.5, "alpha": 0.7}, {"alpha": 0}],
    "label_shift": [{}, {"tokens": list("abcdef") + ["pad"]}],
    "prompt_and_answer": [{}, {"prompt": ["pad", "pad", "5", "6"], "answer": ["7", "8", "end"]}],
    "low_rank_product": [{}, {"weight": [[-14.55, 20, 3, 1]] * 3 + [[1, 0, 0, 7]], "rank": 4}],
    "rows_and_columns": [
        {},
        {
            "writers": {"gate": [[3, 4], [0, 1], [0, 0]], "up": [[1, 0], [2, 0], [6, 8]]},
            "reader": "down",
            "weight": [[1, 0, 3], [0, 2, 4]],
            "dropped": [2],
        },
    ],
    "rounding_grid": [{}, {"weights": [0.3, -1], "largest": 3, "scale": 0.25}],
    "two_in_a_byte": [{}, {"values": [7]}, {"values": [-1, -2, -3, -4]}],
    "file_bytes": [{}, {"metadata": {"made by": "us"}}],
    "bytes_waterfall": [{"rows": LEDGER}, {"rows": LEDGER[::-1]}, {"rows": [LEDGER[0]] * 2}],
}
EACH = [(name, settings) for name, calls in CALLS.items() for settings in calls]


def test_every_diagram_is_tried_below():
    assert sorted(CALLS) == diagrams.__all__


@pytest.mark.parametrize("name, settings", EACH)
def test_a_diagram_can_be_read_also_on_a_phone(name, settings):
    getattr(diagrams, name)(**settings)
    assert pictures.problems(plt.gcf()) == []


@pytest.mark.parametrize("name", CALLS)
def test_a_diagram_has_one_of_the_two_widths_and_the_ground_of_the_style(name):
    getattr(diagrams, name)(**CALLS[name][0])
    figure = plt.gcf()
    assert figure.get_figwidth() in (style.WIDE, style.NARROW)
    assert figure.get_facecolor() == matplotlib.colors.to_rgba(style.GROUND)


@pytest.mark.parametrize("name", CALLS)
def test_the_same_numbers_give_the_same_picture_of_less_than_20_kb(name):
    drawn = []
    for _ in range(2):
        getattr(diagrams, name)(**CALLS[name][0])
        drawn.append(style.small_png(plt.gcf()))
    assert drawn[0] == drawn[1] and len(drawn[0]) < 20_000


@pytest.mark.parametrize(
    "name, settings, bad",
    [
        ("course_map", {"here": 8}, "8"),
        ("two_of_four", {"weights": [1, 2, 3]}, "3"),
        ("magnitude_and_wanda", {"norms": [1]}, "1"),
        ("magnitude_and_wanda", {"sparsity": 1.5}, "1.5"),
        ("flattened_channels", {"channels": 4}, "4"),
        ("flattened_channels", {"dropped": [3]}, "3"),
        ("rows_and_columns", {"dropped": [3]}, "3"),
        ("rows_and_columns", {"weight": [[1, 5]]}, "3"),
        ("rows_and_columns", {"weight": [[1] * 8], "writers": {"W1": [[1]] * 8}}, "8"),
        ("query_heads", {"kv_heads": 3}, "3"),
        ("query_heads", {"keep": [4]}, "4"),
        ("teacher_and_student", {"T": 0}, "0"),
        ("teacher_and_student", {"student_odds": [1, 0, 1]}, "0"),
        ("label_shift", {"tokens": ["a"]}, "1"),
        ("prompt_and_answer", {"prompt": ["a"] * 7}, "9"),
        ("low_rank_product", {"rank": 3}, "3"),
        ("low_rank_product", {"weight": [1, 2]}, "2"),
        ("two_in_a_byte", {"values": [8]}, "8"),
        ("two_in_a_byte", {"values": []}, r"4"),
        ("file_bytes", {"tensors": {"w": torch.zeros(500)}}, "2072"),
        ("bytes_waterfall", {"rows": LEDGER[:1]}, "14596856"),
    ],
)
def test_numbers_that_make_no_picture_are_refused_and_named(name, settings, bad):
    with pytest.raises(ValueError, match=rf"\b{re.escape(bad)}\b"):
        getattr(diagrams, name)(**settings)
    assert not plt.get_fignums(), "nothing half-drawn is left"

"""The tables and plots of notebook 05."""

import matplotlib.pyplot as plt
import pictures
import pytest
import torch
from pictures import no_window  # noqa: F401
from rich.console import Console

from minicompress.lab import paths, style
from minicompress.lab import quantization_figures as figures
from minicompress.lab import quantization_tables as tables

DENSE = {"bits": 16, "scales": "none", "perplexity": 10.0, "top1_accuracy": 0.5, "tensor_bytes": 160}
ROW = {"bits": 4, "scales": "row", "perplexity": 12.0, "top1_accuracy": 0.4, "tensor_bytes": 44}
BITS = {"held_out_tokens": 1234, "models": {"toy": [DENSE, ROW, ROW | {"scales": 32, "tensor_bytes": None}]}}
LOOK = {"integer kernels": {"speedup": 4.0}, "dequantize and multiply": {"speedup": 0.25}}
INT8 = {
    "layer": [{"rows": 1} | LOOK],
    "model": [{"batch": 1, "length": 256} | LOOK],
    "quality": {
        "fp32": {"perplexity": 10.0, "top1_accuracy": 0.5},
        "integer kernels": {"perplexity": 11.0, "top1_accuracy": 0.49},
    },
    "held_out_tokens": 1234,
}


def printed(table) -> str:
    console = Console(width=200, record=True)
    console.print(table)
    return console.export_text()


def test_a_cell_is_compared_with_the_model_in_fp16():
    assert tables.increase(BITS, "toy", 4) == pytest.approx(0.2)
    assert tables.accuracy_kept(BITS, "toy", 4, 32) == pytest.approx(0.8)
    with pytest.raises(ValueError, match="5"):
        tables.increase(BITS, "toy", 5)


def test_the_table_of_bits_names_its_text_and_has_a_row_for_each_kind_of_scales():
    text = printed(tables.bits_table(BITS, widths=(4,)))
    assert "validation files, 1,234 tokens" in text
    assert [line.split()[-2:] for line in text.splitlines() if line.strip().startswith("toy")] == [
        ["12.00", "44"],
        ["32", "12.00"],
    ]


def test_the_int8_table_says_what_each_way_keeps():
    assert "98.0%" in printed(tables.int8_table(INT8))


def test_the_oracle_table_says_all_where_every_integer_is_equal():
    assert "all" in printed(tables.oracle_table(paths.results("quantization")["oracle"]))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.rounding_chart(torch.tensor([3.0, -1.0]), torch.tensor([3.0, 0.0]), "a row"),
        lambda: figures.error_chart("errors", [2, 3], {"a scale a row": [0.5, 0.2], "matrix": [0.9, 0.4]}),
        lambda: figures.zeros_chart([0, 0.5, 1], {"bitmask": [4, 2.5, 1], "seven levels": [2.8, 2.8, 2.8]}),
        lambda: figures.speed_chart(INT8),
        lambda: figures.loss_chart("losses", {"rounded": [3.7, 3.6, 3.5], "grid": [3.5, 3.2, 3.0]}, 3.1),
    ],
)
def test_a_plot_can_be_read(draw):
    draw()
    assert pictures.collisions(plt.gcf()) == [] and plt.gcf().get_figwidth() == style.WIDE


def test_the_plot_of_a_row_has_its_weights_in_ascending_order():
    figures.rounding_chart(torch.tensor([3.0, -1.0, 0.4]), torch.tensor([3.0, -1.5, 0.0]), "a row")
    weights, rounded = plt.gca().lines
    assert weights.get_ydata().tolist() == pytest.approx([-1, 0.4, 3])
    assert rounded.get_ydata().tolist() == [-1.5, 0, 3]

"""The plots of notebooks 00 and 01: what each of them shows."""

import matplotlib.pyplot as plt
import pictures
import torch
from pictures import no_window  # noqa: F401

from minicompress.lab import pruning_figures


def bars_of(axes) -> list[float]:
    return [patch.get_width() for patch in axes.patches]


def test_bars_have_their_values_at_the_ends_and_the_first_at_the_top():
    pruning_figures.bars("title", "x", {"first": 1.0, "second": 0.5}, "{:.0%}")
    (axes,) = plt.gcf().axes
    assert bars_of(axes) == [1, 0.5] and pictures.words() == ["100%", "50%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]
    assert axes.yaxis_inverted() and pictures.problems(plt.gcf()) == []


def test_a_grid_has_a_row_for_each_block_and_a_column_for_each_kind_of_layer():
    names = [f"model.layers.{block}.mlp.{kind}_proj" for block in (0, 1) for kind in ("up", "down")]
    pruning_figures.layer_grid("title", dict(zip(names, (1.0, 2.0, 3.0, 40.0), strict=True)))
    (axes,) = plt.gcf().axes
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    assert texts == {"+1%": (0, 0), "+2%": (1, 0), "+3%": (0, 1), "+40%": (1, 1)}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["up", "down"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["block 0", "block 1"]


def test_cut_weights_are_counted_as_kept_or_pruned():
    weight = torch.tensor([[-2.0, -0.1], [0.1, 2.0]])
    pruning_figures.cut_weights("title", weight, weight.abs() > 1)
    (axes,) = plt.gcf().axes
    counts = [sum(patch.get_height() for patch in container) for container in axes.containers]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["kept", "pruned"]
    assert counts == [2, 2]


def test_loudness_has_a_dash_for_each_input_over_the_median_one():
    norms = {"model.layers.0.mlp.up_proj": torch.tensor([1.0, 2.0, 8.0])}
    pruning_figures.loudness("title", norms)
    (axes,) = plt.gcf().axes
    assert list(axes.lines[0].get_ydata()) == [0.5, 1, 4]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.up"]

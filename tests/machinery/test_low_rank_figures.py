"""The pictures of notebook 04: what each of them shows."""

import matplotlib.pyplot as plt
import pytest
import torch
from pictures import no_window, problems, words  # noqa: F401

from minicompress.lab import low_rank_figures

BLOCKS = ("model.layers.0.", "model.layers.1.")
KINDS = ("self_attn.q_proj", "mlp.up_proj")


def ranks(**row) -> dict:
    """The same ranks for two layers of two blocks."""
    return {block + kind: row for block in BLOCKS for kind in KINDS}


def lines(axes) -> dict[str, list[tuple[float, float]]]:
    """Label -> the points of the line."""
    return {
        line.get_label().strip("_"): [(x, y) for x, y in line.get_xydata().round(4).tolist()]
        for line in axes.lines
    }


def test_errors_begin_at_rank_1_and_what_was_measured_lies_among_them():
    low_rank_figures.errors_chart("W", {"W": [0.6, 0.0], "random": [0.9, 0.5]}, {2: 0.0})
    drawn = lines(plt.gca())
    assert drawn["W"] == [(1, 0.6), (2, 0)] and drawn["measured"] == [(2, 0)]
    assert not problems(plt.gcf())


def test_the_three_parts_of_an_approximation_add_up_and_share_their_colours():
    weight, product = torch.tensor([[3.0, 1.0], [0.0, 2.0]]), torch.tensor([[3.0, 0.0], [0.0, 0.0]])
    low_rank_figures.approximation(weight, product, "rank 1")
    whole, near, lost = (axes.images[0] for axes in plt.gcf().axes)
    assert torch.equal(torch.tensor(near.get_array() + lost.get_array()), weight)
    assert whole.get_clim() == near.get_clim() == lost.get_clim()


def test_a_large_matrix_is_drawn_in_part():
    low_rank_figures.approximation(torch.randn(200, 100), torch.zeros(200, 100), "rank 0")
    side = low_rank_figures.CROP
    assert [axes.images[0].get_array().shape for axes in plt.gcf().axes] == [(side, side)] * 3


def test_both_ways_to_place_the_factors_have_a_line():
    low_rank_figures.wrong_way_round({"right": {1: 0.9, 8: 0.0}, "swapped": {1: 1.0, 8: 1.4}}, "q_proj")
    assert lines(plt.gca()) == {"right": [(1, 0.9), (8, 0)], "swapped": [(1, 1), (8, 1.4)]}


def test_each_layer_of_a_block_has_a_panel_with_its_break_even_rank():
    kinds = {kind: {"weight": [1.0, 0.5], "random": [1.0, 0.7]} for kind in KINDS}
    low_rank_figures.spectra_panels(kinds, ranks(break_even=2), block=1, model="teacher")
    first, second = plt.gcf().axes[:2]
    assert (first.get_title(), second.get_title()) == ("q", "up")
    assert lines(first)["random"] == [(0, 1), (1, 0.7)] and lines(first)["break-even"] == [(2, 0), (2, 1)]


def test_shares_of_the_full_rank_are_percent_and_the_mean_of_the_blocks():
    rows = {
        "model.layers.0.mlp.up_proj": {"weight": 3, "full": 4},
        "model.layers.1.mlp.up_proj": {"weight": 1, "full": 4},
    }
    assert low_rank_figures.shares_of_full_rank(rows, "weight") == {"mlp.up_proj": 50.0}


def test_ranks_needed_are_marks_of_three_matrices_and_a_dash_at_break_even():
    rows = ranks(weight=3, random=4, whitened=1, break_even=2, full=4)
    low_rank_figures.ranks_needed(rows, "teacher")
    drawn = lines(plt.gca())
    assert drawn["W"] == [(0, 75), (1, 75)] and drawn["W L, weighed by its inputs"] == [(0, 25), (1, 25)]
    assert drawn["break-even"] == [(-0.3, 50), (0.3, 50)]
    assert [text.get_text() for text in plt.gca().get_xticklabels()] == ["q", "up"]


CURVES = {
    "dense": 10.0,
    "shares": [0.5, 0.9],
    "tuned_shares": [0.5],
    "plain": [200.0, 40.0],
    "whitened": [30.0, 15.0],
    "plain, tuned": [35.0],
    "whitened, tuned": [25.0],
    "whitened, split by S, tuned": [33.0],
}


def test_perplexity_is_drawn_against_percent_of_the_parameters_kept_with_plain_numbers_at_the_axis():
    low_rank_figures.shares_chart(CURVES, {0.9: 11.0, 0.5: 12.0}, "teacher")
    drawn = lines(plt.gca())
    assert drawn["plain"] == [(50, 200), (90, 40)] and drawn["whitened, tuned"] == [(50, 25)]
    assert drawn["SparseGPT"] == [(50, 12), (90, 11)], "from the left to the right, as it came or not"
    assert "100" in [text.get_text() for text in plt.gca().get_yticklabels()]


def test_sizes_and_perplexities_are_drawn_side_by_side():
    low_rank_figures.rank_sweep({8: 1000, 16: 2000}, {8: 90.0, 16: 30.0}, (3000, 20.0), "student")
    size, quality = plt.gcf().axes
    assert [(8, 1), (16, 2)] in lines(size).values() and [(8, 90), (16, 30)] in lines(quality).values()
    assert size.get_ylim()[1] > 3, "the dense model's size is seen"


def test_the_map_of_ranks_has_a_row_a_block_and_says_the_ratios():
    uniform = {block + kind: 10 for block in BLOCKS for kind in KINDS}
    energy = {name: rank for name, rank in zip(uniform, (2, 18, 10, 10), strict=True)}
    low_rank_figures.allocation_map(energy, uniform, "who gets more")
    assert words() == ["0.2", "1.8", "1.0", "1.0"]
    assert [text.get_text() for text in plt.gca().get_yticklabels()] == ["block 0", "block 1"]


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_labels_at_the_ends_of_the_curves_are_not_cut_off_and_cover_nothing(scale):
    scaled = {
        name: values if "shares" in name or name == "dense" else [value * scale for value in values]
        for name, values in CURVES.items()
    }
    low_rank_figures.shares_chart(scaled, {0.5: 12.0 * scale}, "teacher")
    assert not [found for found in problems(plt.gcf()) if found.startswith(("cut off", "overlap"))]

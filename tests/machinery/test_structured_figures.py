"""The plots and tables of notebook 02: what each of them shows."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import no_window  # noqa: F401
from rich.console import Console

from minicompress.lab import paths, structured_figures

WHERE = "validation, 9 tokens"
RECIPE = {
    "target_bytes": 700_000,
    "dense_bytes": 1_000_000,
    "held_out_tokens": 14_025,
    "updates": 100,
    "files": "validation",
    "arms": {"one order": [{"perplexity": 30.0}, {"perplexity": 34.0}], "dense": [{"perplexity": 24.0}]},
}
RECOVERY = {
    "tokens": [0, 6000],
    "dense": 17.0,
    "ways": {
        "labels alone": [[50, 30], [50, 31]],
        "the teacher's logits alone": [[50, 28]],
        "labels, from random weights": [[2000, 900]],
    },
}
MODEL = [
    {
        "what": what,
        "removed": removed,
        "speedup": 1 + removed,
        "promised": 1 + removed,
        "tokens_per_second": 2000 * (1 + removed),
        "bytes_fp16": 14_600_000,
        "flops_per_token": 16_500_000,
    }
    for what in ("neurons", "mask", "heads", "neurons and heads")
    for removed in (0.0, 0.4)
]
ONE = [{"removed": 0.4, "promised": 1.7, "speedup": 1.6, "masked_speedup": 1.0}]
SPEED = {"batch": 16, "context": 256, "threads": 1, "mlp": {"rows": ONE}, "model": MODEL}


def lines(axes) -> dict[str, list[float]]:
    """Label -> heights of each labelled line, at an end or in a legend."""
    labelled = [line for line in axes.lines if not line.get_label().startswith("_child")]
    return {line.get_label().strip("_"): list(line.get_ydata()) for line in labelled}


def heights(axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches]


def panels() -> list:
    return plt.gcf().axes


def test_a_part_without_a_name_for_its_files_was_measured_on_test_files():
    assert structured_figures.files_of({"files": "validation"}) == "validation files"
    assert structured_figures.files_of({}) == "test files"


def test_a_log_axis_has_plain_numbers():
    _, axes = plt.subplots()
    axes.plot([1, 2], [15, 900])
    structured_figures.log_scale(axes, "perplexity")
    axes.figure.canvas.draw()
    texts = {text.get_text() for text in axes.get_yticklabels()}
    assert {"20", "50", "100", "200", "500"} <= texts and axes.get_ylabel() == "perplexity (log)"


def test_norms_of_channels_are_sorted():
    structured_figures.channel_norms({"first": [1.0, 3.0, 2.0], "second": [4.0]})
    assert [heights(axes) for axes in panels()] == [[3.0, 2.0, 1.0], [4.0]]


def test_the_digits_and_the_parameters_stand_above_each_other():
    structured_figures.cnn_chart([0, 50], {"removed": [99, 87], "zeroed": [99, 58]}, [100, 34])
    above, below = panels()
    assert lines(above) == {"removed": [99, 87], "zeroed": [99, 58]}
    assert [list(line.get_ydata()) for line in below.lines] == [[100, 34]]


def test_the_second_panel_of_the_neurons_leaves_the_random_ones_out():
    neurons = {"kept": [8, 4], "random": [20, 60], "norms": [20, 22], "mask": [20, 21]}
    structured_figures.neurons_chart(neurons, 20.0, 8, WHERE)
    every, best = (axes.get_legend_handles_labels()[1] for axes in panels())
    assert every == ["random", "by norms", "mask"] and best == ["by norms", "mask"]
    assert list(panels()[0].lines[0].get_xdata()) == [0, 50]


def test_kept_neurons_are_coloured_and_the_errors_are_percent():
    structured_figures.neurons_kept([1.0, 3.0, 2.0], 2, {"by norms": 0.25, "random": 0.5}, "block 0")
    left, right = panels()
    assert list(left.lines[0].get_ydata()) == [3.0, 2.0, 1.0] and heights(right) == [25, 50]
    assert left.get_legend_handles_labels()[1] == ["2 kept"]


def test_each_score_of_a_head_has_a_panel_of_bars():
    structured_figures.head_bars({"absolute": np.ones((2, 3)), "signed": -np.ones((2, 3))})
    assert [heights(axes) for axes in panels()] == [[1] * 6, [-1] * 6]
    assert [text.get_text() for text in panels()[0].get_xticklabels()] == ["block 0", "block 1"]


def test_random_heads_are_a_dash_a_draw_and_their_mean():
    heads = {"importance": [24, 36], "random 0": [26, 50], "random 1": [28, 54]}
    structured_figures.heads_chart(heads, 17.0, (20, 40), WHERE)
    assert lines(panels()[0]) == {"importance": [17, 24, 36], "random, mean and range": [17, 27, 52]}
    dashes = [list(line.get_ydata()) for line in panels()[0].lines if line.get_marker() == "_"]
    assert dashes == [[26, 50], [28, 54]]


def test_the_whole_models_speed_has_a_line_for_each_way_and_its_promise():
    structured_figures.speed_chart(SPEED)
    one, whole = (lines(axes) for axes in panels())
    assert one == {"promised": [1.7], "neurons": [1.6], "mask": [1.0]}
    assert {"neurons", "mask", "heads", "neurons and heads"} <= whole.keys()
    assert whole["heads"] == [1, 1.4] and len(panels()[1].lines) == 8


def test_the_table_of_speeds_has_the_dense_model_and_one_share():
    console = Console(width=120)
    with console.capture() as captured:
        console.print(structured_figures.speed_table(SPEED, 0.4))
    rows = [line.split() for line in captured.get().splitlines()]
    assert rows[2] == ["nothing", "2,000", "1.00x", "1.00x", "14.60", "16.5"]
    assert [row[0] for row in rows[3:]] == ["neurons", "mask", "heads", "neurons"]
    assert rows[3][1:3] == ["2,800", "1.40x"] and "1 thread" in captured.get()


def test_every_block_has_its_influence_and_the_perplexity_without_it():
    structured_figures.blocks_chart([0.9, 0.1], [2000, 20], 17.0, WHERE)
    assert [heights(axes) for axes in panels()] == [[0.9, 0.1], [2000, 20]]


def test_the_recipe_shows_a_dot_a_seed_the_mean_and_the_files():
    structured_figures.recipe_chart(RECIPE)
    (axes,) = panels()
    assert [list(line.get_xdata()) for line in axes.lines] == [[30, 34], [32], [24], [24]]
    assert "validation files, 14,025 tokens" in axes.get_xlabel()


def test_the_random_start_is_only_in_the_panel_with_the_log_scale():
    structured_figures.recovery_chart(RECOVERY)
    close, every = panels()
    assert max(max(line.get_ydata()) for line in close.lines) == 50 and close.get_yscale() == "linear"
    assert "labels, from random weights" in every.get_legend_handles_labels()[1]
    assert close.get_ylabel() == "perplexity, test files" and every.get_yscale() == "log"


def test_tokens_to_a_goal_lie_on_the_straight_line_between_two_points():
    assert structured_figures.tokens_to_reach([0, 100, 200], [30, 20, 18], 25) == 50
    assert structured_figures.tokens_to_reach([0, 100, 200], [30, 20, 18], 19) == 150
    assert structured_figures.tokens_to_reach([0, 100], [30, 20], 19) == float("inf")


@pytest.mark.parametrize("part", ["recipe", "recovery"])
def test_the_committed_results_can_be_drawn(part):
    matplotlib.use("Agg")
    getattr(structured_figures, f"{part}_chart")(paths.results("structured_pruning")[part])
    assert panels()

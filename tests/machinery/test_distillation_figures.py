"""The plots of notebook 03: what each of them shows."""

import matplotlib.pyplot as plt
import pytest
import torch
from pictures import no_window  # noqa: F401
from test_distillation_tables import SWEEP

from minicompress.lab import distillation_figures as figures
from minicompress.lab import plots


@pytest.fixture(autouse=True)
def drawn(no_window, monkeypatch):  # noqa: F811
    """Keep each figure's axes, left to right."""
    kept = []
    monkeypatch.setattr(plt, "show", lambda: kept.extend(plt.gcf().axes))
    return kept


def points(axes, label: str) -> list[tuple[float, float]]:
    """The points of the line with this label, before or after `label_ends` has hidden it."""
    line = next(line for line in axes.lines if line.get_label().removeprefix("_") == label)
    return [(float(x), round(float(y), 6)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def heights(axes) -> list[float]:
    return [round(float(bar.get_height()), 4) for bar in axes.patches]


def test_a_temperature_of_2_takes_the_root_of_the_odds(drawn):
    figures.temperature_chart(torch.tensor([16.0, 4.0, 1.0]).log(), {0: "a", 1: "b"}, 2.0)
    assert heights(drawn[0]) == [0.7619, 0.1905, 0.5714, 0.2857], "16/21 and 4/21, then 4/7 and 2/7"
    assert drawn[0].get_title() == "These 2 tokens hold 95% at T = 1, and 86% at T = 2"


def test_half_the_layers_is_four_curves_below_the_whole_model(drawn):
    scored = [{"step": 100, "validation_top1": 0.2}, {"step": 200, "validation_top1": 0.3}]
    figures.halves_chart(dict.fromkeys(figures.NAMES, {"scored": scored}), 0.5, "title")
    for name in figures.NAMES.values():
        assert points(drawn[0], name) == [(100, 20), (200, 30)]
    assert "the whole model" in [text.get_text() for text in drawn[0].texts]


def test_a_seed_is_a_line_from_arm_to_arm_and_both_panels_show_as_many_points(drawn):
    starts = {"near": {"labels": [0.2, 0.3], "teacher": [0.25, 0.31]}, "far": {"labels": [0.01, 0.02]}}
    starts["far"]["teacher"] = [0.02, 0.03]
    figures.seeds_chart(starts, "title")
    assert points(drawn[0], "seed 1") == [(0, 30), (1, 31)] and points(drawn[1], "seed 0") == [(0, 1), (1, 2)]
    spans = [high - low for low, high in (axes.get_ylim() for axes in drawn)]
    assert spans[0] == pytest.approx(spans[1]) and spans[0] > 11


def test_the_sweep_shows_means_of_gains_within_a_seed(drawn):
    figures.sweep_chart(SWEEP)
    assert points(drawn[0], "α = 0.7")[0] == (1.0, 2.0) and points(drawn[1], "α = 0.7")[0] == (1.0, 2.0)


def test_the_ends_of_the_divergences_are_no_points_of_the_curve(drawn):
    figures.beta_chart([0, 0.5, 1], [0.5, 0.1, 0.6], "title")
    curve, ends = drawn[0].lines
    assert list(curve.get_ydata()) == [0.1] and list(ends.get_ydata()) == [0.5, 0.6]


def test_recipes_leave_out_the_untrained_student(drawn):
    paper = {"scored": [{"step": 50, "masked_accuracy": 0.4}, {"step": 100, "masked_accuracy": 0.45}]}
    figures.recipes_chart({"untrained": {}, "paper": paper}, 0.5, "title")
    assert points(drawn[0], "paper") == [(50, 40), (100, 45)] and len(drawn[0].lines) == 2


def test_bars_stand_beside_named_levels(drawn):
    with plots.chart("title", "x", "y") as axes:
        figures.bars_with_levels(axes, {"0,1": 12.0, "0,2": 15.0}, {"whole": 42.0})
    assert heights(drawn[0]) == [12.0, 15.0]
    assert [text.get_text() for text in drawn[0].texts] == ["12", "15", "whole"]

"""The plots of notebook 07: which points each of them shows."""

import matplotlib
import pytest
from test_llm_tables import DENSE, MIXED, both

from minicompress.lab import llm_figures


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Draw into memory and keep each figure's axes, left to right."""
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    kept = []
    monkeypatch.setattr(matplotlib.pyplot, "show", lambda: kept.extend(matplotlib.pyplot.gcf().axes))
    yield kept
    matplotlib.pyplot.close("all")
    matplotlib.use(before)


def points(axes, label: str) -> list[tuple[float, float]]:
    """The points of the line that has this label."""
    line = next(line for line in axes.lines if line.get_label() == label)
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


def test_pruning_is_shown_as_times_the_dense_perplexity_beside_the_papers_model(drawn):
    llm_figures.pruning_chart({"rows": DENSE + both("table", "Wanda", 20.0, 12.0, **MIXED)})
    english, code, papers = drawn
    assert points(english, "Wanda") == [(0, 1), (50, 2)] and points(code, "Wanda") == [(0, 1), (50, 1.5)]
    assert points(papers, "Wanda") == [(0, 1), (50, 7.26 / 5.68), (70, 85.77 / 5.68)]


def test_two_of_four_is_no_point_of_the_curves_of_any_place(drawn):
    llm_figures.pruning_chart({"rows": DENSE + both("table", "Wanda", 20.0, 12.0, pattern="2:4")})
    assert points(drawn[0], "Wanda") == [(0, 1)]


def test_loudness_has_a_dash_for_each_different_input_of_a_block(drawn):
    block = {f"model.layers.0.self_attn.{kind}_proj": 2.0 for kind in "qkvo"}
    block |= {f"model.layers.0.mlp.{kind}_proj": 3.0 for kind in ("gate", "up", "down")}
    llm_figures.loudness_chart({"largest_norm_over_median": {"teacher": block, "smollm2": block}})
    assert [y for _, y in points(drawn[0], "teacher")] == [2.0, 2.0, 3.0, 3.0]
    assert [text.get_text() for text in drawn[0].get_xticklabels()] == list(llm_figures.INPUTS)


def test_bits_have_a_curve_for_rows_and_one_for_groups(drawn):
    rows = list(DENSE)
    for pattern, perplexity in (
        ("4 bits, rows", 20.0),
        ("8 bits, rows", 10.0),
        ("4 bits, groups of 32", 12.0),
    ):
        rows += both("bits", "quantized", perplexity, 9.0, pattern=pattern, sparsity=None)
    llm_figures.bits_chart({"rows": rows})
    assert points(drawn[0], "a scale for rows") == [(4, 20), (8, 10)]
    assert points(drawn[0], "a scale for groups of 32") == [(4, 12)]


def test_low_rank_is_shown_against_what_is_gone(drawn):
    rows = both("low_rank", "low rank, plain", 50.0, 40.0, pattern="rank", sparsity=0.2)
    rows += both("low_rank", "low rank, whitened", 15.0, 12.0, pattern="rank", sparsity=0.2)
    llm_figures.low_rank_chart({"rows": DENSE + rows})
    assert points(drawn[1], "low rank, plain") == [(20, 40)]
    assert points(drawn[1], "low rank, whitened") == [(20, 12)]


def test_calibration_lengths_leave_out_what_read_one_text_only(drawn):
    rows = both("table", "Wanda", 20.0, 15.0, **MIXED)
    rows += both("calibration", "Wanda", 21.0, 16.0, calibration="1024 tokens, half English, half code")
    rows += both("calibration", "Wanda", 19.0, 17.0, calibration="8192 tokens, English")
    llm_figures.calibration_chart({"rows": DENSE + rows})
    assert points(drawn[0], "Wanda") == [(1024, 21), (8192, 20)]


def test_the_map_shows_megabytes_and_percent_and_the_download(drawn):
    rows = both("bits", "quantized", 11.0, 9.0, pattern="8 bits, rows", accuracy_kept=0.9)
    for part in ("low_rank", "structured", "recovery", "combined"):
        rows += both(part, part, 99.0, 99.0, pattern="any", accuracy_kept=0.1)
    llm_figures.map_chart({"rows": DENSE + rows}, download=96_000_000)
    assert points(drawn[0], "quantized") == [(100, 90)] and points(drawn[0], "dense") == [(200, 100)]
    assert "the download" in [text.get_text() for text in drawn[0].texts]


def test_what_was_cut_out_is_shown_by_the_share_that_is_gone_and_what_was_taught_apart(drawn):
    rows = list(DENSE)
    for share, pattern in ((0.1, "10% of the neurons"), (0.2, "20% of the neurons"), (0.07, "2 blocks")):
        rows += both("structured", "structured", 20.0, 12.0, pattern=pattern, sparsity=share)
    rows += both("structured", "structured", 14.0, 12.0, pattern="20% of the quiet neurons", sparsity=0.2)
    taught = {"pattern": "20% of the quiet neurons, 100 updates", "sparsity": 0.2}
    rows += both("recovery", "structured, taught", 15.0, 11.0, **taught)
    llm_figures.structured_chart({"rows": rows})
    assert points(drawn[0], "neurons, by their weights") == [(10, 20), (20, 20)]
    assert points(drawn[0], "neurons, by activations") == [(20, 14)]
    assert points(drawn[0], "blocks") == [(pytest.approx(7), 20)]
    assert points(drawn[1], "neurons, then taught") == [(20, 11)]

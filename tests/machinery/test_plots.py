"""The plots: what a chart shows, and the picture of a ledger."""

import importlib

import matplotlib
import pictures
import pytest
from matplotlib.text import Text

from minicompress.lab import plots, style


@pytest.fixture(autouse=True)
def no_window():
    """Draw into memory, wherever the tests run, and leave the backend as it was."""
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    matplotlib.pyplot.close("all")
    matplotlib.use(before)


def test_importing_the_plots_leaves_a_notebooks_backend_alone(monkeypatch):
    with monkeypatch.context() as patched:  # over before the fixture gives the backend back
        patched.setattr(matplotlib, "use", lambda *_, **__: pytest.fail("the backend was changed"))
        importlib.reload(plots)


def test_a_chart_is_labelled_and_explains_its_curves():
    with plots.chart("title", "x", "y", yscale="log", ylim=(None, 100)) as axes:
        plots.curves(axes, [1, 2, 3], {"first": [1, 10, 50], "second": [2, 20, 60]})
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("title", "x", "y")
    assert axes.get_yscale() == "log" and axes.get_ylim()[1] == 100
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["first", "second"]


def test_a_chart_without_names_has_no_legend():
    with plots.chart("title", "x", "y") as axes:
        axes.plot([1, 2], [1, 2])
    assert axes.get_legend() is None


def test_more_curves_than_styles_are_all_drawn():
    with plots.chart("title", "x", "y") as axes:
        plots.curves(axes, [0, 1], {str(number): [number, number] for number in range(5)}, ("k-o", "k--s"))
    assert len(axes.lines) == 5


@pytest.mark.parametrize("yscale", ["linear", "log"])
def test_labels_at_the_ends_replace_the_legend_are_tied_in_the_lines_colours_and_do_not_overlap(yscale):
    named = {"lowest": [9, 1], "same": [2, 10], "again": [1, 10], "highest": [1, 10.1]}
    with plots.panels(1, 1, size=(style.NARROW, 2.5)) as (axes,):
        plots.curves(axes, [1, 2], named)
        axes.set(yscale=yscale)
        plots.label_ends(axes)
    assert pictures.problems(axes.figure) == []
    assert sorted(pictures.words()) == sorted(named) and not axes.get_legend_handles_labels()[1]
    colours = {line.get_label().strip("_"): line.get_color() for line in axes.lines}
    tied = {text.get_text(): text.arrow_patch.get_edgecolor() for text in axes.texts}
    assert tied == {name: matplotlib.colors.to_rgba(colour) for name, colour in colours.items()}
    assert len(set(colours.values())) == 4


def test_labels_at_the_ends_stand_in_the_order_of_the_ends():
    with plots.panels(1, 1, size=(style.NARROW, 2.5)) as (axes,):
        plots.curves(axes, [1, 2], {"high": [1, 3], "low": [1, 1], "middle": [1, 2]})
        plots.label_ends(axes)
    axes.figure.canvas.draw()
    heights = {text.get_text(): Text.get_window_extent(text).y0 for text in axes.texts}
    assert sorted(heights, key=heights.get) == ["low", "middle", "high"]


def test_a_chart_is_drawn_in_the_style_of_the_diagrams():
    with plots.chart("title", "x", "y") as axes:
        plots.curves(axes, [1, 2], {"a": [1, 2], "b": [2, 1]})
    assert axes.figure.dpi == style.DOTS_PER_INCH and axes.figure.get_figwidth() == style.WIDE
    assert axes.get_facecolor() == matplotlib.colors.to_rgba(style.GROUND)
    colours = [matplotlib.colors.to_hex(line.get_color(), keep_alpha=False) for line in axes.lines]
    assert colours == [colour.lower() for colour in style.PALETTE[:2]]


def test_each_default_curve_has_a_marker_of_its_own():
    with plots.chart("title", "x", "y") as axes:
        plots.curves(axes, [1, 2], {str(number): [1, number] for number in range(len(plots.STYLES))})
    assert len({line.get_marker() for line in axes.lines}) == len(style.PALETTE) == len(plots.STYLES)


def test_panels_come_row_by_row():
    with plots.panels(2, 3, size=(6, 4)) as panels:
        places = [axes.get_subplotspec().num1 for axes in panels]
    assert places == [0, 1, 2, 3, 4, 5]


def test_a_matrix_shows_its_texts_in_their_rows_and_columns():
    with plots.chart("title", "x", "y") as axes:
        plots.matrix(axes, [[0, 1], [1, 0]], [["a", "b"], ["c", "d"]], darkest=1)
    assert {text.get_text(): text.get_position() for text in axes.texts} == {
        "a": (0, 0),
        "b": (1, 0),
        "c": (0, 1),
        "d": (1, 1),
    }


def test_a_logarithmic_axis_has_ticks_where_it_was_asked_for_and_nowhere_else():
    with plots.chart("title", "x", "y") as axes:
        axes.plot([16, 256], [1, 2])
        plots.log_ticks(axes, [16, 64, 256])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["16", "64", "256"]
    assert not len(axes.xaxis.get_minorticklocs())


@pytest.mark.parametrize(
    "name, short", [("model.layers.0.self_attn.q_proj", "0.q"), ("mlp.down_proj", "down"), ("o_proj", "o")]
)
def test_a_layers_name_is_shortened(name, short):
    assert plots.short_name(name) == short


def test_the_picture_of_a_ledger_is_a_png(tmp_path):
    record = {"name": "teacher", "file_bytes": 1000, "ratio": 1.0}
    record |= {"accuracy_kept": 1.0, "accuracy_kept_interval": [0.9, 1.0]}
    smaller = record | {"name": "smaller", "file_bytes": 100, "ratio": 10.0, "accuracy_kept": 0.95}
    plots.plot_ledger([record, smaller], tmp_path / "ledger.png")
    assert (tmp_path / "ledger.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.png"]


def test_a_legend_below_stands_under_all_panels_and_is_not_cut_off():
    with plots.panels(1, 2, size=(style.WIDE, 3)) as axes_of:
        for axes in axes_of:
            plots.curves(axes, [1, 2], {"first": [1, 2], "second": [2, 1]})
            axes.set(xlabel="x")
        plots.legend_below(axes_of[0], columns=2)
    (legend,) = axes_of[0].figure.legends
    box = legend.get_window_extent()
    assert box.y0 >= 0 and all(box.y1 <= axes.get_tightbbox().y0 + 1 for axes in axes_of)


def test_groups_of_marks_are_named_beside_one_of_them_without_covering_others():
    with plots.panels(1, 1, size=(style.WIDE, 3)) as (axes,):
        axes.plot([1, 2, 3], [1, 2, 3], "C0o", label="rising")
        axes.plot([1, 2, 3], [3, 2.1, 1], "C1s", label="falling")
        axes.set(xlim=(0, 4), ylim=(0, 4))
        plots.label_groups(axes)
    assert pictures.collisions(axes.figure) == [] and sorted(pictures.words()) == ["falling", "rising"]
    assert not axes.get_legend_handles_labels()[1]
    ends = {text.get_text(): tuple(round(float(place), 3) for place in text.xy) for text in axes.texts}
    assert ends["rising"] in [(1, 1), (2, 2), (3, 3)] and ends["falling"] in [(1, 3), (2, 2.1), (3, 1)]

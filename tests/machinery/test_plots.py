"""The plots: what a chart shows, and the picture of a ledger."""

import importlib

import matplotlib
import pytest

from minicompress.lab import plots


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

"""A slider where one can be moved, and a still picture elsewhere."""

import importlib.machinery
import sys
from types import ModuleType, SimpleNamespace

import pytest

from minicompress.lab import sliders
from minicompress.lab.sliders import slider

SHARES = [0, 0.25, 0.5]


@pytest.fixture
def drawn() -> list[float]:
    return []


@pytest.fixture
def front_end(monkeypatch):
    """A kernel that JupyterLab looks at."""
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/01_pruning.ipynb")
    return shell


@pytest.fixture
def widgets(monkeypatch) -> list:
    """A module in the place of ipywidgets; what is displayed."""
    displayed = []
    fake = ModuleType("ipywidgets")
    fake.__spec__ = importlib.machinery.ModuleSpec("ipywidgets", None)
    fake.SelectionSlider = lambda **given: SimpleNamespace(**given)

    def interactive_output(draw, controls):
        draw(**{name: control.value for name, control in controls.items()})
        return SimpleNamespace(move=lambda value: draw(value=value))

    fake.interactive_output = interactive_output
    monkeypatch.setitem(sys.modules, "ipywidgets", fake)
    monkeypatch.setattr("IPython.display.display", lambda *shown: displayed.extend(shown))
    return displayed


def test_in_a_front_end_a_slider_stands_above_the_picture_of_the_start(front_end, widgets, drawn):
    slider(drawn.append, "sparsity", SHARES, 0.25)
    control, _ = widgets
    assert drawn == [0.25] and control.value == 0.25 and control.description == "sparsity"
    assert control.options == [("0", 0), ("0.25", 0.25), ("0.5", 0.5)]


def test_a_move_draws_anew(front_end, widgets, drawn):
    slider(drawn.append, "sparsity", SHARES, 0.25)
    widgets[1].move(0.5)
    assert drawn == [0.25, 0.5]


def test_without_ipywidgets_there_is_a_still_picture(front_end, drawn, monkeypatch):
    monkeypatch.setattr(sliders.importlib.util, "find_spec", lambda name: None)
    slider(drawn.append, "bits", [2, 3, 4], 4)
    assert drawn == [4]


def test_without_a_front_end_there_is_a_still_picture(front_end, widgets, drawn, monkeypatch):
    """nbclient and nbconvert run a kernel too, and nobody can move anything in what they save."""
    monkeypatch.delenv("JPY_SESSION_NAME")
    monkeypatch.delenv("VSCODE_PID", raising=False)
    slider(drawn.append, "rank", [1, 2], 1)
    assert drawn == [1] and not widgets


def test_in_a_terminal_there_is_a_still_picture(front_end, widgets, drawn):
    del front_end.kernel
    slider(drawn.append, "temperature", [1, 2], 1)
    assert drawn == [1] and not widgets


@pytest.mark.parametrize("values", [[], [1, 2]])
def test_a_start_that_is_no_value_is_refused(values, drawn):
    with pytest.raises(ValueError, match="got 3"):
        slider(drawn.append, "bits", values, 3)
    assert not drawn

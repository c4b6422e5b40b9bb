"""A slider above a picture, in a notebook with ipywidgets; one still picture everywhere else.

ipywidgets is an extra (`make extras`). Committed notebooks and tests run without a reader who could move
anything: there the picture of the start value stands.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence

# JupyterLab and VS Code each set one for a kernel that somebody looks at; nbclient and nbconvert set neither.
FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID")


def slider(draw: Callable[[float], object], name: str, values: Sequence[float], start: float) -> None:
    """Draw `draw(value)` anew for each value that the reader chooses, beginning with `start`.

    draw: draws and shows a picture, or prints. name: what stands beside the slider, say "sparsity". values:
    the numbers to choose from, in their order. Where no slider can be shown, `draw(start)` is called once.
    ValueError: no values, or a start that is none of them.
    """
    values = list(values)
    if start not in values:
        raise ValueError(f"the start must be one of the values {values}, got {start}")
    if can_slide():
        show_slider(draw, name, values, start)
    else:
        draw(start)


def can_slide() -> bool:
    """Whether ipywidgets is installed, and a kernel runs this for a front end."""
    if "IPython" not in sys.modules or not any(name in os.environ for name in FRONT_ENDS):
        return False
    shell = sys.modules["IPython"].get_ipython()
    return hasattr(shell, "kernel") and importlib.util.find_spec("ipywidgets") is not None


def show_slider(draw: Callable[[float], object], name: str, values: list[float], start: float) -> None:
    """Draw when the slider is let go: a picture takes longer than a move of the hand."""
    import ipywidgets
    from IPython.display import display

    options = [(f"{value:g}", value) for value in values]
    control = ipywidgets.SelectionSlider(
        options=options, value=start, description=name, continuous_update=False
    )
    picture = ipywidgets.interactive_output(lambda value: draw(value), {"value": control})
    display(control, picture)

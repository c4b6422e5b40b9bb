"""Diagrams of ideas for the notebooks, in the style of the plots: black and gray, clear without colour."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from minicompress.lab import plots

BOX = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "black"}
FORWARD = {"arrowstyle": "-|>", "color": "black", "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
BACKWARD = FORWARD | {"color": "dimgray", "linestyle": "--"}


def rounding_grid(weights: Sequence[float], largest: int, scale: float) -> None:
    """Show what training on a grid does: the staircase with some weights, and the way of the gradient.

    The grid has the values -largest..largest times the scale; weights beyond them are clipped.
    """
    with plots.panels(1, 2, size=(9.5, 3.8)) as (stairs, way):
        _draw_stairs(stairs, np.asarray(weights, dtype=float), largest, scale)
        _draw_way(way)


def _draw_stairs(axes: Axes, weights: np.ndarray, largest: int, scale: float) -> None:
    """The values as steps, the line that the gradient follows, and each weight on its way to its value."""
    edge = largest * scale
    reach = max(edge + scale, 1.1 * np.abs(weights).max())
    levels = np.arange(-largest, largest + 1) * scale
    left, right = levels - scale / 2, levels + scale / 2
    left[0], right[-1] = -reach, reach
    axes.hlines(levels, left, right, color="black", linewidth=2, label="forward: the value")
    bent = [-edge, -edge, edge, edge]
    axes.plot(
        [-reach, -edge, edge, reach], bent, "--", color="dimgray", label="backward: the slope of this line"
    )
    clipped = weights.clip(-edge, edge)
    values = (clipped / scale).round() * scale
    inside = np.abs(weights) <= edge
    axes.plot(weights[inside], clipped[inside], "ko", label="a weight, gradient 1")
    axes.plot(weights[~inside], clipped[~inside], "kx", markersize=9, label="a clipped weight, gradient 0")
    for x, start, end in zip(weights, clipped, values, strict=True):
        if start != end:
            axes.annotate("", (x, end), (x, start), arrowprops=FORWARD)
    axes.set(title="The grid", xlabel="weight", ylabel="value that the model computes with", yticks=levels)
    axes.legend(fontsize=8, loc="upper left")
    axes.set_ylim(-edge - scale, edge + 2 * scale)  # room for the legend


def _draw_way(axes: Axes) -> None:
    """Forward through clipping and rounding to the loss; backward past the rounding."""
    places = {"weight": 0.0, "clip": 1.0, "round": 2.0, "loss": 3.0}
    for name, x in places.items():
        axes.text(x, 0, name, ha="center", va="center", bbox=BOX)
    for x in (0, 1, 2):
        axes.annotate("", (x + 0.72, 0), (x + 0.28, 0), arrowprops=FORWARD)
    past = BACKWARD | {"connectionstyle": "arc3,rad=-0.4"}
    axes.annotate("", (1.08, -0.25), (2.95, -0.25), arrowprops=past)
    axes.annotate("", (0.05, -0.25), (0.95, -0.25), arrowprops=past)
    axes.text(1.5, 0.4, "forward: the loss of the rounded weights", ha="center")
    axes.text(2.0, -1.0, "straight through:\nas if nothing were rounded", ha="center", va="top", fontsize=9)
    axes.text(0.45, -0.75, "× 1 within the edges,\n× 0 beyond", ha="center", va="top", fontsize=9)
    axes.set(title="The way of the gradient", xlim=(-0.5, 3.5), ylim=(-1.7, 0.9))
    axes.axis("off")

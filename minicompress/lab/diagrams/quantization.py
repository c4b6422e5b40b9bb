"""The diagram of notebook 05: the grid that weights are rounded to, and the way of the gradient past it."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from minicompress.lab import style
from minicompress.lab.diagrams.shapes import BACKWARD, FORWARD, PLAIN, arrow, cell, write

DASHED = {"linestyle": "--", "color": style.FAINT, "linewidth": 1}


def rounding_grid(weights: Sequence[float] = (4, -2, 2, 1), largest: int = 1, scale: float = 3) -> None:
    """Show what training on a grid does: the staircase with some weights, and the way of the gradient.

    The grid has the values -largest..largest times the scale; weights beyond them are clipped.
    """
    with style.applied():
        shape = {"figsize": (style.WIDE, 5.6), "height_ratios": (3.6, 2), "layout": "constrained"}
        _, (stairs, way) = plt.subplots(2, 1, **shape)
        _draw_stairs(stairs, np.asarray(weights, dtype=float), largest, scale)
        _draw_way(way)
        style.show()


def _draw_stairs(axes: Axes, weights: np.ndarray, largest: int, scale: float) -> None:
    """The values as steps, the line that the gradient follows, and each weight on its way to its value."""
    edge = largest * scale
    reach = max(edge + scale, 1.1 * np.abs(weights).max())
    levels = np.arange(-largest, largest + 1) * scale
    left, right = levels - scale / 2, levels + scale / 2
    left[0], right[-1] = -reach, reach
    axes.hlines(levels, left, right, color=style.BLUE, linewidth=2.5, label="forward: the value")
    corners, bent = [-reach, -edge, edge, reach], [-edge, -edge, edge, edge]
    dashed = {"linestyle": "--", "color": style.FAINT, "label": "backward: the slope of this line"}
    axes.plot(corners, bent, **dashed)
    clipped = weights.clip(-edge, edge)
    values = (clipped / scale).round() * scale
    inside = np.abs(weights) <= edge
    axes.plot(weights[inside], clipped[inside], "o", color=style.INK, label="a weight, gradient 1")
    axes.plot(
        weights[~inside],
        clipped[~inside],
        "X",
        color=style.RED,
        markersize=9,
        label="a clipped weight, gradient 0",
    )
    for x, start, end in zip(weights, clipped, values, strict=True):
        if start != end:
            axes.annotate("", (x, end), (x, start), arrowprops=FORWARD)
    axes.set(xlabel="weight", ylabel="value the model computes with", yticks=levels)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def _draw_way(axes: Axes) -> None:
    """Forward through clipping and rounding to the loss; backward past the rounding. The unit is an inch."""
    for place, name in enumerate(("weight", "clip", "round", "loss")):
        cell(axes, (0.15 + 1.75 * place, 0.5), (1.05, 0.38), name, PLAIN)
        if place:
            arrow(axes, (1.75 * place - 0.55, 0.69), (1.75 * place + 0.15, 0.69))
    for start, end, bottom in ((5.92, 2.6, 1.2), (2.25, 0.68, 1.2)):
        axes.plot([start, start, end], [0.88, bottom, bottom], **DASHED)
        arrow(axes, (end, bottom), (end, 0.88), BACKWARD)
    write(axes, 3.3, 0.2, "forward: the loss of the rounded weights", "center")
    write(axes, 4.26, 1.4, "straight through, as if nothing were rounded", "center")
    write(axes, 0.15, 1.4, "× 1 within, × 0 beyond")
    axes.set(xlim=(0, 6.6), ylim=(1.6, 0))
    axes.axis("off")

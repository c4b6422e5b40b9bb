"""The diagrams of notebook 05: two integers in a byte, the grid of rounding and the way of the gradient."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from minicompress.lab import style
from minicompress.lab.diagrams.shapes import (
    BACKWARD,
    FORWARD,
    GONE,
    KEPT,
    OTHER,
    PLAIN,
    arrow,
    canvas,
    cell,
    row,
    write,
)

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


def two_in_a_byte(values: Sequence[int] = (-8, 7, 0)) -> None:
    """Show how four-bit integers share bytes: plus 8, as four bits, the first of two in the low half.

    values: one to four integers. ValueError: more or none of them, one outside -8..7.
    """
    values = list(values)
    if not 1 <= len(values) <= 4 or not all(-8 <= value <= 7 for value in values):
        raise ValueError(f"1 to 4 integers of -8..7 are drawn, got {values}")
    with canvas(style.NARROW, 2.15) as axes:
        for place in range(0, len(values), 2):
            _draw_byte(axes, 0.15 + 1.1 * place, values[place : place + 2])


def _draw_byte(axes: Axes, x: float, pair: Sequence[int]) -> None:
    """Two integers above, the byte that they share below; a padding 0 where there is only one."""
    texts = [f"{value} + 8 = {value + 8}".replace("-", "−") for value in pair] + ["padding: 0"] * (
        2 - len(pair)
    )
    low, high = [value + 8 for value in pair] + [0] * (2 - len(pair))
    looks = (KEPT, OTHER if len(pair) == 2 else GONE)
    row(axes, (x, 0.15), (1.05, 0.36), texts, looks)
    for start, end in ((0.52, 1.58), (1.58, 0.52)):
        arrow(axes, (x + start, 0.51), (x + end, 1.0))
    row(axes, (x, 1.0), (1.05, 0.36), (f"{high:04b}", f"{low:04b}"), looks[::-1])
    write(axes, x + 0.52, 1.55, "high half", "center", color=style.FAINT)
    write(axes, x + 1.58, 1.55, "low half", "center", color=style.FAINT)
    write(axes, x + 1.05, 1.9, f"{high} · 16 + {low} = {high * 16 + low}", "center")


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

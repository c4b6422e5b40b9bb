"""What diagrams are made of: a canvas measured in inches, cells, words and arrows."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from minicompress.lab import style

TEXT = 11  # points: 8 pixels where a wide picture is shown on a phone 360 pixels wide


class Look(NamedTuple):
    """How a cell is drawn. Each look differs from the others in its edge, too, not in colour alone."""

    face: str
    edge: str
    text: str = style.INK
    line: str = "-"
    width: float = 1.0


PLAIN = Look("white", style.INK)
KEPT = Look("#cfe4f3", style.BLUE, width=2.2)
GONE = Look(style.GROUND, style.FAINT, text=style.FAINT, line="--")
QUIET = Look("#ececea", style.FAINT)
OTHER = Look("#fbe3bd", "#8a5a00", width=1.6)

FORWARD = {"arrowstyle": "-|>", "color": style.INK, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
BACKWARD = FORWARD | {"color": style.FAINT, "linestyle": "--"}
LINE = FORWARD | {"arrowstyle": "-"}


@contextlib.contextmanager
def canvas(width: float, height: float) -> Iterator[Axes]:
    """Yield axes whose unit is one inch, from the upper left corner; show the figure afterwards."""
    with style.applied():
        figure = plt.figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        yield axes
        style.show()


def cell(
    axes: Axes, corner: tuple[float, float], size: tuple[float, float], text: str, look: Look = PLAIN
) -> None:
    """Draw a rectangle from its upper left corner, with a text in its middle."""
    (x, y), (width, height) = corner, size
    edge = {"edgecolor": look.edge, "linewidth": look.width, "linestyle": look.line}
    axes.add_patch(Rectangle(corner, width, height, facecolor=look.face, **edge))
    if text:
        write(axes, x + width / 2, y + height / 2, text, ha="center", color=look.text)


def row(
    axes: Axes,
    corner: tuple[float, float],
    size: tuple[float, float],
    texts: Sequence[str],
    looks: Sequence[Look],
) -> None:
    """Draw one cell a text, side by side."""
    x, y = corner
    for number, (text, look) in enumerate(zip(texts, looks, strict=True)):
        cell(axes, (x + number * size[0], y), size, text, look)


def write(axes: Axes, x: float, y: float, text: str, ha: str = "left", **settings: object) -> None:
    """Write a text, its middle at the height `y`. settings: what `Axes.text` takes."""
    axes.text(x, y, text, ha=ha, va="center", **({"fontsize": TEXT} | settings))


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], kind: dict = FORWARD) -> None:
    """Draw an arrow. kind: FORWARD, BACKWARD (dashed), LINE (without a head)."""
    axes.annotate("", end, start, arrowprops=kind)


def number(value: float) -> str:
    """A number with up to three digits and a true minus sign."""
    return f"{value:.3g}".replace("-", "−") if value else "0"


def lowest(scores: Sequence[float], count: int) -> set[int]:
    """The places of the `count` lowest scores; of equal ones the first."""
    return set(sorted(range(len(scores)), key=scores.__getitem__)[:count])  # sorted is stable

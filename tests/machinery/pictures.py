"""What a picture says, and whether it can be read: for the tests of diagrams and plots."""

import itertools
import re
from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.text import Annotation, Text

from minicompress.lab import style

PHONE = 360  # pixels of width
INKS = (style.GROUND, style.INK, style.FAINT, "#ffffff")
PALETTE = {colour.lower() for colour in (*style.PALETTE, *INKS)}


@pytest.fixture(autouse=True)
def no_window() -> Iterator[None]:
    """Draw into memory, wherever the tests run, and leave the backend as it was."""
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    plt.close("all")
    matplotlib.use(before)


def words() -> list[str]:
    """All texts of the current figure, in the order in which they were written."""
    return [text.get_text() for text in _texts(plt.gcf())]


def cells(look) -> list[str]:
    """What stands in the cells that have this look, in the order in which they were drawn."""
    return [
        text
        for patch, text in _cells(plt.gcf())
        if (patch.get_edgecolor(), patch.get_linestyle()) == _edge(look) and text
    ]


def arrows() -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """(start, end) of each arrow of the current figure, rounded to hundredths."""
    return [
        tuple(tuple(round(float(place), 2) for place in point) for point in (text.xyann, text.xy))
        for axes in plt.gcf().axes
        for text in axes.texts
        if isinstance(text, Annotation) and text.arrow_patch
    ]


def colours(path) -> set[str]:
    """The colours of an SVG, as "#rrggbb"."""
    return set(re.findall(r"#[0-9a-f]{6}\b", path.read_text(encoding="utf-8")))


def _edge(look) -> tuple:
    sample = Rectangle((0, 0), 1, 1, edgecolor=look.edge, linestyle=look.line)
    return sample.get_edgecolor(), sample.get_linestyle()


def _texts(figure: Figure) -> list[Text]:
    return [text for axes in figure.axes for text in axes.texts if text.get_text()]


def _cells(figure: Figure) -> list[tuple[Rectangle, str]]:
    """Each rectangle with the text whose middle lies in its middle."""
    found = []
    for axes in figure.axes:
        for patch in axes.patches:
            middle = (patch.get_x() + patch.get_width() / 2, patch.get_y() + patch.get_height() / 2)
            at = [text for text in axes.texts if _equal(text.get_position(), middle)]
            found.append((patch, at[0].get_text() if at else ""))
    return found


def _equal(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) < 1e-9 for a, b in zip(one, other, strict=True))


def problems(figure: Figure) -> list[str]:
    """Why this figure cannot be read: cut off, overlapping, crossed, or too small on a phone."""
    figure.canvas.draw()
    found, texts = [], _texts(figure)
    boxes = {text: Text.get_window_extent(text).padded(-1) for text in texts}
    for text, box in boxes.items():
        if box.x0 < 0 or box.y0 < 0 or box.x1 > figure.bbox.width or box.y1 > figure.bbox.height:
            found.append(f"cut off: {text.get_text()!r}")
        pixels = text.get_fontsize() / 72 * PHONE / figure.get_figwidth()
        if pixels < 7.5:
            found.append(f"{pixels:.1f} pixels on a phone: {text.get_text()!r}")
    for (one, first), (two, second) in itertools.combinations(boxes.items(), 2):
        if first.overlaps(second):
            found.append(f"overlap: {one.get_text()!r} and {two.get_text()!r}")
    for axes in figure.axes:
        found += _crossed(axes, boxes)
    return found


def collisions(figure: Figure) -> list[str]:
    """The same for a plot as wide as a page: what is cut off, and what overlaps."""
    return [problem for problem in problems(figure) if problem.startswith(("cut off", "overlap"))]


def _crossed(axes, boxes: dict) -> list[str]:
    """Texts that the edge of a cell, an arrow or a line runs through."""
    found = []
    edges = [patch.get_window_extent() for patch in axes.patches]
    paths = [text.arrow_patch for text in axes.texts if isinstance(text, Annotation) and text.arrow_patch]
    paths = [path.get_path().transformed(path.get_transform()) for path in paths]
    paths += [line.get_path().transformed(line.get_transform()) for line in axes.lines]
    pieces = [Path(points) for path in paths for points in path.to_polygons(closed_only=False)]
    for text, box in boxes.items():
        inside = [
            edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1
            for edge in edges
        ]
        if any(edge.overlaps(box) and not within for edge, within in zip(edges, inside, strict=True)):
            found.append(f"beyond the edge of a cell: {text.get_text()!r}")
        if any(path.intersects_bbox(box, filled=False) for path in pieces):
            found.append(f"crossed by a line: {text.get_text()!r}")
    return found

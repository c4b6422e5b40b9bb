"""Plots for the command line and the notebooks: labelled, in one style, readable without colour."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minicompress.lab import style
from minicompress.lab.files import atomic_write

BARS = {"color": "#cfe4f3", "edgecolor": style.BLUE}
DASHED = {"color": style.INK, "linestyle": "--", "linewidth": 0.8}
STYLES = ("C0-o", "C1--s", "C2:^", "C3-.D", "C4-X", "C5--v", "C6:P")  # colour, dashes and marker say the same


@contextlib.contextmanager
def panels(rows: int, columns: int, size: tuple[float, float], sharey: bool = False) -> Iterator[np.ndarray]:
    """Yield `rows` x `columns` axes, row by row, to draw on; show the figure afterwards.

    size: width and height in inches; `style.WIDE` and `style.NARROW` are the two widths of the course.
    """
    with style.applied():
        figure, grid = plt.subplots(rows, columns, figsize=size, sharey=sharey, squeeze=False)
        yield grid.flatten()  # [rows * columns]
        below = [legend.get_window_extent().height for legend in figure.legends]
        figure.tight_layout(rect=(0, max(below, default=0) / figure.bbox.height, 1, 1))
        style.show()


@contextlib.contextmanager
def chart(
    title: str,
    xlabel: str,
    ylabel: str,
    size: tuple[float, float] = (style.WIDE, 3.4),
    legend: Mapping[str, object] | None = None,
    **settings: object,
) -> Iterator[Axes]:
    """Yield axes to draw on; afterwards label them, explain what has a label, and show the figure.

    legend: what `Axes.legend` takes, for instance its place. settings: what `Axes.set` takes, for instance
    `yscale="log"`; they are applied after the drawing, so that a limit of None is the drawing's own.
    """
    with panels(1, 1, size) as (axes,):
        yield axes
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel, **settings)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(**legend or {})


def curves(
    axes: Axes, x: Sequence[float], named: Mapping[str, Sequence[float]], styles: Iterable[str] = STYLES
) -> None:
    """Draw one labelled line a name over the same `x`; the styles are used in turn."""
    for (name, values), look in zip(named.items(), itertools.cycle(styles), strict=False):
        axes.plot(x, values, look, markersize=5, linewidth=1, label=name)


def label_ends(axes: Axes) -> None:
    """Write each labelled line's label at its right end instead of a legend, tied to it in the line's colour.

    Labels that would overlap are moved apart. Call it last in a `panels` block, after `axes.set`: scales and
    limits decide where the lines end.
    """
    axes.figure.tight_layout()  # from here on only the width changes, by what the labels need
    lines = [line for line in axes.lines if not line.get_label().startswith("_") and len(line.get_xdata())]
    point = axes.figure.dpi / 72  # pixels
    ends = {line: axes.transData.transform(line.get_xydata()[-1]) / point for line in lines}
    lowest = -np.inf  # points: where the next label may stand
    for line, (_, y) in sorted(ends.items(), key=lambda item: item[1][1]):
        height = max(y, lowest)
        lowest = height + 1.25 * plt.rcParams["font.size"]
        tie = {"arrowstyle": "-", "color": line.get_color(), "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 4}
        tie |= {"linewidth": 0.8, "linestyle": (0, (1, 2))}  # thin dots: a curve that went on would be data
        beside = {"xytext": (1.02, height - y), "textcoords": ("axes fraction", "offset points")}
        axes.annotate(
            line.get_label(),
            line.get_xydata()[-1],
            annotation_clip=False,
            arrowprops=tie,
            va="center",
            **beside,
        )
        line.set_label("_" + line.get_label())


def legend_below(axes: Axes, columns: int) -> None:
    """Explain the lines of one panel in a legend below all panels of its figure.

    Call it in a `panels` block, which makes room for it.
    """
    named = axes.get_legend_handles_labels()
    axes.figure.legend(*named, loc="lower center", ncols=columns, handletextpad=0.5, columnspacing=1.2)


def label_groups(axes: Axes) -> None:
    """Write each labelled group of marks beside one of them, tied to it, where it covers fewest others.

    For lines without a line style, instead of a legend. Call it last in a `panels` block, after `axes.set`.
    """
    axes.figure.tight_layout()
    size, point = plt.rcParams["font.size"], axes.figure.dpi / 72
    marked = [line for line in axes.lines if line.get_linestyle() == "None"]
    marks = np.concatenate([axes.transData.transform(line.get_xydata()) for line in marked])
    taken: list[np.ndarray] = []
    for line in sorted(marked, key=lambda line: len(line.get_xdata())):
        width, height = 0.52 * size * point * len(line.get_label()), 1.3 * size * point
        places = _places_beside(axes.transData.transform(line.get_xydata()), width, height)
        inside = [place for place in places if _inside(place[1], axes.get_window_extent().extents)]
        mark, box = min(inside or places, key=lambda place: _covered(place[1], marks, taken))
        taken.append(box)
        nearest = ((mark - box[:2]) / (box[2:] - box[:2])).clip(0, 1)  # of the box, where the tie begins
        mark, middle = axes.transData.inverted().transform([mark, (box[:2] + box[2:]) / 2])
        look = {"color": line.get_color(), "ha": "center", "va": "center"}
        tie = {
            "arrowstyle": "-",
            "color": line.get_color(),
            "linewidth": 0.6,
            "relpos": nearest,
            "shrinkA": 0,
        }
        axes.annotate(line.get_label(), mark, middle, arrowprops=tie, **look)
        line.set_label("_" + line.get_label())


def _places_beside(points: np.ndarray, width: float, height: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """(a point, a box [left, bottom, right, top] of this size near it) for each point, the nearest first."""
    places = []
    for gap in (8, 18, 30, 44):
        for x, y in points:
            lefts, lows = (
                (x - gap - width, x - width / 2, x + gap),
                (y + gap, y - height / 2, y - gap - height),
            )
            corners = [(lefts[0], lows[1]), (lefts[2], lows[1]), (lefts[1], lows[0]), (lefts[1], lows[2])]
            corners += itertools.product(lefts[::2], lows[::2])
            boxes = (np.array([left, low, left + width, low + height]) for left, low in corners)
            places += [(np.array([x, y]), box) for box in boxes]
    return places


def _inside(place: np.ndarray, box: np.ndarray) -> bool:
    return bool((place[:2] >= box[:2]).all() and (place[2:] <= box[2:]).all())


def _covered(place: np.ndarray, marks: np.ndarray, taken: Sequence[np.ndarray]) -> int:
    """How many marks and labels a label would cover there."""
    near = 4  # pixels: half a mark
    hits = (marks >= place[:2] - near) & (marks <= place[2:] + near)
    overlaps = [(place[:2] < other[2:]).all() and (place[2:] > other[:2]).all() for other in taken]
    return int(hits.all(1).sum() + sum(overlaps))


def level(axes: Axes, value: float, text: str, x: float) -> None:
    """Draw a dashed horizontal line, with a word on it at `x`."""
    axes.axhline(value, **DASHED)
    axes.annotate(text, (x, value), xytext=(0, 4), textcoords="offset points")


def gray_arrow(axes: Axes, text: str, point: tuple[float, float], up: float) -> None:
    """Point in gray at somebody else's figure, from `up` points above it, or below it when negative."""
    arrow = {"arrowstyle": "-|>", "color": style.FAINT, "linewidth": 0.6}
    words = {"color": style.FAINT, "fontsize": 8, "ha": "center", "arrowprops": arrow}
    axes.annotate(text, point, xytext=(0, up), textcoords="offset points", **words)


def log_ticks(axes: Axes, places: Sequence[float]) -> None:
    """Make the x axis logarithmic, with ticks at these places only, written as plain numbers."""
    axes.set(xscale="log", xticks=places, xticklabels=places)
    axes.minorticks_off()


def short_name(name: str) -> str:
    """A layer's name as it fits under a tick: "model.layers.0.self_attn.q_proj" becomes "0.q"."""
    for part in ("model.layers.", "self_attn.", "mlp.", "_proj"):
        name = name.replace(part, "")
    return name


def layer_ticks(axes: Axes, names: Iterable[str]) -> None:
    """Name the places 0, 1, 2, ... of the x axis after layers."""
    shorter = [short_name(name) for name in names]
    axes.set_xticks(range(len(shorter)), shorter, rotation=60, ha="right")


def matrix(axes: Axes, shades: np.ndarray, texts: Sequence[Sequence[str]], darkest: float) -> None:
    """Draw a matrix as gray squares, from white at 0 to black at `darkest`, with a text in each.

    shades: [rows, columns], an array or a tensor; texts: as many strings.
    """
    axes.imshow(shades, cmap="Greys", vmin=0, vmax=darkest)
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            axes.text(column, row, text, ha="center", va="center")


def plot_ledger(ledger: list[dict], path: Path) -> None:
    """Write a picture of a ledger: accuracy kept, with its 95% interval, against file bytes; the goal is a
    dashed cross.
    """
    with style.applied():
        figure = Figure(figsize=(8, 4.6))
        axes = figure.subplots()
        _draw_stages(axes, ledger)
        goal = {"linestyle": "--", "color": style.FAINT, "linewidth": 0.8}
        axes.axhline(90, **goal)
        axes.axvline(ledger[0]["file_bytes"] / 80_000, **goal, label="goal: 80x smaller, 90% kept")
        axes.set(xscale="log", xlabel="file size in kB (log scale)")
        axes.set(
            ylabel="share of the teacher's top-1 accuracy, %", title="Accuracy kept against bytes on disk"
        )
        axes.margins(x=0.15, y=0.15)
        axes.legend(loc="lower right")
        figure.tight_layout()
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_stages(axes: Axes, ledger: list[dict]) -> None:
    """One point a stage with its interval, and its name and ratio beside it."""
    kilobytes = [record["file_bytes"] / 1000 for record in ledger]
    kept = [100 * record["accuracy_kept"] for record in ledger]
    low = [k - 100 * record["accuracy_kept_interval"][0] for k, record in zip(kept, ledger, strict=True)]
    high = [100 * record["accuracy_kept_interval"][1] - k for k, record in zip(kept, ledger, strict=True)]
    bars = {"fmt": "o-", "color": style.BLUE, "capsize": 3, "linewidth": 0.8}
    axes.errorbar(kilobytes, kept, yerr=[low, high], label="stages, 95% interval over files", **bars)
    for number, record in enumerate(ledger):
        beside = (6, 8 if number % 2 == 0 else -16)  # above and below in turns: neighbours do not collide
        label = f"{record['name']} ({record['ratio']:.0f}x)"
        place = (kilobytes[number], kept[number])
        axes.annotate(label, place, xytext=beside, textcoords="offset points")

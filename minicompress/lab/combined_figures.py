"""The plots of notebook 06."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from minicompress.lab import plots, style
from minicompress.lab.combined_tables import Point, alone_and_together, front, on_the_map, points_of

Look = tuple[str, str, str]  # the name of a family of methods, its colour, its mark
FAMILIES: dict[str, Look] = {  # by what a method is called first
    "quantization": ("quantization", style.BLUE, "o"),
    "pruning": ("zeros", style.RED, "s"),
    "MLP": ("neurons cut out", style.GREEN, "^"),
    "low": ("low rank", style.PURPLE, "v"),
    "distillation": ("distillation", style.INK, "D"),
}
COMBINED: dict[str, Look] = {
    "distilled and quantized": ("distilled, quantized", style.BLUE, "o"),
    "distilled, trained on the grid": ("distilled, on the grid", style.INK, "P"),
    "distilled, pruned and quantized": ("all three, one shot", style.GREEN, "^"),
    "distilled, pruned, trained on the grid": ("all three, on the grid", style.INK, "*"),
    "pruned and quantized": ("pruned, quantized", style.RED, "s"),
    "low rank and quantized": ("low rank, quantized", style.PURPLE, "v"),
}
CLAIMS = {"quantization": (4, 98.5), "pruning": (2.5, 96.5), "distillation": (4, 92.5), "low rank": (2, 98)}
TOGETHER = {"80x": (80, 93)}  # the article's: times smaller, % kept


def map_chart(combined: dict, teacher_bytes: int, floor: float = 30) -> None:
    """Accuracy kept against the bytes of the file: one method above, several below.

    Gray crosses are the article's claims. The line joins the files that no other beats, of both panels.
    floor: the percentage where the picture ends below.
    """
    best = front(points_of(combined))
    line = [p["file_bytes"] / 1000 for p in best], [100 * p["accuracy_kept"] for p in best]
    alone, together = alone_and_together(combined)
    smallest = min(line[0])
    with plots.panels(2, 1, size=(style.WIDE, 8)) as axes_of:
        for axes, points, claims in zip(axes_of, (alone, together), (CLAIMS, TOGETHER), strict=True):
            _draw_families(axes, [p for p in points if 100 * p["accuracy_kept"] >= floor])
            _draw_claims(axes, claims, teacher_bytes)
            axes.step(*line, color=style.FAINT, where="post", linewidth=0.8, label="_front")
            _draw_ratios(axes, teacher_bytes, (2, 4, 8, 16, 40, 80, 160), floor + 1.5)
            axes.set(xlim=(0.7 * smallest, 1.3 * teacher_bytes / 1000), xscale="log", ylim=(floor, 107))
            axes.set(xlabel="file, kB (log)", ylabel="accuracy kept, %")
        axes_of[0].set_title(f"One method: {on_the_map(combined)}")
        axes_of[1].set_title("Several methods together; gray crosses: what the article says")
        for axes in axes_of:
            plots.label_groups(axes)


def family_of(point: Point) -> Look:
    """The family of a point's method."""
    return COMBINED.get(point["method"]) or FAMILIES[point["method"].split(",")[0].split()[0]]


def _draw_families(axes: Axes, points: Sequence[Point]) -> None:
    """One colour and one mark a family, the smallest files first."""
    families: dict[Look, list[Point]] = {}
    for point in sorted(points, key=lambda point: point["file_bytes"]):
        families.setdefault(family_of(point), []).append(point)
    for (family, colour, mark), files in families.items():
        places = [p["file_bytes"] / 1000 for p in files], [100 * p["accuracy_kept"] for p in files]
        look = {"color": colour, "linestyle": "none", "markersize": 10 if mark == "*" else 6}
        axes.plot(*places, marker=mark, label=family, **look)


def _draw_claims(axes: Axes, claims: Mapping[str, tuple[float, float]], teacher_bytes: int) -> None:
    """Gray crosses where the article says that a method stands."""
    for name, (ratio, kept) in claims.items():
        look = {"marker": "x", "color": style.FAINT, "linestyle": "none", "markeredgewidth": 2}
        axes.plot([teacher_bytes / 1000 / ratio], [kept], label=name, **look)


def _draw_ratios(axes: Axes, teacher_bytes: int, ratios: Sequence[int], y: float) -> None:
    """Dotted lines where a file is so many times smaller than the teacher's."""
    for ratio in ratios:
        kilobytes, place = teacher_bytes / 1000 / ratio, {"fontsize": 8, "ha": "center", "color": style.FAINT}
        axes.plot([kilobytes] * 2, [y, 107], color=style.FAINT, linewidth=0.5, linestyle=":", label="_ratio")
        axes.text(kilobytes, y, f"{ratio}x", **place)


def order_chart(order: dict) -> None:
    """Accuracy kept by each order of the stages: a bar for the mean, a dot for each seed."""
    kept = {name: [100 * run["accuracy_kept"] for run in runs] for name, runs in order["arms"].items()}
    ranked = sorted(kept.items(), key=lambda item: sum(item[1]))
    title = f"Validation files, {order['held_out_tokens']:,} tokens"
    with plots.chart(
        title, f"accuracy kept, %, after {order['updates']} updates", "", size=(style.WIDE, 3.2)
    ) as axes:
        axes.barh([name for name, _ in ranked], [sum(runs) / len(runs) for _, runs in ranked], **plots.BARS)
        for place, (_, runs) in enumerate(ranked):
            axes.plot(runs, [place] * len(runs), "o", color=style.INK, markersize=4)


def sizes_chart(sizes: Mapping[str, Mapping[str, float]], title: str) -> None:
    """What a file is made of: a bar a file, a part for each kind of bytes.

    sizes: file -> kind -> bytes; every file has the same kinds.
    """
    kinds = list(next(iter(sizes.values())))
    looks = (
        (style.BLUE, ""),
        (style.ORANGE, "//"),
        (style.GREEN, ".."),
        (style.PURPLE, "xx"),
        (style.SKY, "\\\\"),
    )
    with plots.chart(title, "kB", "", size=(style.WIDE, 1.2 + 0.5 * len(sizes))) as axes:
        for number, (file, parts) in enumerate(sizes.items()):
            left = 0.0
            for kind, (colour, hatch) in zip(kinds, looks, strict=False):
                look = {"color": colour, "hatch": hatch, "edgecolor": style.GROUND}
                label = kind if number == 0 else None
                axes.barh(file, parts[kind] / 1000, left=left, label=label, height=0.6, **look)
                left += parts[kind] / 1000
            axes.annotate(
                f"{left:,.1f}", (left, number), xytext=(4, 0), textcoords="offset points", va="center"
            )
        axes.margins(x=0.12)

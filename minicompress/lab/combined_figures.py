"""The plots of notebook 06."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from minicompress.lab import plots, style
from minicompress.lab.combined_tables import Point, front, on_the_map, points_of

# Method -> the family that it belongs to. A family has one colour and mark, filled where methods combine.
FAMILIES = {
    "quantization": ("quantization", style.BLUE, "o"),
    "pruning": ("zeros", style.ORANGE, "s"),
    "MLP": ("neurons cut out", style.GREEN, "^"),
    "low": ("low rank", style.PURPLE, "v"),
    "distillation": ("distillation", style.RED, "D"),
    "distilled": ("distilled and more", style.RED, "D"),
    "pruned": ("pruned and quantized", style.ORANGE, "s"),
    "no": ("student, no teacher", style.INK, "X"),
}
ALONE = ("quantization", "zeros", "neurons cut out", "low rank", "distillation")
CLAIMS = {  # the article's: times smaller, % kept, points from there to the text
    "quantization": (4, 98.5, 26),
    "pruning": (2.5, 96.5, -95),
    "distillation": (4, 92.5, -70),
    "low rank": (2, 98, 18),
    "80x": (80, 93, 12),
}


def family_of(point: Point) -> tuple[str, str, str]:
    """(family, colour, mark) of a point, by what its method is called first."""
    if point["method"] == "low rank and quantized":
        return "low rank and quantized", style.PURPLE, "v"
    if point["method"] == "distilled, pruned, trained on the grid":
        return "all three, trained on the grid", style.SKY, "*"
    return FAMILIES[point["method"].split(",")[0].split()[0]]


def map_chart(combined: dict, teacher_bytes: int) -> None:
    """Accuracy kept against the bytes of the file, every method, hollow alone and filled combined.

    Crosses in gray are the article's claims; the line joins the files that no other beats.
    """
    points = points_of(combined)
    title = f"The map: {on_the_map(combined)}"
    with plots.panels(1, 1, size=(style.WIDE, 6.2)) as (axes,):
        _draw_families(axes, points)
        best = front(points)
        kilobytes, kept = ([p["file_bytes"] / 1000 for p in best], [100 * p["accuracy_kept"] for p in best])
        axes.step(kilobytes, kept, color=style.INK, where="post", linewidth=0.8, label="Pareto front")
        for name, (ratio, kept, up) in CLAIMS.items():
            plots.gray_arrow(axes, f"article:\n{name}", (teacher_bytes / 1000 / ratio, kept), up)
        _draw_ratios(axes, teacher_bytes, (8, 16, 40, 80, 160), 31)
        axes.set(title=title, xlabel="file, kB (log)", xscale="log", ylim=(30, 112))
        axes.set_ylabel("share of the teacher's top-1 accuracy, %\n(below 30% left out)")
        axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=9)


def _draw_families(axes: Axes, points: Sequence[Point]) -> None:
    """One mark a family: hollow where a method stands alone."""
    families: dict[tuple, list[Point]] = {}
    for point in points:
        families.setdefault(family_of(point), []).append(point)
    for (family, colour, mark), files in families.items():
        look = {"marker": mark, "color": colour, "linestyle": "none", "markersize": 10 if mark == "*" else 6}
        look |= {"fillstyle": "none" if family in ALONE else "full"}
        places = [p["file_bytes"] / 1000 for p in files], [100 * p["accuracy_kept"] for p in files]
        axes.plot(*places, label=family, **look)


def _draw_ratios(axes: Axes, teacher_bytes: int, ratios: Sequence[int], y: float) -> None:
    """Dotted lines where a file is so many times smaller than the teacher's."""
    for ratio in ratios:
        axes.axvline(teacher_bytes / 1000 / ratio, color=style.FAINT, linewidth=0.5, linestyle=":")
        place = {"fontsize": 8, "ha": "center", "color": style.FAINT}
        axes.text(teacher_bytes / 1000 / ratio, y, f"{ratio}x", **place)


def order_chart(order: dict) -> None:
    """Accuracy kept by each order of the stages: a bar for the mean, a dot for each seed."""
    kept = {name: [100 * run["accuracy_kept"] for run in runs] for name, runs in order["arms"].items()}
    ranked = sorted(kept.items(), key=lambda item: sum(item[1]))
    title = f"The same stages in other orders: validation files, {order['held_out_tokens']:,} tokens"
    xlabel = f"share of the teacher's top-1 accuracy, %, after {order['updates']} updates"
    with plots.chart(title, xlabel, "", size=(style.WIDE, 3.2)) as axes:
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

"""The plots of notebook 07, drawn from `results/real_llm.json`; `content` is the whole file."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from matplotlib.axes import Axes

from minicompress.lab import plots, style
from minicompress.lab.llm_tables import (
    PAPERS,
    TEXTS,
    Key,
    Row,
    dense_rows,
    front,
    map_points,
    measured_on,
    rows_of,
    times_dense,
)

# A method looks alike in every picture: its colour, and a dash and a marker that say the same.
LINES = {
    "magnitude": "C0:o",
    "Wanda": "C1--^",
    "SparseGPT": "C2-D",
    "rows": "C3--v",
    "groups of 32": "C4-s",
    "low rank, plain": "C5:X",
    "low rank, whitened": "C6-P",
}
MARKS = {
    "dense": "C6*",
    "magnitude": "C0o",
    "Wanda": "C1^",
    "SparseGPT": "C2D",
    "quantized": "C4s",
    "low rank, plain": "C5X",
    "low rank, whitened": "C6P",
    "structured": "C3v",
    "structured, taught": "C3<",
    "combined": "C1X",
}
# The four different inputs in a block: what names them, and the kinds of layers that read each.
INPUTS = {
    "into q, k, v": "q_proj",
    "into o": "o_proj",
    "into gate, up": "gate_proj",
    "into down": "down_proj",
}


def _curve(rows: Iterable[Row], x: str) -> tuple[list, list]:
    """Two lists to plot: a column of the rows, ascending, and the perplexities."""
    ordered = sorted(rows, key=lambda row: row[x])
    return [row[x] for row in ordered], [row["perplexity"] for row in ordered]


def _two_texts(
    content: dict,
    draw: Callable[[Axes, str], object],
    xlabel: str,
    yscale: str = "log",
    top: float | None = None,
) -> None:
    """A panel for English and one for code, with the dense perplexity as a dashed line.

    top: the perplexity at which the picture ends; what lies above is in the tables.
    """
    dense = dense_rows(content)
    with plots.panels(1, 2, size=(style.WIDE, 3.6)) as axes_of:
        for axes, text in zip(axes_of, TEXTS, strict=True):
            draw(axes, text)
            axes.axhline(dense[text]["perplexity"], **plots.DASHED, label="dense")
            axes.set(title=f"tested on {text}", xlabel=xlabel, yscale=yscale, ylim=(None, top))
        axes_of[0].set(ylabel="perplexity (log)" if yscale == "log" else "perplexity")
        _explain(axes_of, content)


def _explain(axes_of: Sequence[Axes], content: dict, columns: int = 3) -> None:
    """What the figures were measured on, above the panels; what the lines mean, below them."""
    axes_of[0].figure.suptitle(f"SmolLM2-135M, {measured_on(content)}", fontsize=10)
    plots.legend_below(axes_of[0], columns)


# ---------------------------------------------------------------- pruning


def pruning_chart(content: dict) -> None:
    """How many times worse perplexity becomes: this model beside LLaMA-7B in the papers."""
    llama = {(key, "LLaMA-7B"): value / PAPERS[("dense", "-", 0.0)] for key, value in PAPERS.items()}
    panels = {
        "English": (times_dense(content, "table"), "English"),
        "code": (times_dense(content, "table"), "code"),
        "LLaMA-7B in the papers": (llama, "LLaMA-7B"),
    }
    with plots.panels(1, 3, size=(style.WIDE, 3.6), sharey=True) as axes_of:
        for axes, (title, (ratios, text)) in zip(axes_of, panels.items(), strict=True):
            for method in ("magnitude", "Wanda", "SparseGPT"):
                points = _ratios(ratios, method, text)
                axes.plot(*points, LINES[method], markersize=5, linewidth=1, label=method)
            axes.set(title=title, xlabel="pruned, %", yscale="log")
        axes_of[0].set(ylabel="times the dense perplexity (log)")
        _explain(axes_of, content)


def _ratios(ratios: Mapping[tuple[Key, str], float], method: str, text: str) -> tuple[list, list]:
    """Percent pruned in any place, and times the dense perplexity, from the dense model on."""
    found = {0.0: 1.0} | {
        sparsity: value
        for ((name, pattern, sparsity), of), value in ratios.items()
        if (name, pattern, of) == (method, "any place", text)
    }
    return [100 * sparsity for sparsity in sorted(found)], [found[sparsity] for sparsity in sorted(found)]


def loudness_chart(content: dict) -> None:
    """For each input of each block, the largest norm of a feature over the median one."""
    title = "How much louder is the loudest feature? A mark for each block"
    places = {name: number for number, name in enumerate(INPUTS)}
    with plots.chart(title, "", "largest norm / median norm (log)", yscale="log") as axes:
        for (model, ratios), shift, mark in zip(
            content["largest_norm_over_median"].items(), (-0.15, 0.15), ("C0o", "C1_"), strict=True
        ):
            dots = [
                (places[name] + shift, value)
                for name, kind in INPUTS.items()
                for layer, value in ratios.items()
                if layer.endswith(kind)
            ]
            look = {"fillstyle": "none", "markersize": 5 if mark == "C0o" else 9}
            axes.plot(*zip(*dots, strict=True), mark, label=model, **look)
        axes.set_xticks(range(len(INPUTS)), INPUTS)


# ---------------------------------------------------------------- bits, rank, calibration


def bits_chart(content: dict) -> None:
    """Perplexity against bits, with a scale for each row and for each group."""

    def draw(axes: Axes, text: str) -> None:
        measured = [
            row | {"bits": int(row["pattern"].split()[0]), "scales": row["pattern"].split(", ")[1]}
            for row in rows_of(content, "bits", text=text)
        ]
        for scales in ("rows", "groups of 32"):
            points = _curve((row for row in measured if row["scales"] == scales), "bits")
            axes.plot(*points, LINES[scales], markersize=5, linewidth=1, label=f"a scale for {scales}")
        axes.set_xticks(sorted({row["bits"] for row in measured}))

    _two_texts(content, draw, "bits of a weight (above 10,000 left out)", top=10_000)


def low_rank_chart(content: dict) -> None:
    """Perplexity against the share of the blocks' parameters that is gone."""

    def draw(axes: Axes, text: str) -> None:
        for method in ("low rank, plain", "low rank, whitened"):
            gone, perplexities = _curve(rows_of(content, "low_rank", text=text, method=method), "sparsity")
            percent = [100 * share for share in gone]
            axes.plot(percent, perplexities, LINES[method], markersize=5, linewidth=1, label=method)

    _two_texts(content, draw, "parameters of the blocks gone, %")


def calibration_chart(content: dict) -> None:
    """Perplexity at 50% against the number of calibration tokens, half English and half code."""

    def draw(axes: Axes, text: str) -> None:
        measured = rows_of(content, "calibration", text=text)
        measured += rows_of(content, "table", text=text, pattern="any place", sparsity=0.5)
        mixed = [row for row in measured if str(row["calibration"]).endswith("half code")]
        mixed = [row | {"read": int(row["calibration"].split()[0])} for row in mixed]
        for method in ("Wanda", "SparseGPT"):
            points = _curve((row for row in mixed if row["method"] == method), "read")
            axes.plot(*points, LINES[method], markersize=5, linewidth=1, label=method)
        plots.log_ticks(axes, sorted({row["read"] for row in mixed}))

    _two_texts(content, draw, "calibration tokens", yscale="linear")


# ---------------------------------------------------------------- neurons, heads, blocks


def structured_chart(content: dict) -> None:
    """Perplexity against the share of the blocks' weights that is gone, by what was removed."""
    styles = {
        "of the neurons": ("C0:o", "neurons, by their weights"),
        "quiet neurons": ("C1-^", "neurons, by activations"),
        "blocks": ("C2--s", "blocks"),
        "heads": ("C3D", "heads"),
        "updates": ("C4X", "neurons, then taught"),
    }

    def draw(axes: Axes, text: str) -> None:
        measured = rows_of(content, "structured", text=text) + rows_of(content, "recovery", text=text)
        for removed, (look, label) in styles.items():
            gone, perplexities = _curve(
                (row for row in measured if row["pattern"].endswith(removed)), "sparsity"
            )
            percent = [100 * share for share in gone]
            axes.plot(percent, perplexities, look, markersize=6, linewidth=1, label=label)

    _two_texts(content, draw, "weights gone, % (above 200 left out)", top=200)


# ---------------------------------------------------------------- the map


def map_chart(
    content: dict, download: int, floor: float = 24, ratios: Sequence[float] = (2, 4, 6, 8)
) -> None:
    """Accuracy kept against file bytes for every model, a panel a text, and the front of the best ones.

    download: bytes of the file that the model came as. floor: the percentage where the picture ends below.
    """
    with plots.panels(1, 2, size=(style.WIDE, 5.2), sharey=True) as axes_of:
        for axes, text in zip(axes_of, TEXTS, strict=True):
            points = map_points(content, text)
            _draw_points(axes, points)
            plots.gray_arrow(axes, "the download", (download / 1e6, 100), 12)
            dense = max(point["file_bytes"] for point in points)
            for ratio in ratios:
                axes.axvline(dense / 1e6 / ratio, color=style.FAINT, linewidth=0.5, linestyle=":")
                axes.text(dense / 1e6 / ratio, floor + 1, f"{ratio}x", ha="center", color=style.FAINT)
            axes.set(title=f"tested on {text}", xlabel="file, MB (log)", ylim=(floor, 108), xscale="log")
            axes.set_xticks([25, 50, 100, 200], ["25", "50", "100", "200"])
            axes.minorticks_off()
        axes_of[0].set(ylabel="share of the dense model's accuracy, %")
        _explain(axes_of, content)


def _draw_points(axes: Axes, points: Sequence[Row]) -> None:
    """Each method with its mark, some filled; the front as a line of steps."""
    for method, mark in MARKS.items():
        rows = [point for point in points if point["method"] == method]
        fill = "full" if method in ("combined", "dense", "magnitude") else "none"
        axes.plot(*_place(rows), mark, fillstyle=fill, markersize=6, label=method)
    axes.step(*_place(front(points)), color=style.FAINT, where="post", linewidth=0.8, label="Pareto front")


def _place(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    """Megabytes and percent of the dense model's accuracy."""
    return [row["file_bytes"] / 1e6 for row in rows], [100 * row["accuracy_kept"] for row in rows]

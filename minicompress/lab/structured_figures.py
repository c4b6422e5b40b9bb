"""The plots and tables of notebook 02: channels, neurons, heads, blocks, and what their removal costs.

What comes from `results/structured_pruning.json` is handed over part by part: `quality`, `speed`, `recipe`,
`recovery`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from rich.table import Table

from minicompress.lab import plots, style, tables

ALIKE = {"markersize": 5, "linewidth": 1}


def files_of(part: Mapping) -> str:
    """The files on which a part of the results was measured; before the key `files` all were test files."""
    return f"{part.get('files', 'test')} files"


def log_scale(axes: Axes, ylabel: str) -> None:
    """Make the y axis logarithmic, its ticks written as plain numbers: 20, 50, 100, ..."""
    axes.set(yscale="log", ylabel=f"{ylabel} (log)")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


# ---------------------------------------------------------------- channels


def channel_norms(named: Mapping[str, Sequence[float]]) -> None:
    """A panel a layer: the norms of its channels, the largest first. named: title -> norms."""
    with plots.panels(1, len(named), size=(style.WIDE, 2.9), sharey=True) as axes_of:
        for axes, (name, norms) in zip(axes_of, named.items(), strict=True):
            axes.bar(range(len(norms)), sorted(norms, reverse=True), width=1, **plots.BARS)
            axes.set(title=name, xlabel="channels, sorted by their norm")
        axes_of[0].set(ylabel="norm of the weights")


def cnn_chart(removed: Sequence[float], right: Mapping[str, Sequence[float]], left: Sequence[float]) -> None:
    """Held-out digits right, a line a way, above the parameters left; all in percent, against channels
    removed.
    """
    with plots.panels(2, 1, size=(style.WIDE, 4.4)) as (above, below):
        below.plot(removed, left, plots.STYLES[0], **ALIKE)
        below.set(ylabel="parameters left, %", ylim=(0, 104), xlabel="channels removed of each layer, %")
        plots.curves(above, removed, right)
        above.set(title="450 held-out digits, one network", ylabel="digits right, %", ylim=(0, 104))
        plots.label_ends(above)


# ---------------------------------------------------------------- neurons


def neurons_chart(neurons: Mapping, dense: float, full: int, where: str) -> None:
    """Perplexity against the share of an MLP's weights that is gone: two panels, all ways and the good ones.

    neurons: `kept`, and perplexities by `random`, `norms` and `mask`. full: neurons of the dense model.
    """
    removed = [100 * (1 - kept / full) for kept in neurons["kept"]]
    lines = {"random": neurons["random"], "by norms": neurons["norms"], "mask": neurons["mask"]}
    looks = dict(zip(lines, plots.STYLES, strict=False))
    with plots.panels(1, 2, size=(style.WIDE, 3.4)) as (every, best):
        for name, values in lines.items():
            every.plot(removed, values, looks[name], label=name, **ALIKE)
            if name != "random":
                best.plot(removed, values, looks[name], label=name, **ALIKE)
        every.set(title=where)
        log_scale(every, "perplexity")
        best.set(title="without the random ones", ylabel="perplexity")
        for axes in (every, best):
            axes.axhline(dense, **plots.DASHED)
            axes.set(xlabel="of the MLPs' weights gone, %")
            axes.legend()


def neurons_kept(scores: Sequence[float], kept: int, errors: Mapping[str, float], title: str) -> None:
    """The scores of a block's neurons, the highest first and those that go pale, beside the errors at its
    output.

    errors: way to choose -> relative error of the MLP's output with `kept` neurons.
    """
    ordered, places = sorted(scores, reverse=True), range(len(scores))
    with plots.panels(1, 2, size=(style.WIDE, 3.0)) as (left, right):
        left.fill_between(places[:kept], ordered[:kept], color=style.SKY, label=f"{kept} kept")
        left.plot(places, ordered, color=style.INK, linewidth=1)
        left.axvline(kept, **plots.DASHED)
        left.set(title=title, xlabel="neurons, sorted by their score", ylabel="score")
        left.legend()
        bars = right.bar(list(errors), [100 * error for error in errors.values()], width=0.6, **plots.BARS)
        right.bar_label(bars, fmt="%.0f%%")
        right.set(title=f"error at the output, {kept} kept", ylabel="relative error, %", ylim=(0, 125))


# ---------------------------------------------------------------- heads


def head_bars(named: Mapping[str, np.ndarray]) -> None:
    """A panel a score: a bar a head, block by block. named: title -> scores [layers, heads]."""
    with plots.panels(len(named), 1, size=(style.WIDE, 2.0 * len(named)), sharey=True) as axes_of:
        for axes, (name, scores) in zip(axes_of, named.items(), strict=True):
            layers, heads = np.shape(scores)
            for layer in range(layers):
                places = (heads + 1) * layer + np.arange(heads)
                axes.bar(places, np.asarray(scores)[layer], width=1, **plots.BARS)
            middles = [(heads + 1) * layer + (heads - 1) / 2 for layer in range(layers)]
            axes.set_xticks(middles, [f"block {layer}" for layer in range(layers)])
            axes.axhline(0, color=style.INK, linewidth=0.8)
            axes.set(title=name, ylabel="nats")


def heads_chart(
    heads: Mapping[str, Sequence[float]], dense: float, shares: Sequence[float], where: str
) -> None:
    """Perplexity against heads removed, a line a score, and the random draws as dashes across it."""
    draws = np.array([values for name, values in heads.items() if name.startswith("random")])
    with plots.panels(1, 1, size=(style.WIDE, 3.6)) as (axes,):
        for values in draws:
            axes.plot(shares, values, "C3_", markersize=14)
        axes.vlines(shares, draws.min(0), draws.max(0), color="C3")
        named = {name: values for name, values in heads.items() if not name.startswith("random")}
        named["random, mean and range"] = draws.mean(0).tolist()
        plots.curves(axes, [0, *shares], {name: [dense, *values] for name, values in named.items()})
        axes.set(title=where, xlabel="heads removed of every layer, %")
        log_scale(axes, "perplexity")
        plots.label_ends(axes)


# ---------------------------------------------------------------- speed


def speed_chart(speed: Mapping) -> None:
    """Two panels: speed-ups of one MLP, and of the whole model; what is promised is dashed."""
    with plots.panels(2, 1, size=(style.WIDE, 4.4)) as (one, whole):
        rows = speed["mlp"]["rows"]
        removed = [100 * row["removed"] for row in rows]
        one.plot(removed, [row["promised"] for row in rows], label="promised", **plots.DASHED)
        names = {"neurons": "speedup", "mask": "masked_speedup"}
        plots.curves(one, removed, {name: [row[key] for row in rows] for name, key in names.items()})
        one.set(title="One MLP", ylabel="times as fast")
        plots.label_ends(one)
        for what, look in zip(("neurons", "mask", "heads", "neurons and heads"), plots.STYLES, strict=False):
            rows = [row for row in speed["model"] if row["what"] == what]
            removed = [100 * row["removed"] for row in rows]
            whole.plot(removed, [row["speedup"] for row in rows], look, label=what, **ALIKE)
            whole.plot(removed, [row["promised"] for row in rows], **plots.DASHED)
        whole.set(title="The whole model (dashed: promised)", ylabel="times as fast", xlabel="removed, %")
        plots.label_ends(whole)


def speed_table(speed: Mapping, removed: float) -> Table:
    """The whole model at one share removed: a row for the dense model and one for each way."""
    at = [row for row in speed["model"] if row["removed"] == removed]
    first = next(row for row in speed["model"] if not row["removed"]) | {"what": "nothing"}
    lines = []
    for row in (first, *at):
        speeds = (f"{row['tokens_per_second']:,.0f}", f"{row['speedup']:.2f}x", f"{row['promised']:.2f}x")
        sizes = (f"{row['bytes_fp16'] / 1e6:.2f}", f"{row['flops_per_token'] / 1e6:.1f}")
        lines.append((row["what"], *speeds, *sizes))
    columns = (f"{removed:.0%} removed", "tokens/s", "speed-up", "promised", "MB (fp16)", "MFLOP/token")
    size = f"{speed['batch']} x {speed['context']} tokens, {speed['threads']} thread"
    return tables.plain(f"The whole teacher, {size}", columns, lines)


# ---------------------------------------------------------------- blocks


def blocks_chart(influence: Sequence[float], without: Sequence[float], dense: float, where: str) -> None:
    """Block by block: its influence, and the perplexity of the model without it."""
    blocks = range(len(influence))
    with plots.panels(1, 2, size=(style.WIDE, 3.0)) as (left, right):
        for axes, values, form in ((left, influence, "%.2f"), (right, without, "%.0f")):
            axes.bar_label(axes.bar(blocks, values, **plots.BARS), fmt=form, fontsize=9)
            axes.set(xlabel="block", xticks=blocks)
            axes.margins(y=0.15)
        left.set(title="Influence of each block", ylabel="1 - mean cosine similarity")
        right.axhline(dense, **plots.DASHED)
        right.set(title=where, xlabel="block that is removed (dashed: none)")
        log_scale(right, "perplexity")


# ---------------------------------------------------------------- training


def recipe_chart(recipe: Mapping) -> None:
    """A line of dots an arm, a dot a seed, with a bar at the mean."""
    size = f"{recipe['target_bytes'] / 1000:.0f} of {recipe['dense_bytes'] / 1000:.0f} kB"
    xlabel = f"perplexity ({files_of(recipe)}, {recipe['held_out_tokens']:,} tokens; bar: mean of the seeds)"
    title = f"The student at {size}, {recipe['updates']} updates"
    with plots.chart(title, xlabel, "", size=(style.WIDE, 3.2)) as axes:
        for place, runs in enumerate(recipe["arms"].values()):
            values = [run["perplexity"] for run in runs]
            axes.plot(values, [place] * len(values), "C0o", markerfacecolor="none", markersize=7)
            axes.plot(np.mean(values), place, "|", color=style.RED, markersize=18, markeredgewidth=2)
        axes.set_yticks(
            range(len(recipe["arms"])), [name.replace("d, f", "d,\nf") for name in recipe["arms"]]
        )
        axes.invert_yaxis()


def recovery_chart(recovery: Mapping) -> None:
    """Perplexity against tokens of training: the two that matter close up, and all three on a log scale."""
    thousands = [number / 1000 for number in recovery["tokens"]]
    with plots.panels(1, 2, size=(style.WIDE, 2.9)) as (close, every):
        for (name, runs), look in zip(recovery["ways"].items(), plots.STYLES, strict=False):
            for seed, scores in enumerate(runs):
                label = "_" if seed else name.replace("the teacher's logits alone", "teacher's logits alone")
                every.plot(thousands, scores, look, label=label, **ALIKE)
                if "random" not in name:
                    close.plot(thousands, scores, look, **ALIKE)
        for axes in (close, every):
            axes.axhline(recovery["dense"], **plots.DASHED)
            axes.set(xlabel="thousand tokens of training")
        close.set(title="A line a seed; dashed: full teacher", ylabel=f"perplexity, {files_of(recovery)}")
        every.set(title="With the random start")
        log_scale(every, "perplexity")
        every.legend(fontsize=9, loc="center right")


def tokens_to_reach(tokens: Sequence[float], scores: Sequence[float], goal: float) -> float:
    """At how many tokens a falling curve reaches `goal`, between two points on a straight line; infinite if
    it never does.

    Example: tokens [0, 100], scores [30, 20], goal 25: 50.
    """
    if scores[-1] > goal:
        return float("inf")
    return float(np.interp(-goal, [-score for score in scores], tokens))

"""Plots of notebooks 00 and 01 that are more than curves: bars, a grid of layers, weights cut off."""

from collections.abc import Mapping

import numpy as np
import torch

from minicompress.lab import plots, style


def bars(title: str, xlabel: str, named: Mapping[str, float], form: str = "{:.2f}") -> None:
    """Draw one horizontal bar a name, the first at the top, with its value at the end.

    form: how a value is written, as for `str.format`.
    """
    with plots.panels(1, 1, (style.WIDE, 1.0 + 0.34 * len(named))) as (axes,):
        axes.barh(list(named), list(named.values()), **plots.BARS)
        beside = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "fontsize": 11}
        for place, value in enumerate(named.values()):
            axes.annotate(form.format(value), (value, place), **beside)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_xlabel(xlabel)
        axes.figure.suptitle(title, fontsize=11)  # over the names, too: both together are wide


def layer_grid(title: str, named: Mapping[str, float], form: str = "{:+.0f}%") -> None:
    """Draw a square a layer, the kinds of layers side by side and the blocks below each other.

    named: layer -> number, not negative; the larger it is, the darker is the square. Every block has the same
    layers, in the same order. form: how a number is written, as for `str.format`.
    """
    places = [plots.short_name(name).split(".") for name in named]  # ["0", "q"] and so on
    blocks, kinds = (list(dict.fromkeys(parts)) for parts in zip(*places, strict=True))
    values = np.array(list(named.values())).reshape(len(blocks), len(kinds))  # [blocks, kinds]
    texts = [[form.format(value) for value in line] for line in values]
    with plots.panels(1, 1, (style.WIDE, 1.1 + 0.55 * len(blocks))) as (axes,):
        plots.matrix(axes, values, texts, darkest=2 * values.max())  # light enough for the texts
        axes.set_aspect("auto")
        axes.set_xticks(range(len(kinds)), kinds)
        axes.set_yticks(range(len(blocks)), [f"block {block}" for block in blocks])
        axes.figure.suptitle(title, fontsize=11)


def cut_weights(title: str, weight: torch.Tensor, mask: torch.Tensor) -> None:
    """Draw how often each value of a weight occurs, and which of them a mask prunes.

    mask: bool, the shape of the weight, True = kept.
    """
    values, kept = weight.detach().flatten().numpy(), mask.flatten().numpy()
    parts = {"kept": values[kept], "pruned": values[~kept]}
    with plots.chart(title, "weight", "how many", (style.WIDE, 2.8)) as axes:
        looks = {"color": [plots.BARS["color"], style.RED], "edgecolor": style.INK, "linewidth": 0.4}
        axes.hist(list(parts.values()), bins=60, stacked=True, label=list(parts), **looks)


def loudness(title: str, norms: Mapping[str, torch.Tensor]) -> None:
    """Draw the norms of each layer's inputs, one dash a feature, over the layer's median norm.

    norms: layer -> [in], as `input_norms` returns them.
    """
    with plots.panels(1, 1, (style.WIDE, 3.2)) as (axes,):
        for place, norm in enumerate(norms.values()):
            ratios = (norm / norm.median()).tolist()
            axes.plot([place] * len(ratios), ratios, "_", color=style.BLUE, alpha=0.5)
        axes.set(title=title, ylabel="norm / median norm (log)", yscale="log")
        low, high = axes.get_ylim()
        ticks = [tick for tick in (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100) if low <= tick <= high]
        axes.set_yticks(ticks, ticks)
        axes.minorticks_off()
        plots.layer_ticks(axes, norms)

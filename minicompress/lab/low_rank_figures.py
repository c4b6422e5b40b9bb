"""The pictures of notebook 04: errors, a matrix beside its approximation, spectra, and who gets the ranks."""

from collections.abc import Mapping, Sequence

import matplotlib
import torch
from matplotlib.axes import Axes

from minicompress.lab import plots, style
from minicompress.lab.modules import layer_kind

LOOKS = {"plain": "C1:o", "whitened": "C0-s", "plain, tuned": "C3-.D", "whitened, tuned": "C2--^"}
COLOURS = matplotlib.colormaps["RdBu"].resampled(9)  # few, since a picture in a notebook keeps few
CROP = 48  # rows and columns of a matrix that are drawn
BELOW = {"loc": "upper center", "ncols": 2, "bbox_to_anchor": (0.5, -0.1)}  # a legend under the ticks


def errors_chart(
    title: str, errors: Mapping[str, Sequence[float]], measured: Mapping[int, float] | None = None
) -> None:
    """Relative errors for every rank from 1 on, a line a matrix; circles where one was measured.

    errors: name -> the errors of rank 1, 2, ...; measured: rank -> relative error.
    """
    with plots.chart(title, "rank", "relative error", size=(style.WIDE, 3.2), ylim=(0, 1.05)) as axes:
        for (name, values), look in zip(errors.items(), ("C0-", "C1--", "C2:", "C3-."), strict=False):
            axes.plot(range(1, len(values) + 1), values, look, label=name)
        if measured:
            hollow = {"fillstyle": "none", "markersize": 8}
            axes.plot(*zip(*measured.items(), strict=True), "C6o", label="measured", **hollow)


def approximation(weight: torch.Tensor, product: torch.Tensor, title: str) -> None:
    """The upper left corner of a matrix, of its approximation, and of what is lost, in the same colours."""
    parts = {"W": weight, "the product": product, "what is lost": weight - product}
    corners = {name: part.detach()[:CROP, :CROP].float() for name, part in parts.items()}
    largest = 2.5 * corners["W"].square().mean().sqrt().item() or 1.0
    with plots.panels(1, 3, size=(style.WIDE, 3.0)) as axes_of:
        for axes, (name, corner) in zip(axes_of, corners.items(), strict=True):
            axes.imshow(corner, cmap=COLOURS, vmin=-largest, vmax=largest)
            axes.set(title=name, xticks=[], yticks=[])
        axes_of[0].figure.suptitle(title, fontsize=11)


def wrong_way_round(errors: Mapping[str, Mapping[int, float]], layer: str) -> None:
    """Relative errors of a layer's outputs against the rank, a line for each way to place the factors."""
    title, ylabel = f"{layer}: what the outputs lose", "relative error of outputs"
    with plots.chart(title, "rank", ylabel, size=(style.WIDE, 3.2)) as axes:
        for (name, values), look in zip(errors.items(), plots.STYLES, strict=False):
            axes.plot(list(values), list(values.values()), look, markersize=5, label=name)
        axes.set_ylim(0, None)


def spectra_panels(
    kinds: Mapping[str, Mapping], ranks: Mapping[str, Mapping], block: int, model: str
) -> None:
    """Singular values over the largest one, a panel a layer of one block, beside a random matrix's.

    kinds: layer kind -> {"weight": [...], "random": [...]}; ranks: layer -> {"break_even": rank}.
    """
    with plots.panels(2, 4, size=(style.WIDE, 4.4), sharey=True) as panels:
        for axes, (kind, spectrum) in zip(panels, kinds.items(), strict=False):
            axes.plot(spectrum["weight"], "C0-", label=f"the {model}'s W")
            axes.plot(spectrum["random"], "C1--", label="random")
            limit = ranks[f"model.layers.{block}.{kind}"]["break_even"]
            axes.axvline(limit, color=style.FAINT, linestyle=":", label="break-even")
            axes.set(title=plots.short_name(kind), ylim=(0, 1.05))
        for axes in panels[3:]:
            axes.set_xlabel("rank")
        for axes in (panels[0], panels[4]):
            axes.set_ylabel("S / largest S")
        panels[-1].set_axis_off()
        panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", handlelength=1.3)


def shares_of_full_rank(ranks: Mapping[str, Mapping[str, int]], what: str) -> dict[str, float]:
    """Layer kind -> the rank named `what` in percent of the full one, mean of the blocks."""
    shares: dict[str, list[float]] = {}
    for name, row in ranks.items():
        shares.setdefault(layer_kind(name), []).append(100 * row[what] / row["full"])
    return {kind: sum(values) / len(values) for kind, values in shares.items()}


def ranks_needed(ranks: Mapping[str, Mapping[str, int]], model: str) -> None:
    """The rank that holds 90% of the energy in percent of the full one, by kind of layer: of W, of a random
    matrix, and of W L.
    """
    marks = {
        "random": ("C6o", "a random matrix"),
        "weight": ("C1D", "W"),
        "whitened": ("C0s", "W L, weighed by its inputs"),
    }
    title = f"Rank that holds 90% of the energy ({model}, mean of the blocks)"
    settings = {"legend": BELOW, "size": (style.WIDE, 3.8), "ylim": (0, 100)}
    with plots.chart(title, "", "% of the full rank", **settings) as axes:
        for what, (mark, label) in marks.items():
            shares = shares_of_full_rank(ranks, what)
            axes.plot(range(len(shares)), shares.values(), mark, label=label, fillstyle="none")
        for place, share in enumerate(shares_of_full_rank(ranks, "break_even").values()):
            ends = [place - 0.3, place + 0.3]
            axes.plot(ends, [share, share], label=None if place else "break-even", **plots.DASHED)
        axes.set_xticks(range(len(shares)), map(plots.short_name, shares))


def shares_chart(curves: Mapping, sparse: Mapping[float, float], title: str) -> None:
    """Perplexity against the share of the blocks' parameters that is left, beside what pruning leaves.

    curves: the part of results/low_rank.json; sparse: share -> perplexity.
    """
    with plots.panels(1, 1, size=(style.WIDE, 4.2)) as (axes,):
        for name, look in LOOKS.items():
            shares = curves["tuned_shares" if "tuned" in name else "shares"]
            percent = [100 * share for share in shares]
            axes.plot(percent, curves[name], look, markersize=5, linewidth=1, label=name)
        percent = [100 * share for share in sorted(sparse)]
        axes.plot(percent, [sparse[share] for share in sorted(sparse)], "C6--X", label="SparseGPT")
        axes.axhline(curves["dense"], **plots.DASHED)
        axes.text(30, curves["dense"], "dense", va="top")
        axes.set(title=title, xlabel="parameters of the blocks kept, %", ylabel="perplexity (log)")
        _plain_log(axes)
        plots.label_ends(axes)


def _plain_log(axes: Axes) -> None:
    """A logarithmic y axis with ticks at 20, 50, 100 and so on, written as plain numbers."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    places = [digit * 10**power for power in range(-1, 8) for digit in (1, 2, 5)]
    places = [place for place in places if low <= place <= high]
    axes.set_yticks(places, [f"{place:,g}" for place in places])
    axes.minorticks_off()


def rank_sweep(
    parameters: Mapping[int, int], perplexities: Mapping[int, float], dense: tuple[int, float], title: str
) -> None:
    """A converted model's parameters, and beside them its perplexity, against the rank.

    dense: the parameters and the perplexity of the model as it was.
    """
    with plots.panels(1, 2, size=(style.WIDE, 3.2)) as (size, quality):
        thousands = [count / 1000 for count in parameters.values()]
        size.plot(list(parameters), thousands, plots.STYLES[0], markersize=5)
        plots.level(size, dense[0] / 1000, "dense", min(parameters))
        top = 1.15 * max(dense[0] / 1000, *thousands)
        size.set(title="how large", xlabel="rank", ylabel="thousand parameters", ylim=(0, top))
        quality.plot(list(perplexities), list(perplexities.values()), plots.STYLES[1], markersize=5)
        quality.set(title="how good", xlabel="rank", ylabel="perplexity (log)")
        plots.level(quality, dense[1], "dense", min(perplexities))
        _plain_log(quality)
        size.figure.suptitle(title, fontsize=11)


def allocation_map(energy: Mapping[str, int], uniform: Mapping[str, int], title: str) -> None:
    """How many times its uniform rank each layer gets: a row a block, a column a kind of layer."""
    kinds = list(dict.fromkeys(map(layer_kind, uniform)))
    ratios = torch.tensor([energy[name] / uniform[name] for name in uniform]).view(-1, len(kinds))
    with plots.panels(1, 1, size=(style.WIDE, 3.4)) as (axes,):
        axes.imshow(ratios, cmap=COLOURS, vmin=-0.8, vmax=2.8, aspect="auto")  # 1 is white
        for row, line in enumerate(ratios.tolist()):
            for column, value in enumerate(line):
                axes.text(column, row, f"{value:.1f}", ha="center", va="center")
        axes.set_xticks(range(len(kinds)), map(plots.short_name, kinds))
        axes.set_yticks(range(len(ratios)), [f"block {number}" for number in range(len(ratios))])
        axes.set_title(title)

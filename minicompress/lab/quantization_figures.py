"""The plots of notebook 05."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes

from minicompress.lab import plots, style


def rounding_chart(weights: torch.Tensor, rounded: torch.Tensor, title: str) -> None:
    """The weights of one row in ascending order, and what each of them becomes.

    weights, rounded: [in], floating point.
    """
    order = weights.detach().argsort(stable=True)
    places, values = np.arange(len(order)), {"weight": weights, "rounded": rounded}
    with plots.chart(title, "weights of the row, in ascending order", "value") as axes:
        for (name, row), look in zip(values.items(), ("C0.", "C1_"), strict=True):
            axes.plot(places, row.detach()[order].numpy(), look, markersize=5, label=name)


def error_chart(title: str, widths: Sequence[int], curves: Mapping[str, Sequence[float]]) -> None:
    """The relative error of rounded weights against the bits, a line for each kind of scale.

    curves: kind -> relative error for each of the widths.
    """
    percent = {name: [100 * value for value in values] for name, values in curves.items()}
    with plots.panels(1, 1, size=(style.WIDE, 3.6)) as (axes,):
        plots.curves(axes, widths, percent)
        axes.set(title=title, xlabel="bits", ylabel="relative error of the weights, % (log)", yscale="log")
        plots.label_ends(axes)


def zeros_chart(shares: Sequence[float], bits: Mapping[str, Sequence[float]]) -> None:
    """Bits of a weight in the file against the share of zeros, a line for each encoding."""
    with plots.panels(1, 1, size=(style.WIDE, 3.2)) as (axes,):
        plots.curves(axes, [100 * share for share in shares], bits)
        axes.set(title="What a weight of 3 bits takes in the file", xlabel="zeros, %", ylabel="bits a weight")
        axes.set_ylim(0, None)
        plots.label_ends(axes)


def speed_chart(int8: dict) -> None:
    """fp32 time over the time with integers, a bar for each model and way; `int8` as in the results."""
    layers = {f"one layer,\n{row['rows']} tokens": row for row in int8["layer"]}
    named = {name.replace("\n1 tokens", "\n1 token"): row for name, row in layers.items()}
    named |= {f"teacher,\n{row['batch']} x {row['length']}": row for row in int8["model"]}
    ways = {"integer kernels": plots.BARS, "dequantize and multiply": {"color": style.ORANGE, "hatch": "//"}}
    places = np.arange(len(named))
    title = "int8 against fp32, CPU time on one thread"
    with plots.chart(title, "", "times as fast (log)", size=(style.WIDE, 3.6)) as axes:
        for shift, (way, look) in zip((-0.2, 0.2), ways.items(), strict=True):
            axes.bar(places + shift, [row[way]["speedup"] for row in named.values()], 0.38, label=way, **look)
        axes.axhline(1, **plots.DASHED)
        axes.set_xticks(places, named)
        _plain_ticks(axes, (0.25, 0.5, 1, 2, 4, 8))


def _plain_ticks(axes: Axes, places: Sequence[float]) -> None:
    """Numbers instead of powers on a logarithmic y axis."""
    axes.set(yscale="log")
    axes.set_yticks(places, [f"{place:g}" for place in places])
    axes.minorticks_off()


def loss_chart(title: str, curves: Mapping[str, Sequence[float]], before: float) -> None:
    """Held-out losses after each step of training, and the loss before it as a dashed line.

    curves: how it was trained -> the loss before the first step, and after each.
    """
    steps = range(len(next(iter(curves.values()))))
    with plots.panels(1, 1, size=(style.WIDE, 3.8)) as (axes,):
        plots.curves(axes, steps, curves)
        axes.axhline(before, **plots.DASHED)
        axes.set(
            title=f"{title}; dashed: fp32, before",
            xlabel="steps of training",
            ylabel="held-out loss, nats",
            xticks=steps[::5],
        )
        plots.label_ends(axes)

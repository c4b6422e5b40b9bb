"""The plots of notebook 03: live measurements, and parts of `results/distillation.json`."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes

from minicompress.lab import plots, style
from minicompress.lab.distillation_tables import ALPHAS, TEMPERATURES, sweep_gains

NAMES = {
    "kd": "its layers, with the teacher",
    "labels": "its layers, labels alone",
    "kd-random": "random weights, with the teacher",
    "labels-random": "random weights, labels alone",
}


# ---------------------------------------------------------------- temperature


def temperature_chart(logits: torch.Tensor, names: Mapping[int, str], T: float) -> None:
    """The probabilities of some tokens at T = 1 and at another temperature, on a log scale.

    logits: [V]. names: token -> what stands below its bars.
    """
    tokens = list(names)
    plain, soft = ((logits / t).softmax(-1)[tokens] for t in (1.0, T))
    title = f"These {len(tokens)} tokens hold {plain.sum():.0%} at T = 1, and {soft.sum():.0%} at T = {T:g}"
    settings = {
        "yscale": "log",
        "ylim": (1e-4, 1),
        "xticks": range(len(tokens)),
        "xticklabels": names.values(),
    }
    with plots.chart(title, "", "probability (log)", (style.WIDE, 3.2), {"ncols": 2}, **settings) as axes:
        places = torch.arange(len(tokens))
        axes.bar(places - 0.2, plain, 0.4, **plots.BARS, label="T = 1")
        axes.bar(places + 0.2, soft, 0.4, color=style.RED, hatch="//", edgecolor="white", label=f"T = {T:g}")
        axes.tick_params(axis="x", rotation=60)


# ---------------------------------------------------------------- with a teacher and without


def halves_chart(students: Mapping[str, Mapping], whole: float, title: str) -> None:
    """Top-1 accuracy of the students of half the layers against training steps, the whole model above them.

    students: arm -> a row of the part `halves`; whole: the whole model's accuracy on the same tokens.
    """
    curves = {
        name: [100 * line["validation_top1"] for line in students[arm]["scored"]]
        for arm, name in NAMES.items()
    }
    steps = [line["step"] for line in students["kd"]["scored"]]
    with plots.panels(1, 1, (style.WIDE, 3.6)) as (axes,):
        plots.curves(axes, steps, curves)
        plots.level(axes, 100 * whole, "the whole model", steps[0])
        axes.set(title=title, xlabel="step", ylabel="top-1, %", ylim=(0, 100 * whole * 1.12), xticks=steps)
        plots.label_ends(axes)


def seeds_chart(lengths: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> None:
    """A panel a length of training: each seed is a line from arm to arm, so that arms are compared within it.

    lengths: length -> arm -> one accuracy a seed, in [0, 1]. All panels show the same number of points.
    """
    with plots.panels(1, len(lengths), (style.WIDE, 3.4)) as panels:
        middles, widest = {}, 0.0
        for axes, (length, arms) in zip(panels, lengths.items(), strict=True):
            values = torch.tensor(list(arms.values()), dtype=torch.float64) * 100  # [arms, seeds]
            named = {f"seed {seed}": column for seed, column in enumerate(values.T.tolist())}
            plots.curves(axes, range(len(arms)), named)
            axes.set_xticks(range(len(arms)), arms)
            axes.set(title=length, xlim=(-0.3, len(arms) - 0.7))
            middles[axes] = (values.max() + values.min()).item() / 2
            widest = max(widest, (values.max() - values.min()).item())
        for axes, middle in middles.items():
            axes.set_ylim(middle - 0.65 * widest, middle + 0.65 * widest)
        panels[0].set(ylabel="top-1, %")
        panels[0].legend()
        panels[0].figure.suptitle(title, fontsize=11)


# ---------------------------------------------------------------- temperature and alpha


def sweep_chart(sweep: Mapping) -> None:
    """The gain over labels alone against T, a panel a student: a line is the mean, dashes are seeds."""
    with plots.panels(1, 2, (style.WIDE, 3.6), sharey=True) as panels:
        for axes, (name, rows) in zip(panels, sweep["students"].items(), strict=True):
            for look, alpha in zip(plots.STYLES, ALPHAS, strict=False):
                gains = [sweep_gains(rows, T, alpha) for T in TEMPERATURES]
                means = [sum(values) / len(values) for values in gains]
                axes.plot(TEMPERATURES, means, look, markersize=5, linewidth=1, label=f"α = {alpha}")
                for T, values in zip(TEMPERATURES, gains, strict=True):
                    axes.plot([T] * len(values), values, "_", color=look[:2], markersize=9)
            axes.axhline(0, **plots.DASHED)
            axes.set(title=f"student of {name}", xlabel="temperature T", xticks=TEMPERATURES)
        panels[0].set(ylabel="points above labels alone")
        panels[0].legend()


# ---------------------------------------------------------------- divergences, recipes, layers


def beta_chart(betas: Sequence[float], values: Sequence[float], title: str) -> None:
    """The generalized Jensen-Shannon divergence against beta; both ends are open circles, off the curve."""
    with plots.chart(title, "β", "nats a token", (style.WIDE, 3.2), xlim=(-0.05, 1.05)) as axes:
        axes.plot(betas[1:-1], values[1:-1], "C0-o", markersize=4, linewidth=1)
        axes.plot([0, 1], [values[0], values[-1]], "C1o", fillstyle="none", markersize=7)
        beside = {"textcoords": "offset points", "va": "center"}
        axes.annotate("KL(teacher ‖ student)", (0, values[0]), xytext=(8, 0), **beside)
        axes.annotate("KL(student ‖ teacher)", (1, values[-1]), xytext=(-8, 0), ha="right", **beside)


def recipes_chart(students: Mapping[str, Mapping], whole: float, title: str) -> None:
    """Masked-token accuracy of the students against training steps, their teacher above them."""
    curves = {
        name: [100 * line["masked_accuracy"] for line in row["scored"]]
        for name, row in students.items()
        if "scored" in row
    }
    steps = next([line["step"] for line in row["scored"]] for row in students.values() if "scored" in row)
    with plots.panels(1, 1, (style.WIDE, 3.4)) as (axes,):
        plots.curves(axes, steps, curves)
        plots.level(axes, 100 * whole, "BERT, their teacher", steps[0])
        axes.set(title=title, xlabel="step", ylabel="masked tokens found, %", ylim=(None, 112 * whole))
        axes.legend(loc="lower right", title="weights of")


def bars_with_levels(axes: Axes, values: Mapping[str, float], levels: Mapping[str, float]) -> None:
    """A bar with its value for each name, and a dashed line for each level, named right of the bars."""
    bars = axes.bar(list(values), list(values.values()), **plots.BARS)
    axes.bar_label(bars, fmt="%.3g", padding=3)
    axes.set(
        xlim=(-0.6, len(values) + (1.2 if levels else -0.4)),
        ylim=(0, 1.12 * max([*values.values(), *levels.values()])),
    )
    for name, value in levels.items():
        plots.level(axes, value, name, len(values) - 0.4)

"""The picture of results/memory.json: peak memory against the size of the model."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minicompress.lab import style

NAMES = {"minicompress": "minicompress compress", "oneshot": "llmcompressor, oneshot"}
LINES = {  # the tool has the colour, the method the dash; the marker is of both
    ("minicompress", "wanda"): {"color": style.BLUE, "linestyle": "-", "marker": "o"},
    ("minicompress", "sparsegpt"): {"color": style.BLUE, "linestyle": "--", "marker": "s"},
    ("oneshot", "wanda"): {"color": style.RED, "linestyle": "-", "marker": "^"},
    ("oneshot", "sparsegpt"): {"color": style.RED, "linestyle": "--", "marker": "v"},
}
CHECKPOINT = {"color": style.FAINT, "linestyle": ":"}


def beyond_the_libraries(content: Mapping, size: str, tool: str, method: str) -> float:
    """MB of peak memory that a model of this size takes more than one of next to no size."""
    peak, alone = (content[name][tool][method]["peak_bytes"] for name in (size, "alone"))
    return (peak - alone) / 1e6


def memory_picture(content: Mapping, path: Path) -> None:
    """Write an SVG with its own white ground: a line for each tool and method, and the model in bf16."""
    sizes = [name for name, part in content.items() if isinstance(part, Mapping) and "hidden_bytes" in part]
    sizes = sorted((size for size in sizes if size != "alone"), key=lambda size: content[size]["parameters"])
    with style.applied():
        figure = Figure(figsize=(style.WIDE, 4.2))
        axes = figure.subplots()
        for (tool, method), look in LINES.items():
            measured = [size for size in sizes if tool in content[size]]
            y = [beyond_the_libraries(content, size, tool, method) for size in measured]
            label = f"{NAMES[tool]}, {method}"
            axes.plot(millions(content, measured), y, linewidth=1, markersize=5, label=label, **look)
        y = [content[size]["checkpoint_bytes"] / 1e6 for size in sizes]
        axes.plot(millions(content, sizes), y, label="the checkpoint, bf16", **CHECKPOINT)
        finish(axes)
        figure.tight_layout()
        style.save_svg(figure, path)


def millions(content: Mapping, sizes: Iterable[str]) -> list[float]:
    """Parameters of models of these sizes, in millions."""
    return [content[size]["parameters"] / 1e6 for size in sizes]


def finish(axes: Axes) -> None:
    """Both axes are logarithmic: what grows like the model has the slope of its line."""
    axes.set(
        title="peak memory beyond the libraries",
        xlabel="parameters, millions (log)",
        ylabel="MB (log)",
        xscale="log",
        yscale="log",
    )
    axes.legend(loc="upper left")  # a line that ends early has no room for a label at its end

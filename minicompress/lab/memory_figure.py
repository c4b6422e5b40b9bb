"""The picture of results/memory.json: peak memory against the size of the model."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minicompress.lab.style import save_svg

NAMES = {"minicompress": "minicompress compress", "oneshot": "llmcompressor, oneshot"}
STYLES = {
    ("minicompress", "wanda"): "k-o",
    ("minicompress", "sparsegpt"): "k--s",
    ("oneshot", "wanda"): "-^",
    ("oneshot", "sparsegpt"): "--v",
}


def beyond_the_libraries(content: Mapping, size: str, tool: str, method: str) -> float:
    """MB of peak memory that a model of this size takes more than one of next to no size."""
    peak, alone = (content[name][tool][method]["peak_bytes"] for name in (size, "alone"))
    return (peak - alone) / 1e6


def memory_picture(content: Mapping, path: Path) -> None:
    """Write an SVG with its own white ground: a line for each tool and method, and the model in fp16."""
    sizes = [name for name, part in content.items() if isinstance(part, Mapping) and "hidden_bytes" in part]
    sizes = sorted((size for size in sizes if size != "alone"), key=lambda size: content[size]["parameters"])
    figure = Figure(figsize=(7, 3.6))
    axes = figure.subplots()
    for (tool, method), style in STYLES.items():
        measured = [size for size in sizes if tool in content[size]]
        if measured:
            x = [content[size]["parameters"] / 1e6 for size in measured]
            y = [beyond_the_libraries(content, size, tool, method) for size in measured]
            color = {} if style.startswith("k") else {"color": "dimgray"}
            axes.plot(x, y, style, linewidth=1, markersize=5, label=f"{NAMES[tool]}, {method}", **color)
    x = [content[size]["parameters"] / 1e6 for size in sizes]
    axes.plot(
        x, [content[size]["checkpoint_bytes"] / 1e6 for size in sizes], "k:", label="the checkpoint, bf16"
    )
    finish(axes)
    figure.tight_layout()
    save_svg(figure, path)


def finish(axes: Axes) -> None:
    """Both axes are logarithmic: what grows like the model has the slope of its line."""
    axes.set(
        title="peak memory beyond the libraries",
        xlabel="parameters, millions (log)",
        ylabel="MB (log)",
        xscale="log",
        yscale="log",
    )
    axes.legend(fontsize=8)

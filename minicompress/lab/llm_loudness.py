"""Which inputs a mask spares: the shares that it removes, from the quietest inputs to the loudest."""

from collections.abc import Mapping

import torch

from minicompress.lab import plots


def shares_removed(mask: torch.Tensor, norms: torch.Tensor, parts: int) -> list[float]:
    """The share of the weights that go, in `parts` groups of equally many inputs, the quietest group first.

    mask: bool [out, in], True = kept. norms: [in]. Where the parts cannot be equal, the first are larger by
    one. ValueError: more parts than inputs, shapes that do not fit.
    """
    if mask.ndim != 2 or norms.shape != mask.shape[1:] or not 1 <= parts <= len(norms):
        shapes = f"{list(mask.shape)} and {list(norms.shape)}"
        raise ValueError(f"mask must be [out, in], norms [in], parts 1..in; got {shapes}, and {parts} parts")
    gone = (~mask).float().mean(0)[norms.argsort()]  # [in]
    return [part.mean().item() for part in gone.tensor_split(parts)]


def removed_chart(
    masks: Mapping[str, torch.Tensor], norms: torch.Tensor, title: str, parts: int = 24
) -> None:
    """A line a mask: the percentage of the weights that go, against the loudness of the inputs they read."""
    middles = [100 * (part + 0.5) / parts for part in range(parts)]
    legend = {"loc": "upper left", "ncols": len(masks)}
    settings = {"xlim": (0, 100), "ylim": (0, 119), "yticks": range(0, 101, 20)}  # room for the legend
    xlabel = f"inputs, from the quietest to the loudest, % ({parts} groups)"
    with plots.chart(title, xlabel, "weights that go, %", legend=legend, **settings) as axes:
        removed = {
            name: [100 * share for share in shares_removed(mask, norms, parts)]
            for name, mask in masks.items()
        }
        plots.curves(axes, middles, removed)

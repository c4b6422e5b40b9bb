"""Diagrams of notebook 01: 2:4 as it is stored, and magnitude against Wanda."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from minicompress.lab import style
from minicompress.lab.diagrams.shapes import (
    GONE,
    KEPT,
    PLAIN,
    QUIET,
    arrow,
    canvas,
    lowest,
    number,
    row,
    write,
)


def two_of_four(weights: Sequence[float] = (0.1, 0.5, 0.2, 0.8)) -> None:
    """Show which two of every four weights stay, and what is stored of them: fp16 values, 2-bit positions.

    weights: four or eight neighbours of a row. Of equal magnitudes the first goes, as in `nm_mask`.
    ValueError: another number of weights.
    """
    if len(weights) not in (4, 8):
        raise ValueError(f"2:4 is drawn for 4 or 8 weights, got {len(weights)}")
    gone = set()
    for first in range(0, len(weights), 4):
        group = [abs(weight) for weight in weights[first : first + 4]]
        gone |= {first + place for place in lowest(group, 2)}
    kept = [place for place in range(len(weights)) if place not in gone]
    size = (0.52, 0.4)
    left = (style.NARROW - size[0] * len(weights)) / 2
    with canvas(style.NARROW, 3.1) as axes:
        write(axes, 0.15, 0.22, "a weight's position in its group of four:")
        for place in range(len(weights)):
            write(axes, left + (place + 0.5) * size[0], 0.52, f"{place % 4:02b}", "center", color=style.FAINT)
        looks = [GONE if place in gone else KEPT for place in range(len(weights))]
        row(axes, (left, 0.68), size, [number(weight) for weight in weights], looks)
        _draw_stored(axes, weights, kept, [left + (place + 0.5) * size[0] for place in kept])
        before, after = 16 * len(weights), 18 * len(kept)
        text = f"{before} bits become {after}: {after / len(weights):g} bits a weight instead of 16"
        write(axes, style.NARROW / 2, 2.86, text, "center")


def _draw_stored(axes: Axes, weights: Sequence[float], kept: Sequence[int], centers: Sequence[float]) -> None:
    """The kept values in their order, and beside them the position of each, with the bits that they take."""
    count, size = len(kept), (0.48, 0.4)
    block = max(count * size[0], 1.4)  # inches that the words below need
    left = (style.NARROW - 0.4 - 2 * block) / 2
    values = left + (block - count * size[0]) / 2
    positions = values + block + 0.4
    row(axes, (values, 1.75), size, [number(weights[place]) for place in kept], [KEPT] * count)
    row(axes, (positions, 1.75), size, [f"{place % 4:02b}" for place in kept], [PLAIN] * count)
    for index, center in enumerate(centers):
        arrow(axes, (center, 1.08), (values + (index + 0.5) * size[0], 1.75))
    for start, text in (
        (values, f"{count} values\nof 16 bits"),
        (positions, f"{count} positions\nof 2 bits"),
    ):
        write(axes, start + count * size[0] / 2, 2.42, text, "center")


def magnitude_and_wanda(
    weights: Sequence[float] = (1, -2), norms: Sequence[float] = (10, 1), sparsity: float = 0.5
) -> None:
    """Show one row of a weight matrix, and which of its weights each of the two scores keeps.

    weights, norms: one row and the norms of its inputs, 2 to 5 of each. int(inputs * sparsity) weights go.
    ValueError: other numbers of them, sparsity outside [0, 1].
    """
    inputs = len(weights)
    if len(norms) != inputs or not 2 <= inputs <= 5:
        raise ValueError(f"2 to 5 weights and as many norms are drawn, got {inputs} and {len(norms)}")
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity must lie in 0..1, got {sparsity}")
    magnitudes = [abs(weight) for weight in weights]
    scores = [magnitude * norm for magnitude, norm in zip(magnitudes, norms, strict=True)]
    rows = {"input norm": norms, "weight": weights, "magnitude:\n|weight|": magnitudes}
    rows["Wanda:\n|weight| × norm"] = scores
    size = (min(0.75, 2.85 / inputs), 0.42)
    with canvas(style.NARROW, 3.1) as axes:
        for place, (name, values) in enumerate(rows.items()):
            y = 0.15 + 0.56 * place
            gone = lowest(values, int(inputs * sparsity)) if place >= 2 else set()
            looks = [QUIET if place < 2 else GONE if index in gone else KEPT for index in range(inputs)]
            write(axes, 1.45, y + size[1] / 2, name, "right")
            row(axes, (1.6, y), size, [number(value) for value in values], looks)
            if place >= 2:
                stay = [number(weights[index]) for index in range(inputs) if index not in gone]
                text = f"{name.split(':')[0]} keeps {', '.join(stay) or 'nothing'}"
                write(axes, 0.15, 2.52 + 0.28 * (place - 2), text)

"""The diagram of notebook 04: a matrix as the product of two thin ones."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from minicompress.lab import style
from minicompress.lab.diagrams.shapes import KEPT, OTHER, PLAIN, Look, canvas, number, row, write

HEIGHT = 0.38  # inches of a cell


def low_rank_product(weight: Sequence[Sequence[float]] = ((15, 20, 0), (0, 0, 5)), rank: int = 1) -> None:
    """Show a matrix beside the product of its two factors, which stand left of the product and above it.

    weight: a matrix of up to 4 x 4. The signs of the factors are free: the largest entry of each row of
    V_scaled is positive here. ValueError: another shape, a rank outside 1..min(out, in).
    """
    matrix = np.asarray(weight, dtype=float)
    if matrix.ndim != 2 or not all(1 <= side <= 4 for side in matrix.shape):
        raise ValueError(f"matrices from 1 x 1 to 4 x 4 are drawn, got the shape {list(matrix.shape)}")
    if not 1 <= rank <= min(matrix.shape):
        raise ValueError(f"rank must lie in 1..{min(matrix.shape)}, got {rank}")
    U, S, Vh = np.linalg.svd(matrix, full_matrices=False)
    signs = np.sign(Vh[np.arange(rank), np.abs(Vh[:rank]).argmax(axis=1)])
    scale = signs * np.sqrt(S[:rank])
    _draw_product(matrix, U[:, :rank] * scale, scale[:, None] * Vh[:rank], (S[rank:] ** 2).sum())


def _draw_product(matrix: np.ndarray, left: np.ndarray, right: np.ndarray, error: float) -> None:
    """left [out, rank] and right [rank, in] around their product, the matrix itself on the right."""
    (rows, columns), rank = matrix.shape, len(right)
    side = min(0.56, (style.WIDE - 1.0) / (rank + 2 * columns))
    block = max(1.5, side * rank)  # inches that the words below U_scaled need
    at = (style.WIDE - block - 2 * side * columns - 0.7) / 2  # where U_scaled begins
    product, whole = at + block + 0.2, at + block + 0.7 + side * columns
    top, middle, below = 0.15, 0.3 + HEIGHT * rank, 0.42 + HEIGHT * (rank + rows)
    with canvas(style.WIDE, below + 1.25) as axes:
        _draw_matrix(axes, (product, top), side, right, OTHER)
        _draw_matrix(axes, (at + block - side * rank, middle), side, left, KEPT)
        _draw_matrix(axes, (product, middle), side, left @ right, PLAIN)
        _draw_matrix(axes, (whole, middle), side, matrix, PLAIN)
        write(axes, whole - 0.25, middle + HEIGHT * rows / 2, "≈", "center", fontsize=15)
        words = f"V_scaled {list(right.shape)}: layer U, first,\n{right.size} numbers"
        axes.text(whole - 0.35, top, words, fontsize=11, va="top")
        for x, name, part in (
            (at + block, f"U_scaled {list(left.shape)}\nlayer V, second", left),
            (product + side * columns, f"product {list(matrix.shape)}", None),
            (whole + side * columns, f"W {list(matrix.shape)}", matrix),
        ):
            words = name if part is None else f"{name}\n{part.size} numbers"
            axes.text(x, below, words, ha="right", va="top", fontsize=11)
        text = f"squared error: {number(error)}, the sum of the dropped S²"
        write(axes, style.WIDE / 2, below + 1.0, text, "center")


def _draw_matrix(axes: Axes, corner: tuple[float, float], side: float, part: np.ndarray, look: Look) -> None:
    """The numbers of a matrix in cells, with up to two decimals."""
    for line, values in enumerate(part):
        texts = [number(round(float(value), 2)) for value in values]
        row(axes, (corner[0], corner[1] + HEIGHT * line), (side, HEIGHT), texts, [look] * len(values))

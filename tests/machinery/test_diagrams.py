"""The diagrams: what each of them shows."""

import matplotlib
import numpy as np
import pytest

from minicompress.lab import diagrams


@pytest.fixture
def grid():
    """The axes with the staircase for the weights 4, -2, 2, 1 on the grid -3, 0, 3."""
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    diagrams.rounding_grid([4, -2, 2, 1], largest=1, scale=3)
    yield matplotlib.pyplot.gcf().axes[0]
    matplotlib.pyplot.close("all")
    matplotlib.use(before)


def drawn(axes, label: str) -> np.ndarray:
    """The points of what has this label, [points, 2]."""
    return next(line for line in axes.lines if line.get_label().startswith(label)).get_xydata()


def test_the_stairs_stand_at_every_value_of_the_grid(grid):
    steps = grid.collections[0].get_segments()
    assert [(step[0][1], step[1][1]) for step in steps] == [(-3, -3), (0, 0), (3, 3)]
    assert steps[1].tolist() == [[-1.5, 0], [1.5, 0]], "what is rounded to 0"


def test_a_clipped_weight_is_a_cross_at_the_edge_and_the_others_are_dots(grid):
    assert drawn(grid, "a clipped weight").tolist() == [[4, 3]]
    assert drawn(grid, "a weight").tolist() == [[-2, -2], [2, 2], [1, 1]]


def test_an_arrow_leads_from_each_weight_to_its_value(grid):
    arrows = {(text.xyann[0], text.xyann[1], text.xy[1]) for text in grid.texts if text.arrow_patch}
    assert arrows == {(-2, -2, -3), (2, 2, 3), (1, 1, 0)}


def test_the_gradient_follows_a_line_that_is_flat_beyond_the_edges(grid):
    line = drawn(grid, "backward")
    assert (np.diff(line[:, 1]) / np.diff(line[:, 0])).tolist() == [0, 1, 0]

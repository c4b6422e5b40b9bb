"""Which inputs a mask spares."""

import matplotlib.pyplot as plt
import pytest
import torch
from pictures import no_window  # noqa: F401

from minicompress.lab import llm_loudness

KEPT = torch.tensor([[False, True, True, True], [False, False, True, True]])  # inputs 0, 1, 2, 3
NORMS = torch.tensor([5.0, 1.0, 2.0, 9.0])  # from quiet to loud: inputs 1, 2, 0, 3


def test_shares_are_those_of_the_quietest_inputs_first():
    assert llm_loudness.shares_removed(KEPT, NORMS, 4) == [0.5, 0, 1, 0]
    assert llm_loudness.shares_removed(KEPT, NORMS, 2) == [0.25, 0.5]


@pytest.mark.parametrize(("norms", "parts"), [(NORMS[:3], 2), (NORMS, 5), (NORMS, 0)])
def test_shapes_that_do_not_fit_and_too_many_parts_are_refused(norms, parts):
    with pytest.raises(ValueError, match=rf"and {parts} parts"):
        llm_loudness.shares_removed(KEPT, norms, parts)


def test_the_chart_has_a_line_of_percentages_for_each_mask():
    llm_loudness.removed_chart({"some": KEPT, "none": torch.ones_like(KEPT)}, NORMS, "title", parts=2)
    lines = {line.get_label(): list(line.get_xydata().flatten()) for line in plt.gca().lines}
    assert lines == {"some": [25, 25, 75, 50], "none": [25, 0, 75, 0]}

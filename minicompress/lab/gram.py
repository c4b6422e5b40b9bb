"""The sum of x^T x over calibration tokens, kept small: a Hessian can be the largest thing in memory."""

import itertools

import torch

PANELS = 4  # more of them save little, and make each product small


class Gram:
    """Adds up x^T x for x [tokens, in] in fp32, its upper triangle alone, in panels of rows.

    The sum is symmetric. Four panels hold and compute 5/8 of it.
    """

    def __init__(self, features: int, device: torch.device | None = None):
        edges = torch.linspace(0, features, PANELS + 1).long().unique().tolist()
        self._rows = list(itertools.pairwise(edges))  # of each panel: first, and the one after the last
        self._panels = [
            torch.zeros(stop - start, features - start, device=device) for start, stop in self._rows
        ]

    def add(self, x: torch.Tensor) -> None:
        """Add x^T x; x is [tokens, in]."""
        x = x.float()
        for (start, stop), panel in zip(self._rows, self._panels, strict=True):
            panel.addmm_(x[:, start:stop].T, x[:, start:])  # [rows, in - start]

    def take(self) -> torch.Tensor:
        """Return the sum as a whole matrix, fp32 [in, in], and give up the panels on the way."""
        features = self._rows[-1][1]
        # Zeros take no memory before they are written, and a panel is let go as soon as it is copied.
        whole = torch.zeros(features, features, device=self._panels[0].device)
        for start, stop in reversed(self._rows):
            panel = self._panels.pop()
            whole[start:stop, start:] = panel
            whole[stop:, start:stop] = panel[:, stop - start :].T
        return whole

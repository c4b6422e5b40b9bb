"""How near a function comes to choosing otherwise: two scores of which one is pruned and the other kept."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from unittest import mock

import torch


@contextlib.contextmanager
def noted() -> Iterator[list[float]]:
    """Yield a list that grows by one gap for each mask that is made of scores, see `gap`."""
    # here, because this is the chapter that is being judged
    chapter = importlib.import_module("minicompress.pruning")
    gaps: list[float] = []

    def noting(name: str, groups_of: Callable) -> object:
        choose = getattr(chapter, name)

        def note(*arguments: object) -> torch.Tensor:
            mask = choose(*arguments)
            gaps.append(gap(*groups_of(mask, *arguments)))
            return mask

        return mock.patch.object(chapter, name, note)

    with contextlib.ExitStack() as patches:
        for name, groups_of in CHOOSE.items():
            patches.enter_context(noting(name, groups_of))
        yield gaps


def gap(scores: torch.Tensor, mask: torch.Tensor) -> float:
    """The smallest distance from what is pruned to what is kept in a row, as a share of the latter.

    1 where nothing is chosen, and where what is kept is 0: then it is the same to prune it.
    """
    scores = scores.double()
    kept = scores.masked_fill(~mask, torch.inf).amin(1)  # [rows]
    pruned = scores.masked_fill(mask, -torch.inf).amax(1)  # [rows]
    chosen = kept.isfinite() & pruned.isfinite() & (kept > 0)
    return float(((kept - pruned) / kept)[chosen].amin()) if chosen.any() else 1.0


def of_all(mask: torch.Tensor, weight: torch.Tensor, _: float) -> tuple:
    return weight.abs().reshape(1, -1), mask.reshape(1, -1)  # [1, numel]


def of_groups(mask: torch.Tensor, scores: torch.Tensor, _: int, m: int) -> tuple:
    return scores.reshape(-1, m), mask.reshape(-1, m)  # [groups, m]


def of_rows(
    mask: torch.Tensor, weight: torch.Tensor, norms: torch.Tensor, _: float, pattern: tuple | None
) -> tuple:
    """With a pattern the choice is that of `nm_mask`, and noted there."""
    scores = weight.abs() * norms  # [out, in]
    return scores, torch.ones_like(mask) if pattern else mask


CHOOSE = {"magnitude_mask": of_all, "nm_mask": of_groups, "wanda_mask": of_rows}

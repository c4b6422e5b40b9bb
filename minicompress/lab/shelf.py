"""Where the blocks of a model are while no walk uses them. A walk (`lab.calibration`) asks for each in turn.

In memory there is nothing to do. A model whose blocks lie on a disk has an attribute `shelf`, of a class that
brings a block when the walk reaches it, and keeps what was made of it when the walk has passed
(`disk.shelf`).
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import nn


class Traveller(Protocol):
    """What a walk takes from block to block: the hidden states of one batch."""

    hidden: torch.Tensor  # [B, T, features]


class Shelf:
    """The shelf of a model that lies in memory as a whole."""

    def begin(self, travellers: Sequence[Traveller]) -> int:
        """Return the number of the block that a walk begins with: 0, or where an earlier one was interrupted.

        The travellers stand before the first block. A shelf that begins later gives them other hidden states.
        What stands before the blocks is not needed from here on.
        """
        return 0

    @contextlib.contextmanager
    def holding(self, number: int, travellers: Sequence[Traveller]) -> Iterator[None]:
        """Have the parameters of block `number` in memory while this lasts.

        At a normal end the block as it is by then, and the travellers behind it, are what is kept.
        """
        yield


def shelf_of(model: nn.Module) -> Shelf:
    """The model's own shelf, or the one of a model in memory."""
    return getattr(model, "shelf", None) or Shelf()

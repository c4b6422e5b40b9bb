"""This process among the processes of a training: one by default, several under `accelerate launch`."""

import torch
from accelerate import PartialState

from minicompress.lab.machine import best_device


def this_process() -> PartialState:
    """Which process this is, of how many, and on which device."""
    return PartialState(cpu=best_device().type == "cpu")


def my_share(rows: torch.Tensor) -> torch.Tensor:
    """This process's rows of a batch, on its device; all of them when there is only one process."""
    state = this_process()
    return rows[state.process_index :: state.num_processes].to(state.device)

"""What a machine affords: estimates from sizes alone, so that the same machine always plans the same."""

import os

import psutil
import torch
from torch import nn

from minicompress.lab.machine import best_device
from minicompress.lab.modules import parameter_count

# Floating-point operations a second in training, as a careful guess: a core with AVX2, a GPU of 24 GB.
CORE, GPU = 25e9, 20e12
MINUTES = 10  # of one training
COPIES = 20  # of the logits in fp32, at the highest point of a distillation's update (17 were measured)


def affordable(student: nn.Module, teacher: nn.Module, tokens: int, most: int) -> int:
    """How many distillation updates of `tokens` tokens fit into ten minutes on this machine: 5 to `most`.

    A token costs 6 operations for each parameter of the student, which is trained (2 forward, 4 backward),
    and 2 for each of the teacher, which only answers (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
    """
    operations = tokens * (6 * parameter_count(student) + 2 * parameter_count(teacher))
    return min(most, max(5, int(60 * MINUTES * operations_a_second() / operations)))


def operations_a_second() -> float:
    """What this machine does, by the kind of its device and the number of its cores."""
    if best_device().type == "cuda":
        return GPU * torch.cuda.device_count()
    return CORE * (os.cpu_count() or 1)


def rows_that_fit(vocabulary: int, length: int, most: int) -> int:
    """How many sequences of an update fit with their logits into a quarter of this machine's memory: 1 to
    `most`.
    """
    device = best_device()
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory
    else:
        memory = psutil.virtual_memory().total
    return max(1, min(most, memory // 4 // (COPIES * length * vocabulary * 4)))

"""Notebook 03: knowledge distillation, a small model taught by a large one's probabilities."""

import copy
from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import nn


def distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    labels: torch.Tensor | None = None,
    T: float = 2.0,
    alpha: float = 0.5,
    ignore_index: int = -100,
) -> torch.Tensor:
    """Return alpha * T^2 * KL(teacher_T || student_T) + (1 - alpha) * cross entropy, averaged over real tokens.

    teacher_T = softmax(teacher_logits / T), likewise the student. T^2 undoes the 1/T^2 by which a softer softmax
    shrinks the gradients. With labels, both terms average over the positions whose label is not `ignore_index`.
    Without labels the result is T^2 * KL over all rows given, not scaled by alpha.
    Source: Hinton et al. 2015, arXiv 1503.02531, section 2.

    student_logits, teacher_logits: [..., V], aligned; labels: int64 [...], already shifted by the caller.
    Returns a scalar, fp32 or better; the teacher receives no gradient.
    ValueError: shapes that differ, T <= 0, alpha outside [0, 1], or no real label left.
    """
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}")
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    raise NotImplementedError("Exercise 3.1 distillation_loss")


def init_student_from_teacher(teacher: nn.Module, keep_layers: Sequence[int]) -> nn.Module:
    """Return a shallower copy of the teacher that starts from the chosen layers, in the order given, ready to train.

    Embeddings, final norm and head are copied too; nothing is shared with the teacher, and all parameters require
    gradients. `num_hidden_layers` and each layer's `layer_idx` are renumbered, so that cached generation works.
    DistilBERT keeps every other layer (Sanh et al. 2019, arXiv 1910.01108, section 3).

    ValueError: no layer kept, one kept twice, or an index outside the teacher's layers.
    """
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    if not keep_layers or len(set(keep_layers)) != len(keep_layers) or not set(keep_layers) <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    raise NotImplementedError("Exercise 3.3 init_student_from_teacher")


def distill(
    student: nn.Module,
    teacher: nn.Module,
    batches: Iterable[Mapping[str, torch.Tensor]],
    optimizer: torch.optim.Optimizer,
    T: float = 2.0,
    alpha: float = 0.5,
) -> list[float]:
    """Train the student on the teacher's probabilities and the next tokens, one step a batch; return the losses.

    The teacher is frozen: in eval mode, without gradients. The logits at position t are compared with the token at
    t + 1, and padding (attention_mask 0) is not counted. Both models end in the modes they came in, also after an error.

    batches: mappings with `input_ids` int64 [B, L] and optionally `attention_mask` [B, L], on the models' device.
    ValueError: no batch, or models with different vocabularies.
    """
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}")
    raise NotImplementedError("Exercise 3.4 distill")

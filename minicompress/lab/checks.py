"""Checks of arguments that many functions share. Each names the bad value and says what is allowed."""

import torch
from torch import nn


def check_tokens(tokens: torch.Tensor, count: int, shortest: int = 2, name: str = "batch_size") -> None:
    """Refuse tokens that are not int64 [sequences, length >= shortest], and a `count` (`name`) below 1."""
    if tokens.ndim != 2 or tokens.dtype != torch.int64:
        raise ValueError(f"tokens must be int64 [sequences, length], got {tokens.dtype} {list(tokens.shape)}")
    if tokens.shape[0] == 0 or tokens.shape[1] < shortest:
        raise ValueError(f"tokens must be at least 1 sequence of length {shortest}, got {list(tokens.shape)}")
    if count < 1:
        raise ValueError(f"{name} must be at least 1, got {count}")


def check_weight(weight: torch.Tensor, name: str = "weight") -> None:
    """Refuse tensors that are not floating point or hold NaN: they have no order by magnitude."""
    if not weight.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {weight.dtype}")
    if weight.isnan().any():
        raise ValueError(f"{name} holds {int(weight.isnan().sum())} NaN values: nothing can be ranked")


def check_finite(weight: torch.Tensor, name: str = "weight") -> None:
    """Refuse tensors that are not floating point or hold NaN or infinity: they have no scale."""
    if not weight.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {weight.dtype}")
    strange = int((~weight.isfinite()).sum())
    if strange:
        raise ValueError(f"{name} holds {strange} NaN or infinite values: no scale fits them")


def check_sparsity(sparsity: float) -> None:
    """Refuse a share outside [0, 1]."""
    if not 0.0 <= sparsity <= 1.0:
        raise ValueError(f"sparsity must lie in [0, 1], got {sparsity}")


def check_pattern(n: int, m: int, columns: int) -> None:
    """Refuse an N:M pattern that is no pattern, or that does not divide the last dimension."""
    if not 0 < n <= m:
        raise ValueError(f"an N:M pattern keeps n of every m with 1 <= n <= m, got {n}:{m}")
    if columns % m:
        raise ValueError(f"the last dimension, {columns}, is not divisible by m = {m}")


def check_same_shape(student_logits: torch.Tensor, teacher_logits: torch.Tensor) -> None:
    """Refuse logits that cannot be compared entry by entry."""
    student, teacher = list(student_logits.shape), list(teacher_logits.shape)
    if student != teacher:
        raise ValueError(f"logits differ in shape: student {student}, teacher {teacher}")


def check_vocabularies(student: nn.Module, teacher: nn.Module) -> None:
    """Refuse two models whose logits speak of different tokens."""
    ours, theirs = student.config.vocab_size, teacher.config.vocab_size
    if ours != theirs:
        raise ValueError(f"vocabularies differ: student {ours}, teacher {theirs}")


def check_bits(bits: int, lowest: int = 2, highest: int = 8) -> None:
    """Refuse a bit width outside lowest..highest."""
    if bits not in range(lowest, highest + 1):
        raise ValueError(f"bits must be an integer in {lowest}..{highest}, got {bits}")


def check_keep(keep: torch.Tensor, size: int) -> None:
    """Refuse anything but sorted, unique int64 indices in 0..size-1, at least one."""
    if keep.dtype != torch.int64 or keep.ndim != 1 or not len(keep):
        got = f"{keep.dtype} {list(keep.shape)}"
        raise ValueError(f"keep must be int64 indices [kept], at least one, got {got}")
    if keep[0] < 0 or keep[-1] >= size or (keep.diff() <= 0).any():
        raise ValueError(f"keep must be sorted unique indices in 0..{size - 1}, got {keep.tolist()}")


def check_pattern_sparsity(pattern: tuple[int, int] | None, sparsity: float) -> None:
    """Refuse a sparsity that contradicts an N:M pattern: keeping n of every m prunes the share 1 - n/m."""
    if pattern is None:
        return
    n, m = pattern
    if abs(sparsity - (1 - n / m)) > 1e-9:
        raise ValueError(f"the pattern {n}:{m} prunes {1 - n / m:g} of a weight, but sparsity is {sparsity}")

"""Notebook 03: knowledge distillation, a small model taught by a large one's probabilities."""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from minicompress.lab.checks import check_same_shape, check_vocabularies
from minicompress.lab.loops import evaluation_mode, take_steps, training_mode


def at_least_fp32(x: torch.Tensor) -> torch.Tensor:
    """Half-precision tensors in fp32, others as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    labels: torch.Tensor | None = None,
    T: float = 2.0,
    alpha: float = 0.5,
    ignore_index: int = -100,
) -> torch.Tensor:
    """Return alpha * T^2 * KL(teacher_T || student_T) + (1 - alpha) * cross entropy, a mean over tokens.

    teacher_T = softmax(teacher_logits / T), likewise the student. T^2 undoes the 1/T^2 by which a softer
    softmax shrinks the gradients. The cross entropy takes the student's plain logits, without T. With labels,
    both terms average over the positions whose label is not `ignore_index`. Without labels the result is T^2
    * KL over all rows given, not scaled by alpha. Source: Hinton et al. 2015, arXiv 1503.02531, section 2.

    student_logits, teacher_logits: [..., V], aligned; labels: int64 [...], already shifted by the caller. No
    input is changed. Returns a scalar, fp32 or better: half-precision logits are converted before any sum.
    The teacher receives no gradient.
    ValueError: logits of different shapes, labels that do not fit them, T <= 0, alpha outside [0, 1], or no
    real label left.
    """
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    raise NotImplementedError("Exercise 3.1 distillation_loss")


def feature_distillation_loss(
    student_states: Sequence[torch.Tensor],
    teacher_states: Sequence[torch.Tensor],
    layer_map: Sequence[tuple[int, int]],
    projections: Sequence[nn.Module] | None = None,
) -> torch.Tensor:
    """Return the mean squared error between the student's and the teacher's hidden states.

    loss = mean over (s, t) in layer_map of mean((projection(student_states[s]) - teacher_states[t])^2)

    Each pair counts the same, however wide its states are.

    `layer_map` holds pairs of indices into the models' `hidden_states` (0 = embeddings, 1 = first layer,
    ...). A student of 2 layers and a teacher of 4 have 3 and 5 states: [(0, 0), (1, 2), (2, 4)] pairs them at
    equal depth, zip does not. Where the widths differ, `projections` holds one module a pair (a Linear;
    nn.Identity() where none is needed), applied to the student's state and trained with the student. Source:
    Romero et al. 2014, arXiv 1412.6550, section 2.2.

    States: [..., width], without padding (the caller masks: `state[attention_mask.bool()]`). Returns a
    scalar, fp32 or better: half-precision states are converted before any sum. The teacher receives no
    gradient.
    ValueError: no pair, an index that is not there (negative ones are not), not one projection a pair, or
    shapes that differ after projection.
    """
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    raise NotImplementedError("Exercise 3.2 feature_distillation_loss")


def init_student_from_teacher(teacher: nn.Module, keep_layers: Sequence[int]) -> nn.Module:
    """Return a shallower copy of the teacher, made of the chosen layers in the order given, ready to train.

    Embeddings, final norm and head are copied too. Nothing is shared with the teacher, which stays as it is,
    and all parameters of the student require gradients, also when the teacher's do not. The student's
    configuration counts its layers: `num_hidden_layers`, and `layer_types` where there is one (an entry a
    layer). Each `layer_idx` inside a layer is renumbered, so that cached generation works. DistilBERT keeps
    every other layer (Sanh et al. 2019, arXiv 1910.01108, section 3).

    teacher: a model of transformers whose layers stand in one ModuleList, whatever its name (`model.layers`
    of Llama, `transformer.h` of GPT-2).
    ValueError: no layer kept, one kept twice, or an index outside the teacher's layers.
    """
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
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
    """Train the student on the teacher's probabilities and the next tokens; return each batch's loss.

    One step a batch. The student learns in training mode. The teacher is frozen: in eval mode, without
    gradients, and nothing of it is changed. The logits at position t are compared with the token at t + 1,
    and padding (attention_mask 0) is neither seen nor counted. Afterwards every module of both models has the
    mode it came in, also after an error.

    batches: mappings with `input_ids` int64 [B, L] and optionally `attention_mask` [B, L], on the models'
    device; they are not changed. Returns one float a batch.
    ValueError: no batch, or models with different vocabularies.
    """
    check_vocabularies(student, teacher)
    raise NotImplementedError("Exercise 3.4 distill")


def on_the_fly_batch(
    teacher: nn.Module, prompts: Mapping[str, torch.Tensor], max_new_tokens: int, temperature: float = 0.0
) -> dict[str, torch.Tensor]:
    """Let a model continue prompts; return {"input_ids", "attention_mask", "labels"} of prompt and answer.

    `teacher` is whoever writes: hand over the student for on-policy distillation (GKD, Agarwal et al. 2023,
    arXiv 2306.13649). Temperature 0 takes the likeliest token each time, another one samples from
    softmax(logits / temperature), whose tail is not cut off: the model's own `top_k` and `top_p` do not
    count. An answer ends with the first end mark that the model writes, and
    `teacher.generation_config.eos_token_id` says which tokens are end marks: one, a list of them, or None.
    The end mark may be the padding token, too, and may stand inside a prompt, where it ends nothing.

    prompts: `input_ids` int64 [B, P] and optionally `attention_mask` [B, P]; shorter prompts are padded on
    the left, because the answer is appended on the right. All results are int64 [B, up to P +
    max_new_tokens], the padding moved to the right, where position numbers and causal models do not notice
    it. `labels` holds the answer, its end mark included, in the same columns as `input_ids` (the caller
    shifts), and -100 on the prompt and on padding.
    Example: prompt [pad, 5, 6], answer [7, end, ...] -> input_ids [5, 6, 7, end, pad...], labels [-100, -100,
    7, end, -100...].

    The writer keeps a key-value cache and works in eval mode without gradients; afterwards every module of it
    has its own mode back. The prompts are not changed.
    ValueError: prompts that are not [B, P] with P >= 1 or end with padding, max_new_tokens < 1, temperature <
    0.
    """
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    raise NotImplementedError("Exercise 3.5 on_the_fly_batch")


def generalized_jsd(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, beta: float = 0.5
) -> torch.Tensor:
    """Return the generalized Jensen-Shannon divergence of teacher P and student Q, a mean over all rows.

    beta * KL(P || M) + (1 - beta) * KL(Q || M) with M = beta * P + (1 - beta) * Q; beta = 0 stands for KL(P
    || Q), the distillation loss at T = 1, and beta = 1 for KL(Q || P). Between the ends it is bounded by ln
    2, and goes to 0 towards both: the ends themselves are other functions. Source: GKD, Agarwal et al. 2023,
    arXiv 2306.13649, section 2.
    Example: P = (1, 0), Q = (0, 1), beta = 1/2: M = (1/2, 1/2) and the result is ln 2.

    student_logits, teacher_logits: [..., V], aligned, the caller selects the rows. Returns a scalar, fp32 or
    better: half-precision logits are converted before any sum. It stays finite where a probability underflows
    to 0. The teacher receives no gradient.
    ValueError: shapes that differ (vocabularies must match), no row, or beta outside [0, 1].
    """
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    raise NotImplementedError("Exercise 3.6 generalized_jsd")


def distill_for_task(
    student: nn.Module,
    teacher: nn.Module,
    prompts: Iterable[Mapping[str, torch.Tensor]],
    optimizer: torch.optim.Optimizer,
    max_new_tokens: int,
    T: float = 2.0,
) -> list[float]:
    """Teach the student one task by the teacher's answers, without any ground truth; return the losses.

    One step a batch. The teacher answers each batch of prompts (greedily, `on_the_fly_batch`); both models
    then read prompt and answer, and the student imitates the teacher's distribution at every token of the
    answer, the end mark included: T^2 * KL, mean over the answers' tokens. Kim & Rush 2016, arXiv 1606.07947,
    section 3.2, train on the teacher's sequences; the distributions say more.

    prompts: batches as `on_the_fly_batch` takes them, on the models' device. The student learns in training
    mode. The teacher is frozen: in eval mode, without gradients, and nothing of it is changed. Afterwards
    every module of both models has the mode it came in, also after an error. Returns one float a batch.
    ValueError: no batch, or models with different vocabularies.
    """
    check_vocabularies(student, teacher)
    raise NotImplementedError("Exercise 3.7 distill_for_task")


def distilbert_loss(
    student_out: Any,
    teacher_out: Any,
    labels: torch.Tensor,
    attention_mask: torch.Tensor,
    T: float = 2.0,
    weights: Sequence[float] = (5, 2, 1, 0),
) -> torch.Tensor:
    """Return the weighted sum of DistilBERT's losses for masked language models.

    soft    T^2 * KL(teacher_T || student_T), mean over the real tokens (attention_mask 1)
    labels  cross entropy at the masked tokens, mean over labels != -100; nothing is shifted: a masked LM
            answers in place
    cosine  1 - cos(student, teacher) of the last hidden states, mean over the real tokens
    states  mean squared error of the hidden states over the real tokens, mean over pairs at equal depth:
            embeddings with embeddings, student state k with teacher state k * (teacher's layers / student's)
    The default weights are the paper's (Sanh et al. 2019, arXiv 1910.01108, and its code); (0.5, 0.5, 0, 0.1)
    is the article's recipe. A term of weight 0 is not computed: what it alone would need may be missing.

    student_out, teacher_out: outputs with `logits` [B, L, V] and, for cosine and states, `hidden_states`: a
    tuple of layers + 1 tensors [B, L, width]. labels: int64 [B, L]; attention_mask: [B, L]. Returns a scalar,
    fp32 or better: half-precision logits and states are converted before any sum. The teacher receives no
    gradient.
    ValueError: weights that are not four numbers >= 0, no real token or no label, depths that do not divide
    (for states).
    """
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100  # [B, L]
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    raise NotImplementedError("Exercise 3.8 distilbert_loss")

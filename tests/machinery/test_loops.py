"""The loops that every chapter needs."""

import math
from types import SimpleNamespace

import torch

from minicompress.lab.loops import imitation_loss


class Fixed(torch.nn.Module):
    """A model that gives every next token the same probabilities."""

    def __init__(self, probabilities: list[float]):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(probabilities).log())

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> SimpleNamespace:
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


def test_the_imitation_loss_is_the_divergence_from_the_teachers_next_token_in_nats():
    student, teacher = Fixed([0.25, 0.75]), Fixed([0.5, 0.5])
    loss = imitation_loss(student, teacher, torch.zeros(2, 3, dtype=torch.int64))
    assert abs(loss.item() - 0.5 * math.log(0.5 / 0.25) - 0.5 * math.log(0.5 / 0.75)) < 1e-6


def test_the_imitation_loss_teaches_the_student_and_not_the_teacher():
    student, teacher = Fixed([0.25, 0.75]), Fixed([0.5, 0.5])
    imitation_loss(student, teacher, torch.zeros(2, 3, dtype=torch.int64)).backward()
    assert student.logits.grad[0] < 0 < student.logits.grad[1]  # towards the teacher
    assert teacher.logits.grad is None

"""Given: modes, optimizer steps and the next-token loss."""

import math

import pytest
import torch
from torch import nn

from minicompress.lab.loops import (
    evaluation_mode,
    modes_kept,
    next_token_loss,
    take_steps,
    training_mode,
    validation_score,
)


def a_model():
    """Its two layers are in different modes."""
    model = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
    model[1].eval()
    return model


def modes(*models):
    return [module.training for model in models for module in model.modules()]


def test_modes_are_restored_after_an_error():
    model = a_model()
    before = modes(model)
    with pytest.raises(RuntimeError), modes_kept(model):
        model.eval()
        raise RuntimeError
    assert modes(model) == before == [True, True, False]


def test_evaluation_mode_switches_modes_and_gradients_off_and_back():
    models = a_model(), a_model()
    before = modes(*models)
    with evaluation_mode(*models):
        assert not any(modes(*models)) and not torch.is_grad_enabled()
    assert modes(*models) == before and torch.is_grad_enabled()


def test_training_mode_is_for_the_student_and_eval_mode_for_its_teachers():
    student, *teachers = models = a_model(), a_model(), a_model()
    before = modes(*models)
    with training_mode(student, *teachers):
        assert all(modes(student)) and not any(modes(*teachers)) and torch.is_grad_enabled()
    assert modes(*models) == before


def test_a_student_may_train_without_a_teacher():
    student = a_model()
    with training_mode(student):
        assert all(modes(student))
    assert modes(student) == [True, True, False]


def test_take_steps_by_hand():
    """loss = (w * x)^2 / 2 at w = 1: the gradients are w x^2, so w becomes 0.9, then 0.9 - 0.1 * 0.9 * 4."""
    w = nn.Parameter(torch.ones(()))
    losses = take_steps(iter([1.0, 2.0]), lambda x: (w * x) ** 2 / 2, torch.optim.SGD([w], lr=0.1))
    assert losses == pytest.approx([0.5, (0.9 * 2) ** 2 / 2])
    assert w.item() == pytest.approx(0.9 - 0.1 * 0.9 * 4), "each step starts from gradients of zero"


def test_take_steps_refuses_no_batch():
    w = nn.Parameter(torch.ones(()))
    with pytest.raises(ValueError, match="batches is empty"):
        take_steps([], lambda x: w * x, torch.optim.SGD([w], lr=0.1))


def test_the_loss_and_the_validation_score_agree(llama, tokens):
    score = validation_score(llama, tokens, batch_size=2)
    assert score["validation_loss"] == pytest.approx(next_token_loss(llama, tokens).item(), abs=1e-4)
    assert 0.0 <= score["validation_top1"] <= 1.0


def test_an_even_spread_over_50_tokens_costs_the_logarithm_of_50(llama, tokens):
    for parameter in llama.parameters():
        parameter.data.zero_()
    assert next_token_loss(llama, tokens).item() == pytest.approx(math.log(50))

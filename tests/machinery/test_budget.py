"""How many updates a machine affords."""

from types import SimpleNamespace

import psutil
import pytest
import torch
from torch import nn

from minicompress.job import budget


def test_a_small_model_gets_all_updates_that_were_planned():
    assert budget.affordable(nn.Linear(10, 10), nn.Linear(10, 10), tokens=2048, most=100) == 100


def test_a_large_one_gets_what_ten_minutes_afford(monkeypatch):
    monkeypatch.setattr(budget, "operations_a_second", lambda: 8e6)
    student = teacher = nn.Linear(1000, 1000, bias=False)  # 1e6 parameters: 8e6 operations a token
    assert budget.affordable(student, teacher, tokens=30, most=100) == 20


def test_no_training_has_fewer_than_five_updates(monkeypatch):
    monkeypatch.setattr(budget, "operations_a_second", lambda: 1.0)
    assert budget.affordable(nn.Linear(10, 10), nn.Linear(10, 10), tokens=2048, most=100) == 5


def test_a_short_plan_stays_short(monkeypatch):
    assert budget.affordable(nn.Linear(10, 10), nn.Linear(10, 10), tokens=2048, most=3) == 3


def test_a_small_vocabulary_gets_all_sequences_that_were_planned():
    assert budget.rows_that_fit(vocabulary=2048, length=256, most=8) == 8


@pytest.mark.parametrize(("gigabytes", "rows"), [(4, 1), (8, 1), (16, 3), (64, 8)])
def test_logits_over_a_large_vocabulary_take_a_quarter_of_the_memory(gigabytes, rows, monkeypatch):
    """49,152 tokens in fp32, 20 copies: 1.007 GB a sequence of 256."""
    monkeypatch.setattr(budget, "best_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=gigabytes * 10**9))
    assert budget.rows_that_fit(vocabulary=49_152, length=256, most=8) == rows

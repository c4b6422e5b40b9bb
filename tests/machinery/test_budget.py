"""How many updates a machine affords."""

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

"""Given: the training loop."""

import json

import pytest
import torch

from minicompress.lab.loops import next_token_loss
from minicompress.train.loop import Plan, rate_share, train
from minicompress.train.shapes import new_model


def test_an_interrupted_training_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    shape = dict(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    data = torch.randint(2048, (40, 2, 12))

    def run(folder, stop_at=None):
        def loss_of(model, step):
            if step == stop_at:
                raise KeyboardInterrupt
            return next_token_loss(model, data[step])

        plan = Plan(steps=40, warmup=2, checkpoint_seconds=0.0)
        return train(new_model(shape), loss_of, plan, folder)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop_at=25)
    resumed = run(tmp_path / "broken")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    steps = [
        json.loads(line)["step"] for line in (tmp_path / "broken" / "log.jsonl").read_text().splitlines()
    ]
    assert steps == [20, 40]


def shares(plan):
    return [rate_share(plan, step) for step in range(plan.steps)]


def test_rates_rise_and_fall_along_half_a_cosine():
    values = shares(Plan(steps=12, warmup=2, final_share=0.0))
    assert values[:3] == [0.5, 1.0, 1.0] and values[7] == pytest.approx(0.5)
    assert values[2:] == sorted(values[2:], reverse=True)


def test_with_a_decay_the_rates_stay_constant_and_fall_in_the_last_updates():
    values = shares(Plan(steps=12, warmup=2, final_share=0.0, decay=4))
    assert values == [0.5, *[1.0] * 8, 0.75, 0.5, 0.25]


def test_a_run_that_is_made_longer_before_its_decay_has_lost_nothing():
    short, long = Plan(steps=12, warmup=2, decay=4), Plan(steps=30, warmup=2, decay=4)
    assert shares(short)[:9] == shares(long)[:9]

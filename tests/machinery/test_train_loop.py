"""Given: the training loop."""

import json

import pytest
import torch

from minicompress.lab.loops import next_token_loss
from minicompress.train.loop import Plan, train
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

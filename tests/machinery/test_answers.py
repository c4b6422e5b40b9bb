"""Given: the teacher's answers on disk."""

import numpy as np
import pytest
import torch

from minicompress.distillation import distillation_loss
from minicompress.lab import answers
from minicompress.lab.mixture import Mixture


def test_top_answers_with_the_whole_vocabulary_equal_the_distillation_loss():
    student, teacher, labels = (
        torch.randn(6, answers.TOP),
        torch.randn(6, answers.TOP),
        torch.randint(answers.TOP, (6,)),
    )
    top = teacher.log_softmax(-1).topk(answers.TOP)
    ours = answers.top_distillation_loss(student, labels, top.indices, top.values, 0.7)
    torch.testing.assert_close(ours, distillation_loss(student, teacher, labels, T=1.0, alpha=0.7))


def test_answers_on_disk_are_the_teachers(llama, tmp_path):
    streams = {"a": np.random.default_rng(0).integers(50, size=400).astype(np.uint16)}
    mixture = Mixture(streams, {"a": 2}, length=8)
    answers.write_answers(llama, mixture, 3, tmp_path)
    tokens, indices, log_probs = (
        tensor.to(llama.device) for tensor in answers.Answers(tmp_path, rows=6).batch(0)
    )
    assert tokens.shape == (6, 8) and indices.shape == (6, 8, answers.TOP)
    expected = llama(input_ids=tokens).logits.log_softmax(-1).topk(answers.TOP)
    torch.testing.assert_close(log_probs, expected.values, atol=4e-3, rtol=1e-3)
    (tmp_path / "total.txt").unlink()
    with pytest.raises(ValueError, match="answered 0 of 6"):
        answers.Answers(tmp_path, rows=6)


def test_the_rows_of_some_streams_are_picked_out_of_every_batch(llama, tmp_path):
    streams = {name: np.full(400, number, dtype=np.uint16) for number, name in enumerate("abc")}
    answers.write_answers(llama, Mixture(streams, {"a": 1, "b": 2, "c": 1}, length=8), 3, tmp_path)
    chosen = answers.Answers(tmp_path, rows=6, places=(0, 3), batch=4)
    assert sorted(chosen.batch(0)[0][:, 0].tolist()) == [0, 0, 0, 2, 2, 2]

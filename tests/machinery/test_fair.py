"""The benchmark that trains one student with a teacher and without."""

import pytest
import torch

from benchmarks import fair
from minicompress.lab.digests import weights_digest
from minicompress.train import lessons
from minicompress.train.shapes import SHAPES, new_model

SETTINGS = fair.Settings(updates=2, seeds=2, shape="tiny", rows=2)
SCORE = {"validation_loss": 7.5, "validation_top1": 0.25}


@pytest.fixture
def read(monkeypatch):
    """Every batch that is read, in turn; scoring costs nothing."""
    batches, random_rows = [], lessons.random_rows

    def remembered(*asked):
        batches.append(random_rows(*asked))
        return batches[-1]

    monkeypatch.setattr(lessons, "random_rows", remembered)
    for module in (lessons, fair):
        monkeypatch.setattr(module, "examination", lambda: lambda model: dict(SCORE))
    return batches


@pytest.fixture
def teacher():
    return new_model(SHAPES["tiny"], seed=9)


def test_both_arms_begin_with_the_same_weights_and_read_the_same_batches(
    tmp_path, monkeypatch, read, teacher
):
    begun, train = [], fair.train
    monkeypatch.setattr(
        fair, "train", lambda model, *rest: begun.append(weights_digest(model)) or train(model, *rest)
    )
    fair.compare(teacher, SETTINGS, tmp_path)
    alone, taught = begun[:2], begun[2:]
    assert alone == taught and len(set(alone)) == 2, "a seed has weights of its own"
    alone, taught = read[:4], read[4:]
    assert all(torch.equal(one, other) for one, other in zip(alone, taught, strict=True))
    assert alone[0].shape == (2, 256) and not torch.equal(alone[0], alone[2])


def test_only_the_arm_with_a_teacher_asks_it(tmp_path, monkeypatch, read, teacher):
    asked = []
    teacher.register_forward_hook(lambda *_: asked.append(len(read)))
    fair.compare(teacher, SETTINGS, tmp_path)
    assert asked == [5, 6, 7, 8], "after each batch of the second arm"


def test_every_arm_has_the_scores_of_every_seed_and_the_teachers_stand_beside_them(tmp_path, read, teacher):
    measured = fair.compare(teacher, SETTINGS, tmp_path)
    assert list(measured["arms"]) == list(fair.ARMS)
    for runs in measured["arms"].values():
        assert [run["seed"] for run in runs] == [0, 1]
        assert [{key: line[key] for key in ("step", *SCORE)} for run in runs for line in run["scored"]] == [
            {"step": 2} | SCORE
        ] * 2
    assert measured["teacher"] == {"parameters": 88_736} | SCORE and measured["parameters"] == 88_736
    assert (measured["updates"], measured["rows"], measured["length"]) == (2, 2, 256)


def test_a_measurement_that_was_killed_goes_on_where_it_was(tmp_path, monkeypatch, read, teacher):
    random_rows = lessons.random_rows

    def killed(sequences, rows, seed):
        if len(read) == 5:
            raise KeyboardInterrupt
        return random_rows(sequences, rows, seed)

    with monkeypatch.context() as patched:
        patched.setattr(lessons, "random_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            fair.compare(teacher, SETTINGS, tmp_path)
    measured = fair.compare(teacher, SETTINGS, tmp_path)
    assert len(read) == 9, "the two runs that were finished are not repeated"
    assert all(len(run["scored"]) == 1 for runs in measured["arms"].values() for run in runs)


def test_runs_of_another_teacher_are_not_taken(tmp_path, read, teacher):
    fair.compare(teacher, SETTINGS, tmp_path)
    fair.compare(teacher, SETTINGS, tmp_path)
    assert len(read) == 8, "the second time nothing is trained"
    fair.compare(new_model(SHAPES["tiny"], seed=8), SETTINGS, tmp_path)
    assert len(read) == 16

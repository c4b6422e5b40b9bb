"""Given: the record of a run, and those of the shipped ones."""

import json
from dataclasses import replace

import pytest

from minicompress.lab.digests import weights_digest
from minicompress.lab.models import shipped_model
from minicompress.lab.paths import ASSETS
from minicompress.structured_pruning import prune_neurons
from minicompress.train.card import model_card
from minicompress.train.options import Student, command_line
from minicompress.train.record import FILE, Record, read_record, refuse_another_run
from minicompress.train.shapes import describe_shape

SHIPPED = sorted(path.parent.name for path in ASSETS.glob("*/config.json"))


@pytest.fixture
def record() -> Record:
    return read_record(ASSETS / "student-clip3")


def changed(record: Record, **arguments) -> Record:
    return replace(record, arguments=record.arguments | arguments)


def test_a_record_is_read_as_it_was_written(record, tmp_path):
    record.write(tmp_path)
    assert read_record(tmp_path) == record and read_record(tmp_path / "elsewhere") is None


def test_the_same_run_may_go_on(record):
    refuse_another_run(record, replace(record), updates=700)


@pytest.mark.parametrize("name, value", [("muon_rate", 0.5), ("blocks", "clip4"), ("start", "student")])
def test_another_argument_is_refused_by_its_name_and_both_values(record, name, value):
    option = f"--{name.replace('_', '-')}"
    with pytest.raises(ValueError, match=f"{option} {record.arguments[name]}, now it is {value}"):
        refuse_another_run(record, changed(record, **{name: value}), updates=700)


def test_another_command_is_refused(record):
    with pytest.raises(ValueError, match="the command student, now it is distill"):
        refuse_another_run(record, replace(record, command="distill"), updates=0)


def test_other_data_are_refused(record):
    with pytest.raises(ValueError, match="other data"):
        refuse_another_run(record, replace(record, data=record.data | {"batches": 3}), updates=0)


@pytest.mark.parametrize("steps", [700, 1400, 5000])
def test_steps_may_change_down_to_those_that_are_done(record, steps):
    refuse_another_run(record, changed(record, steps=steps), updates=700)


def test_where_the_rates_begin_to_fall_may_change(record):
    refuse_another_run(changed(record, decay=None), changed(record, decay=300), updates=700)


def test_fewer_steps_than_are_done_are_refused(record):
    with pytest.raises(ValueError, match="has done 700 updates already, --steps 699 is fewer"):
        refuse_another_run(record, changed(record, steps=699), updates=700)


def test_how_often_a_run_is_saved_may_change(record):
    old = changed(record, checkpoint_seconds=240.0)
    refuse_another_run(old, changed(old, checkpoint_seconds=1.0), updates=700)


def test_a_command_line_names_every_option_that_is_set():
    line = command_line("student", Student(name="a b", shape="tiny", streams="stdlib", steps=3))
    assert line.startswith("python -m minicompress.train student --steps 3 ")
    assert "--name 'a b' --shape tiny" in line and "--streams stdlib --rows 16" in line
    assert "--start" not in line


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_record_agrees_with_its_model_and_its_log(name):
    record, model = read_record(ASSETS / name), shipped_model(name)
    last = json.loads((ASSETS / name / "log.jsonl").read_text().splitlines()[-1])
    assert record.name == name and record.shape == describe_shape(model.config)
    assert record.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert (record.updates, record.seconds) == (last["step"], last["seconds"])
    assert record.published["bytes"] == (ASSETS / name / "model.safetensors").stat().st_size


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_card_is_what_the_record_says(name):
    assert (ASSETS / name / "README.md").read_text() == model_card(read_record(ASSETS / name))


def test_the_shipped_grid_training_began_with_the_shipped_students_cut():
    began_with = json.loads((ASSETS / "student-clip3" / FILE).read_text())["began_with"]
    assert began_with == weights_digest(prune_neurons(shipped_model("student"), 208))

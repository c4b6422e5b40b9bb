"""Given: the model card."""

from dataclasses import replace

import pytest

from minicompress.lab.paths import ASSETS
from minicompress.train.card import model_card
from minicompress.train.record import Record, Session, read_record


@pytest.fixture
def record() -> Record:
    return read_record(ASSETS / "student")


def test_a_card_names_the_command_the_amount_and_the_model(record):
    card = model_card(record)
    assert record.command_line in card and "1,500 steps, 6.1M tokens, in 8 minutes" in card
    assert "Llama, 3 layers, hidden size 96, MLP 288, 3 heads in 1 KV groups" in card


def test_a_card_says_which_steps_were_done_by_another_plan(record):
    sessions = [
        Session(first, steps, 1, None, None, None) for first, steps in ((0, 900), (40, 500), (80, 500))
    ]
    card = model_card(replace(record, sessions=sessions))
    assert "Steps 1 to 40 were done by a plan of 900." in card and "plan of 500" not in card


def test_a_card_tells_the_data_from_the_record_and_not_from_the_command_line(record):
    line = record.command_line + " --streams stdlib"
    assert "in the shares 14 : 16 : 2" in model_card(replace(record, command_line=line))
    alone = replace(record, data=record.data | {"shares": {"stdlib": 14}})
    assert "Data: the standard library's training files alone." in model_card(alone)


def test_a_card_without_a_report_says_nothing_of_what_was_left_out(record):
    assert "left out" not in model_card(replace(record, data=record.data | {"report": None}))


def test_a_card_says_on_which_grids_the_weights_were_measured(record):
    scores = record.published["scores"] | {"grids": {"blocks": "clip3", "embedding": None}}
    card = model_card(replace(record, published=record.published | {"scores": scores}))
    assert "a validation file, blocks on the clip3 grid (the file" in card


def test_a_card_says_in_which_arithmetic_a_run_was_trained_where_that_is_known(record):
    assert ", in bf16, on" in model_card(replace(record, plan=record.plan | {"precision": "bf16"}))
    assert record.plan["precision"] is None and "bf16" not in model_card(record)

"""A guess before an experiment, and what was measured beside it."""

import json

import numpy as np
import pytest
import torch

from minicompress.grading import guide, journal
from minicompress.grading.predictions import NoPrediction, measured, predict


@pytest.fixture
def said(capsys):
    """What was printed since the last time."""
    return lambda: capsys.readouterr().out


def test_a_guess_is_noted_in_the_progress_file_in_one_line(said):
    predict("1.3", "q_proj")
    assert said() == "Noted for 1.3: q_proj.\n"
    assert json.loads(journal.FILE.read_text(encoding="utf-8"))["predictions"] == {"1.3": {"": "q_proj"}}


def test_an_exercise_can_have_several_by_name_and_the_latest_counts():
    predict("1.5", winner="ten steps", perplexity=80)
    predict("1.5", perplexity=90)
    assert journal.predictions("1.5") == {"winner": "ten steps", "perplexity": 90}


def test_what_else_is_in_the_progress_file_stays():
    journal.write("passed", "0.1", "today")
    predict("1.3", "q_proj")
    predict("0.1", 20.5)
    assert journal.read()["passed"] == {"0.1": "today"}
    assert journal.predictions("1.3") == {"": "q_proj"}


def test_three_dots_are_no_guess_yet(said):
    predict("1.3", ...)
    assert "in place of the three dots" in said() and not journal.FILE.exists()


def test_of_several_those_without_a_guess_are_named(said):
    predict("1.5", winner="one step", perplexity=...)
    first, second = said().splitlines()
    assert first.startswith("Your turn, perplexity:") and second == "Noted for 1.5: winner one step."


@pytest.mark.parametrize("guess", ["", " ", None, [], {"a": 1}, float("nan"), float("inf"), [1, None]])
def test_what_is_no_guess_is_refused_and_named_in_one_line(guess):
    with pytest.raises(NoPrediction, match="a number, a word or a list of them, got") as caught:
        predict("1.3", guess)
    assert caught.value._render_traceback_() == [f"NoPrediction: {caught.value}"]
    assert not journal.FILE.exists()


def test_without_a_guess_the_measured_is_shown_and_nothing_stops(said):
    measured("1.3", "down_proj")
    assert said() == "1.3: measured down_proj; no prediction was noted.\n"


NUMBERS = {
    "a difference and its share": (80, 64.0, "16 (25.0%) too high"),
    "too low": (60, 80, "20 (25.0%) too low"),
    "exactly": (4, 4.0, "exactly"),
    "a factor from two on": (30, 10, "too high by a factor of 3"),
    "and downwards": (10, 30, "too low by a factor of 3"),
    "nothing is a share of zero": (0.5, 0, "0.5 too high"),
    "nor across zero": (-1, 2, "3 too low"),
    "less negative is higher": (-8, -10, "2 (20.0%) too high"),
    "a perplexity that exploded": (10, float("inf"), "far off"),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_of_a_number_it_is_told_how_far_it_is_off(case, said):
    guess, actual, told = NUMBERS[case]
    predict("1.5", perplexity=guess)
    said()
    measured("1.5", perplexity=actual)
    assert said().endswith(f": {told}.\n")


def test_guess_and_measured_stand_on_one_line_with_four_digits(said):
    predict("1.5", perplexity=80)
    said()
    measured("1.5", perplexity=81.7391)
    assert said() == "1.5, perplexity: predicted 80; measured 81.74: 1.739 (2.1%) too low.\n"


CHOICES = {
    "the same, whatever the capitals": ("Q_proj ", "q_proj", "as predicted"),
    "another": ("q_proj", "down_proj", "measured down_proj"),
    "in a ranking": ("v", ["q", "v", "k"], "place 2 of 3"),
    "in no ranking": ("x", ["q", "v"], "measured [q, v]"),
    "rankings": (["q", "v", "k"], ["v", "q", "k"], "1 of 3 in their place"),
    "lists of different lengths": (["q"], ["v", "q"], "1 and 2 entries"),
    "lists of numbers": ([1, 2], [1, 8], "exactly, too low by a factor of 4"),
    "yes and no": (True, False, "measured False"),
    "a word beside a number": ("many", 3, "measured 3"),
}


@pytest.mark.parametrize("case", CHOICES)
def test_choices_and_lists_are_compared(case, said):
    guess, actual, told = CHOICES[case]
    predict("1.3", guess)
    said()
    measured("1.3", actual)
    assert said().endswith(f"{told}.\n")


@pytest.mark.parametrize("actual", [torch.tensor(64.0), np.float32(64), torch.tensor([64.0])[0]])
def test_tensors_and_arrays_can_be_measured(actual, said):
    predict("1.3", 80)
    said()
    measured("1.3", actual)
    assert said() == "1.3: predicted 80; measured 64: 16 (25.0%) too high.\n"


@pytest.mark.parametrize("damage", ["{", '{"predictions": 3}', '{"predictions": {"1.3": ["q"]}}'])
def test_a_damaged_progress_file_counts_as_no_guess(damage, said):
    journal.FILE.parent.mkdir()
    journal.FILE.write_text(damage, encoding="utf-8")
    measured("1.3", "q_proj")
    assert "no prediction was noted" in said()
    predict("1.3", "q_proj")
    assert journal.predictions("1.3") == {"": "q_proj"}


def test_a_folder_that_cannot_be_written_does_not_stop_the_notebook(said):
    journal.FILE.parent.write_text("a file in the folder's place", encoding="utf-8")
    predict("1.3", "q_proj")
    assert said().startswith("Your prediction for 1.3 could not be noted")


def test_progress_counts_predictions_right_or_wrong(said):
    predict("1.3", "q_proj")
    predict("1.5", winner="one step", perplexity=80)
    measured("1.3", "down_proj")
    guide.progress()
    assert "Predictions noted: 3." in said()

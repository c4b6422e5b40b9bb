"""Preparing: the learner's part of one exercise in the reference, in a process with limits."""

import pytest
from snippets import reference, solution_of

from minicompress.classroom import prepare as preparing
from minicompress.classroom.prepare import prepare, prepare_file
from minicompress.grading.course import exercise
from minicompress.grading.processes import Ending, Limit


def test_a_right_answer_becomes_a_module():
    source = prepare(solution_of("1.6", "nm_mask"), exercise("1.6"))
    assert '#line 1 "pruning.py"\ndef nm_mask' in source and "def magnitude_mask" in source


def test_a_mistake_in_one_exercise_costs_no_other():
    text = "def nm_mask(scores, n=2, m=4): exec('1')\n" + solution_of("1.1", "magnitude_mask")
    found = prepare_file(text.encode(), [exercise("1.6"), exercise("1.1"), exercise("1.3")])
    assert "exec is nothing" in found["1.6"].trouble and not found["1.1"].trouble
    assert "defines no global_magnitude_masks" in found["1.3"].trouble


def test_a_helper_of_the_learners_does_not_replace_a_given_one():
    """Policy: new helpers come along; what has the name of a given helper stays the reference's."""
    text = "class Mask: pass\ndef rank(x): return x\ndef nm_mask(scores, n=2, m=4): return rank(Mask)\n"
    source = prepare(text, exercise("1.6"))
    assert "class Mask: pass" not in source and "def rank(x): return x" in source


def test_a_stub_is_said_to_be_as_it_was_given(work):
    with pytest.raises(ValueError, match="nm_mask in pruning.py is still as it was given"):
        prepare(work("1.6"), exercise("1.6"))


def test_nothing_of_the_file_is_run(tmp_path):
    text = f"open({str(tmp_path / 'run')!r}, 'w')\n" + reference("1.6")
    prepare(text, exercise("1.6"))
    assert not (tmp_path / "run").exists()


BOMBS = {
    "brackets": b"(" * 900_000,
    "signs": b"x = " + b"-" * 900_000 + b"1",
    "dots": b"a" + b".b" * 400_000,
    "sum": b"x = " + b"1+" * 400_000 + b"1",
    "zero": b"x = 1\0",
    "not UTF-8": b"# caf\xe9",
    "large": b"#" * 100_000_000,
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_text_that_is_made_to_break_the_parser_is_refused_in_words(content):
    with pytest.raises(ValueError, match="^pruning.py"):
        prepare(content, exercise("1.6"))


@pytest.mark.parametrize("ending", [Ending(None, Limit.TIME), Ending(-11)])
def test_a_text_that_ends_the_process_costs_its_file(ending, monkeypatch):
    monkeypatch.setattr(preparing, "run_module", lambda *given: ending)
    with pytest.raises(ValueError, match="pruning.py needs too much time or memory to be read"):
        prepare("x = 1", exercise("1.6"))

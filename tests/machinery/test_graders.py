"""Running the graders of one exercise in this process."""

import pytest
from snippets import graded_exercises, reference

from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.graders import files_under, run_graders, same
from minicompress.grading.report import Outcome, Result
from minicompress.grading.stubs import stub


@pytest.mark.parametrize("key", graded_exercises())
def test_on_stubs_every_grader_fails_and_names_the_exercise(key):
    fresh = stub(exercise(key).module, reference(key))
    outcomes = run_graders(exercise(key), assemble(exercise(key), fresh)).outcomes
    assert outcomes, f"no grader ran: their names begin with {exercise(key).prefix}"
    others = [x.error for x in outcomes if not x.error.startswith(f"NotImplementedError: Exercise {key} ")]
    assert not others, "on the stub these fail for another reason: does the grader call the exercise first?"


def test_1_1_does_not_mean_1_10():
    names = [outcome.name for outcome in run_graders(exercise("1.1"), reference("1.1")).outcomes]
    assert names and all(name.startswith("test_1_1_") for name in names)


@pytest.mark.parametrize("folder", ["/files/abc", r"C:\Temp\abc", r"C:\\Temp\\abc"])
def test_the_folder_of_temporary_files_is_left_out_of_what_is_said(folder):
    slash = "/" if "/" in folder else "\\"
    path = f"{folder}{slash}files{slash}test_1_1_name0{slash}model.safetensors"
    assert files_under(folder.replace(r"\\", "\\")).sub("", f"no {path}") == "no model.safetensors"


# ------------------------------------------------------------ two that say the same


def says_the_same(here, there):
    outcome = Outcome("test_a", False, message=here)
    return same(outcome, Result("1.1", [Outcome("test_a", False, message=there)]), timed=False)


def test_the_same_words_with_the_same_numbers_but_for_rounding_are_the_same():
    assert says_the_same("expected 0.5, got 0.75", "expected 0.5, got 0.7501")
    assert not says_the_same("expected 0.5, got 0.75", "expected 0.5, got 0.76")
    assert not says_the_same("expected 0.5, got 0.75", "expected 0.5, found 0.75")


def test_a_sign_that_is_no_number_is_none_of_the_numbers():
    assert not says_the_same("got 1 and #", "got 1 and 2")
    assert not says_the_same("got # and 2", "got 1 and #")
    assert says_the_same("got 1 and #", "got 1 and #")

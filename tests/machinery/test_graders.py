"""Running the graders of one exercise in this process."""

import pytest
from snippets import graded_exercises, reference

from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.graders import files_under, run_graders
from minicompress.grading.stubs import stub


@pytest.mark.parametrize("key", graded_exercises())
def test_on_stubs_every_grader_fails_and_names_the_exercise(key):
    fresh = stub(exercise(key).module, reference(key))
    outcomes = run_graders(exercise(key), assemble(exercise(key), fresh)).outcomes
    assert outcomes
    others = [x.error for x in outcomes if not x.error.startswith(f"NotImplementedError: Exercise {key} ")]
    assert not others


def test_1_1_does_not_mean_1_10():
    names = [outcome.name for outcome in run_graders(exercise("1.1"), reference("1.1")).outcomes]
    assert names and all(name.startswith("test_1_1_") for name in names)


@pytest.mark.parametrize("folder", ["/files/abc", r"C:\Temp\abc", r"C:\\Temp\\abc"])
def test_the_folder_of_temporary_files_is_left_out_of_what_is_said(folder):
    slash = "/" if "/" in folder else "\\"
    path = f"{folder}{slash}files{slash}test_1_1_name0{slash}model.safetensors"
    assert files_under(folder.replace(r"\\", "\\")).sub("", f"no {path}") == "no model.safetensors"

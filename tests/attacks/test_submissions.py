"""A submission whose files are the attack costs its own points alone, and always yields a valid result."""

import json

import pytest
from guarded import guarded
from submissions import ALONE, PACKED

from minicompress.classroom.grade import grade_one
from minicompress.grading.course import exercises

ATTACKED, NEIGHBOUR = "1.4", "4.3"
NONE = {"nothing_at_all"}  # that is a mistake of whoever calls


@pytest.mark.parametrize("name", PACKED)
def test_a_hostile_submission_costs_its_own_points_alone(name, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "submission").mkdir()
    submission = PACKED[name](tmp_path / "submission")
    out = tmp_path / "out" / "results.json"
    with guarded(tmp_path / "home"):
        try:
            grade_one(submission, out, 918_273_645, [ATTACKED, NEIGHBOUR])
        except ValueError as error:
            assert name in NONE and "there is no submission" in str(error)
            return
    result = json.loads(out.read_text(encoding="utf-8"))["exercises"]
    assert result[ATTACKED]["points"] == 0
    assert result[NEIGHBOUR]["points"] == (0 if name in ALONE else exercises()[NEIGHBOUR].points)
    assert "\n" not in result[ATTACKED]["message"] and len(result[ATTACKED]["message"]) < 2000
    assert [file.name for file in out.parent.iterdir()] == ["results.json"]

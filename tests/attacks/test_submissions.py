"""A submission whose files are the attack costs its own points alone, and always yields a valid result."""

import json

import pytest
from guarded import guarded
from submissions import ALONE, PACKED

from minicompress.classroom.submission import grade_one
from minicompress.grading.course import exercises

ATTACKED, NEIGHBOUR = "1.4", "4.3"


@pytest.mark.parametrize("name", PACKED)
def test_a_hostile_submission_costs_its_own_points_alone(name, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "submission").mkdir()
    submission = PACKED[name](tmp_path / "submission")
    out = tmp_path / "out" / "results.json"
    out.parent.mkdir()
    with guarded(tmp_path / "home"):
        grade_one(
            submission, out, seed=918_273_645, exercises=[exercises()[ATTACKED], exercises()[NEIGHBOUR]]
        )
    result = json.loads(out.read_text(encoding="utf-8"))
    points = {entry["exercise"]: entry["points"] for entry in result["exercises"]}
    assert points[ATTACKED] == 0
    assert points[NEIGHBOUR] == (0 if name in ALONE else exercises()[NEIGHBOUR].points)
    assert [file.name for file in out.parent.iterdir()] == ["results.json"]

"""An attack costs its own exercise alone: the right answer beside it, in the same file, keeps its points."""

import pytest
from attacks import Places, attacks, filled_in

from minicompress.classroom.grade import grade_one
from minicompress.grading.course import exercise

TOGETHER = (
    "table_of_known_inputs",
    "half_characters",
    "a_group_of_exceptions",
    "calls_it_a_day",
    "writes_the_record",
)


@pytest.mark.parametrize("name", TOGETHER)
def test_the_other_exercises_are_graded_as_before(name, tmp_path):
    attack = next(attack for attack in attacks() if attack.id == f"1.1-{name}")
    text = filled_in(attack.source, Places(tmp_path / "home", "attack", 1))
    right = exercise("1.6").solution.read_text(encoding="utf-8")
    folder = tmp_path / "mallory"
    folder.mkdir()
    (folder / "pruning.py").write_text(f"{right}\n\n{text}\n", encoding="utf-8")
    result = grade_one(folder, tmp_path / "result.json", 5, ["1.1", "1.4", "1.6"])["exercises"]
    assert result["1.1"]["points"] == 0
    assert all(result[key]["points"] == exercise(key).points for key in ("1.4", "1.6")), result

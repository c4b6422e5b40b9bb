"""Grading a class: every submission once, also after a kill, and none costs another anything."""

import csv
import json
import zipfile

import pytest

from minicompress.classroom import grade_all as module
from minicompress.classroom.grade_all import grade_all
from minicompress.classroom.result import result_of
from minicompress.classroom.verdict import ExerciseVerdict, GraderVerdict
from minicompress.grading import course
from minicompress.grading.processes import Ending, Limit


@pytest.fixture
def folder(tmp_path):
    """Three submissions: a folder, a zip file, and a folder of another."""
    for student in ("alice", "carol"):
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / "metrics.py").write_text(f"# {student}\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "in" / "bob.zip", "w") as archive:
        archive.writestr("metrics.py", "# bob\n")
    (tmp_path / "in" / "notes.txt").write_text("late: carol")
    (tmp_path / "in" / ".cache").mkdir()
    return tmp_path / "in"


@pytest.fixture
def graded(monkeypatch):
    """Grade without a process: alice is right, the rest is wrong. The students whose turn it was."""
    turns = []

    def apart(submission, place, seed, keys):
        turns.append(submission.stem)
        passed = submission.stem == "alice"
        verdicts = [
            ExerciseVerdict(key, course.exercise(key).points, [GraderVerdict("a", "a", passed)])
            for key in keys
        ]
        digest, grader = module.digest_of(submission), module.grader_digest(seed)
        result = result_of(submission.stem, digest, grader, seed, verdicts, 1.0)
        place.write_text(json.dumps(result))
        return result

    monkeypatch.setattr(module, "grade_apart", apart)
    return turns


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {row["student_id"]: row["score"] for row in csv.DictReader(file)}


def test_every_folder_and_zip_file_gets_a_row_and_a_result(folder, tmp_path, graded):
    said = []
    grade_all(folder, tmp_path / "grades.csv", 2, 7, ["0.1"], said.append)
    assert rows(tmp_path / "grades.csv") == {"alice": "2", "bob": "0", "carol": "0"}
    written = {path.name for path in (tmp_path / "grades").glob("[!.]*")}
    assert written == {f"{name}.{kind}" for name in ("alice", "bob", "carol") for kind in ("json", "html")}
    assert len(said) == 3 and said[-1].startswith("3 of 3  ")


def test_what_is_graded_is_not_graded_again_unless_it_changed(folder, tmp_path, graded):
    grade_all(folder, tmp_path / "grades.csv", 1, None, ["0.1"], len)
    assert sorted(graded) == ["alice", "bob", "carol"]
    graded.clear()
    (folder / "carol" / "metrics.py").write_text("# better\n", encoding="utf-8")
    grade_all(folder, tmp_path / "grades.csv", 1, None, ["0.1"], len)  # the seed is kept
    assert graded == ["carol"]
    assert rows(tmp_path / "grades.csv") == {"alice": "2", "bob": "0", "carol": "0"}


def test_after_a_kill_the_rest_is_graded(folder, tmp_path, graded):
    def interrupted(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_all(folder, tmp_path / "grades.csv", 1, 7, ["0.1"], interrupted)
    first = list(graded)
    grade_all(folder, tmp_path / "grades.csv", 1, 7, ["0.1"], len)
    assert first and sorted(graded) == ["alice", "bob", "carol"]


@pytest.mark.parametrize("other", [{"seed": 8}, {"exercises": ["0.2"]}])
def test_another_seed_or_other_exercises_grade_anew(folder, tmp_path, graded, other):
    usual = {"seed": 7, "exercises": ["0.1"]}
    grade_all(folder, tmp_path / "grades.csv", 1, say=len, **usual)
    grade_all(folder, tmp_path / "grades.csv", 1, say=len, **usual | other)
    assert len(graded) == 6


@pytest.mark.parametrize("ending", [Ending(None, Limit.TIME), Ending(-9)])
def test_a_submission_that_breaks_its_process_costs_nobody_else(folder, tmp_path, monkeypatch, ending):
    monkeypatch.setattr(module, "run_module", lambda *given: ending)
    results = grade_all(folder, tmp_path / "grades.csv", 2, 7, ["0.1"], len)
    assert [result["score"] for result in results] == [0, 0, 0]
    assert all("The grading broke down" in result["message"] for result in results)
    assert not json.loads((tmp_path / "grades" / "bob.json").read_text())["complete"]  # to be tried again


def test_a_damaged_result_is_graded_again(folder, tmp_path, graded):
    grade_all(folder, tmp_path / "grades.csv", 1, 7, ["0.1"], len)
    for text in ("{", "[]", '{"format": 3}'):
        (tmp_path / "grades" / "bob.json").write_text(text)
        grade_all(folder, tmp_path / "grades.csv", 1, 7, ["0.1"], len)
    assert graded.count("bob") == 4 and graded.count("alice") == 1


def test_two_submissions_of_one_name_and_an_empty_folder_are_refused(folder, tmp_path):
    (folder / "bob").mkdir()
    with pytest.raises(ValueError, match="two submissions of bob"):
        grade_all(folder, tmp_path / "grades.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no submission"):
        grade_all(tmp_path / "empty", tmp_path / "grades.csv")


def test_a_submission_in_a_process_of_its_own(folder, tmp_path):
    """The real thing, on files that have no answer: nothing is judged, and the result is whole."""
    results = grade_all(folder, tmp_path / "grades.csv", 2, 7, ["0.1"], len)
    assert all(result["complete"] for result in results)
    assert {result["exercises"]["0.1"]["message"] for result in results} == {
        "metrics.py defines no perplexity"
    }

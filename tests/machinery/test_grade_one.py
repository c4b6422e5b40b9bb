"""Grading one submission: a valid result whatever comes, each exercise for itself, in every format."""

import base64
import json
from pathlib import Path

import jsonschema
import pytest
from snippets import solution_of

from minicompress.classroom import formats, grade
from minicompress.classroom.grade import grade_one
from minicompress.classroom.verdict import ExerciseVerdict, Explanation, GraderVerdict
from minicompress.grading.course import exercises

SCHEMAS = Path(__file__).parent / "schemas"
PUBLIC = Explanation(False, "keeps n of m", "Expected 2, got 3.", "It keeps n of every m.")
PRIVATE = "expected [1, 0], got [0, 1] for nm_mask([3, 7])"


def valid(content: dict, name: str) -> dict:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(content)
    return content


@pytest.fixture
def judged(monkeypatch):
    """A judge without a process that notes what it judges: what says scores.topk(n) is right, all else wrong.

    What is wrong is explained by PUBLIC.
    """
    seen = []

    def judge(exercise, source, seed, begin):
        seen.append(exercise.id)
        right = "scores.topk(n)" in source.split("#line 1 ")[-1]
        graders = [
            GraderVerdict("test_a", "keeps n of m", True),
            GraderVerdict("test_b", "refuses n > m", right, "" if right else PRIVATE),
        ]
        layers = {"separate process": True, "landlock": False}
        return ExerciseVerdict(exercise.id, exercise.points, graders, "", layers, 0.5)

    monkeypatch.setattr(grade, "judge", judge)
    monkeypatch.setattr(grade, "explain", lambda *given, **more: PUBLIC)
    return seen


@pytest.fixture
def alice(tmp_path):
    """A submission with one right and one wrong exercise, one with a mistake, and a file that is none."""
    folder = tmp_path / "alice"
    folder.mkdir()
    text = "def nm_mask(scores, n=2, m=4): return scores.topk(n)\n"
    text += "def sparsity_schedule(): pass\n"
    (folder / "pruning.py").write_text(text, encoding="utf-8")
    (folder / "metrics.py").write_text("def perplexity(:\n", encoding="utf-8")
    return folder


def test_each_exercise_is_graded_for_itself(alice, tmp_path, judged):
    result = grade_one(alice, tmp_path / "out.json", 7)
    assert result == valid(json.loads((tmp_path / "out.json").read_text(encoding="utf-8")), "grade")
    assert judged == ["1.6"] and result["complete"]
    assert result["score"] == exercises()["1.6"].points
    assert result["possible"] == sum(task.points for task in exercises().values())
    said = {key: entry["message"] for key, entry in result["exercises"].items()}
    assert said["0.1"].startswith("metrics.py, line 1: ") and said["0.2"] == said["0.1"]
    assert said["1.1"] == "pruning.py defines no magnitude_mask"
    assert said["4.1"] == "low_rank.py was not handed in" and said["1.6"] == ""


def test_before_anything_is_read_a_valid_result_without_a_point_stands_there(alice, tmp_path, monkeypatch):
    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(grade, "open_submission", killed)
    for name in formats.FORMATS:
        with pytest.raises(KeyboardInterrupt):
            grade_one(alice, tmp_path / name, 7, format=name)
    content = valid(json.loads((tmp_path / "json").read_text(encoding="utf-8")), "grade")
    assert not content["complete"] and content["score"] == 0
    assert (
        valid(json.loads((tmp_path / "gradescope").read_text(encoding="utf-8")), "gradescope")["score"] == 0
    )
    valid(json.loads((tmp_path / "classroom50").read_text(encoding="utf-8")), "classroom50")


def test_a_grader_that_breaks_down_gives_no_points_and_says_so_to_the_teacher(alice, tmp_path, monkeypatch):
    def judge(*given, **more):
        raise OSError("no space left")

    monkeypatch.setattr(grade, "judge", judge)
    result = valid(grade_one(alice, tmp_path / "out.json", 7), "grade")
    assert (
        not result["complete"] and "1.6: OSError: no space left" in result["message"] and result["score"] == 0
    )


def test_a_message_of_any_characters_and_length_can_be_written(alice, tmp_path, monkeypatch):
    def judge(exercise, source, seed, begin):
        graders = [GraderVerdict("test_a", "a", False, text)]
        return ExerciseVerdict(exercise.id, exercise.points, graders)

    text = "\ud800\x1b[31m" + "x" * 10_000_000
    monkeypatch.setattr(grade, "judge", judge)
    monkeypatch.setattr(grade, "explain", lambda *given, **more: Explanation(False, text, text))
    entry = valid(grade_one(alice, tmp_path / "out.json", 7, ["1.6"]), "grade")["exercises"]["1.6"]
    for message in (entry["graders"][0]["message"], entry["public"]["said"], entry["public"]["grader"]):
        assert message.encode() and "\x1b" not in message and len(message) < 3000


def test_a_course_that_changes_while_it_grades_is_no_judge(alice, tmp_path, judged, monkeypatch):
    digests = iter(["a" * 64, "b" * 64])
    monkeypatch.setattr(grade, "grader_digest", lambda seed: next(digests))
    result = grade_one(alice, tmp_path / "out.json", 7, ["1.6"])
    assert not result["complete"] and "the course was changed while it graded" in result["message"]


def test_without_a_seed_a_private_one_is_drawn(alice, tmp_path, judged):
    seeds = {grade_one(alice, tmp_path / "out.json", None, ["1.6"])["seed"] for _ in range(3)}
    assert len(seeds) == 3


def test_the_result_does_not_depend_on_where_the_submission_lies(alice, tmp_path, judged):
    first = grade_one(alice, tmp_path / "a.json", 7, ["1.6"])
    alice.rename(tmp_path / "moved")
    second = grade_one(tmp_path / "moved", tmp_path / "b.json", 7, ["1.6"])
    assert first["submission"]["sha256"] == second["submission"]["sha256"]
    (tmp_path / "moved" / "low_rank.py").write_text("x = 1\n", encoding="utf-8")
    assert first["submission"]["sha256"] != grade.digest_of(tmp_path / "moved")


def test_the_seed_and_the_course_are_part_of_what_grades():
    assert grade.grader_digest(1) == grade.grader_digest(1) != grade.grader_digest(2)


@pytest.mark.parametrize(
    ("given", "said"),
    [({"exercises": ["7.7"]}, "7.7"), ({"format": "xml"}, "use one of json, gradescope, classroom50, ci")],
)
def test_a_teachers_mistake_is_refused_before_anything_is_written(given, said, alice, tmp_path):
    with pytest.raises(ValueError, match=said):
        grade_one(alice, tmp_path / "out.json", 7, **given)
    assert not (tmp_path / "out.json").exists()


# ------------------------------------------------------------ formats


@pytest.fixture
def result(alice, tmp_path, judged):
    """1.6 is solved, 1.1 is judged and wrong, 0.1 cannot be read."""
    with (alice / "pruning.py").open("a", encoding="utf-8") as file:
        file.write("def magnitude_mask(weight, sparsity): return weight\n")
    return grade_one(alice, tmp_path / "out.json", 7, ["0.1", "1.1", "1.6"])


def test_gradescope_gets_a_test_for_each_exercise(result):
    content = valid(json.loads(formats.as_gradescope(result)), "gradescope")
    assert [test["status"] for test in content["tests"]] == ["failed", "failed", "passed"]
    assert content["score"] == sum(test["score"] for test in content["tests"]) == result["score"]
    assert "Protection active: separate process; not: landlock." in content["output"]


def test_the_reporters_of_hosted_workflows_get_base64(result):
    content = json.loads(base64.b64decode(formats.as_ci(result)))
    assert content["version"] == 1 and content["status"] == "fail"
    assert content["max_score"] == result["possible"]
    assert [test["status"] for test in content["tests"]] == ["fail", "fail", "pass"]


def test_classroom50_gets_its_context_from_the_environment(result, monkeypatch):
    monkeypatch.setenv("CLASSROOM", "spring")
    content = valid(json.loads(formats.as_classroom50(result)), "classroom50")
    assert content["classroom"] == "spring" and content["score"] == result["score"]
    assert [test["passed"] for test in content["tests"]] == [False, False, True]


@pytest.mark.parametrize("name", ["gradescope", "classroom50", "ci"])
def test_what_students_read_names_the_graders_but_no_private_input_and_no_seed(name, result):
    text = formats.FORMATS[name](result | {"seed": 987654321})
    text = base64.b64decode(text).decode() if name == "ci" else text
    assert PRIVATE not in text and "987654321" not in text
    assert name == "classroom50" or "1 of 2 graders failed:\\nrefuses n > m" in text
    assert name == "classroom50" or f"A known mistake: {PUBLIC.misconception}" in text and PUBLIC.said in text


def test_a_row_of_the_table_has_nbgraders_columns(result):
    row = formats.nbgrader_row(result, "=alice", "minicompress", "2026-01-01")
    columns = "assignment,duedate,timestamp,student_id,last_name,first_name,email,raw_score"
    assert ",".join(row) == f"{columns},late_submission_penalty,score,max_score"
    assert row["score"] == row["raw_score"] == result["score"] and row["max_score"] == result["possible"]
    assert row["student_id"] == "'=alice"  # no formula


# ------------------------------------------------------------ for real


def test_a_right_and_a_wrong_answer_are_told_apart_by_the_judge(tmp_path):
    text = solution_of("1.6", "nm_mask") + "\n\ndef magnitude_mask(weight, sparsity): return weight > 0\n"
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "pruning.py").write_text(text, encoding="utf-8")
    result = valid(grade_one(tmp_path / "bob", tmp_path / "out.json", 7, ["1.6", "1.1"]), "grade")
    assert result["exercises"]["1.6"]["points"] == exercises()["1.6"].points
    assert result["exercises"]["1.1"]["points"] == 0 and result["exercises"]["1.1"]["graders"]

"""What is wrong with an answer is explained on public inputs: apart from the points, and without the seed."""

import json
import re

import pytest
from snippets import mistake_of, solution_of

from minicompress.classroom import grade, grade_all, judging
from minicompress.classroom.forks import beginning
from minicompress.classroom.grade import NO_TIME, UNEXPLAINED, grade_one
from minicompress.classroom.judging import explain
from minicompress.classroom.verdict import Explanation
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.processes import Ending, Limit

PRIVATE = 918_273_645  # a seed
WRONG = {"magnitude_mask": "weight, sparsity", "global_magnitude_masks": "weights, sparsity"}
WRONG["sparsity_schedule"] = "step, steps, final, kind='linear'"  # 1.1, 1.3, 1.4


@pytest.fixture
def alice(tmp_path):
    """A submission with three wrong answers, and one that is refused."""
    folder = tmp_path / "alice"
    folder.mkdir()
    functions = [f"def {name}({given}):\n    return None\n" for name, given in WRONG.items()]
    refused = "def nm_mask(scores, n=2, m=4):\n    return open(n)\n"
    text = "\n".join([*functions, refused])
    (folder / "pruning.py").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def asked(monkeypatch):
    """Begin no process: note what would be told to it, and report what `answers` holds. The answers."""
    requests, answers = (
        [],
        {
            False: {"graders": [], "message": "", "layers": {}},
            True: {"passed": True, "grader": "", "said": "", "misconception": "", "message": ""},
        },
    )
    wrong = {"name": "test_a", "title": "a", "passed": False, "message": "Expected 0.918273."}
    answers[False]["graders"] = [wrong]

    def begin(folder, limits):
        texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
        request = json.loads(texts["request.json"])
        requests.append((request["exercise"], request["public"], texts))
        (folder / "report.json").write_text(json.dumps(answers[request["public"]]), encoding="utf-8")
        return Ending(0)

    class Beginning:
        def __enter__(self):
            return begin

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(grade, "beginning", Beginning)
    answers["requests"] = requests
    return answers


def graded(alice, keys=("1.1", "1.3", "1.4", "1.6")):
    """A result in which three answers are wrong, and one is refused."""
    return grade_one(alice, alice.parent / "out.json", PRIVATE, keys)


# ------------------------------------------------------------ who is told what


def test_the_private_seed_is_told_to_the_judge_and_not_to_who_explains(alice, asked):
    graded(alice, ["1.1"])
    (_, public, judged), (_, explained_in_public, explained) = asked["requests"]
    assert (public, explained_in_public) == (False, True)
    assert judged["seed"] == str(PRIVATE) and explained["seed"] == str(judging.PUBLIC) == "0"
    assert str(PRIVATE) not in json.dumps(explained) and "918273" not in json.dumps(explained)


def test_only_what_was_judged_to_be_wrong_is_explained(alice, asked):
    result = graded(alice)
    assert {key for key, public, _ in asked["requests"] if public} == {"1.1", "1.3", "1.4"}
    assert result["exercises"]["1.6"]["public"] is None and result["exercises"]["1.6"]["message"]
    asked[False]["graders"][0]["passed"] = True
    asked["requests"].clear()
    assert graded(alice, ["1.1"])["exercises"]["1.1"]["public"] is None
    assert not any(public for _, public, _ in asked["requests"])


def test_an_explanation_gives_no_points(alice, asked):
    result = graded(alice, ["1.1"])
    assert result["exercises"]["1.1"]["public"]["passed"] and result["score"] == 0


@pytest.mark.parametrize("report", [{"graders": []}, {"points": 2}, [], {"passed": True, "score": 2}])
def test_a_report_of_another_form_explains_nothing_and_costs_nothing(report, alice, asked):
    asked[True] = report
    entry = graded(alice, ["1.1"])["exercises"]["1.1"]
    assert entry["public"]["message"] and not entry["public"]["passed"] and entry["points"] == 0


def test_where_the_explanation_breaks_down_the_grading_is_complete(alice, asked, monkeypatch):
    def explain(task, source, begin):
        if task.id == "1.1":
            raise OSError("no space left")
        return Explanation(passed=True)

    monkeypatch.setattr(grade, "explain", explain)
    result = graded(alice)
    assert result["complete"] and result["exercises"]["1.3"]["public"]["passed"]
    assert "no space left" in result["exercises"]["1.1"]["public"]["message"]


def test_a_limit_that_is_met_is_why_there_is_no_explanation():
    met = explain(exercise("1.1"), "", begin=lambda folder, limits: Ending(None, Limit.TIME))
    assert met == Explanation(message="It computed for longer than allowed.")


# ------------------------------------------------------------ the order, and the time


def test_what_was_judged_quickly_is_explained_first(alice, monkeypatch):
    order, seconds = [], {"1.1": 3.0, "1.3": 60.0, "1.4": 1.0}

    def judge(task, source, seed, begin):
        return grade.ExerciseVerdict(
            task.id, 2, [judging.GraderVerdict("a", "a", False)], "", {}, seconds[task.id]
        )

    monkeypatch.setattr(grade, "judge", judge)
    monkeypatch.setattr(grade, "explain", lambda task, source, begin: order.append(task.id))
    graded(alice, seconds)
    assert order == ["1.4", "1.1", "1.3"]


def test_when_the_time_is_over_the_others_are_not_explained(alice, asked, monkeypatch):
    monkeypatch.setattr(grade, "PATIENCE", -1)
    result = graded(alice)
    assert result["complete"] and result["exercises"]["1.1"]["public"]["message"] == NO_TIME
    assert not any(public for _, public, _ in asked["requests"])


def killed(*given, **named):
    raise KeyboardInterrupt


def test_the_points_are_written_before_anything_is_explained(alice, asked, monkeypatch):
    asked[False]["graders"][0]["passed"] = True
    monkeypatch.setattr(grade, "explain_all", killed)
    with pytest.raises(KeyboardInterrupt):
        graded(alice, ["1.1"])
    result = json.loads((alice.parent / "out.json").read_text(encoding="utf-8"))
    assert result["score"] == exercise("1.1").points and not result["complete"]
    assert result["message"] == UNEXPLAINED


def test_a_submission_that_is_ended_while_it_is_explained_keeps_its_points(alice, asked, monkeypatch):
    asked[False]["graders"][0]["passed"] = True
    place = alice.parent / "alice.json"

    def run_module(words, folder, limits):
        monkeypatch.setattr(grade, "explain_all", killed)
        with pytest.raises(KeyboardInterrupt):
            grade_one(alice, place, PRIVATE, ["1.1"])
        return Ending(None, Limit.TIME)

    monkeypatch.setattr(grade_all, "run_module", run_module)
    result = grade_all.grade_apart(alice, place, PRIVATE, ["1.1"])
    assert result["score"] == exercise("1.1").points and not result["complete"]  # to be tried again


# ------------------------------------------------------------ for real


@pytest.fixture(scope="module")
def explained():
    """Explain a text in the way that is best here."""
    with beginning() as begin:

        def explain_text(key: str, text: str) -> Explanation:
            return explain(exercise(key), assemble(exercise(key), text, complete=False), begin=begin)

        yield explain_text


def test_a_known_mistake_is_recognised_and_its_failing_input_is_quoted(explained):
    mistake = mistake_of("1.1", "inverted")
    found = explained("1.1", mistake.source)
    assert found.misconception == mistake.sentence and not found.passed and not found.message
    assert "expected [[False, True], [True, False]]" in found.said and "magnitude_mask([[1" in found.said


def test_a_slip_of_the_pen_is_no_misconception(explained):
    found = explained(
        "1.4", "def sparsity_schedule(step, steps, final, kind='linear'):\n    return undefined\n"
    )
    assert found.said.startswith("NameError") and found.misconception == ""


def test_what_is_right_on_the_public_inputs_is_said_to_be(explained):
    found = explained("1.6", solution_of("1.6", "nm_mask"))
    assert found == Explanation(passed=True)


def test_the_explanation_is_the_same_whatever_the_private_seed(tmp_path):
    """The answer tells the input that it was given; its words come from the public inputs alone."""
    folder = tmp_path / "mallory"
    folder.mkdir()
    text = "def magnitude_mask(weight, sparsity):\n    raise ValueError(f'{weight.tolist()}'[:150])\n"
    (folder / "pruning.py").write_text(text, encoding="utf-8")
    results = [grade_one(folder, tmp_path / "r.json", seed, ["1.1"]) for seed in (PRIVATE, PRIVATE + 1)]
    first, second = (result["exercises"]["1.1"] for result in results)
    assert first["graders"] != second["graders"]  # the private inputs differ, and the teacher sees them
    assert first["public"] == second["public"] and re.search(r"\d", first["public"]["said"])

"""What a teacher learns of a class: what was solved, what was missed most often, which answers are alike."""

import html
import json
import re

import pytest
from snippets import alternatives, graded_exercises, reference, solution_of

from minicompress.classroom import grade_all as module
from minicompress.classroom import similar
from minicompress.classroom.grade_all import grade_all
from minicompress.classroom.prepare import prepare_file
from minicompress.classroom.similar import shape
from minicompress.classroom.summary import as_page, summary_of
from minicompress.grading import stubs
from minicompress.grading.course import exercise

TASK = exercise("1.1")
ANSWER = '''
def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Docstring."""
    if not 0 <= sparsity <= 1 or weight.isnan().any():
        raise ValueError(f"sparsity {sparsity} is not between 0 and 1")
    flat = weight.abs().flatten()  # a comment
    count = round(sparsity * flat.numel())
    order = flat.argsort(stable=True)
    mask = torch.ones_like(flat, dtype=torch.bool)
    for place in order[:count]:
        mask[place] = False
    return mask.view_as(weight)
'''
RENAMED = """
def magnitude_mask(w: torch.Tensor, s: float) -> torch.Tensor:
    if not 0 <= s <= 1 or w.isnan().any():
        raise ValueError(f"sparsity {s} is not between 0 and 1")
    f = w.abs().flatten()
    number = round(s * f.numel())

    ranks = f.argsort(stable=True)
    m = torch.ones_like(f, dtype=torch.bool)
    for i in ranks[:number]:
        m[i] = False
    return m.view_as(w)
"""

# ------------------------------------------------------------ one shape


def test_local_names_docstrings_and_comments_do_not_count():
    assert shape(TASK, ANSWER) == shape(TASK, RENAMED) != ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("round(", "int("),  # a name from outside
        ("argsort(", "sort("),  # an attribute
        ("stable=", "descending="),  # a keyword
        ("= False", "= 0"),  # a value
        ("mask[place]", "mask[count]"),  # another of the local names
    ],
)
def test_everything_else_counts(old, new):
    assert old in ANSWER and shape(TASK, ANSWER.replace(old, new)) != shape(TASK, ANSWER)


def test_names_inside_of_inner_functions_and_comprehensions_are_local_too():
    text = "def f(a):\n    def g(b):\n        nonlocal a\n        return b\n    return [g(c) for c in a]\n"
    other = "def f(x):\n    def h(y):\n        nonlocal x\n        return y\n    return [h(z) for z in x]\n"
    assert similar.shapes(text) == similar.shapes(other)


def test_methods_and_attributes_are_not_local():
    text = "class A:\n    def forward(self, x):\n        return self.run(x)\n"
    assert similar.shapes(text) == similar.shapes(text.replace("(x)", "(y)").replace(", x", ", y"))
    assert similar.shapes(text) != similar.shapes(text.replace("forward", "backward"))


def test_helpers_and_other_exercises_do_not_count():
    assert shape(TASK, f"{ANSWER}\ndef helper(x):\n    return x\n") == shape(TASK, ANSWER)


def test_what_was_given_and_what_is_short_has_no_shape():
    assert shape(TASK, stubs.stub("pruning", reference("1.1"))) == ""
    assert shape(TASK, "def magnitude_mask(weight, sparsity):\n    return weight.abs() > sparsity\n") == ""
    size = similar.shapes(ANSWER)["magnitude_mask"].size
    given = similar.shapes(stubs.stub("pruning", reference("1.1")))["magnitude_mask"].size
    assert size - given >= similar.LEAST


def test_what_python_cannot_parse_has_no_shape():
    assert shape(TASK, "def f(:") == shape(TASK, "x = " + "(" * 10_000) == shape(TASK, "") == ""


def test_the_shape_comes_from_the_process_with_limits_also_for_an_answer_that_is_refused():
    refused = ANSWER.replace("weight.abs()", "weight.__abs__()")
    for text in (ANSWER, refused):
        assert prepare_file(text.encode(), [TASK])["1.1"].shape == shape(TASK, text) != ""
    assert prepare_file(refused.encode(), [TASK])["1.1"].trouble


def test_right_answers_in_other_styles_are_not_alike():
    """They were written to differ; none of them has the shape of the reference or of another."""
    for key in graded_exercises():
        texts = [answer.source for answer in alternatives(key)]
        texts.append("\n\n".join(solution_of(key, name) for name in exercise(key).names))
        found = [digest for digest in (shape(exercise(key), text) for text in texts) if digest]
        assert len(found) == len(set(found)), key


# ------------------------------------------------------------ the class

RULE = "the smallest magnitudes go, whatever their sign, and True means kept"  # of a grader of 1.1


def student(*messages, shape="", message="", complete=True, mistake=None):
    """A result for 1.1: a grader for each message, which passed where the message is empty."""
    graders = [
        {"name": f"test_{n}[x]", "title": f"grader {n}, with x = {n}", "passed": not said, "message": said}
        for n, said in enumerate(messages)
    ]
    public = None if mistake is None else {"misconception": mistake, "message": ""}
    entry = {"title": "Magnitude masks", "graders": graders, "message": message}
    entry |= {"shape": shape, "public": public}
    return {"complete": complete, "exercises": {"1.1": entry}}


def words(page):
    """What a reader of a page sees."""
    return " ".join(html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)).split())


def test_the_share_that_solved_an_exercise():
    found = summary_of({"a": student(""), "b": student("", "no"), "c": student(message="missing")})
    part = found["exercises"]["1.1"]
    assert found["submissions"] == 3
    assert (part["solved"], part["share"], part["not_judged"]) == (1, 0.333, 1)


def test_the_commonest_failing_graders_come_first_with_their_rule_and_without_values():
    wrong = f"{RULE}: expected [0.1234]"
    found = summary_of({"a": student("x 0.77", wrong), "b": student("", wrong), "c": student("", "")})
    failing = found["exercises"]["1.1"]["failing"]
    assert failing == [
        {"grader": "grader 1", "rule": RULE, "students": 2},
        {"grader": "grader 0", "rule": "", "students": 1},
    ]
    assert "0.77" not in json.dumps(found) and "0.1234" not in json.dumps(found)


def test_the_commonest_misconceptions_come_first():
    mistakes = {"a": "Inverted.", "b": "Signed.", "c": "Signed.", "d": "", "e": None}
    found = summary_of({name: student("no", mistake=mistake) for name, mistake in mistakes.items()})
    assert found["exercises"]["1.1"]["misconceptions"] == [
        {"misconception": "Signed.", "students": 2},
        {"misconception": "Inverted.", "students": 1},
    ]


def test_rules_are_counted_where_no_misconception_is_known():
    found = summary_of({"a": student(RULE, mistake="Inverted."), "b": student(RULE, mistake="")})
    assert found["exercises"]["1.1"]["failing"] == [{"grader": "grader 0", "rule": RULE, "students": 1}]


def test_the_page_has_the_commonest_of_the_class_and_of_each_exercise():
    inverted, other = "The mask is `inverted`.", "Another one."
    known = {name: student(RULE, mistake=inverted) for name in "ab"}
    results = known | {"c": student("no", mistake="")}
    for name, one in results.items():
        one["exercises"]["1.2"] = student(RULE, mistake=other if name == "a" else "")["exercises"]["1.1"]
    seen = words(as_page(summary_of(results)))
    whole, each = seen.split("Exercise by exercise")
    assert "1.1 The mask is inverted . known mistake 2" in whole and "grader 0 grader 1" in whole
    assert "2 The mask is inverted . known mistake" in each and "1 Another one. known mistake" in each


def test_of_two_that_as_many_missed_the_known_mistake_comes_first():
    results = {"a": student(RULE, mistake="Inverted.")}
    results["a"]["exercises"] = {"1.2": student(RULE)["exercises"]["1.1"]} | results["a"]["exercises"]
    whole = words(as_page(summary_of(results))).split("Exercise by exercise")[0]
    assert whole.index("1.1 Inverted.") < whole.index(f"1.2 {RULE}")


def test_a_student_counts_once_for_a_grader_that_runs_with_several_values():
    result = student(RULE, RULE)
    for grader in result["exercises"]["1.1"]["graders"]:
        grader["title"] = f"rounds the count, with x = {grader['name']}"
    failing = summary_of({"a": result})["exercises"]["1.1"]["failing"]
    assert failing == [{"grader": "rounds the count", "rule": RULE, "students": 1}]


def test_alike_are_the_students_with_one_shape_but_not_those_without():
    shapes = {"a": "1", "b": "2", "c": "1", "d": "", "e": ""}
    found = summary_of({name: student("", shape=digest) for name, digest in shapes.items()})
    assert found["exercises"]["1.1"]["similar"] == [["a", "c"]]


def test_the_page_shows_names_as_text_and_gives_no_verdict():
    evil = "<b onclick=x>"
    found = summary_of({evil: student(RULE, shape="1", complete=False), "bob": student("", shape="1")})
    page = as_page(found)
    seen = words(page)
    assert evil not in page and f"{evil}, bob" in seen and f"Not graded to the end: {evil}." in seen
    assert "This is no verdict" in seen and "50%" in seen and RULE in seen


def test_grade_all_writes_the_class_beside_the_grades(tmp_path, monkeypatch):
    for name in ("alice", "bob", "class"):  # a student may be called like a file of ours
        (tmp_path / "in" / name).mkdir(parents=True)
        text = ANSWER if name != "class" else "x = 1\n"
        (tmp_path / "in" / name / "pruning.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "grade_apart", graded_here)
    grade_all(tmp_path / "in", tmp_path / "grades.csv", 1, 7, ["1.1"], len)
    found = json.loads((tmp_path / "class.json").read_text(encoding="utf-8"))
    assert found["format"] == "minicompress class 2" and found["submissions"] == 3
    assert found["exercises"]["1.1"]["similar"] == [["alice", "bob"]]
    assert "alice, bob" in (tmp_path / "class.html").read_text(encoding="utf-8")
    assert "Feedback for class" in (tmp_path / "grades" / "class.html").read_text(encoding="utf-8")


def graded_here(submission, place, seed, keys):
    """Grade in this process with a judge that passes nothing."""
    from minicompress.classroom import grade

    def judge(task, source, seed):
        return grade.ExerciseVerdict(task.id, task.points, message="judged by nobody")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grade, "judge", judge)
        return grade.grade_one(submission, place, seed, keys)

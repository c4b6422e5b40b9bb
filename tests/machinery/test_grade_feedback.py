"""The page that a student gets: it says why and how to go on, but holds no private input and no seed."""

import html
import json
import re
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from minicompress import cli
from minicompress.classroom.feedback import as_page
from minicompress.classroom.reasons import SHOWN, builtin_error, reason, rule_in
from minicompress.classroom.result import result_of
from minicompress.classroom.verdict import ExerciseVerdict
from minicompress.grading.course import exercise

RULE = "the smallest magnitudes go, whatever their sign, and True means kept"  # of a grader of 1.1
SECRET = "[0.123456, 7.654321]"
EVIL = "<script>alert('x')</script>"


def grader(message, passed=False, title="prunes the two smallest of four"):
    return {"name": "test_a", "title": title, "passed": passed, "message": message}


def explained(said="", misconception="", passed=False, message=""):
    """What the graders say on public inputs."""
    texts = {"grader": "a grader", "said": said, "misconception": misconception, "message": message}
    return {"passed": passed} | texts


def entry(*graders, message="", public=None):
    """One exercise of a result, which is solved when its graders passed."""
    right = bool(graders) and not message and all(each["passed"] for each in graders)
    return {
        "title": "Magnitude masks",
        "points": 2 * right,
        "possible": 2,
        "message": message,
        "graders": [*graders],
        "public": public,
    }


def result(name="alice", complete=True, **entries):
    """A result; e1_1 stands for exercise 1.1."""
    exercises = {key[1:].replace("_", "."): value for key, value in entries.items()}
    score = sum(value["points"] for value in exercises.values())
    possible = sum(value["possible"] for value in exercises.values())
    return {
        "complete": complete,
        "submission": {"name": name, "sha256": ""},
        "seed": 987654321,
        "score": score,
        "possible": possible,
        "message": "",
        "exercises": exercises,
    }


def words(page):
    """What a reader of a page sees."""
    return " ".join(html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)).split())


# ------------------------------------------------------------ the reason


def test_of_a_judges_message_the_rule_is_told_and_the_values_are_not():
    message = (
        f"{RULE[0].upper()}{RULE[1:]}: expected [True], got [False], from magnitude_mask({SECRET}, 0.5)."
    )
    assert reason(exercise("1.1"), entry(grader(message))) == f"{RULE[0].upper()}{RULE[1:]}."


def test_a_rule_that_no_grader_holds_word_for_word_is_not_told():
    message = f"Exactly the weights {SECRET} go: expected 1, got 2."
    assert rule_in(exercise("1.1"), message) == ""
    told = reason(exercise("1.1"), entry(grader(message)))
    assert told == "This does not hold: prunes the two smallest of four."


def test_a_rule_has_to_end_where_the_graders_end_it():
    assert rule_in(exercise("1.1"), f"{RULE}.") == rule_in(exercise("1.1"), f"{RULE}: got 3") == RULE
    assert rule_in(exercise("1.1"), f"{RULE} {SECRET}") == ""


def test_of_an_exception_its_kind_is_told_and_its_words_are_not():
    """The words are the submission's own: they could carry the inputs."""
    told = reason(exercise("1.1"), entry(grader(f"IndexError: {SECRET}, from magnitude_mask({SECRET}).")))
    assert told == "It raised an IndexError, where the grader says: prunes the two smallest of four."
    assert builtin_error(f"Stolen{SECRET}: x") == builtin_error("print: x") == ""


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("magnitude_mask returned None: is a `return` missing?", None),
        ("dequantize is not written yet.", None),
        (f"Broken: no answer came in time, from f({SECRET}).", "It gave no answer in time."),
        ("Broken: the pipe was closed.", "Its process ended before it gave an answer."),
        ("It did not run.", "The grader did not run."),
    ],
)
def test_what_holds_no_value_is_told_in_words(message, told):
    assert reason(exercise("1.1"), entry(grader(message))) == (told or message)


def test_the_first_grader_that_failed_gives_the_reason():
    graders = [grader("", passed=True), grader(f"{RULE}: got 1"), grader("ValueError: no")]
    assert reason(exercise("1.1"), entry(*graders)) == f"{RULE}."


def test_why_nothing_was_judged_is_told_but_not_what_the_judge_wrote_down():
    assert reason(exercise("1.1"), entry(message="pruning.py was not handed in")) == (
        "pruning.py was not handed in."
    )
    broken = entry(message=f"The judge ended with code -9: Traceback {SECRET}")
    assert reason(exercise("1.1"), broken) == "The judge ended with code -9."


# ------------------------------------------------------------ what is said on public inputs


def shown(public, message=f"{RULE}: expected {SECRET}"):
    """What a reader sees of an exercise that is not solved."""
    return words(as_page(result(e1_1=entry(grader(message), public=public))))


def test_the_known_mistake_and_the_public_input_are_told_word_for_word():
    seen = shown(
        explained("Expected [True], got [False], from magnitude_mask([1, -4], 0.5).", "True means `kept`.")
    )
    assert "A known mistake: True means kept ." in seen  # in a box of its own
    assert "On a public input: Expected [True], got [False], from magnitude_mask([1, -4], 0.5)." in seen
    assert RULE in seen and SECRET not in seen


def test_a_reason_that_the_public_sentence_begins_with_is_not_told_twice():
    seen = shown(explained(f"{RULE}: expected 1, got 2."))
    assert seen.count(RULE) == 1 and "expected 1, got 2." in seen


def test_what_is_right_on_the_public_inputs_is_said_to_be_wrong_on_others():
    seen = shown(explained(passed=True))
    assert "right on the public inputs, those of check , and wrong on others" in seen and SECRET not in seen


def test_an_answer_that_ended_on_a_public_input_is_told_so_in_words():
    assert "On a public input: It gave no answer in time." in shown(
        explained("Broken: no answer came in time.")
    )


def test_why_there_is_no_explanation_is_not_for_students():
    seen = shown(explained(message=f"The judge ended with code 1: {SECRET}"))
    assert "public input:" not in seen and "judge" not in seen and SECRET not in seen and RULE in seen


def test_a_long_sentence_is_cut():
    assert len(shown(explained("x" * 2000))) < len(shown(None)) + SHOWN + 100


# ------------------------------------------------------------ the page


def test_a_page_holds_neither_the_seed_nor_a_private_value():
    wrong = entry(grader(f"{RULE}: expected {SECRET}"), grader(f"TypeError: {SECRET}"))
    page = as_page(result(e1_1=wrong))
    assert SECRET not in html.unescape(page) and "987654321" not in page and "7.65" not in page
    assert RULE in words(page)


def test_an_exercise_that_is_not_solved_comes_with_its_first_hint_alone():
    task = exercise("1.1")
    seen = words(as_page(result(e1_1=entry(grader(f"{RULE}: x")))))
    assert task.hints[0] in seen and task.hints[1] not in seen
    assert "0 of 2 points" in seen and "minicompress check 1.1" in seen


def test_an_exercise_that_is_solved_comes_without_a_hint():
    seen = words(as_page(result(e1_1=entry(grader("", passed=True)))))
    assert exercise("1.1").hints[0] not in seen and "✓ solved , 2 of 2 points" in seen


class Tags(HTMLParser):
    """The tags, links and anchors of a page."""

    def __init__(self, page):
        super().__init__()
        self.names, self.links, self.anchors, self.outside = set(), [], set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.links += [value for name, value in attributes if name == "href"]
        self.anchors |= {value for name, value in attributes if name == "id"}
        self.outside += [value for name, value in attributes if name == "src"]


def test_every_link_leads_to_a_part_of_the_page():
    tags = Tags(as_page(result(e1_1=entry(grader("x")), e1_2=entry(message="y"))))
    assert tags.links == ["#ex-1.1", "#ex-1.2"] and {link[1:] for link in tags.links} <= tags.anchors
    assert not tags.outside and "script" not in tags.names and "link" not in tags.names


def test_what_a_submission_holds_is_shown_as_text():
    """Names of students, policy messages that quote code, titles: none becomes a tag."""
    public = explained(EVIL, EVIL) | {"grader": EVIL}
    wrong = entry(grader("x", title=f"a {EVIL}"), public=public)
    page = as_page(result(name=EVIL, e1_1=wrong, e1_2=entry(message=f"pruning.py, line 1: `{EVIL}`")))
    assert "script" not in Tags(page).names and words(page).count(EVIL) >= 6


def test_a_grading_that_was_cut_off_says_so():
    assert "not complete: ask your teacher" in words(as_page(result(complete=False, e1_1=entry(message="x"))))


def test_grade_writes_the_page_beside_the_result(tmp_path):
    (tmp_path / "alice").mkdir()
    words = ["grade", str(tmp_path / "alice"), "--out", str(tmp_path / "r.json"), "--exercise", "1.1"]
    told = CliRunner().invoke(cli.app, [*words, "--html", str(tmp_path / "pages" / "alice.html")])
    assert told.exit_code == 0, told.output
    page = (tmp_path / "pages" / "alice.html").read_text(encoding="utf-8")
    assert "pruning.py was not handed in" in page and page.startswith("<!doctype html>")
    assert str(json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["seed"]) not in page


def test_a_real_result_can_be_shown():
    task = exercise("1.1")
    verdicts = [ExerciseVerdict(task.id, task.points, message=f"{EVIL}")]
    page = as_page(result_of("alice", "", "", 7, verdicts, 1.0))
    assert EVIL in words(page)

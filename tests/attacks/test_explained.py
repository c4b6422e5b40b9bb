"""No attack gets anything out of the explanation: no points, no time, no private input, and on a page nothing
but text.

They are explained without the policy, as in test_attacks.py.
"""

import json
from html.parser import HTMLParser

import pytest
from attacks import Places, attacks, filled_in
from guarded import guarded

from minicompress.classroom import landlock
from minicompress.classroom.feedback import as_page
from minicompress.classroom.forks import beginning
from minicompress.classroom.judging import TOO_MUCH, explain, judge
from minicompress.classroom.result import LONGEST, result_of
from minicompress.classroom.summary import as_page as class_page
from minicompress.classroom.summary import summary_of
from minicompress.classroom.verdict import ExerciseVerdict, Explanation, GraderVerdict
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.mistakes import known_mistakes
from minicompress.grading.processes import Limits

SEED = 918_273_645
LIMITS = Limits(starting=20, memory=2_000_000_000)
# What speaks, what disturbs the comparison, what breaks its process, what forges a report, what stays behind.
EXPLAINED = (
    "1.1-half_characters",
    "1.1-endless_text_of_an_exception",
    "1.1-speaks_html",
    "1.1-signs_for_numbers",
    "1.1-tells_the_seed",
    "1.1-calls_it_a_day",
    "1.6-overwrites_the_verdict",
    "1.6-an_orphan_goes_on",
    "4.1-modules_of_hostile_classes",
)

pytestmark = pytest.mark.skipif(
    not landlock.version(), reason="this system has no Landlock: see docs/grading.md"
)


@pytest.fixture
def places(tmp_path):
    with guarded(tmp_path) as places:
        yield places


@pytest.fixture(scope="module")
def begin():
    with beginning() as begin:
        task = exercise("1.6")  # it runs before anybody watches what is left
        assert explain(task, task.solution.read_text(encoding="utf-8"), begin=begin).passed
        yield begin


def text_of(name: str, places: Places) -> str:
    """The chapter with an attack in it."""
    attack = next(attack for attack in attacks() if attack.id == name)
    task = exercise(attack.exercise)
    return assemble(task, filled_in(attack.source, places), f"{task.module}.py", complete=False)


def graded(key: str, public: Explanation) -> dict:
    """A result in which an exercise was judged to be wrong, and explained by this."""
    wrong = [GraderVerdict("test_a", "a grader", False, "Expected 1, got 2.")]
    verdict = ExerciseVerdict(key, exercise(key).points, wrong, public=public)
    return result_of("mallory", "", "", SEED, [verdict], 1.0)


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.names: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.names.add(tag)


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_an_attack_says_is_short_is_text_and_is_no_point(name, begin, places):
    key = name.partition("-")[0]
    public = explain(exercise(key), text_of(name, places), LIMITS, begin)
    assert not public.passed and (public.said or public.message in TOO_MUCH.values())
    assert public.misconception in {"", *(mistake.sentence for mistake in known_mistakes(exercise(key)))}
    result = graded(key, public)
    assert result["score"] == 0 and str(SEED) not in repr(public)
    entry = json.loads(json.dumps(result))["exercises"][key]["public"]
    assert all(len(str(value)) <= LONGEST + len(" [...]") for value in entry.values())
    for page in (as_page(result), class_page(summary_of({"<script>": result}))):
        assert not Tags(page).names & {"script", "img", "iframe"}, page


def test_a_table_of_the_public_answers_is_right_in_public_and_has_no_points(begin, places):
    text = text_of("1.1-table_of_known_inputs", places)
    verdict = judge(exercise("1.1"), text, SEED, begin=begin)
    assert explain(exercise("1.1"), text, begin=begin) == Explanation(passed=True)
    assert verdict.points == 0


def test_a_private_input_does_not_reach_the_process_that_is_asked_next(begin, places):
    text = text_of("1.1-keeps_inputs_for_later", places)
    judged = judge(exercise("1.1"), text, SEED, begin=begin)
    assert "kept: []" in judged.graders[0].message
    assert "kept: []" in explain(exercise("1.1"), text, begin=begin).said


def test_an_answer_that_never_ends_ends_the_explanation_in_time(begin):
    text = "def nm_mask(scores, n=2, m=4):\n    while True:\n        pass\n"
    limits = Limits(starting=2, memory=2_000_000_000)
    found = explain(exercise("1.6"), assemble(exercise("1.6"), text), limits, begin)
    assert not found.passed and found.misconception == ""

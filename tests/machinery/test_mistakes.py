"""Every known wrong answer fails the graders and is recognised.

Tests of one exercise share what its wrong answers gave, so this file belongs into one process.
"""

import functools
import itertools

import pytest
from snippets import graded_exercises, mistake_of

from minicompress.grading.course import exercise
from minicompress.grading.mistakes import alike, known_mistakes, recognise, run_mistake
from minicompress.grading.report import Result

KEYS = graded_exercises()


@functools.cache
def run_once(key: str, name: str) -> Result:
    return run_mistake(exercise(key), mistake_of(key, name))


each_exercise = pytest.mark.parametrize("key", KEYS)
each_mistake = pytest.mark.parametrize(
    ("key", "name"), [(key, mistake.name) for key in KEYS for mistake in known_mistakes(exercise(key))]
)


@each_exercise
def test_every_exercise_has_five_known_wrong_answers(key):
    names = [mistake.name for mistake in known_mistakes(exercise(key))]
    where = f"tests/mutants/ex_{key.replace('.', '_')}.py"
    assert len(names) >= 5, f"{where} has {len(names)}: write more, each below `### MUTANT name: Sentence.`"
    assert len(set(names)) == len(names), f"{where} has two of one name"


@each_exercise
def test_a_misconception_is_one_short_sentence(key):
    for mistake in known_mistakes(exercise(key)):
        assert mistake.sentence.endswith("."), mistake.sentence
        assert len(mistake.sentence) <= 140, f"{len(mistake.sentence)} characters: {mistake.sentence}"


@each_mistake
def test_the_graders_fail_a_wrong_answer(key, name):
    assert not run_once(key, name).solved, "every grader passes it: add one that fails it, or drop it"


@each_mistake
def test_a_wrong_answer_fails_by_what_it_returns_not_by_a_slip_of_the_pen(key, name):
    """A name that is not defined, or a helper that breaks, would become the "known mistake" of anyone."""
    failed = [outcome for outcome in run_once(key, name).outcomes if not outcome.passed]
    assert not [outcome.error for outcome in failed if outcome.slip], "a slip: mend the wrong answer"
    homes = {outcome.raised_in.partition(".")[0] for outcome in failed} - {""}
    assert homes <= set(exercise(key).names), "an error in a helper of its own"


@each_exercise
def test_no_two_wrong_answers_say_the_same(key):
    """The pairs that cannot be told apart."""
    results = [(mistake.name, run_once(key, mistake.name)) for mistake in known_mistakes(exercise(key))]
    pairs = [
        (one, other)
        for (one, first), (other, second) in itertools.combinations(results, 2)
        if alike(first, second, exercise(key).timed)
    ]
    assert not pairs, "add a grader that tells them apart, or drop one of them"


@each_mistake
def test_the_feedback_on_a_wrong_answer_names_its_misconception(key, name):
    known = lambda task, mistake, *_, **__: run_once(task.id, mistake.name)  # noqa: E731
    recognised = recognise(exercise(key), run_once(key, name), run=known)
    told = recognised.name if recognised else "no misconception"
    assert told == name, f"a learner who makes this mistake would be told {told}"


@each_exercise
def test_a_mistake_is_recognised_when_it_is_run_again(key):
    mistake = known_mistakes(exercise(key))[0]
    assert recognise(exercise(key), run_once(key, mistake.name)) == mistake, "it differs from run to run"

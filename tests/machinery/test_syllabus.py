"""course.toml: complete, in an order that can be followed, and mapped in the README."""

import re

import pytest

from minicompress.grading.course import exercise, exercises, unwritten
from minicompress.grading.stubs import stub

ORDER = list(exercises())


@pytest.mark.parametrize("key", ORDER)
def test_an_exercise_has_three_hints_a_title_points_minutes_and_a_difficulty(key):
    task = exercise(key)
    assert len(task.hints) == 3 and all(task.hints) and task.title
    assert task.points >= 1 and 5 <= task.minutes <= 120 and task.difficulty in (1, 2, 3)


@pytest.mark.parametrize("key", ORDER)
def test_an_exercise_needs_only_what_comes_before_it(key):
    assert set(exercise(key).prerequisites) <= set(ORDER[: ORDER.index(key)])


@pytest.mark.parametrize("key", ORDER)
def test_a_harder_variant_is_one_or_two_sentences(key):
    for variant in exercise(key).variants:
        sentences = re.split(r"(?<=[.?!])\s+", variant)
        assert len(sentences) <= 2 and variant == variant.strip() and "\n" not in variant
        assert variant[0].isupper() and variant[-1] in ".?" and 20 <= len(variant) <= 300, variant


def test_ten_exercises_have_harder_variants():
    assert sum(bool(task.variants) for task in exercises().values()) >= 10


def test_a_name_belongs_to_one_exercise():
    owners = [(task.module, name) for task in exercises().values() for name in task.names]
    assert len(set(owners)) == len(owners)


def test_an_unknown_exercise_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"'7\.7'.*0\.1, 0\.2"):
        exercise("7.7")


@pytest.mark.parametrize(("name", "said"), [("99", "0.2"), (0.2, "quotes")])
def test_an_unknown_exercise_in_a_notebook_is_one_line(name, said):
    with pytest.raises(ValueError, match=said) as caught:
        exercise(name)
    assert caught.value._render_traceback_() == [f"NoExercise: {caught.value}"]


def test_a_stub_counts_as_unwritten_whatever_its_docstring_says_and_a_body_does_not():
    task = exercise("0.1")
    fresh = stub("metrics", task.solution.read_text(encoding="utf-8"))
    assert unwritten(task, fresh.replace("perplexity of", "PERPLEXITY of")) == ["perplexity"]
    assert unwritten(task, "def perplexity(model, tokens, batch_size=16):\n    return 4\n") == []

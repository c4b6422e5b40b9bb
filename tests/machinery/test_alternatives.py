"""Right answers in other styles than the solution's: every one of them passes.

tests/alternatives/ex_1_1.py holds sections that begin with `### ALTERNATIVE name: One sentence on the style.`
"""

import pytest
from snippets import alternatives, graded_exercises

from minicompress.grading.course import exercise
from minicompress.grading.mistakes import run_mistake

KEYS = graded_exercises()
ALL = {f"{key}-{other.name}": (key, other) for key in KEYS for other in alternatives(key)}


@pytest.mark.parametrize("key", KEYS)
def test_every_exercise_has_two_right_answers_in_other_styles(key):
    names = [other.name for other in alternatives(key)]
    where = f"tests/alternatives/ex_{key.replace('.', '_')}.py"
    assert len(names) >= 2, f"{where} has {len(names)}: write more, below `### ALTERNATIVE name: Sentence.`"
    assert len(set(names)) == len(names), f"{where} has two of one name"


@pytest.mark.parametrize("which", ALL)
def test_a_right_answer_in_another_style_passes(which):
    key, other = ALL[which]
    result = run_mistake(exercise(key), other)
    assert not [outcome.reason for outcome in result.outcomes if not outcome.passed]

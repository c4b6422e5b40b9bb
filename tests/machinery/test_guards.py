"""No way out of a grader but its end, and no printing without end."""

import io

import pytest

from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.graders import run_graders
from minicompress.grading.guards import PRINTED, InShort

DOORS = {
    "Skipped": "import pytest; pytest.skip('x')",
    "XFailed": "import pytest; pytest.xfail('x')",
    "SkipTest": "import unittest; raise unittest.SkipTest('x')",
    "Exit": "import pytest; pytest.exit('x')",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "GeneratorExit": "raise GeneratorExit",
    "SystemExit": "import sys; sys.exit(0)",
}


def outcomes_of(body: str) -> list:
    text = f"def nm_mask(scores, n=2, m=4):\n    {body}\n"
    return run_graders(exercise("1.6"), assemble(exercise("1.6"), text, "mine.py")).outcomes


@pytest.mark.parametrize("name", DOORS)
def test_every_grader_that_is_left_has_failed_in_words(name):
    outcomes = outcomes_of(DOORS[name])
    assert len(outcomes) > 5 and not any(outcome.passed for outcome in outcomes)
    assert outcomes[0].reason == f"Your code left the grader by raising {name} (mine.py, line 2)."


@pytest.mark.parametrize("name", DOORS)
def test_a_file_that_leaves_while_it_is_imported_has_failed(name):
    text = f"def leave():\n    {DOORS[name]}\nGONE = leave()\ndef nm_mask(*_): return GONE\n"
    (outcome,) = run_graders(exercise("1.6"), assemble(exercise("1.6"), text, "mine.py")).outcomes
    assert not outcome.passed and name in outcome.reason


def test_an_error_that_cannot_be_printed_is_told_all_the_same():
    body = "class E(Exception):\n        def __str__(self): raise E()\n    raise E()"
    outcomes = outcomes_of(body)
    assert outcomes and all(outcome.reason.endswith(".") and not outcome.passed for outcome in outcomes)


def test_printing_is_kept_short():
    outcomes = outcomes_of("print('x' * 10**7)")
    assert PRINTED < len(outcomes[0].printed) < 2 * PRINTED and "is left out" in outcomes[0].printed


def test_short_texts_pass_unchanged():
    stream = io.StringIO()
    print("a", "b", file=InShort(stream))
    assert stream.getvalue() == "a b\n"

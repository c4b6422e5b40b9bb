"""No attack gets credit, with the policy or without it, and none leaves a trace.

The policy refuses nearly all of them before they run. It is not what protects: the second
test switches it off.
"""

import time

import pytest
from attacks import Attack, attacks, filled_in
from guarded import guarded

from minicompress.classroom.judging import judge
from minicompress.classroom.policy import check_policy
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise

SEED = 918_273_645  # private: no message may hold it
LONGEST = 120  # seconds on the clock for one attack, on a machine that is busy
ALL = pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.id)

# What uses nothing that an answer has no use for: such an attack is stopped by the processes alone.
PASSES_THE_POLICY = set()


@pytest.fixture
def places(tmp_path):
    with guarded(tmp_path) as places:
        yield places


@ALL
def test_the_policy_refuses_what_an_answer_has_no_use_for(attack, places):
    task = exercise(attack.exercise)
    try:
        check_policy(filled_in(attack.source, places), task, f"{task.module}.py")
    except ValueError as error:
        assert "\n" not in str(error) and f"{task.module}.py" in str(error)
        assert attack.name not in PASSES_THE_POLICY, f"it is refused now: {error}"
    else:
        assert attack.name in PASSES_THE_POLICY, "the policy lets it through"


@ALL
def test_without_the_policy_it_gets_no_points_and_leaves_no_trace(attack, places):
    task, began = exercise(attack.exercise), time.monotonic()
    try:
        source = assemble(task, filled_in(attack.source, places), f"{task.module}.py", complete=False)
    except ValueError:
        return  # it cannot even be put into the reference module
    verdict = judge(task, source, SEED)
    assert verdict.points == 0, "the attack got points"
    assert str(SEED) not in repr(verdict), "the private seed stands in the verdict"
    assert len(repr(verdict)) < 1_000_000, "the verdict is flooded"
    assert time.monotonic() - began < LONGEST


@pytest.mark.parametrize("key", sorted({attack.exercise for attack in attacks()}))
def test_after_all_attacks_the_right_answer_gets_full_points(key):
    """Nothing that an attack left behind, in a file or in bytecode, disturbs the next submission."""
    task = exercise(key)
    source = assemble(task, task.solution.read_text(encoding="utf-8"), task.solution.name)
    verdict = judge(task, source, SEED)
    assert verdict.points == task.points, [verdict.message, *(g for g in verdict.graders if not g.passed)]


def test_there_are_attacks_of_every_kind():
    assert len(attacks()) >= 50 and len({attack.id for attack in attacks()}) == len(attacks())
    assert all(isinstance(attack, Attack) and attack.sentence.endswith(".") for attack in attacks())

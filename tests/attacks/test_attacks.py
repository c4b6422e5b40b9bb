"""No attack gets credit, with the policy or without it, and none leaves a trace.

The policy reads all of them, and refuses nearly all. It is not what protects: the other tests switch it off.
They run those in RUN, and all the others where MINICOMPRESS_ALL_ATTACKS is set: more ways to try the same.
"""

import os
import signal

import pytest
from attacks import Attack, Places, attacks, filled_in
from guarded import guarded

from minicompress.classroom import landlock
from minicompress.classroom.forks import beginning
from minicompress.classroom.judging import judge
from minicompress.classroom.policy import check_policy
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.processes import Limits

SEED = 918_273_645  # private: no message may hold it
LIMITS = Limits(starting=30, memory=2_000_000_000)  # tight, so that what never ends is cheap
LONGEST = 300  # seconds on the clock after which an attack counts as one that hangs the grader

# They use nothing that an answer has no use for: the processes alone stop them.
PASSES_THE_POLICY = {
    "0.1-knows_the_public_models",
    "0.2-knows_the_public_models",
    "0.3-calls_back_for_ever",
    "1.1-a_group_of_exceptions",
    "1.1-endless_text_of_an_exception",
    "1.1-half_characters",
    "1.1-signs_for_numbers",
    "1.1-speaks_html",
    "1.1-table_of_known_inputs",
    "1.4-neither_less_nor_more",
    "1.4-table_of_public_steps",
    "1.5-calls_back_without_end",
    "1.5-knows_the_public_tower",
    "1.6-much_memory",
    "1.7-table_of_public_formats",
    "1.8-knows_the_public_models",
    "1.10-knows_the_public_models",
    "1.11-knows_the_public_models",
    "2.5-knows_the_public_models",
    "2.6-knows_the_public_heads",
    "2.7-knows_the_public_models",
    "3.3-knows_the_public_models",
    "3.4-knows_the_public_models",
    "3.4-returns_hopeful_losses",
    "3.5-knows_the_public_models",
    "3.6-knows_the_public_sizes",
    "3.7-knows_the_public_models",
    "4.1-a_large_result",
    "4.1-a_number_of_a_million_digits",
    "4.1-a_tensor_without_memory",
    "4.1-contains_itself",
    "4.1-gives_views_of_the_argument",
    "4.1-infinite",
    "4.1-knows_the_previous_argument",
    "4.1-makes_the_argument_fit",
    "4.1-nested_deeply",
    "4.1-not_a_number",
    "4.1-reads_beyond_the_storage",
    "4.1-replaces_the_data",
    "4.1-resizes_the_argument",
    "4.1-two_million_items",
    "4.1-without_end",
    "4.1-zeros",
    "4.3-table_of_public_ranks",
    "5.1-hands_it_on_by_id",
    "5.1-hands_the_answer_on",
    "5.4-knows_the_public_sizes",
    "6.1-a_huge_file",
    "6.1-keeps_the_model",
    "6.1-knows_the_public_models",
    "6.1-writes_beside",
    "6.2-knows_the_public_models",
}
# Run at every test, one or two of each kind; the others with MINICOMPRESS_ALL_ATTACKS=1 (half an hour).
RUN = {
    "0.3-stops_the_clock",
    "1.1-reads_the_solution",
    "1.1-other_functions_of_this_name",
    "1.1-expected_tensors_in_memory",
    "1.1-asks_the_parents_folder",
    "1.1-another_user_id",
    "1.1-compares_equal",
    "1.1-patches_the_comparison",
    "1.1-calls_it_a_day",
    "1.1-skips_itself",
    "1.1-raises_what_it_likes",
    "1.1-a_group_of_exceptions",
    "1.1-writes_every_descriptor",
    "1.1-table_of_known_inputs",
    "1.1-tells_the_seed",
    "1.1-half_characters",
    "1.3-git_runs_a_command",
    "1.3-torch_starts_processes",
    "1.4-a_number_that_is_equal",
    "1.5-calls_back_without_end",
    "1.5-calls_back_with_other_things",
    "1.6-runs_in_a_decorator",
    "1.6-ends_at_import",
    "1.6-an_orphan_goes_on",
    "1.6-a_child_holds_the_pipe",
    "1.6-deaf_to_signals",
    "1.6-ends_its_parent",
    "1.6-many_processes",
    "1.6-much_memory",
    "1.6-fills_the_disk",
    "1.6-leaves_a_module_behind",
    "1.6-makes_a_connection",
    "1.6-changes_the_modes",
    "1.6-overwrites_the_verdict",
    "3.4-knows_the_wrong_ones",
    "4.1-not_a_number",
    "4.1-makes_the_argument_fit",
    "4.1-reads_beyond_the_storage",
    "4.1-a_large_result",
    "4.1-modules_of_hostile_classes",
    "4.1-hooks_in_the_gradient",
    "4.2-every_question_is_a_yes",
    "5.1-hands_the_answer_on",
    "5.1-announces_the_largest_message",
    "5.1-writes_for_ever",
    "5.2-lets_the_judge_unpickle",
    "5.2-lets_the_judge_call_anything",
    "5.2-files_outside",
    "5.2-lies_about_tensors",
    "5.3-keeps_the_layer",
    "6.1-a_pipe_in_place_of_a_file",
    "6.1-keeps_the_model",
}


def running() -> list[Attack]:
    """The attacks that are run, not only read."""
    everything = "MINICOMPRESS_ALL_ATTACKS" in os.environ
    return [attack for attack in attacks() if everything or attack.id in RUN]


def one_by_one(chosen: list[Attack]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", chosen, ids=[attack.id for attack in chosen])


@pytest.fixture
def places(tmp_path):
    with guarded(tmp_path) as places:
        yield places


@pytest.fixture(scope="module")
def begin():
    """All are judged in processes that one process forks, where the system can: none must harm the next."""
    with beginning() as begin:
        source = exercise("1.6").solution.read_text(encoding="utf-8")
        judge(exercise("1.6"), source, SEED, LIMITS, begin)  # it runs before anybody watches what is left
        yield begin


@pytest.fixture
def not_for_ever():
    """A grader that hangs fails its test; on Windows the whole run would hang."""

    def over(*_):
        raise TimeoutError(f"it was not judged within {LONGEST} s")

    if os.name == "posix":
        signal.signal(signal.SIGALRM, over)
        signal.alarm(LONGEST)
    yield
    if os.name == "posix":
        signal.alarm(0)


def read_by_the_policy(attack: Attack, places: Places) -> str:
    """Why the policy refuses it, or nothing."""
    task = exercise(attack.exercise)
    try:
        check_policy(filled_in(attack.source, places), task, f"{task.module}.py")
    except ValueError as error:
        return str(error)
    return ""


@one_by_one(attacks())
def test_the_policy_refuses_in_one_sentence_what_an_answer_has_no_use_for(attack, tmp_path):
    reason = read_by_the_policy(attack, Places(tmp_path, "attack", 1))
    told = reason or "the policy lets it through: if only the judge can stop it, add it to PASSES_THE_POLICY"
    assert bool(reason) == (attack.id not in PASSES_THE_POLICY), told
    assert "\n" not in reason and (not reason or f"{exercise(attack.exercise).module}.py" in reason)


@pytest.mark.skipif(not landlock.version(), reason="this system has no Landlock: see docs/grading.md")
@one_by_one(running())
def test_without_the_policy_it_gets_no_points_and_leaves_no_trace(attack, begin, places, not_for_ever):
    task = exercise(attack.exercise)
    try:
        source = assemble(task, filled_in(attack.source, places), f"{task.module}.py", complete=False)
    except ValueError:
        return  # it cannot even be put into the reference module
    verdict = judge(task, source, SEED, LIMITS, begin)
    assert verdict.points == 0, "the attack got points"
    assert str(SEED) not in repr(verdict), "the private seed stands in the verdict"
    assert len(repr(verdict)) < 1_000_000, "the verdict is flooded"


@pytest.mark.parametrize("key", ["1.1", "1.6", "4.1", "5.1", "5.2"])
def test_after_all_attacks_the_right_answer_gets_full_points(key, begin):
    """Nothing that an attack left behind, in a file or in bytecode, disturbs the next submission."""
    task = exercise(key)
    source = assemble(task, task.solution.read_text(encoding="utf-8"), task.solution.name)
    verdict = judge(task, source, SEED, LIMITS, begin)  # the same ones: else they would stop every attack
    assert verdict.points == task.points, [verdict.message, *(g for g in verdict.graders if not g.passed)]


def test_there_are_attacks_of_every_kind():
    names = {attack.id for attack in attacks()}
    assert len(names) == len(attacks()) >= 50 and PASSES_THE_POLICY | RUN <= names
    assert all(attack.sentence.endswith(".") for attack in attacks())

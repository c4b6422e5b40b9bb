"""Private cases: pure functions agree with the reference on inputs that the judge alone knows."""

import collections
import gc
import inspect
import math
import re
import sys
import tempfile
import types
from pathlib import Path

import pytest
import snippets
import torch

from minicompress.classroom import agreement
from minicompress.classroom.forks import beginning
from minicompress.classroom.judging import judge, needs_models
from minicompress.classroom.policy import check_policy
from minicompress.classroom.private import CASES, Pure
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise, exercises
from minicompress.grading.graders import run_graders
from minicompress.grading.isolation import isolated, load
from minicompress.grading.mistakes import sections
from minicompress.grading.processes import Limits
from minicompress.lab.paths import ROOT

TABLES = {
    "1.4": "table_of_public_steps",
    "1.7": "table_of_public_formats",
    "3.6": "knows_the_public_sizes",
    "4.3": "table_of_public_ranks",
    "5.4": "knows_the_public_sizes",
}
MODELS = {  # attacks that are right for the models of the public graders, and wrong for all others
    **dict.fromkeys(("0.1", "0.2", "1.8", "1.10", "1.11", "2.5", "2.7"), "knows_the_public_models"),
    **dict.fromkeys(("3.3", "3.4", "3.5", "3.7", "6.1", "6.2"), "knows_the_public_models"),
    **{"1.5": "knows_the_public_tower", "2.6": "knows_the_public_heads"},
}
KNOWING = TABLES | MODELS
ALIVE = types.SimpleNamespace(broken="")  # a peer whose worker is there
NOWHERE = Path("no-folder")  # for functions that have no files
not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="classes are graded on Linux and macOS")


@pytest.fixture(scope="module", autouse=True)
def frozen():
    """The library of models is imported and frozen: the search for tied weights may pass it over."""
    from transformers import GPT2LMHeadModel, LlamaForCausalLM, Qwen2ForCausalLM  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def begin():
    with beginning() as begin:
        yield begin


def text_of(key: str) -> str:
    """The attack that knows all public inputs of an exercise, or their kinds."""
    texts = {name: text for name, _, text in sections(exercise(key), "attacks", "ATTACK")}
    return texts[KNOWING[key]]


def attack_on(key: str) -> str:
    """That attack, put into the reference."""
    return assemble(exercise(key), text_of(key), complete=False)


def compared(key: str, answer: str, seed: int, folder: Path):
    """The verdict of the private cases, with the answer in this process; `folder` is for files."""
    task = exercise(key)
    with isolated(task.module):
        reference = load(task.module, snippets.reference(key))
        cases = agreement.draw(key, reference, seed, folder)
        theirs = load(task.module, answer)
        classes = {name: thing for name, thing in vars(reference).items() if inspect.isclass(thing)}
        vars(theirs).update({name: thing for name, thing in classes.items() if name not in task.names})
        vars(reference).update({name: vars(theirs)[name] for name in task.names})
        return agreement.verdict(cases, reference, ALIVE, folder)


def drawn(key: str, seed: int) -> list[agreement.Case]:
    with isolated(exercise(key).module), tempfile.TemporaryDirectory() as folder:
        return agreement.draw(key, load(exercise(key).module, snippets.reference(key)), seed, Path(folder))


# ------------------------------------------------------------ the draws


@pytest.mark.parametrize("key", CASES)
def test_only_functions_and_methods_of_the_exercise_have_cases(key):
    assert {name.partition(".")[0] for name in CASES[key]} <= set(exercise(key).names)


@pytest.mark.parametrize("key", CASES)
def test_the_reference_answers_all_draws_of_each_function_and_refuses_what_is_bad(key):
    for seed in (1, 2):
        counts = collections.Counter((case.name, case.refused) for case in drawn(key, seed))
        assert all(counts[name, False] == pure.count for name, pure in CASES[key].items())


@pytest.mark.parametrize("key", ["1.4", "1.7", "4.3", "5.1"])
def test_another_seed_gives_other_inputs_and_the_same_seed_the_same(key):
    first, again, other = (repr([case.arguments for case in drawn(key, seed)]) for seed in (1, 1, 2))
    assert first == again and first != other


def test_the_random_numbers_of_the_graders_do_not_change():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    drawn("1.1", 5)
    assert torch.equal(torch.get_rng_state(), before)


# ------------------------------------------------------------ agreement


@pytest.mark.parametrize("key", CASES)
def test_right_answers_in_other_styles_agree(key, tmp_path):
    for other in snippets.alternatives(key):
        for seed in (1, 2):
            source, folder = assemble(exercise(key), other.source, complete=False), tmp_path / other.name
            verdict = compared(key, source, seed, folder / str(seed))
            assert verdict.passed, f"{other.name}, seed {seed}: {verdict.message}"


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (torch.ones(2), torch.ones(3)),
        (torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.uint8)),
        (torch.ones(2), torch.ones(2, dtype=torch.bool)),
        (torch.ones(2, dtype=torch.float16), torch.ones(2)),
        (torch.tensor([1.0, math.nan]), torch.ones(2)),
        (torch.tensor([1.0, 1.001]), torch.ones(2)),
        (torch.tensor([False, True]), torch.tensor([True, True])),
        (torch.ones(2).to_sparse(), torch.ones(2)),
        ([1.0, 1.0], torch.ones(2)),
        (0.1501, 0.15),
        (math.nan, 0.15),
        (2.0, 2),
        (True, 1),
        ((1, 2), (1, 2, 3)),
        ({"a": 1}, {"b": 1}),
        (None, 1),
    ],
)
def test_another_type_shape_dtype_or_value_is_a_disagreement(got, expected):
    with pytest.raises(agreement.Disagreement):
        agreement.compare(got, expected)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (torch.tensor([1.0, 1.00001]), torch.ones(2)),
        (torch.ones(2, dtype=torch.float64), torch.ones(2)),
        (torch.ones(0), torch.ones(0)),
        (0, 0.0),
        (0.1 + 0.2, 0.3),
        ([1, 2], (1, 2)),
        ({"b": 2, "a": 1}, {"a": 1, "b": 2}),
    ],
)
def test_rounding_and_wider_floats_are_none(got, expected):
    agreement.compare(got, expected)


def the_verdict(function, expected, refused=False, peer=ALIVE):
    """Of one case, of which the input is 12345."""
    case = agreement.Case("double", Pure(lambda _: (12345,)), (12345,), expected, refused)
    return agreement.verdict([case], types.SimpleNamespace(double=function), peer, NOWHERE)


def leaves(number):
    raise RuntimeError(f"the input is {number}")


def refuses(number):
    raise ValueError(f"the input is {number}")


def test_both_raise_a_value_error_or_neither_does():
    assert the_verdict(refuses, None, refused=True).passed
    assert not the_verdict(refuses, 24690).passed
    assert not the_verdict(lambda number: 2 * number, None, refused=True).passed
    assert not the_verdict(leaves, None, refused=True).passed


def test_a_result_that_cannot_be_looked_at_is_no_refusal():
    def unpacks(result, _):
        U, V = result
        return U, V

    for refused in (True, False):
        case = agreement.Case("three", Pure(lambda _: (1,), view=unpacks), (1,), (1, 2), refused)
        chapter = types.SimpleNamespace(three=lambda _: (1, 2, 3))
        assert not agreement.verdict([case], chapter, ALIVE, NOWHERE).passed


@pytest.mark.parametrize("function", [leaves, refuses, lambda number: number, lambda number: str(number)])
def test_the_message_tells_no_input(function):
    verdict = the_verdict(function, 24690)
    assert not verdict.passed and "12345" not in verdict.message and "24690" not in verdict.message


def test_nothing_passes_when_the_worker_is_gone():
    gone = types.SimpleNamespace(broken="the other side is gone")
    assert not the_verdict(lambda number: 2 * number, 24690, peer=gone).passed


# ------------------------------------------------------------ who knows the public inputs


@pytest.mark.parametrize("key", KNOWING)
def test_who_knows_the_public_inputs_passes_the_policy_and_every_public_grader(key):
    check_policy(text_of(key), exercise(key), "answer.py")
    failed = [
        outcome for outcome in run_graders(exercise(key), attack_on(key)).outcomes if not outcome.passed
    ]
    assert failed == []


@pytest.mark.parametrize("key", KNOWING)
def test_who_knows_the_public_inputs_disagrees_on_private_ones(key, tmp_path):
    assert not compared(key, attack_on(key), 1, tmp_path).passed


@pytest.mark.parametrize("key", [*TABLES, "2.7", "6.1"])  # numbers, models and files
@not_on_windows
def test_who_knows_the_public_inputs_gets_no_points_by_the_private_cases_alone(key, begin):
    limits = Limits(starting=30, memory=2_000_000_000)
    verdict = judge(exercise(key), attack_on(key), 918_273_645, limits, begin)
    failed = [grader.name for grader in verdict.graders if not grader.passed]
    assert verdict.points == 0 and failed == [agreement.NAME] and verdict.message == ""


@pytest.mark.parametrize("key", [key for key in MODELS if key != "1.5"])
def test_a_judge_of_private_models_has_the_library_of_models(key):
    assert needs_models(key)


# ------------------------------------------------------------ the page


def listed(text: str) -> list[str]:
    """The exercises in a list of the page for teachers."""
    return re.findall(r"\d+\.\d+", text)


def test_the_page_for_teachers_lists_the_exercises_with_and_without_private_cases():
    text = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
    lines = dict(line.split(":", 1) for line in text.splitlines() if line.startswith(("Private", "Without")))
    without = [key for key in exercises() if key not in CASES]
    for name, wanted in (("Private cases", list(CASES)), ("Without private cases", without)):
        assert listed(lines[name]) == wanted, f"docs/grading.md, the line `{name}:`"

"""The learner's files are what the generator makes of the solutions, and it never overwrites work."""

import ast

import pytest

from minicompress import CHAPTERS
from minicompress.grading import stubs
from minicompress.grading.course import exercises
from minicompress.lab.paths import ROOT, SOLUTIONS


def solution(chapter: str) -> str:
    return (SOLUTIONS / f"{chapter}.py").read_text(encoding="utf-8")


def functions(text: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}


def given(text: str, fresh: str) -> list[str]:
    """What learners do not change: every statement of a module, the exercises of `fresh` cut down to
    signature and docstring.
    """
    left_to_write = {
        name for name, node in functions(fresh).items() if stubs.MARK in ast.unparse(node).replace("'", '"')
    }
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in left_to_write:
            node.body = node.body[:1]
    return [ast.dump(node) for node in tree.body]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_stubs_are_what_the_generator_writes(chapter):
    """Everything but the exercises' bodies must agree, so that a learner's own work does not fail here."""
    fresh = stubs.stub(chapter, solution(chapter))
    there = given((ROOT / "minicompress" / f"{chapter}.py").read_text(encoding="utf-8"), fresh)
    missing = [statement[:80] for statement in given(fresh, fresh) if statement not in there]
    assert not missing, "save your own work, then run `python -m minicompress.grading.stubs --force`"
    assert "SOLUTION" not in fresh and stubs.MARK in fresh


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_part_that_learners_write_belongs_to_an_exercise(chapter):
    sources = stubs.definitions(solution(chapter))
    marked = {name for name, source in sources.items() if "### BEGIN SOLUTION" in source}
    assert marked <= {name for task in exercises().values() if task.module == chapter for name in task.names}


def test_a_part_of_no_exercise_is_told_by_name():
    text = "def masks(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n"
    with pytest.raises(ValueError, match=r"^solutions/pruning\.py: masks is in the `names` of no exercise"):
        stubs.stub("pruning", text)


def test_helpers_of_the_reference_are_left_out():
    text = "def nm_mask(x):\n    ### BEGIN SOLUTION\n    return helper(x)\n    ### END SOLUTION\n\n\n"
    helper = "### BEGIN SOLUTION\ndef helper(x):\n    return x\n\n\n### END SOLUTION\n\n\n"
    stub = stubs.stub("pruning", text + helper + "x = 1\n")
    assert stub == f'def nm_mask(x):\n    {stubs.MARK}1.6 nm_mask")\n\n\nx = 1\n'


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_definitions_are_the_sources_as_they_stand(end):
    text = end.join(["# é", "def f(x):", '    return "é\f"  # ö', "@g", "class C: x = 1; y = 2  # ü", ""])
    nodes = [node for node in ast.parse(text).body]
    assert stubs.definitions(text) == {node.name: ast.get_source_segment(text, node) for node in nodes}


FRESH = f'''def first(x):
    """The old words."""
    {stubs.MARK}0.1 first")


def second(x):
    """The old words."""
    {stubs.MARK}0.2 second")
'''


def test_renewing_stubs_keeps_what_the_learner_has_begun():
    begun = FRESH.replace(f'{stubs.MARK}0.2 second")', "return helper(x)")
    begun += "\n\ndef helper(x):\n    return 4\n"
    renewed = stubs.renew(begun, FRESH.replace("old", "new"))
    assert stubs.definitions(renewed)["second"] == stubs.definitions(begun)["second"]
    assert "def helper(x):\n    return 4" in renewed


def test_renewing_stubs_writes_anew_what_is_not_begun():
    renewed = stubs.renew(FRESH, FRESH.replace("old", "new"))
    assert renewed == FRESH.replace("old", "new")

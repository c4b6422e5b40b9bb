"""The graders are the specification: each assertion names its rule, and none asks for a wording."""

import ast
import re

import pytest

from minicompress.grading.course import exercises
from minicompress.lab.paths import TESTS

FILES = sorted((TESTS / "graders").glob("test_*.py"))
CODE = {name for task in exercises().values() for name in task.names}


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def calls_of(path, *names):
    """Every call of a function of one of these names, with its line."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in names:
            yield node


def rules(path):
    """(line, rule) of every assertion that states one as a plain text."""
    stated = [(node.lineno, node.msg) for node in ast.walk(parsed(path)) if isinstance(node, ast.Assert)]
    for call in calls_of(path, "expect_equal", "expect_close"):
        stated += [(call.lineno, value) for value in call.args[2:3]]
        stated += [(call.lineno, keyword.value) for keyword in call.keywords if keyword.arg == "rule"]
    return [(line, rule.value) for line, rule in stated if isinstance(rule, ast.Constant)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_assertion_of_a_grader_names_its_rule(path):
    bare = [node.lineno for node in ast.walk(parsed(path)) if isinstance(node, ast.Assert) and not node.msg]
    for call in calls_of(path, "expect_equal", "expect_close"):
        if len(call.args) < 3 and "rule" not in {keyword.arg for keyword in call.keywords}:
            bare.append(call.lineno)
    assert not bare, f"lines {bare}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_grader_asks_for_a_wording(path):
    asking = [call for call in calls_of(path, "raises", "warns") if len(call.args) + len(call.keywords) > 1]
    assert not [call.lineno for call in asking]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_is_a_clause_that_reads_on(path):
    """It begins with a small letter, unless with a name or a formula, and has no full stop: values follow."""
    odd = [
        (line, rule)
        for line, rule in rules(path)
        if rule.endswith((".", ":")) or re.match(r"[A-Z][a-z]+ ", rule) or not rule.strip()
    ]
    assert not [(line, rule) for line, rule in odd if rule.split()[0] not in CODE | PROPER]


PROPER = {"Wanda", "Python", "Linear", "Conv1D", "PyTorch", "Adam", "Llama"}

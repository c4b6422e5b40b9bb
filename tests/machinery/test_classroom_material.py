"""What a worker gets of our texts."""

import ast

import pytest
import snippets

from minicompress.classroom import material
from minicompress.grading.course import exercise, exercises
from minicompress.grading.stubs import MARK
from minicompress.lab.paths import CHAPTERS


def test_an_exercise_builds_on_its_prerequisites_and_on_theirs():
    assert material.built_on(exercise("1.5")) == {"1.1", "1.2", "1.3", "1.4"}


def test_only_the_exercises_that_are_allowed_keep_their_answers():
    text = material.without_answers("pruning", snippets.reference("1.1"), {"1.6"})
    assert "argsort" in snippets.solution_of("1.6", "nm_mask")
    assert f'{MARK}1.1 magnitude_mask")' in text and f"{MARK}1.6" not in text
    assert "class Mask(nn.Module)" in text  # given code stays


def test_a_worker_has_no_answer_but_the_learners_and_those_before_it(tmp_path):
    task = exercise("1.3")
    material.write_package(tmp_path, task, snippets.reference("1.3"))
    texts = {
        name: (tmp_path / "minicompress" / f"{name}.py").read_text(encoding="utf-8") for name in CHAPTERS
    }
    left = [key for key in exercises() if not any(f"{MARK}{key} " in text for text in texts.values())]
    assert left == ["1.1", "1.3"]


def test_a_worker_has_the_references_helpers_only_where_it_has_the_exercise():
    whole = snippets.reference("1.11")
    assert "def _sweep" in material.without_answers("pruning", whole, {"1.11"})
    assert "_sweep" not in material.without_answers("pruning", whole, {"1.10"})


def test_a_worker_has_no_graders_and_no_grading(tmp_path):
    material.write_package(tmp_path, exercise("1.1"), snippets.reference("1.1"))
    assert {path.stem for path in (tmp_path / "minicompress").iterdir()} == {"__init__", "lab", *CHAPTERS}


@pytest.mark.parametrize("key", ["0.1", "1.1", "2.1", "3.1", "4.1", "5.1", "6.1"])
def test_with_the_graders_models_comes_no_grader(key):
    text, names = material.model_classes(exercise(key))
    assert {node.name for node in ast.parse(text).body if hasattr(node, "name")} == names
    assert "assert " not in text and not any(name.startswith("test_") for name in names)

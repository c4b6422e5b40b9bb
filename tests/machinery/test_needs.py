"""`require` and `require_llm` name what a notebook lacks, and how to get it or to go on without it."""

import re

import pytest
from snippets import solution_of

from minicompress.grading import needs
from minicompress.grading.checking import Unsolved
from minicompress.lab import smollm2


@pytest.fixture
def files(work, monkeypatch):
    """Let `require` read files of the tests: stubs, with some definitions below them."""

    def write(**answers: str) -> None:
        keys = {"metrics": "0.1", "pruning": "1.1", "structured_pruning": "2.1"}
        written = {module: work(key, answers.get(module, "")) for module, key in keys.items()}
        monkeypatch.setattr(needs, "module_file", lambda task: written[task.module])

    monkeypatch.delenv(needs.SWITCH, raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return write


def said(*keys: str) -> str:
    with pytest.raises(Unsolved) as caught:
        needs.require(*keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_that_is_missing_is_named_at_once_file_by_file(files):
    files()
    told = said("0.1", "1.1", "1.2", "2.1")
    assert told.startswith("Exercises 0.1, 1.1, 1.2 and 2.1 are needed here: write perplexity (0.1) in ")
    pruning = "magnitude_mask (1.1) and apply_mask and bake_masks (1.2) in minicompress/pruning.py"
    assert told.count("minicompress/pruning.py") == 1 and pruning in told


def test_only_what_is_missing_is_named(files):
    files(metrics="\n" + solution_of("0.1", "perplexity"))
    told = said("0.1", "1.1")
    assert told.startswith(
        "Exercise 1.1 is needed here: write magnitude_mask (1.1) in minicompress/pruning.py"
    )
    assert "perplexity" not in told


def test_the_setting_that_uses_the_reference_is_named(files):
    files()
    assert "`MINICOMPRESS_SOLUTIONS=metrics,pruning make lab`" in said("1.1", "0.1", "1.2")


def test_the_setting_keeps_what_is_set(files, monkeypatch):
    files()
    monkeypatch.setenv(needs.SWITCH, "distillation")
    assert "`MINICOMPRESS_SOLUTIONS=metrics,distillation make lab`" in said("0.1")


def test_the_setting_opens_the_running_notebook_again(files, monkeypatch):
    files()
    monkeypatch.setenv("JPY_SESSION_NAME", "somewhere/notebooks/04_low_rank.ipynb")
    assert "`MINICOMPRESS_SOLUTIONS=metrics make lab CHAPTER=04`" in said("0.1")


def test_on_windows_the_command_is_one_for_powershell(files, monkeypatch):
    files()
    monkeypatch.setattr(needs.sys, "platform", "win32")
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/04_low_rank.ipynb")
    wanted = "$env:MINICOMPRESS_SOLUTIONS='metrics'; python -m minicompress lab --chapter 04"
    assert f"`{wanted}`" in said("0.1")


def test_what_is_written_is_enough(files):
    files(metrics="\n" + solution_of("0.1", "perplexity"))
    needs.require("0.1")


def test_the_reference_is_enough(monkeypatch):
    monkeypatch.setattr(needs, "module_file", lambda task: task.solution)
    needs.require("0.1", "1.2", "2.1")


def test_an_exercise_can_be_named_by_its_function(files):
    files()
    assert said("perplexity").startswith("Exercise 0.1 is needed here")


def test_a_file_that_cannot_be_read_is_named_with_the_line(files):
    files(pruning="\ndef broken(:\n")
    assert re.search(r"1\.1 is needed here, but \S*pruning\.py, line \d+ is no Python", said("1.1"))


def test_outside_a_notebook_the_error_says_all(files):
    files()
    with pytest.raises(Unsolved) as caught:
        needs.require("0.1")
    assert caught.value._render_traceback_() == [f"Unsolved: {caught.value}"]


@pytest.fixture
def llm_folder(tmp_path, monkeypatch):
    """The place of the real LLM on a machine that has none."""
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path))
    return tmp_path / "smollm2-135m"


def test_a_real_llm_that_is_not_there_is_one_line_that_says_what_to_run(llm_folder):
    with pytest.raises(Unsolved) as caught:
        needs.require_llm()
    assert str(caught.value) == f"SmolLM2-135M is not on this machine yet: {smollm2.ADVICE}"


def test_a_real_llm_that_was_converted_is_enough(llm_folder):
    llm_folder.mkdir()
    (llm_folder / "card.json").write_text("{}", encoding="utf-8")
    needs.require_llm()

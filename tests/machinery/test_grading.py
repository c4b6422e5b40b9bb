"""The graders' graders: assembling, checking, known wrong implementations, hints and progress."""

import ast
import dataclasses
import functools
import json
import os
import re
import subprocess
import sys

import nbclient
import nbformat
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import minicompress
from benchmarks import readme
from minicompress import cli
from minicompress.grading import checking, guide, isolation, journal, stubs, why
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise, exercises
from minicompress.grading.graders import run_graders
from minicompress.grading.mistakes import known_mistakes, recognise, run_mistake
from minicompress.grading.report import Result
from minicompress.lab.paths import ROOT

SOLVED = {
    key: task for key, task in exercises().items() if f"def {task.prefix}" in task.graders.read_text()
}  # the others are to come
MISTAKES = [(key, mistake.name) for key, task in SOLVED.items() for mistake in known_mistakes(task)]


@pytest.fixture(autouse=True)
def no_record(tmp_path, monkeypatch):
    """The tests keep a journal of their own."""
    monkeypatch.setattr(journal, "FILE", tmp_path / "journal" / "progress.json")


@pytest.fixture
def work(tmp_path):
    """Write a learner's file: the stubs of a module, with some definitions written below them."""

    def write(key: str, text: str = "") -> str:
        file = tmp_path / f"{exercise(key).module}.py"
        file.write_text(stubs.stub(exercise(key).module, exercise(key).solution.read_text()) + text)
        return file

    return write


def mistake_of(key, name):
    return next(mistake for mistake in known_mistakes(exercise(key)) if mistake.name == name)


def solution_of(key: str, name: str) -> str:
    return stubs.definitions(exercise(key).solution.read_text())[name]


def loaded(key: str, text: str) -> dict:
    """The names of the module that is assembled from a learner's text."""
    with isolation.isolated(exercise(key).module):
        return vars(isolation.load(exercise(key).module, assemble(exercise(key), text)))


# ------------------------------------------------------------ course.toml


def test_the_syllabus_is_complete():
    for task in exercises().values():
        assert (
            len(task.hints) == 3
            and all(task.hints)
            and task.title
            and task.points >= 1
            and 5 <= task.minutes <= 120
        ), task.id
        assert task.difficulty in (1, 2, 3) and set(task.prerequisites) <= set(exercises()), task.id
        assert all(
            list(exercises()).index(needed) < list(exercises()).index(task.id)
            for needed in task.prerequisites
        ), task.id
    owners = [(task.module, name) for task in exercises().values() for name in task.names]
    assert len(set(owners)) == len(owners), "a name belongs to one exercise"


def test_every_part_that_learners_write_belongs_to_an_exercise():
    for path in (ROOT / "solutions").glob("*.py"):
        marked = {
            name
            for name, source in stubs.definitions(path.read_text()).items()
            if "### BEGIN SOLUTION" in source
        }
        known = {name for task in exercises().values() if task.module == path.stem for name in task.names}
        assert marked <= known, path.name


def test_an_unknown_exercise_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"'7\.7'.*0\.1, 0\.2"):
        exercise("7.7")


def test_the_readme_maps_the_course():
    text = (ROOT / "README.md").read_text()
    assert readme.filled(text, ["course"]) == text, "run `python -m benchmarks.readme`"


# ------------------------------------------------------------ assemble


def test_what_the_learner_refers_to_comes_along_and_nothing_else():
    found = loaded("1.6", """
import functools
import os
from math import prod, tau as full

FACTOR = 2
TABLE = {}
TABLE["scale"] = FACTOR

def noted(f):
    @functools.wraps(f)
    def inner(*words):
        return f(*words), prod([FACTOR, 3])
    return inner

def helper(x):
    return second(x)

def second(x):
    return x * TABLE["scale"]

def unused():
    return os

@noted
def nm_mask(scores, n=2, m=4):
    def nested(x):
        return helper(x)
    return nested(scores)

nm_mask.calls = 7
""")  # fmt: skip
    assert found["nm_mask"](5) == (10, 6) and found["nm_mask"].calls == 7
    assert not {"unused", "os", "full"} & set(found)


def test_other_exercises_and_given_code_stay_the_references():
    found = loaded("1.6", """
class Mask: wrong = True
def magnitude_mask(weight, sparsity): return "wrong"
def nm_mask(scores, n=2, m=4): return Mask, magnitude_mask
""")  # fmt: skip
    given, other = found["nm_mask"](None)
    assert not hasattr(given, "wrong") and other(torch.ones(2), 0.5).tolist() == [False, True]


def test_a_class_with_several_parts_and_an_async_function_are_taken_whole():
    kind = loaded(
        "5.3", "class QuantizedLinear(nn.Module):\n    def forward(self, x): return 1\n    from_linear = None"
    )["QuantizedLinear"]
    assert kind.from_linear is None and kind().forward(0) == 1
    assert ast.parse(assemble(exercise("1.6"), "async def nm_mask(): pass"))


def test_definitions_are_put_where_the_references_stood():
    """Names between them that are needed at import time still come in order, and lines keep their numbers."""
    source = assemble(
        exercise("1.2"), "def bake_masks(model): pass\n\n\ndef apply_mask(module, mask): 1 / 0\n", "mine.py"
    )
    names = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    reference = [
        node.name for node in ast.parse(exercise("1.2").solution.read_text()).body if hasattr(node, "name")
    ]
    assert names == reference
    assert '#line 4 "mine.py"\ndef apply_mask' in source and '#line 1 "mine.py"\ndef bake_masks' in source


@pytest.mark.parametrize("key", exercises())
def test_the_reference_assembled_with_itself_is_the_reference(key):
    reference = exercise(key).solution.read_text()
    if set(exercise(key).names) <= set(stubs.definitions(reference)):  # else it is still to be written
        assert ast.dump(ast.parse(assemble(exercise(key), reference))) == ast.dump(ast.parse(reference))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def nm_mask(:\n  pass", "mine.py, line 1: invalid syntax"),
        (
            "x = 1\n\ndef nm_masks(): pass",
            "mine.py defines no nm_mask: did you rename it to nm_masks, line 3?",
        ),
        (
            "import numpy as torch\ndef nm_mask(): torch",
            "mine.py, line 1: `import numpy as torch` takes the name torch",
        ),
        ("from os import path as nn\ndef nm_mask(): nn", "takes the name nn, which stands for torch.nn"),
        ("def parametrize(): pass\ndef nm_mask(): parametrize", "takes the name parametrize"),
        (
            "from os import path as Mask\ndef nm_mask(): Mask",
            "takes the name Mask, which is defined by the given code",
        ),
        ("from torch import *\ndef nm_mask(): pass", "import them one by one"),
    ],
)
def test_what_cannot_be_assembled_is_refused_with_file_and_line(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        assemble(exercise("1.6"), text, "mine.py")


def test_another_spelling_of_the_same_import_is_no_clash():
    assert loaded(
        "1.6", "import torch.nn as nn\nimport torch\ndef nm_mask(*_): return nn.Linear, torch.ones"
    )["nm_mask"]()


# ------------------------------------------------------------ stubs, solutions, wrong implementations


@pytest.mark.parametrize("key", SOLVED)
def test_on_stubs_every_grader_fails_and_names_the_exercise(key, work):
    result = run_graders(exercise(key), assemble(exercise(key), work(key)))
    said = {outcome.error for outcome in result.outcomes}
    assert result.outcomes and all(
        error.startswith(f"NotImplementedError: Exercise {key} ") for error in said
    ), said


@pytest.mark.parametrize("key", SOLVED)
def test_every_exercise_has_three_known_wrong_implementations(key):
    mistakes = known_mistakes(exercise(key))
    assert len({mistake.name for mistake in mistakes}) == len(mistakes) >= 3
    assert all(mistake.sentence.endswith(".") and len(mistake.sentence) <= 140 for mistake in mistakes)


@functools.cache
def run_once(key: str, name: str) -> Result:
    return run_mistake(exercise(key), mistake_of(key, name))


@pytest.mark.parametrize(("key", "name"), MISTAKES)
def test_a_wrong_implementation_fails_and_the_feedback_names_its_misconception(key, name):
    result = run_once(key, name)
    assert not result.solved, "the graders let it pass"
    found = recognise(
        exercise(key), result, run=lambda task, mistake, *_, **__: run_once(task.id, mistake.name)
    )
    assert found and found.name == name


@pytest.mark.parametrize("key", SOLVED)
def test_a_mistake_is_recognised_when_it_is_run_again(key):
    mistake = known_mistakes(exercise(key))[0]
    assert recognise(exercise(key), run_once(key, mistake.name)) == mistake


def test_1_1_does_not_mean_1_10():
    assert exercise("1.1").prefix == "test_1_1_" and all(
        outcome.name.startswith("test_1_6_")
        for outcome in run_graders(exercise("1.6"), exercise("1.6").solution.read_text()).outcomes
    )


def test_grading_leaves_no_trace_in_this_process():
    from minicompress import pruning

    before, path = dict(sys.modules), sys.path[:]
    assert not run_mistake(exercise("1.6"), mistake_of("1.6", "prunes_n")).solved
    assert (
        minicompress.pruning is pruning
        and sys.modules["minicompress.pruning"] is pruning
        and sys.path == path
    )
    assert all(sys.modules.get(name) is module for name, module in before.items())


# ------------------------------------------------------------ check


def test_a_solution_passes_and_is_noted(work):
    file = work("1.6", solution_of("1.6", "nm_mask"))
    report = checking.examine(exercise("1.6"), file)
    assert report.solved and report.points == exercise("1.6").points
    assert f"{report.total} of {report.total} graders pass" in str(
        report
    ) and f"checked {file}, saved " in str(report)
    assert list(journal.read()["passed"]) == ["1.6"]


def test_the_reference_passes_and_is_not_noted():
    assert checking.examine(exercise("1.6"), exercise("1.6").solution).solved and not journal.FILE.exists()


def test_a_wrong_answer_is_told_why_first_and_then_which_misconception(work):
    wrong = mistake_of("1.2", "multiplied_once")
    report = checking.examine(
        exercise("1.2"), work("1.2", f"{wrong.source}\n{solution_of('1.2', 'bake_masks')}")
    )
    first, second, third, _ = (text for _, text in report.lines())
    assert first == "✗ A pruned weight came back to life." and second == f"A known mistake: {wrong.sentence}"
    assert 0 < sum(outcome.passed for outcome in report.outcomes) < report.total and third.endswith(
        "0 of 3 points."
    )


def test_errors_in_the_learners_code_show_its_own_line(work):
    file = work("1.6", "\ndef nm_mask(scores, n=2, m=4):\n    return scores.nothing\n")
    line = len(file.read_text().splitlines())
    report = checking.examine(exercise("1.6"), file)
    assert (
        report.reason.startswith('"')
        and f"({file}, line {line})" in report.reason
        and "'nothing'" in report.reason
    )
    page = report._repr_html_()
    assert page.index("nothing") < page.index("<details>") and "return scores.nothing" in page
    assert not report.mistake


def test_a_solved_exercise_in_a_file_that_cannot_be_imported_says_so(work):
    report = checking.examine(
        exercise("1.6"), work("1.6", "\nimport numpyy\n\n" + solution_of("1.6", "nm_mask"))
    )
    assert (
        report.solved
        and "importing the whole file fails: ModuleNotFoundError: No module named 'numpyy'" in str(report)
    )


def test_an_endless_loop_costs_only_itself(work):
    loop = (
        "\ndef nm_mask(scores, n=2, m=4):\n    while scores.shape[-1] != 4: pass\n    return scores > 0.3\n"
    )
    quick = dataclasses.replace(exercise("1.6"), seconds=2)
    report = checking.examine(quick, work("1.6", loop))
    expected = r"^nm_mask did not return within 2 s: an endless loop, or one over every element\? \(while running: .*\)$"
    assert re.search(expected, report.reason) and not report.solved
    assert report.outcomes[0].passed and f"1 of {report.total} graders passed before" in str(report), (
        "what was known before is kept"
    )
    assert "in nm_mask" in report.trace, "and where it hung is shown"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\ndef nm_mask(:", "line .*: invalid syntax"),
        (
            "\nimport os\ndef nm_mask(*_):\n    os._exit(3)\n",
            "ended with exit code 3 .while running: the articles example",
        ),
        (
            "\nFACTOR = 1 / 0\ndef nm_mask(*_):\n    return FACTOR\n",
            "line .*: ZeroDivisionError: division by zero",
        ),
        ("\ndef nm_mask(*_):\n    raise SystemExit(0)\n", "SystemExit"),
    ],
)
def test_whatever_the_learner_wrote_ends_in_a_sentence(work, text, said):
    report = checking.examine(exercise("1.6"), work("1.6", text))
    assert re.search(said, report.reason) and not report.solved and report.reason.count("\n") == 0


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        (
            "1.6",
            "def nm_mask(scores, n=2, m=4):\n    scores > 1",
            'the articles example" fails: nm_mask returned None: is a return missing?',
        ),
        (
            "2.1",
            "def channel_importance(weight):\n    return weight.float().reshape(len(weight), -1).norm(dim=1)",
            "fails: expected a ValueError, got none.",
        ),
        ("1.1", "def magnitude_mask(weight, sparsity):\n    weight.nothing()", "no attribute 'nothing' ("),
        (
            "0.2",
            "def top1_accuracy(model, tokens, batch_size=16):\n    return torch.tensor(0.75)",
            "Expected 2/3, got tensor(0.7500): each",
        ),
        (
            "1.4",
            "def sparsity_schedule(*_, kind='cubic'):\n    return 1 - ** 3",
            "invalid syntax: `return 1 - ** 3`",
        ),
    ],
)
def test_common_slips_are_told_in_words(key, text, said, work):
    report = checking.examine(exercise(key), work(key, f"\n{text}\n"))
    assert said in report.reason and not report.reason.endswith(("`.", "?."))


def test_a_float_mask_is_told_to_be_bool():
    for misuse in (lambda mask: mask[mask], torch.Tensor.__invert__):
        with pytest.raises((IndexError, TypeError)) as caught:
            misuse(torch.ones(2))
        assert why.sentence("it", caught.value, "", {}).startswith('"it" fails: a mask must be bool: ')


def test_a_condition_that_says_nothing_itself_is_told_with_its_code_and_its_values():
    found = torch.tensor(0.75)
    with pytest.raises(AssertionError) as typed:
        assert isinstance(found, float)
    with pytest.raises(AssertionError) as unequal:
        assert torch.equal(found, torch.tensor(1.0))
    assert why.sentence("it", typed.value, "", {}) == '"it" fails: expected float, got tensor(0.7500).'
    said = why.sentence("it", unequal.value, "", {})
    assert (
        said
        == '"it" fails: given tensor(0.7500), tensor(1.), it should hold that `torch.equal(found, torch.tensor(1.0))`'
    )


def test_what_the_learner_prints_is_shown_under_the_summary_and_not_without_end(work):
    file = work(
        "1.6",
        "\ndef nm_mask(scores, n=2, m=4):\n    for i in range(30): print('seen', i)\n    return scores > 9\n",
    )
    last = [text for _, text in checking.examine(exercise("1.6"), file).lines()][-1].splitlines()
    assert last == ["Your code printed, the last 20 of 30 lines:", *(f"  seen {i}" for i in range(10, 30))]


def test_tracebacks_come_one_a_grader_and_the_summary_last(work, capsys):
    report = checking.examine(
        exercise("1.6"), work("1.6", "\ndef nm_mask(scores, n=2, m=4):\n    return (scores > 9).float()\n")
    )
    failed = [outcome.name for outcome in report.outcomes if not outcome.passed]
    assert len(report.details()) == len({name.partition("[")[0] for name in failed}) < len(failed)
    report.print(Console(), traceback=True)
    assert " ".join(capsys.readouterr().out.split()).endswith(" ".join(report.checked.split()))


@pytest.mark.parametrize("name", ["99", 0.2])
def test_an_unknown_exercise_in_a_notebook_is_one_line(name):
    with pytest.raises(ValueError, match="0.2" if name == "99" else "quotes") as caught:
        checking.check(name)
    assert caught.value._render_traceback_() == [f"NoExercise: {caught.value}"]


def test_an_exercise_not_begun_says_what_to_do(work):
    with pytest.raises(checking.Unsolved) as caught:
        checking.examine(exercise("1.2"), work("1.2"))
    said = r"Exercise 1\.2 is not written yet: fill in apply_mask and bake_masks in \S*pruning\.py, save, and run this cell again\."
    assert re.fullmatch(said, str(caught.value)) and caught.value._render_traceback_() == [
        f"Unsolved: {caught.value}"
    ]


def test_half_an_exercise_names_the_missing_half(work):
    report = checking.examine(exercise("1.2"), work("1.2", solution_of("1.2", "apply_mask")))
    assert report.reason == "bake_masks is not written yet." and not report.mistake


def test_in_a_notebook_a_check_shows_tracebacks_and_ends_in_one_line(work):
    wrong = work("1.6", "\ndef nm_mask(scores, n=2, m=4):\n    return scores > 0.3\n")
    prepare = "from pathlib import Path\nfrom minicompress.grading import check, checking\nimport sys\nbefore = set(sys.modules)\n"
    cells = [
        f'{prepare}checking.module_file = lambda task: Path("{wrong}")\n'
        'try:\n    check("1.6", traceback=True)\nexcept checking.Unsolved as error: print(error)\n'
        'assert not {"torch", "minicompress.pruning", "pytest"} & set(sys.modules)',
        f'checking.module_file = lambda task: Path("{work("1.1")}")\ncheck("1.1")',
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    work("1.6", "\ndef nm_mask(scores, n=2, m=4):\n    return scores > 0.3\n")
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = next(output.data for output in notebook.cells[0].outputs if "data" in output)
    assert [output.text for output in notebook.cells[0].outputs if "text" in output] == [
        "Exercise 1.6 is not solved yet: see above.\n"
    ]
    assert "<details open>" in shown["text/html"] and shown["text/plain"].startswith("✗ ")
    (error,) = notebook.cells[1].outputs
    assert (
        error.ename == "Unsolved"
        and len(error.traceback) == 1
        and "fill in magnitude_mask" in error.traceback[0]
    )


# ------------------------------------------------------------ hints, progress, reveal, the command line


def test_hints_come_one_at_a_time_and_the_last_stays(capsys):
    for number in (1, 2, 3, 3):
        guide.hint("1.6")
        said = " ".join(capsys.readouterr().out.split())
        assert f"Hint {number} of 3" in said and exercise("1.6").hints[number - 1] in said
    assert "reveal 1.6" in said


@pytest.mark.parametrize("damage", ["{", "[]", '{"passed": 3}', "\x00"])
def test_a_damaged_journal_is_not_fatal(damage, capsys):
    journal.FILE.parent.mkdir()
    journal.FILE.write_text(damage)
    guide.progress()
    guide.hint("0.1")
    assert json.loads(journal.FILE.read_text())["hints"] == {"0.1": 1}
    assert not [path for path in journal.FILE.parent.iterdir() if path != journal.FILE]


def test_progress_counts_points_and_names_what_comes_next(capsys):
    journal.write("passed", "0.1", "today")
    guide.progress()
    said = capsys.readouterr().out
    assert "1 of 4" in said and f"{exercise('0.1').points} of " in said and "Next: 0.2" in said


def test_reveal_shows_the_reference_without_its_marks(capsys):
    guide.reveal("1.2")
    said = capsys.readouterr().out
    assert (
        "def apply_mask" in said
        and "def bake_masks" in said
        and "SOLUTION" not in said
        and "NotImplementedError" not in said
    )


def test_reveal_never_breaks_a_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    guide.reveal("1.9")
    said = capsys.readouterr().out
    assert ast.dump(ast.parse(said)) == ast.dump(ast.parse(solution_of("1.9", "wanda_mask")))


def test_the_list_holds_every_exercise(capsys):
    guide.list_exercises()
    said = capsys.readouterr().out
    assert all(f" {key} " in said and task.title in said for key, task in exercises().items())


@pytest.mark.parametrize("solved", [True, False])
def test_check_in_a_shell(solved, work, monkeypatch):
    text = solution_of("1.6", "nm_mask") if solved else mistake_of("1.6", "prunes_n").source
    file = work("1.6", text)
    monkeypatch.setattr(checking, "module_file", lambda task: file)
    done = CliRunner().invoke(cli.app, ["check", "1.6", *(["--traceback"] if not solved else [])])
    assert done.exit_code == (0 if solved else 1), done.output
    said = " ".join(done.output.split())
    assert (
        ("solved" in said)
        if solved
        else (mistake_of("1.6", "prunes_n").sentence in said and "tests/graders/test_pruning.py" in said)
    )


def test_in_a_shell_a_missing_word_is_asked_for_and_no_word_at_all_shows_the_help_alone():
    for words, said in ((["check"], "Say, for example: minicompress check 1.6\n"), ([], "")):
        done = subprocess.run(
            [sys.executable, "-m", "minicompress.cli", *words], capture_output=True, text=True, env=os.environ
        )
        assert (
            done.returncode == 2
            and done.stderr.endswith(said)
            and ("Usage" in done.stdout) == (not words)
            and bool(done.stderr) == bool(said)
        )


def test_an_unknown_exercise_in_a_shell_ends_in_one_sentence_and_exit_code_2():
    for command in ("check", "hint", "reveal"):
        done = subprocess.run(
            [sys.executable, "-m", "minicompress.cli", command, "7.7"],
            capture_output=True,
            text=True,
            env=os.environ,
        )
        assert done.returncode == 2 and "'7.7'" in done.stderr and len(done.stderr.strip().splitlines()) == 1

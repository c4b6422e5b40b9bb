"""Checking a learner's file: in a process of its own, and whatever it holds, it ends in a sentence."""

import dataclasses
import json
import re
import subprocess
import sys

import nbclient
import nbformat
import pytest
from snippets import mistake_of, solution_of

from minicompress.grading import checking, journal, processes
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.graders import run_graders
from minicompress.grading.processes import Ending, Limit
from minicompress.grading.report import Report
from minicompress.lab.paths import ROOT

THRESHOLD = "\ndef nm_mask(scores, n=2, m=4):\n    return scores > 0.3\n"

# ------------------------------------------------------------ in a process of its own


def test_a_solution_passes_and_is_noted(work):
    file = work("1.6", solution_of("1.6", "nm_mask"))
    report = checking.examine(exercise("1.6"), file)
    assert report.solved and report.points == exercise("1.6").points
    assert f"{report.total} of {report.total} graders pass" in str(report)
    assert f"checked {file.as_posix()}, saved " in str(report)
    assert list(journal.read()["passed"]) == ["1.6"]


def test_a_wrong_answer_is_told_why_first_and_then_which_misconception(work):
    wrong = mistake_of("1.2", "multiplied_once")
    file = work("1.2", f"{wrong.source}\n{solution_of('1.2', 'bake_masks')}")
    report = checking.examine(exercise("1.2"), file)
    first, second, third, _ = (text for _, text in report.lines())
    assert first.startswith("✗ No step of an optimizer revives a pruned weight")
    assert second == f"A known mistake: {wrong.sentence}"
    assert 0 < sum(outcome.passed for outcome in report.outcomes) < report.total
    assert third.endswith("0 of 3 points.")


def test_a_solved_exercise_in_a_file_that_cannot_be_imported_says_so(work):
    file = work("1.6", "\nimport numpyy\n\n" + solution_of("1.6", "nm_mask"))
    report = checking.examine(exercise("1.6"), file)
    trouble = "importing the whole file fails: ModuleNotFoundError: No module named 'numpyy'"
    assert report.solved and trouble in str(report)


def test_an_endless_loop_costs_only_itself(work):
    loop = THRESHOLD.replace("    return", "    while n != 2: pass\n    return")
    report = checking.examine(dataclasses.replace(exercise("1.6"), seconds=2), work("1.6", loop))
    told = r"nm_mask did not return within 2 s: an endless loop, or one over every element\? "
    assert re.fullmatch(rf"{told}\(while running: .*\)\.", report.reason) and not report.solved
    kept = f"{len(report.outcomes)} of {report.total} graders passed before"
    assert report.outcomes[0].passed and kept in str(report), "what was known before is kept"
    assert "in nm_mask" in report.trace, "and where it hung is shown"


def test_a_process_that_ends_itself_is_told_by_its_exit_code(work):
    report = checking.examine(
        exercise("1.6"), work("1.6", "\nimport os\ndef nm_mask(*_):\n    os._exit(3)\n")
    )
    said = "The grading process ended with exit code 3 (while running: the articles example)."
    assert report.reason == said and not report.solved


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-9, "pruning.py was ended by signal 9"),
        (0xC0000005, "pruning.py was ended by Windows with status 0xc0000005"),
        (3, "ended with exit code 3"),
    ],
)
def test_every_way_to_end_is_told_on_every_system(code, said):
    assert said in checking.exit_in_words(code, "pruning.py")


def test_a_loop_that_does_not_give_way_to_other_threads_is_ended_and_named(work):
    loop = "\ndef nm_mask(scores, n=2, m=4):\n    return sum(range(10**13))\n"
    report = checking.examine(dataclasses.replace(exercise("1.6"), seconds=0.5), work("1.6", loop))
    assert report.reason.startswith("nm_mask did not return within 0.5 s") and "in nm_mask" in report.trace


def test_a_thread_that_never_ends_does_not_hold_up_the_check(work):
    begin = "    ### BEGIN SOLUTION\n"
    thread = "    import threading, time\n    threading.Thread(target=time.sleep, args=[10_000]).start()\n"
    text = solution_of("1.6", "nm_mask").replace(begin, begin + thread)
    assert checking.examine(exercise("1.6"), work("1.6", text)).solved


def test_a_list_that_grows_without_end_is_told_as_want_of_memory(work, monkeypatch):
    monkeypatch.setattr(checking, "LIMITS", processes.Limits(memory=1_000_000_000))
    hungry = "\ndef nm_mask(scores, n=2, m=4):\n    return [0] * 10**10\n"
    report = checking.examine(exercise("1.6"), work("1.6", hungry))
    assert "MemoryError" in report.reason and not report.solved


# ------------------------------------------------------------ whatever a grading process wrote down


@pytest.fixture
def told(monkeypatch, work):
    """Examine an answer, with a grading process that writes these events and ends so."""

    def examine(ending: Ending, *events: dict, complaint: str = "") -> Report:
        def run_module(words, folder, limits):
            lines = [json.dumps(event) for event in events]
            (folder / "events").write_text("\n".join(lines), encoding="utf-8")
            (folder / "complaints").write_text(complaint, encoding="utf-8")
            return ending

        monkeypatch.setattr(checking, "run_module", run_module)
        return checking.examine(exercise("1.6"), work("1.6", THRESHOLD))

    return examine


FAILED = {"outcome": {"name": "a", "passed": False, "reason": "Groups have 4."}}
PASSED = {"outcome": {"name": "a"}}
STARTED = {"importing": True}, {"graders": 2}, {"running": "the first"}
HUNG = {"hung": {"names": ["helper", "nm_mask"], "trace": "line 3, in helper", "idle": False}}
KILLED = Ending(None, Limit.TIME)


def test_what_failed_before_a_hang_is_shown_first(told):
    report = told(KILLED, *STARTED, FAILED, {"running": "the second"}, HUNG)
    first, second, *_ = (text for _, text in report.lines())
    assert first == "✗ Groups have 4."
    assert second.startswith("Later: nm_mask did not return within 10 s") and "the second" in second


@pytest.mark.parametrize(
    ("ending", "events", "said"),
    [
        (KILLED, STARTED, "nm_mask did not return within 10 s"),
        (Ending(1), [*STARTED, HUNG], "nm_mask did not return within 10 s"),
        (Ending(1), [*STARTED, {"hung": {"idle": True}}], "nm_mask waited for 60 s and hardly computed"),
        (Ending(1), [*STARTED[:1], HUNG], "could not be imported within 10 s"),
        (Ending(None, Limit.MEMORY), STARTED, "nm_mask needed more than "),
        (Ending(None, Limit.OUTPUT), STARTED, "nm_mask wrote more than 32 MB of text"),
        (Ending(0), STARTED, "The grading process ended with exit code 0"),
        (Ending(0), [], "The grading process ended with exit code 0 (before it was imported)"),
        (Ending(0), [*STARTED, PASSED, {"finished": True}], "Only 1 of 2 graders ran"),
        (Ending(0), [*STARTED, PASSED, PASSED, {"finished": True}], "Only 1 of 2 graders ran"),
        (Ending(0), [{"importing": True}, {"finished": True}], "No grader ran."),
    ],
)
def test_every_way_to_be_unsolved_has_its_sentence(told, ending, events, said):
    report = told(ending, *events)
    assert not report.solved and said in report.reason and "All graders pass" not in str(report)


def test_want_of_memory_is_told_when_python_itself_ended_of_it(told):
    report = told(Ending(1), *STARTED, complaint="Traceback\nMemoryError\n")
    assert report.reason.startswith("nm_mask needed more than")


def test_a_hang_among_the_known_mistakes_means_no_known_mistake(told):
    report = told(KILLED, *STARTED, FAILED, {"running": "b"}, FAILED, {"finished": True})
    assert report.reason == "Groups have 4." and not report.mistake and not report.trouble


def test_a_file_that_cannot_be_imported_in_time_does_not_undo_what_is_solved(told):
    once = {"importing": True}, {"graders": 1}, {"running": "a"}, PASSED, {"finished": True}, HUNG
    report = told(Ending(1), *once)
    assert report.solved and "could not be imported within 10 s" in report.note


@pytest.mark.parametrize("what", ["folder", "missing", "broken link"])
def test_where_no_file_is_a_sentence_says_so(what, tmp_path):
    file = tmp_path / "pruning.py"
    if what == "folder":
        file.mkdir()
    elif what == "broken link":
        file.symlink_to(tmp_path / "nothing.py")
    report = checking.examine(exercise("1.6"), file)
    assert file.name in report.reason and not report.solved and "looked for" in str(report)


def test_a_definition_nested_deeper_than_python_walks_is_told(work):
    deep = "\ndef nm_mask(scores, n=2, m=4):\n    return " + "-" * 900 + "1\n"
    report = checking.examine(exercise("1.6"), work("1.6", deep))
    assert not report.solved and "\n" not in report.reason


# ------------------------------------------------------------ the same graders in this process


def test_the_reference_passes_and_is_not_noted(in_this_process):
    report = checking.examine(exercise("1.6"), exercise("1.6").solution)
    assert report.solved and not journal.FILE.exists()


def test_failed_checks_are_counted_and_the_time_of_a_success_is_noted(work, in_this_process):
    task, wrong = exercise("1.6"), work("1.6", THRESHOLD)
    checking.examine(task, wrong)
    checking.examine(task, work("1.6", "\ndef nm_mask(:"))
    assert journal.failed_checks("1.6") == 2 and not journal.read()["passed"]
    checking.examine(task, work("1.6", solution_of("1.6", "nm_mask")))
    assert journal.failed_checks("1.6") == 2 and list(journal.read()["passed"]) == ["1.6"]


def test_an_exercise_that_is_not_begun_is_no_failed_check(work):
    with pytest.raises(checking.Unsolved):
        checking.examine(exercise("1.6"), work("1.6"))
    assert not journal.FILE.exists()


def test_a_report_is_shown_although_nothing_can_be_noted(work, in_this_process):
    journal.FILE.parent.write_text("a file in the folder's place", encoding="utf-8")
    assert not checking.examine(exercise("1.6"), work("1.6", THRESHOLD)).solved


def test_errors_in_the_learners_code_show_its_own_line(work, in_this_process):
    file = work("1.6", "\ndef nm_mask(scores, n=2, m=4):\n    return scores.nothing\n")
    line = len(file.read_text(encoding="utf-8").splitlines())
    report = checking.examine(exercise("1.6"), file)
    assert report.reason.startswith("AttributeError: ") and "'nothing'" in report.reason
    assert f"({file.as_posix()}, line {line})" in report.reason
    page = report._repr_html_()
    assert page.index("nothing") < page.index("<details>") and "return scores.nothing" in page
    assert not report.mistake


SLIPS = {
    "\ndef nm_mask(:": "line .*: invalid syntax",
    "\nFACTOR = 1 / 0\ndef nm_mask(*_):\n    return FACTOR\n": "line .*: ZeroDivisionError: division by zero",
    "\ndef nm_mask(*_):\n    raise SystemExit(0)\n": "SystemExit",
    "\ndef nm_mask(scores, n=2, m=4):\n    return 1 - ** 3": "invalid syntax: `return 1 - [*][*] 3`$",
    "\ndef nm_mask(scores, n=2, m=4):\n    scores > 1": "nm_mask returned None: is a `return` missing[?]$",
    "\ndef nm_mask(scores, n=2, m=4):\n    scores.nothing": r"no attribute 'nothing' \(.*, line \d+\)\.$",
}


@pytest.mark.parametrize("text", SLIPS)
def test_whatever_the_learner_wrote_ends_in_a_sentence(text, work, in_this_process):
    report = checking.examine(exercise("1.6"), work("1.6", text))
    assert re.search(SLIPS[text], report.reason) and not report.solved and "\n" not in report.reason
    assert not report.reason.endswith(("`.", "?."))


def test_a_missing_error_is_told_in_words(work, in_this_process):
    body = "    return weight.detach().float().reshape(len(weight), -1).norm(dim=1)\n"
    report = checking.examine(exercise("2.1"), work("2.1", f"\ndef channel_importance(weight):\n{body}"))
    rule = "A vector, NaN and integers are refused"
    assert report.reason == f"{rule}: expected a ValueError, got none, from channel_importance([1, 1, 1])."


def test_the_graders_own_words_are_told(work, in_this_process):
    constant = "\ndef top1_accuracy(model, tokens, batch_size=16):\n    return torch.tensor(0.75)\n"
    report = checking.examine(exercise("0.2"), work("0.2", constant))
    assert report.reason == "The result is a Python float, got a Tensor."


def test_half_an_exercise_names_the_missing_half(work, in_this_process):
    report = checking.examine(exercise("1.2"), work("1.2", solution_of("1.2", "apply_mask")))
    assert report.reason == "bake_masks is not written yet."


def test_an_exercise_not_begun_says_what_to_do(work):
    with pytest.raises(checking.Unsolved) as caught:
        checking.examine(exercise("1.2"), work("1.2"))
    todo = r"fill in apply_mask and bake_masks in \S*pruning\.py, save, and run this cell again\."
    assert re.fullmatch(rf"Exercise 1\.2 is not written yet: {todo}", str(caught.value))
    assert caught.value._render_traceback_() == [f"Unsolved: {caught.value}"]


# ------------------------------------------------------------ in a notebook


def test_in_a_notebook_a_check_shows_tracebacks_and_ends_in_one_line(work):
    wrong, unwritten = work("1.6", THRESHOLD), work("0.1")
    cells = [
        "from pathlib import Path\nfrom minicompress.grading import check, checking, journal\nimport sys\n"
        f"journal.FILE = Path({str(journal.FILE)!r})\n"
        f"checking.module_file = lambda task: Path({str(wrong)!r})\n"
        'try:\n    check("1.6", traceback=True)\nexcept checking.Unsolved as error: print(error)\n'
        'assert not {"torch", "minicompress.pruning", "pytest"} & set(sys.modules)',
        f'checking.module_file = lambda task: Path({str(unwritten)!r})\ncheck("0.1")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    first, second = (cell.outputs for cell in notebook.cells)
    shown = next(output.data for output in first if "data" in output)
    printed = [output.text for output in first if "text" in output]
    assert printed == ["Exercise 1.6 is not solved yet: see above.\n"]
    assert "<details open>" in shown["text/html"] and shown["text/plain"].startswith("✗ ")
    offered = "<details><summary>A hint (1 of 3; hint(&quot;1.6&quot;) shows the others)</summary>"
    assert f"{offered}<div>{exercise('1.6').hints[0]}</div>" in shown["text/html"]
    assert journal.failed_checks("1.6") == 1
    box, error = second
    assert error.ename == "Unsolved" and error.traceback == ["Unsolved: see above."]
    assert "fill in perplexity" in box.data["text/plain"]


def test_checking_does_not_import_what_only_the_grading_process_needs():
    text = (
        "import sys; from minicompress.grading import checking; print({'torch', 'pytest'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.stdout == "set()\n"


def test_with_the_switch_off_the_box_names_the_learners_file_and_never_the_reference(monkeypatch, work):
    text, boxes = work("1.6", THRESHOLD).read_text(encoding="utf-8"), []

    def run_here(report, file, device, seed):
        report.outcomes = run_graders(report.exercise, assemble(report.exercise, text, report.file)).outcomes

    monkeypatch.setattr(checking, "run_child", run_here)
    monkeypatch.setattr(checking, "read_answer", lambda file: text)  # in the place of what you have written
    monkeypatch.setattr(checking, "module_file", lambda task: task.file)  # as with the switch off
    monkeypatch.setattr(checking, "in_notebook", lambda: True)
    monkeypatch.setattr(checking, "stop", lambda unsolved, box: boxes.append(box))
    checking.check("1.6")
    page = boxes[0]._repr_html_()
    assert "checked minicompress/pruning.py" in page and "solutions/" not in page

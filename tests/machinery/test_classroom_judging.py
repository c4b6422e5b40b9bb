"""Judging one exercise in processes of its own: the reference passes, known mistakes and stubs do not."""

import sys
import tempfile
import uuid
from pathlib import Path

import psutil
import pytest
import snippets

from minicompress.classroom import landlock
from minicompress.classroom.forks import anew, beginning
from minicompress.classroom.judging import judge
from minicompress.grading import processes
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.processes import Limits

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="classes are graded on Linux and macOS")
SHORT = Limits(starting=12, memory=2_000_000_000)


@pytest.fixture(scope="module")
def judged():
    """Judge a text in the way that is best here."""
    with beginning() as begin:

        def judge_text(key: str, text: str, limits: Limits = SHORT):
            return judge(exercise(key), assemble(exercise(key), text), 7, limits, begin)

        yield judge_text


def answer(body: str) -> str:
    """nm_mask with another body."""
    return f"def nm_mask(scores, n=2, m=4):\n    import os, sys, torch\n{body}\n"


def marked_processes(mark: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if processes.marked(process, mark)]


def test_the_reference_gets_all_points(judged):
    verdict = judged("1.6", snippets.solution_of("1.6", "nm_mask"))
    assert verdict.points == verdict.possible > 0 and verdict.message == ""
    assert len(verdict.graders) == 18


def test_a_class_is_judged_where_its_gradients_are_asked_for(judged):
    """The judge calls backward(); the worker, which has the graph, computes the gradient."""
    assert judged("5.3", snippets.reference("5.3")).solved


def test_a_table_that_fits_into_no_memory_reaches_the_worker_and_only_its_rows_are_dequantized(judged):
    text = (
        snippets.solution_of("5.3", "QuantizedLinear")
        + "\n\n"
        + snippets.mistake_of("5.3", "whole_table").source
    )
    failed = [grader.name for grader in judged("5.3", text).graders if not grader.passed]
    assert failed == ["test_5_3_only_the_rows_that_are_asked_for_are_dequantized"]


def test_functions_that_are_handed_over_are_called_back(judged):
    assert judged("1.5", snippets.solution_of("1.5", "iterative_pruning")).solved


def test_a_known_mistake_gets_none_and_is_told_why(judged):
    verdict = judged("1.6", snippets.mistake_of("1.6", "prunes_n").source)
    failed = [grader for grader in verdict.graders if not grader.passed]
    assert verdict.points == 0 and any("counts what is kept" in grader.message for grader in failed)


def test_a_stub_gets_none(judged):
    verdict = judged("1.6", answer('    raise NotImplementedError("Exercise 1.6 nm_mask")'))
    assert verdict.points == 0 and len(verdict.graders) == 18


def test_a_worker_that_ends_itself_gets_none(judged):
    verdict = judged("1.6", answer("    os._exit(0)"))
    assert verdict.points == 0 and not any(grader.passed for grader in verdict.graders)


def test_an_endless_loop_ends_with_the_time_that_is_allowed(judged):
    verdict = judged("1.6", answer("    while True: pass"), Limits(starting=3, memory=2_000_000_000))
    assert verdict.points == 0


def test_filling_the_disk_ends_it(judged):
    body = """    for number in range(10**9):
        with open(f"files/{number}", "wb") as file:
            file.write(bytes(10**6))"""
    verdict = judged("1.6", answer(body), Limits(starting=12, memory=2_000_000_000, disk=50_000_000))
    assert verdict.points == 0 and "wrote more" in verdict.message


def test_an_answer_that_cannot_be_imported_gets_none_and_says_why(judged):
    verdict = judged("1.6", "def nm_mask(scores, n=undefined, m=4):\n    return scores\n")
    assert verdict.points == 0 and "undefined" in verdict.message


def test_nothing_is_left_of_what_was_started_anew(monkeypatch):
    mark = uuid.uuid4()
    monkeypatch.setattr(processes.uuid, "uuid4", lambda: mark)
    text = answer("    os.close(int(sys.argv[2])), [None for _ in iter(int, 1)]")
    assert judge(exercise("1.6"), assemble(exercise("1.6"), text), 7, SHORT, anew).points == 0
    assert marked_processes(mark.hex) == []


@pytest.mark.skipif(not landlock.version(), reason="this system has no Landlock: see docs/grading.md")
def test_an_answer_finds_no_file_of_ours_no_process_and_no_network(judged):
    """Each of these raises in the worker, and the message of the first grader tells which did not."""
    body = f"""    tried = [
        lambda: open({str(exercise("1.6").solution)!r}).read(),
        lambda: os.listdir({str(exercise("1.6").solution.parent)!r}),
        lambda: open("/proc/self/environ").read(),
        lambda: os.listdir("/proc"),
        lambda: open("/etc/passwd").read(),
        lambda: open({str(Path(tempfile.gettempdir()) / "planted")!r}, "w"),
        lambda: os.fork(),
        lambda: os.kill(os.getppid(), 0),
        lambda: os.chmod({str(exercise("1.6").solution)!r}, 0o644),
        lambda: os.execv("/bin/true", ["true"]),
        lambda: __import__("socket").socket(),
        lambda: __import__("solutions.pruning"),
        lambda: __import__("minicompress.grading"),
    ]
    done = []
    for number, attempt in enumerate(tried):
        try:
            attempt()
            done.append(number)
        except (OSError, ImportError):
            pass
    raise ValueError("done: " + str(done))"""
    verdict = judged("1.6", answer(body))
    assert verdict.layers["landlock"] and verdict.layers["seccomp"]
    assert "done: []" in verdict.graders[0].message

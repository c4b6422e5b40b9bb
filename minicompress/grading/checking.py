"""Check an exercise: in a process of its own with a time limit, so that nothing the learner wrote can hurt
the caller.
"""

import datetime
import importlib.util
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from minicompress.grading import journal
from minicompress.grading.assemble import assemble
from minicompress.grading.box import Box, place_of, sentence
from minicompress.grading.course import Exercise, exercise, unwritten
from minicompress.grading.processes import run_module
from minicompress.grading.report import Outcome, Report
from minicompress.grading.why import ended
from minicompress.lab.paths import shown

SWITCH = "MINICOMPRESS_SOLUTIONS"
ALL_SENT = 1.5  # seconds until JupyterLab has sent all cells of a notebook
PATIENCE = 120  # seconds for starting Python and importing libraries on a busy machine


class Unsolved(Exception):
    """An exercise is not solved. A notebook shows one line of it instead of a traceback."""

    boxed = False  # whether a box above says the same, with links

    def _render_traceback_(self) -> list[str]:
        return ["Unsolved: see above." if self.boxed else f"Unsolved: {self}"]


def check(exercise_id: str, device: str = "cpu", seed: int = 0, traceback: bool = False) -> None:
    """Run the graders of an exercise on your saved file, and show what they say. Raises Unsolved unless all
    pass.

    A notebook folds the tracebacks, and a script leaves them out, unless `traceback`.
    """
    task = exercise(exercise_id)
    places = [place_of(task.names[0], module_file(task))]
    try:
        report = answer(task, device, seed)
    except Unsolved as nothing_yet:
        stop(nothing_yet, sentence(str(nothing_yet), places))
    report.unfolded = traceback
    if not in_notebook():
        report.print(Console(), traceback)
    elif report.solved:
        from IPython.display import display

        display(report)
    if not report.solved:
        unsolved = Unsolved(f"Exercise {task.id} is not solved yet: see above.")
        stop(unsolved, Box(str(report), report._repr_html_(), places))


def answer(task: Exercise, device: str = "cpu", seed: int = 0, again: str = "run this cell again") -> Report:
    """The report on the learner's file, which says so when it was the reference instead."""
    report = examine(task, None, device, seed, again)
    if module_file(task).samefile(task.solution):
        report.reference = about_reference(task, os.environ.get(SWITCH, ""))
    return report


def about_reference(task: Exercise, setting: str) -> str:
    """Say that the reference was graded, where the learner's file is, and how to check that one."""
    others = ",".join(module for module in setting.split(",") if module not in ("1", task.module)) or "0"
    return (
        f"this is the reference, not your file, because {SWITCH}={setting} is set. No points are noted. "
        f"Your file is {shown(task.file)}; to check it, start again with {SWITCH}={others}."
    )


def stop(unsolved: Unsolved, box: Box) -> NoReturn:
    """Raise the error; in a notebook, show the box instead of the error's text.

    An error ends 'Run all' only for the cells that Jupyter has sent by then: give it time to send them.
    """
    if in_notebook():
        from IPython.display import display

        display(box)
        unsolved.boxed = True
        time.sleep(ALL_SENT)
    raise unsolved


def examine(
    task: Exercise,
    file: Path | None = None,
    device: str = "cpu",
    seed: int = 0,
    again: str = "run this cell again",
) -> Report:
    """Grade a file, by default the one that `minicompress.<module>` is imported from. Raises Unsolved when
    nothing is written yet.

    A success is noted in the learner's progress, unless it is the reference that passed.
    """
    file = file or module_file(task)
    report = Report(task, shown(file), file.stat().st_mtime)
    try:
        assemble(task, file)
    except ValueError as error:
        report.trouble = ended(str(error))
        return report
    if unwritten(task, file.read_text(encoding="utf-8-sig")) == task.names:
        todo = f"fill in {' and '.join(task.names)} in {report.file}, save, and {again}"
        raise Unsolved(f"Exercise {task.id} is not written yet: {todo}.")
    run_child(report, file, device, seed)
    if report.solved and not file.samefile(task.solution):
        journal.write("passed", task.id, datetime.datetime.now().isoformat(timespec="seconds"))
    return report


def module_file(task: Exercise) -> Path:
    """The file that `import minicompress.<module>` reads: the learner's, or the solution when the switch says
    so.
    """
    spec = importlib.util.find_spec(f"minicompress.{task.module}")
    if spec is None:
        remedy = "`python -m minicompress.grading.stubs` writes it anew"
        raise ValueError(f"there is no minicompress/{task.module}.py: {remedy}")
    return Path(spec.origin)


def run_child(report: Report, file: Path, device: str, seed: int) -> None:
    """Fill the report with what a grading process writes down.

    It watches its own time limit; ours is for the worst case.
    """
    task = report.exercise
    patience = PATIENCE + 3 * task.seconds
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        events, complaints = Path(folder) / "events", Path(folder) / "complaints"
        events.touch()
        words = [task.id, file.resolve(), events, task.seconds, device, seed]
        code = run_module(["minicompress.grading.child", *map(str, words)], patience, complaints)
        told, complaint = (
            path.read_text(encoding="utf-8", errors="replace") for path in (events, complaints)
        )
    running, finished, stack = read_events(report, told)
    if not finished:
        where = f"while running: {running}" if running else "while importing it"
        what = timed_out(task, stack) if stack else ending(code, patience, report.file)
        report.trouble = f"{what} ({where})."
        report.trace = "\n".join(stack) or complaint


def read_events(report: Report, text: str) -> tuple[str, bool, list[str]]:
    """Note in the report what the graders said. Return which grader ran last, whether all of them did, and
    what else stands in the events: the stack that the time limit wrote at the end.
    """
    running, finished, stack = "", False, []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            stack.append(line)
            continue
        report.total = event.get("graders", report.total)
        running = event.get("running", running)
        finished = finished or "finished" in event
        report.note = event.get("note") or report.note
        report.mistake = event.get("mistake") or report.mistake
        if "outcome" in event:
            report.outcomes.append(Outcome(**event["outcome"]))
    return running, finished, stack


def timed_out(task: Exercise, stack: list[str]) -> str:
    """Which of the exercise's functions was running when the time was over."""
    hung = [name for name in task.names if any(line.endswith(f" in {name}") for line in stack)] or task.names
    limit = f"did not return within {task.seconds:g} s"
    return f"{' or '.join(hung)} {limit}: an endless loop, or one over every element?"


def ending(code: int | None, patience: float, file: str) -> str:
    """An exit code in words: below 0 it is a signal, and above 255 a status that only Windows gives."""
    if code is None:
        return f"The grading process was ended after {patience:g} s"
    if code < 0:
        return f"{file} was ended by signal {-code}, perhaps for want of memory"
    if code > 255:
        return f"{file} was ended by Windows with status {code:#x}, perhaps for want of memory"
    return f"The grading process ended with exit code {code}"


def in_notebook() -> bool:
    """Whether IPython runs this code."""
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None

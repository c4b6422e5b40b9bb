"""Check an exercise: in a process of its own with a time limit, so that nothing the learner wrote can hurt
the caller.
"""

import contextlib
import datetime
import importlib.util
import os
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from minicompress.grading import journal
from minicompress.grading.assemble import assemble, read_answer, spelt
from minicompress.grading.box import Box, place_of, sentence
from minicompress.grading.course import Exercise, exercise, unwritten
from minicompress.grading.events import Told, read_events, tail
from minicompress.grading.folded import fold, in_notebook, prose
from minicompress.grading.processes import LIMITS, WALL, Ending, Limit, run_module
from minicompress.grading.report import Report, ended
from minicompress.lab.paths import shown

SWITCH = "MINICOMPRESS_SOLUTIONS"
ALL_SENT = 1.5  # seconds until JupyterLab has sent all cells of a notebook


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
        stop(unsolved, Box(str(report), report._repr_html_(), places, first_hint(task)))


def first_hint(task: Exercise) -> str:
    """A hint, folded, and how to come to the next."""
    summary = f'A hint (1 of {len(task.hints)}; hint("{task.id}") shows the others)'
    return fold(summary, f"<div>{prose(task.hints[0])}</div>")


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

    What came of it is noted in the learner's progress, unless it was the reference that was graded.
    """
    file = file or module_file(task)
    report = grade(task, file, device, seed, again)
    if not file.exists() or not file.samefile(task.solution):
        note(report)
    return report


def note(report: Report) -> None:
    """A success with its time; of failures, how many there were."""
    key = report.exercise.id
    if report.solved:
        journal.write("passed", key, datetime.datetime.now().isoformat(timespec="seconds"))
    else:
        with contextlib.suppress(OSError):  # a folder that cannot be written must not hide the report
            journal.write("failed", key, journal.failed_checks(key) + 1)


def grade(task: Exercise, file: Path, device: str, seed: int, again: str) -> Report:
    """The report on a file. Raises Unsolved when nothing is written yet."""
    report = Report(task, spelt(file), saved(file))
    try:
        text = read_answer(file)
        assemble(task, text, report.file)
    except ValueError as error:
        report.trouble = ended(str(error))
        return report
    if unwritten(task, text) == task.names:
        todo = f"fill in {' and '.join(task.names)} in {report.file}, save, and {again}"
        raise Unsolved(f"Exercise {task.id} is not written yet: {todo}.")
    run_child(report, file, device, seed)
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


def saved(file: Path) -> float | None:
    """When a file was saved, in seconds since the epoch; None where there is no file to be read."""
    try:
        return file.stat().st_mtime if file.is_file() else None
    except OSError:
        return None


def run_child(report: Report, file: Path, device: str, seed: int) -> None:
    """Fill the report with what a grading process writes down."""
    task = report.exercise
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        words = [task.id, file.absolute(), folder / "events", task.seconds, LIMITS.memory, device, seed]
        ending = run_module(["minicompress.grading.child", *map(str, words)], folder, LIMITS)
        told = read_events(folder / "events")
        complaint = tail(folder / "complaints")
    report.total, report.outcomes = told.total, told.outcomes
    if not told.finished:
        report.trouble = f"{trouble(report, told, ending, complaint)}{place(told)}."
        report.trace = told.trace or complaint
    elif report.solved and told.note is None:
        report.note = ended(f"But the whole file: {trouble(report, told, ending, complaint)}")
    else:
        report.note, report.mistake = told.note or "", told.mistake or ""


def place(told: Told) -> str:
    """What ran when the process ended."""
    if told.running:
        return f" (while running: {told.running})"
    return " (while importing it)" if told.importing else " (before it was imported)"


def trouble(report: Report, told: Told, ending: Ending, complaint: str) -> str:
    """Why the process ended before its time, in words."""
    task, whole = report.exercise, told.finished or not told.running  # it is the file that was imported
    names = [name for name in task.names if name in told.names] or task.names
    who = report.file if whole else " or ".join(names)
    if ending.limit is Limit.OUTPUT:
        return f"{who} wrote more than {LIMITS.written / 1e6:.0f} MB of text: does a loop print without end?"
    want = complaint.rstrip().rpartition("\n")[2].startswith("MemoryError")
    if ending.limit is Limit.MEMORY or want:
        return f"{who} needed more than {LIMITS.memory / 1e9:.1f} GB of memory"
    if told.idle:
        waited = f"{who} waited for {WALL * task.seconds:g} s and hardly computed"
        return f"{waited}: for a lock, a process, or time.sleep?"
    if (ending.limit is Limit.TIME or told.hung) and whole:
        return f"{who} could not be imported within {task.seconds:g} s: is a loop outside of every function?"
    if ending.limit is Limit.TIME or told.hung:
        limit = f"{who} did not return within {task.seconds:g} s"
        return f"{limit}: an endless loop, or one over every element?"
    return exit_in_words(ending.code, report.file)


def exit_in_words(code: int, file: str) -> str:
    """An exit code in words: below 0 it is a signal, and above 255 a status that only Windows gives."""
    if code < 0:
        return f"{file} was ended by signal {-code}, perhaps for want of memory"
    if code > 255:
        return f"{file} was ended by Windows with status {code:#x}, perhaps for want of memory"
    return f"The grading process ended with exit code {code}"

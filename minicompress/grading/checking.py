"""Check an exercise: in a process of its own with a time limit, so that nothing the learner wrote can hurt
the caller.
"""

import datetime
import importlib.util
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from minicompress.grading import journal
from minicompress.grading.assemble import assemble, read_answer, spelt
from minicompress.grading.course import Exercise, exercise, unwritten
from minicompress.grading.events import Told, read_events, tail
from minicompress.grading.processes import LIMITS, WALL, Ending, Limit, run_module
from minicompress.grading.report import Report, ended


class Unsolved(Exception):
    """An exercise is not solved. A notebook shows one line of it instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"Unsolved: {self}"]


def check(exercise_id: str, device: str = "cpu", seed: int = 0, traceback: bool = False) -> None:
    """Run the graders of an exercise on your saved file, and show what they say. Raises Unsolved unless all
    pass.

    A notebook folds the tracebacks, and a script leaves them out, unless `traceback`.
    """
    report = examine(exercise(exercise_id), device=device, seed=seed)
    if in_notebook():
        from IPython.display import display

        report.unfolded = traceback
        display(report)
    else:
        report.print(Console(), traceback)
    if not report.solved:
        raise Unsolved(f"Exercise {exercise_id} is not solved yet: see above.")


def require(*exercise_ids: str) -> None:
    """Raise Unsolved, in one line, unless these earlier exercises are written: a notebook says so before it
    uses them.
    """
    for task in map(exercise, exercise_ids):
        if missing := unwritten(task, module_file(task).read_text(encoding="utf-8-sig")):
            raise Unsolved(
                f"Exercise {task.id} is needed here: write {' and '.join(missing)} in "
                f"minicompress/{task.module}.py first, or start Jupyter with "
                f"MINICOMPRESS_SOLUTIONS={task.module} to use the reference."
            )


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


def in_notebook() -> bool:
    """Whether IPython runs this code."""
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None

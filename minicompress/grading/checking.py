"""Check an exercise: in a process of its own with a time limit, so that nothing the learner wrote can hurt
the caller.
"""

import contextlib
import datetime
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from minicompress.grading import journal
from minicompress.grading.assemble import assemble
from minicompress.grading.course import Exercise, exercise, unwritten
from minicompress.grading.report import Outcome, Report
from minicompress.grading.why import ended
from minicompress.lab.paths import ROOT, shown

PATIENCE = 120  # seconds for starting Python and importing libraries on a busy machine


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
                f"Exercise {task.id} is needed here: write {' and '.join(missing)} in minicompress/{task.module}.py first, or start "
                f"Jupyter with MINICOMPRESS_SOLUTIONS={task.module} to use the reference."
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
    report = Report(task, shown(file), file.stat().st_mtime)
    try:
        assemble(task, file)
    except ValueError as error:
        report.trouble = ended(str(error))
        return report
    if unwritten(task, file.read_text(encoding="utf-8-sig")) == task.names:
        names = " and ".join(task.names)
        raise Unsolved(
            f"Exercise {task.id} is not written yet: fill in {names} in {report.file}, save, and {again}."
        )
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
        raise ValueError(
            f"there is no minicompress/{task.module}.py: `python -m minicompress.grading.stubs` writes it anew"
        )
    return Path(spec.origin)


def run_child(report: Report, file: Path, device: str, seed: int) -> None:
    """Fill the report with what a grading process writes down.

    It watches its own time limit; ours is for the worst case.
    """
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events"
        events.touch()
        words = [report.exercise.id, file.resolve(), events, report.exercise.seconds, device, seed]
        command = [sys.executable, "-m", "minicompress.grading.child", *map(str, words)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"} | {
            "MINICOMPRESS_SOLUTIONS": "1"
        }
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, errors="replace", start_new_session=True, **quiet
        )
        try:
            _, complaint = process.communicate(timeout=PATIENCE + 3 * report.exercise.seconds)
        except subprocess.TimeoutExpired:
            complaint = ""
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with everything that it started
            process.wait()
        read_events(
            report, events.read_text(encoding="utf-8", errors="replace"), process.returncode, complaint
        )


def read_events(report: Report, text: str, code: int, complaint: str) -> None:
    """Understand the events; whatever else stands in the file is a stack that the time limit wrote at the
    end.
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
    if finished:
        return
    where = f"while running: {running}" if running else "while importing it"
    report.trace = "\n".join(stack) or complaint
    if stack:
        names = report.exercise.names
        hung = [name for name in names if any(line.endswith(f" in {name}") for line in stack)] or names
        limit = f"did not return within {report.exercise.seconds:g} s"
        report.trouble = f"{' or '.join(hung)} {limit}: an endless loop, or one over every element? ({where})"
    elif code < 0:
        report.trouble = f"{report.file} was ended by signal {-code}, perhaps for want of memory ({where})."
    else:
        report.trouble = f"The grading process ended with exit code {code} ({where})."


def in_notebook() -> bool:
    """Whether IPython runs this code."""
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None

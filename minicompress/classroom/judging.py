"""A stand-in until the judge exists: today's grading child. Not for grading a class."""

import tempfile
import time
from pathlib import Path

from minicompress.classroom.verdict import ExerciseVerdict, GraderVerdict
from minicompress.grading.checking import run_child
from minicompress.grading.course import Exercise
from minicompress.grading.report import Report


def judge(exercise: Exercise, source: str, seed: int) -> ExerciseVerdict:
    """Grade an assembled module with the graders that `check` uses."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{exercise.module}.py"
        file.write_text(source, encoding="utf-8")
        report = Report(exercise, file.name, None)
        run_child(report, file, "cpu", seed)
    graders = [GraderVerdict(o.name, o.title, o.passed, True, o.reason) for o in report.outcomes]
    message = report.trouble if not report.solved and not report.failed else ""
    return ExerciseVerdict(
        exercise.id, exercise.points, graders, message, {"separate process": True}, time.monotonic() - began
    )

"""Judge one exercise of a submission, in processes of their own, and leave nothing of them behind."""

import json
import secrets
import tempfile
import time
from pathlib import Path

from minicompress.classroom.verdict import ExerciseVerdict, GraderVerdict
from minicompress.grading.course import Exercise
from minicompress.grading.events import tail
from minicompress.grading.processes import Limit, Limits, run_module

LIMITS = Limits(starting=120, memory=3_000_000_000)  # for judge and worker together
MOST = 10_000_000  # bytes of a judge's report


def judge(
    exercise: Exercise, source: str, seed: int | None = None, limits: Limits = LIMITS
) -> ExerciseVerdict:
    """Judge `source`, a whole chapter as `prepare` makes it. The graders draw their inputs from `seed`.

    Whatever the submission does, this returns a verdict; no process of it is left by then.
    """
    began = time.monotonic()
    verdict = ExerciseVerdict(exercise.id, exercise.points)
    seed = secrets.randbelow(2**31) if seed is None else seed
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the worker may be another user, who has to reach a folder in it
        chapter, report = folder / "chapter.py", folder / "report.json"
        chapter.write_text(source, encoding="utf-8", newline="\n")
        words = [exercise.id, chapter, report, seed, int(limits.starting), limits.memory]
        ending = run_module(["minicompress.classroom.judge", *map(str, words)], folder, limits)
        if report.is_file() and report.stat().st_size < MOST and ending.code == 0:
            fill(verdict, json.loads(report.read_text(encoding="utf-8")))
        elif ending.limit:
            verdict.message = TOO_MUCH[ending.limit]
        else:
            verdict.message = f"The judge ended with code {ending.code}: {tail(folder / 'complaints')[-500:]}"
    verdict.seconds = time.monotonic() - began
    return verdict


TOO_MUCH = {
    Limit.TIME: "It computed for longer than allowed.",
    Limit.MEMORY: "It needed more memory than allowed.",
    Limit.OUTPUT: "It wrote more than allowed.",
}


def fill(verdict: ExerciseVerdict, report: dict) -> None:
    """Take over what the judge reports."""
    verdict.graders = [GraderVerdict(**grader) for grader in report["graders"]]
    verdict.message, verdict.layers = report["message"], report["layers"]

"""Judge one exercise of a submission, in processes of their own, and leave nothing of them behind."""

import ast
import json
import secrets
import tempfile
import time
from pathlib import Path

from minicompress.classroom.forks import Begin, anew
from minicompress.classroom.request import Request
from minicompress.classroom.verdict import ExerciseVerdict, GraderVerdict
from minicompress.grading.course import Exercise
from minicompress.grading.events import tail
from minicompress.grading.processes import Limit, Limits

LIMITS = Limits(starting=120, memory=3_000_000_000, disk=300_000_000)  # for judge and worker together
MOST = 10_000_000  # bytes of a judge's report
PRIVATE_MODELS = {"0.1", "0.2"}  # exercises whose private cases have models, though their graders have none


def judge(
    exercise: Exercise, source: str, seed: int | None = None, limits: Limits = LIMITS, begin: Begin = anew
) -> ExerciseVerdict:
    """Judge `source`, a whole chapter as `prepare` makes it. The graders draw their inputs from `seed`.

    `begin` is a way to begin, see forks.py. Whatever the submission does, this returns a verdict; no process
    of it is left by then.
    """
    began = time.monotonic()
    verdict = ExerciseVerdict(exercise.id, exercise.points)
    seed = secrets.randbelow(2**31) if seed is None else seed
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the worker may be another user, who has to reach a folder in it
        report = folder / "report.json"
        (folder / "chapter.py").write_bytes(source.encode("utf-8", "replace"))
        (folder / "seed").write_text(str(seed), encoding="utf-8")
        request = Request(exercise.id, int(limits.starting), limits.memory, needs_models(exercise))
        (folder / "request.json").write_text(json.dumps(request._asdict()), encoding="utf-8")
        ending = begin(folder, limits)
        if report.is_file() and report.stat().st_size < MOST and ending.code == 0:
            fill(verdict, json.loads(report.read_text(encoding="utf-8")))
        elif ending.limit:
            verdict.message = TOO_MUCH[ending.limit]
        else:
            verdict.message = (
                f"The judge ended with code {ending.code}: {tail(folder / 'complaints')[-1500:]}"
            )
    verdict.seconds = time.monotonic() - began
    return verdict


TOO_MUCH = {
    Limit.TIME: "It computed for longer than allowed.",
    Limit.MEMORY: "It needed more memory than allowed.",
    Limit.OUTPUT: "It wrote more than allowed.",
}


def needs_models(exercise: Exercise) -> bool:
    """Whether graders or private cases of this exercise use models of transformers."""
    tree = ast.parse(exercise.graders.read_text(encoding="utf-8"))
    graders = [node for node in tree.body if getattr(node, "name", "").startswith(exercise.prefix)]
    used = any(word in ast.unparse(node) for node in graders for word in ("llama", "gpt2", "tiny("))
    return used or exercise.id in PRIVATE_MODELS


def fill(verdict: ExerciseVerdict, report: dict) -> None:
    """Take over what the judge reports."""
    verdict.graders = [GraderVerdict(**grader) for grader in report["graders"]]
    verdict.message, verdict.layers = report["message"], report["layers"]

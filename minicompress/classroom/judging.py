"""Judge one exercise of a submission, or explain what is wrong with it, in processes of their own, and leave
nothing of them behind.
"""

import ast
import functools
import json
import secrets
import tempfile
import time
from pathlib import Path

from minicompress.classroom.forks import Begin, anew
from minicompress.classroom.parsing import parse
from minicompress.classroom.request import Request
from minicompress.classroom.verdict import ExerciseVerdict, Explanation, GraderVerdict
from minicompress.grading.course import Exercise
from minicompress.grading.course import exercise as find
from minicompress.grading.events import tail
from minicompress.grading.processes import Limit, Limits

LIMITS = Limits(starting=120, memory=3_000_000_000, disk=300_000_000)  # for judge and worker together
EXPLAINING = Limits(starting=30, memory=LIMITS.memory, disk=LIMITS.disk)
PUBLIC = 0  # the seed of `check`
MOST = 10_000_000  # bytes of a judge's report
PRIVATE_MODELS = {"0.1", "0.2"}  # exercises whose private cases have models, though their graders have none


class NoReport(Exception):
    """The process that judges did not come to its end; why, in one sentence."""


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
    request = Request(exercise.id, int(limits.starting), limits.memory, needs_models(exercise.id))
    try:
        fill(verdict, reported(request, source, seed, limits, begin))
    except NoReport as error:
        verdict.message = str(error)
    verdict.seconds = time.monotonic() - began
    return verdict


def explain(exercise: Exercise, source: str, limits: Limits = EXPLAINING, begin: Begin = anew) -> Explanation:
    """Try `source`, which was judged to be wrong, on the inputs of `check`. Nothing private is handed on."""
    models = needs_models(exercise.id)
    request = Request(exercise.id, int(limits.starting), limits.memory, models, public=True)
    try:
        return Explanation(**reported(request, source, PUBLIC, limits, begin))
    except NoReport as error:
        return Explanation(message=str(error))


def reported(request: Request, source: str, seed: int, limits: Limits, begin: Begin) -> dict:
    """What the process that judges reports. NoReport: it ended before."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the worker may be another user, who has to reach a folder in it
        report = folder / "report.json"
        (folder / "chapter.py").write_bytes(source.encode("utf-8", "replace"))
        (folder / "seed").write_text(str(seed), encoding="utf-8")
        (folder / "request.json").write_text(json.dumps(request._asdict()), encoding="utf-8")
        ending = begin(folder, limits)
        if report.is_file() and report.stat().st_size < MOST and ending.code == 0:
            return json.loads(report.read_text(encoding="utf-8"))
        if ending.limit:
            raise NoReport(TOO_MUCH[ending.limit])
        complaints = tail(folder / "complaints")[-1500:]
        raise NoReport(f"The judge ended with code {ending.code}: {complaints}")


TOO_MUCH = {
    Limit.TIME: "It computed for longer than allowed.",
    Limit.MEMORY: "It needed more memory than allowed.",
    Limit.OUTPUT: "It wrote more than allowed.",
}


@functools.cache
def needs_models(exercise_id: str) -> bool:
    """Whether graders or private cases of this exercise use models of transformers."""
    exercise = find(exercise_id)
    tree = parse(exercise.graders.read_text(encoding="utf-8"))
    graders = [node for node in tree.body if getattr(node, "name", "").startswith(exercise.prefix)]
    used = any(word in ast.unparse(node) for node in graders for word in ("llama", "gpt2", "tiny("))
    return used or exercise.id in PRIVATE_MODELS


def fill(verdict: ExerciseVerdict, report: dict) -> None:
    """Take over what the judge reports."""
    verdict.graders = [GraderVerdict(**grader) for grader in report["graders"]]
    verdict.message, verdict.layers = report["message"], report["layers"]

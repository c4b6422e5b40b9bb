"""Grade one submission: `python -m minicompress.classroom.grade TASK`, with the arguments of `grade_one` in a
file of JSON. It is removed at once: a command line could be read by what is graded, and the seed is private.

Nothing of the submission runs in this process. Every exercise is judged by itself, so that what one of them
breaks costs no other. When all have their verdicts, the wrong ones are explained.
"""

import hashlib
import json
import secrets
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from minicompress.classroom.forks import Begin, beginning
from minicompress.classroom.formats import format_named, write_result
from minicompress.classroom.judging import explain, judge
from minicompress.classroom.prepare import Prepared, prepare_file
from minicompress.classroom.result import result_of, zero_result
from minicompress.classroom.submission import Submission, open_submission
from minicompress.classroom.verdict import ExerciseVerdict, Explanation
from minicompress.grading import course
from minicompress.grading.course import Exercise
from minicompress.lab.paths import ROOT, SOLUTIONS, TESTS

PATIENCE = 240  # seconds on the clock after which no other explanation is begun
NO_TIME = "There was no time left to try it on the public inputs."
UNEXPLAINED = "The points are final, but the grading was ended before it was explained what is wrong."
SEEDS = 2**31  # a private seed is drawn below this


def grade_one(
    submission: Path,
    out: Path,
    seed: int | None = None,
    exercises: Iterable[str] | None = None,
    format: str = "json",
) -> dict:
    """Grade a folder or a zip file, and write the result to `out`. Return it.

    `exercises` are ids, by default all. Without a seed a private one is drawn. First a valid result without a
    point is written, and at the end replaced in one step: whatever happens, `out` can be read. ValueError: no
    such submission, exercise or format.
    """
    tasks = [course.exercise(key) for key in exercises or course.exercises()]
    seed = secrets.randbelow(SEEDS) if seed is None else seed
    format_named(format)
    if not submission.exists():
        raise ValueError(f"there is no submission {submission}: give a folder or a zip file")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_result(zero_result(submission.stem, seed, tasks), out, format)
    began = time.monotonic()
    digest, grader = digest_of(submission), grader_digest(seed)
    prepared = prepare_all(open_submission(submission), tasks)
    with beginning() as begin:
        verdicts, broken = judge_all(tasks, prepared, seed, begin)
        seconds = time.monotonic() - began
        result = result_of(submission.stem, digest, grader, seed, verdicts, seconds)
        write_result(result | {"complete": False, "message": UNEXPLAINED}, out, format)  # points come first
        explain_all(verdicts, prepared, begin)
    seconds = time.monotonic() - began
    result = result_of(submission.stem, digest, grader, seed, verdicts, seconds)
    if grader != grader_digest(seed):
        broken.append("every exercise: the course was changed while it graded")
    if broken:
        result |= {"complete": False, "message": f"The grader itself broke down in {'; '.join(broken)}"}
    write_result(result, out, format)
    return result


def judge_all(
    tasks: Iterable[Exercise], prepared: dict[str, Prepared], seed: int, begin: Begin
) -> tuple[list[ExerciseVerdict], list[str]]:
    """The verdicts, one after the other, and where the grader itself broke down."""
    verdicts, broken = [], []
    for task in tasks:
        verdict, error = verdict_on(task, prepared[task.id], seed, begin)
        verdict.shape = prepared[task.id].shape
        verdicts.append(verdict)
        broken += [f"{task.id}: {error}"] * bool(error)
    return verdicts, broken


def explain_all(verdicts: Iterable[ExerciseVerdict], prepared: dict[str, Prepared], begin: Begin) -> None:
    """Add to the verdicts on wrong answers what the graders say on public inputs. The points stay.

    What was judged quickly comes first: an answer that hangs cannot take the time of all others.
    """
    began = time.monotonic()
    judged = [verdict for verdict in verdicts if verdict.graders and not verdict.message]
    wrong = [verdict for verdict in judged if not verdict.solved]
    for verdict in sorted(wrong, key=lambda verdict: verdict.seconds):
        if time.monotonic() - began > PATIENCE:
            verdict.public = Explanation(message=NO_TIME)
            continue
        task = course.exercise(verdict.exercise)
        try:
            verdict.public = explain(task, prepared[task.id].source, begin=begin)
        except Exception as error:  # it costs neither points nor the other explanations
            said = f"The grader itself broke down: {type(error).__name__}: {error}"
            verdict.public = Explanation(message=said)


def prepare_all(submission: Submission, tasks: Iterable[Exercise]) -> dict[str, Prepared]:
    """What is to be judged of each exercise, file by file."""
    by_module: dict[str, list[Exercise]] = {}
    for task in tasks:
        by_module.setdefault(task.module, []).append(task)
    prepared = {}
    for module, wanted in by_module.items():
        if module in submission.files:
            prepared |= prepare_file(submission.files[module], wanted)
        else:
            trouble = submission.troubles.get(module, f"{module}.py was not handed in")
            prepared |= {task.id: Prepared("", trouble) for task in wanted}
    return prepared


def verdict_on(task: Exercise, prepared: Prepared, seed: int, begin: Begin) -> tuple[ExerciseVerdict, str]:
    """The verdict, and what broke down in the grader itself: no points, but a teacher has to know."""
    if prepared.trouble:
        return ExerciseVerdict(task.id, task.points, message=prepared.trouble), ""
    try:
        return judge(task, prepared.source, seed, begin=begin), ""
    except Exception as error:
        said = "The grader itself broke down: ask your teacher."
        return ExerciseVerdict(task.id, task.points, message=said), f"{type(error).__name__}: {error}"


def digest_of(submission: Path) -> str:
    """SHA-256 of what is handed in: of the zip file, or of the files that would be read."""
    hashed = hashlib.sha256()
    if submission.is_file():
        with submission.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    read = open_submission(submission)
    for module, content in sorted({**read.files, **read.troubles}.items()):
        content = content.encode() if isinstance(content, str) else content
        hashed.update(f"{module} {len(content)}\n".encode() + content)
    return hashed.hexdigest()


def grader_digest(seed: int) -> str:
    """SHA-256 of what grades: the package, the solutions, the tests, the syllabus, and the seed."""
    places = [ROOT / "minicompress", SOLUTIONS, TESTS / "graders", TESTS / "mutants"]
    files = [ROOT / "course.toml", TESTS / "conftest.py"]
    files += [path for place in places for path in place.rglob("*") if path.suffix in (".py", ".json")]
    hashed = hashlib.sha256(f"{seed}\n".encode())
    for path in sorted(files):
        hashed.update(f"{path.relative_to(ROOT).as_posix()}\n".encode() + path.read_bytes())
    return hashed.hexdigest()


if __name__ == "__main__":
    file = Path(sys.argv[1])
    given = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    grade_one(Path(given["submission"]), Path(given["out"]), given["seed"], given["exercises"])

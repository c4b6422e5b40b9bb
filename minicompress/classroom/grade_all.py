"""Grade a folder of submissions, some at a time, each in a process of its own; go on after a kill."""

import csv
import datetime
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from minicompress.classroom.formats import NBGRADER, nbgrader_row, write_result
from minicompress.classroom.grade import SEEDS, digest_of, grader_digest
from minicompress.classroom.result import FORMAT, zero_result
from minicompress.grading import course
from minicompress.grading.processes import Limits, run_module
from minicompress.lab.files import atomic_write, write_json

LIMITS = Limits(starting=300)  # for a whole submission: each exercise has tighter ones of its own
SEED = ".seed.json"  # the private seed of the class, kept so that a second run goes on with it


def grade_all(
    folder: Path,
    out: Path,
    workers: int | None = None,
    seed: int | None = None,
    exercises: Iterable[str] | None = None,
    say: Callable[[str], object] = print,
) -> list[dict]:
    """Grade every subfolder and zip file of `folder`, which are named like the students. Return the results.

    `out` is a CSV file with nbgrader's columns. Beside it, in a folder of its name, stands a result in JSON
    for each student; what has one already, of the same content by the same graders, is not graded again.
    ValueError: nothing to grade, two submissions of one name, an unknown exercise.
    """
    keys = [course.exercise(key).id for key in exercises or course.exercises()]
    submissions = submissions_in(folder)
    results = out.with_suffix("")
    results.mkdir(parents=True, exist_ok=True)
    seed = class_seed(results / SEED, seed)
    grader = grader_digest(seed)
    graded: dict[str, dict] = {}

    def grade(student: str) -> dict:
        place, submission = results / f"{student}.json", submissions[student]
        try:
            kept = finished(place, digest_of(submission), grader, keys)
            return kept or grade_apart(submission, place, seed, keys)
        except (OSError, ValueError) as error:  # it costs nobody else
            return broken_down(submission, place, seed, keys, str(error))

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        running = {pool.submit(grade, student): student for student in submissions}
        try:
            for number, future in enumerate(as_completed(running), 1):
                student = running[future]
                graded[student] = result = future.result()
                write_csv(out, submissions, graded)
                say(f"{number} of {len(running)}  {line(student, result)}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [graded[student] for student in submissions]


def submissions_in(folder: Path) -> dict[str, Path]:
    """Student -> submission, in order. ValueError when there is none, or when two have one name."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not (path.is_dir() or path.suffix.lower() == ".zip"):
            continue
        student = path.name if path.is_dir() else path.stem
        if student in found:
            raise ValueError(
                f"{folder} holds two submissions of {student}: {found[student].name}, {path.name}"
            )
        found[student] = path
    if not found:
        raise ValueError(f"{folder} holds no submission: a subfolder or a zip file for each student")
    return found


def class_seed(kept: Path, given: int | None) -> int:
    """One private seed for the whole class: the given one, else the one of the last run, else a new one."""
    if given is None and kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))["seed"]
    seed = secrets.randbelow(SEEDS) if given is None else given
    write_json(kept, {"seed": seed})
    return seed


def finished(place: Path, digest: str, grader: str, keys: list[str]) -> dict | None:
    """The result that is there already, if it is whole and of the same content, graders and exercises."""
    try:
        result = json.loads(place.read_text(encoding="utf-8"))
        same = (result["submission"]["sha256"], result["grader"]) == (digest, grader)
        whole = result["format"] == FORMAT and result["complete"] and [*result["exercises"]] == keys
    except (OSError, ValueError, TypeError, LookupError):  # none yet, or none of ours
        return None
    return result if same and whole else None


def grade_apart(submission: Path, place: Path, seed: int, keys: list[str]) -> dict:
    """Grade in a process of its own. When it breaks down or meets a limit, the result has no points."""
    place.unlink(missing_ok=True)
    words = ["minicompress.classroom.grade", str(submission.absolute()), str(place.absolute()), str(seed)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ending = run_module([*words, "json", *keys], Path(folder), LIMITS)
    if ending.code == 0:
        return json.loads(place.read_text(encoding="utf-8"))
    why = f"more {ending.limit.value} than allowed" if ending.limit else f"exit code {ending.code}"
    return broken_down(submission, place, seed, keys, why)


def broken_down(submission: Path, place: Path, seed: int, keys: list[str], why: str) -> dict:
    """Write a result without a point. It is not complete, so the next run tries again."""
    message = f"The grading broke down: {why}"
    result = zero_result(submission.stem, seed, [course.exercise(key) for key in keys], message)
    write_result(result, place, "json")
    return result


def write_csv(out: Path, submissions: dict[str, Path], graded: dict[str, dict]) -> None:
    """The grades so far, in the order of the submissions."""
    with atomic_write(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, NBGRADER)
        table.writeheader()
        for student in filter(graded.get, submissions):
            row = nbgrader_row(graded[student], student, "minicompress", handed_in(submissions[student]))
            table.writerow(row)


def handed_in(submission: Path) -> str:
    """When a submission was last changed, as this machine knows it."""
    saved = datetime.datetime.fromtimestamp(submission.stat().st_mtime, datetime.UTC)
    return saved.strftime("%Y-%m-%d %H:%M:%S")


def line(student: str, result: dict) -> str:
    """What is shown while it runs."""
    return f"{student}: {result['score']} of {result['possible']}  {result['message']}".rstrip()

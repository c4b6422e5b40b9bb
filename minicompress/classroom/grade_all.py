"""Grade a folder of submissions, some at a time, each in a process of its own; go on after a kill."""

import contextlib
import csv
import datetime
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from minicompress.classroom import feedback, summary
from minicompress.classroom.cluster import map_on
from minicompress.classroom.formats import NBGRADER, nbgrader_row, write_result
from minicompress.classroom.grade import SEEDS, UNEXPLAINED, digest_of, grader_digest
from minicompress.classroom.result import FORMAT, zero_result
from minicompress.grading import course
from minicompress.grading.pages import write_page
from minicompress.grading.processes import Limits, run_module
from minicompress.lab.files import atomic_write, write_json

LIMITS = Limits(starting=600)  # for a whole submission: each exercise has tighter ones of its own
SEED = ".seed.json"  # the private seed of the class, kept so that a second run goes on with it


def grade_all(
    folder: Path,
    out: Path,
    workers: int | None = None,
    seed: int | None = None,
    exercises: Iterable[str] | None = None,
    say: Callable[[str], object] = print,
    scheduler: str | None = None,
) -> list[dict]:
    """Grade every subfolder and zip file of `folder`, which are named like the students. Return the results.

    `out` is a CSV file with nbgrader's columns. Beside it stand class.html and class.json, and in a folder of
    its name a result in JSON and a page for each student; what has a result already, of the same content by
    the same graders, is not graded again. `scheduler` is the address of a Dask scheduler, whose workers see
    the submissions under the same paths. ValueError: nothing to grade, two submissions of one name, an
    unknown exercise, no cluster at that address.
    """
    keys = [course.exercise(key).id for key in exercises or course.exercises()]
    submissions = submissions_in(folder)
    results = out.with_suffix("")
    results.mkdir(parents=True, exist_ok=True)
    seed = class_seed(results / SEED, seed)
    work = Work(submissions, results, seed, grader_digest(seed), keys)
    stream = on_cluster(work, scheduler) if scheduler else here(work, workers or os.cpu_count() or 1)
    graded: dict[str, dict] = {}
    with contextlib.closing(stream):
        for number, (student, result) in enumerate(stream, 1):
            graded[student] = result
            write_csv(out, submissions, graded)
            write_page(feedback.as_page(result), results / f"{student}.html")
            say(f"{number} of {len(submissions)}  {line(student, result)}")
    whole = summary.summary_of({student: graded[student] for student in submissions})
    write_json(out.with_name("class.json"), whole)
    write_page(summary.as_page(whole), out.with_name("class.html"))
    return [graded[student] for student in submissions]


class Work(NamedTuple):
    """What is graded, and by what."""

    submissions: dict[str, Path]
    results: Path  # the folder for them
    seed: int
    grader: str  # digest of what grades
    keys: list[str]  # ids of the exercises

    def place(self, student: str) -> Path:
        return self.results / f"{student}.json"

    def kept(self, student: str, digest: str) -> dict | None:
        """The result that is there already."""
        return finished(self.place(student), digest, self.grader, self.keys)

    def broken_down(self, student: str, why: str) -> dict:
        return broken_down(self.submissions[student], self.place(student), self.seed, self.keys, why)


def here(work: Work, workers: int) -> Iterator[tuple[str, dict]]:
    """Student and result, as they are graded on this machine."""

    def grade(student: str) -> dict:
        submission = work.submissions[student]
        try:
            kept = work.kept(student, digest_of(submission))
            return kept or grade_apart(submission, work.place(student), work.seed, work.keys)
        except (OSError, ValueError) as error:  # it costs nobody else
            return work.broken_down(student, str(error))

    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(grade, student): student for student in work.submissions}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def on_cluster(work: Work, address: str) -> Iterator[tuple[str, dict]]:
    """The same on a Dask cluster. Its workers return results; only this process writes them down."""
    tasks, names = {}, {}
    for student, submission in work.submissions.items():
        try:
            digest = digest_of(submission)
            if kept := work.kept(student, digest):
                yield student, kept
                continue
        except (OSError, ValueError) as error:
            yield student, work.broken_down(student, str(error))
            continue
        tasks[student] = str(submission.absolute()), work.seed, work.keys
        names[student] = f"{student}-{digest}-{work.grader}"
    for student, result in map_on(address, grade_remotely, tasks, names) if tasks else ():
        yield student, taken_over(work, student, result)


def grade_remotely(submission: str, seed: int, keys: list[str]) -> dict:
    """What a Dask worker does. It leaves nothing behind, so that it may run twice."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        return grade_apart(Path(submission), Path(name) / "result.json", seed, keys)


def taken_over(work: Work, student: str, result: dict | Exception) -> dict:
    """Write down a result that came from a worker, if it was graded by the same course."""
    if isinstance(result, Exception):
        return work.broken_down(student, f"{type(result).__name__}: {result}")
    if result["grader"] not in ("", work.grader):  # empty: it broke down over there
        return work.broken_down(student, "the worker has another version of the course")
    write_result(result, work.place(student), "json")
    return result


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
    given = {"submission": str(submission.absolute()), "out": str(place.absolute())}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        task = Path(name) / "task.json"
        write_json(task, given | {"seed": seed, "exercises": keys})
        ending = run_module(["minicompress.classroom.grade", str(task)], Path(name), LIMITS)
    if ending.code == 0:
        return json.loads(place.read_text(encoding="utf-8"))
    if scored := unexplained(place):
        return scored
    why = f"more {ending.limit.value} than allowed" if ending.limit else f"exit code {ending.code}"
    return broken_down(submission, place, seed, keys, why)


def unexplained(place: Path) -> dict | None:
    """A result that has all its points, and was ended while it was explained what is wrong."""
    try:
        result = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if result["message"] == UNEXPLAINED else None


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

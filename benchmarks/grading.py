"""Grading a class: `python -m benchmarks.grading [--sample N] [PART ...]` writes `results/grading.json`.

    submission  the reference as a submission: computing, memory and layers, with and without forking
    explained   the same with known wrong answers in ten exercises
    recognised  some of the known wrong answers of each exercise: whether the explanation recognises them
    known       what is known to be right or wrong, judged: the counts, and what was judged otherwise
    scale       grade-all on more and more small submissions

`known` judges some hundred answers, for most of an hour; with `--sample N` it takes N of the wrong answers of
each exercise. It keeps its rows in `out/grading_known.jsonl`: after a kill it goes on there, and it begins
anew when anything that grades has changed.
"""

import argparse
import collections
import contextlib
import functools
import json
import os
import queue
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psutil
from tqdm import tqdm

from benchmarks import common
from minicompress.classroom.forks import beginning
from minicompress.classroom.grade import grader_digest
from minicompress.classroom.grade_all import grade_all
from minicompress.classroom.judging import explain, judge
from minicompress.grading import stubs
from minicompress.grading.assemble import assemble
from minicompress.grading.course import Exercise, exercise, exercises
from minicompress.grading.mistakes import known_mistakes, sections
from minicompress.grading.watch import adopt_orphans
from minicompress.lab.paths import ROOT, SOLUTIONS

LOOK = 0.1  # seconds between two looks at the memory
KEPT = ROOT / "out" / "grading_known.jsonl"
COUNTS, CHEAP = (20, 100, 500), "1.6"  # submissions, and the one exercise that each of them holds
WRONG = ("0.1", "1.1", "1.3", "1.6", "2.1", "3.1", "3.5", "4.2", "5.1", "6.1")  # of every chapter
SAMPLE = 3  # known wrong answers of each exercise that `recognised` explains

# ---------------------------------------------------------------- one submission

GRADE = """
import sys
from pathlib import Path
from minicompress.classroom import forks, grade
forks.CAN_FORK = sys.argv[1] == "forked"
grade.grade_one(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
"""
PROCESSES = {"forked": ("grade", "forking", "judge", "worker"), "anew": ("grade", "judge", "worker")}


def submission() -> dict:
    """Grade the whole reference with judges that are forked, and with judges that are started anew."""
    return {way: graded(SOLUTIONS, way)[0] for way in PROCESSES}


def explained() -> dict:
    """Grade the reference with a known wrong answer in each exercise of WRONG."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in SOLUTIONS.glob("*.py"):
            text = file.read_text(encoding="utf-8")
            for task in map(exercise, WRONG):
                text = with_mistake(text, task) if task.solution == file else text
            (folder / file.name).write_text(text, encoding="utf-8")
        row, result = graded(folder, "forked")
    found = {key: result["exercises"][key]["public"]["misconception"] for key in WRONG}
    right = sum(found[key] == known_mistakes(exercise(key))[0].sentence for key in WRONG)
    return {"wrong": len(WRONG), "recognised": right} | row


def with_mistake(text: str, task: Exercise) -> str:
    """A file of the reference with the first known mistake in the place of what it defines."""
    mistake = known_mistakes(task)[0].source
    for name in stubs.definitions(mistake).keys() & set(task.names):
        text = text.replace(stubs.definitions(text)[name], "")
    return f"{text}\n\n{mistake}"


def recognised() -> dict:
    """Explain SAMPLE of the known wrong answers of each exercise; those of which no misconception is told."""
    every = [case for task in exercises().values() for case in cases(task, SAMPLE) if case.kind == "mutants"]
    sentences = {(task.id, m.name): m.sentence for task in exercises().values() for m in known_mistakes(task)}
    missed = []
    with beginning() as begin:
        for case in tqdm(every, "recognised"):
            told = explain(case.exercise, case.source, begin=begin).misconception
            missed += [case.id] * (told != sentences[case.exercise.id, case.name])
    return {"tried": len(every), "recognised": len(every) - len(missed), "missed": missed}


def graded(submission: Path, way: str) -> tuple[dict, dict]:
    """Points, seconds of computing of all processes and on the clock, memory when it was most; the result."""
    adopt_orphans()  # else nobody would count what they computed
    before, began, peak = computed(), time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        words = [sys.executable, "-c", GRADE, way, submission, out, str(common.SEED)]
        process = psutil.Popen(words, cwd=ROOT)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):  # one of them has just ended
                now = memory(process, len(PROCESSES[way]))
                peak = max(peak, now, key=sum)
            bury(process.pid)
            time.sleep(LOOK)
        wall = time.monotonic() - began
        bury(process.pid)
        result = json.loads(out.read_text(encoding="utf-8"))
    row = {
        "score": result["score"],
        "possible": result["possible"],
        "cpu_seconds": round(computed() - before, 1),
        "wall_seconds": round(wall, 1),
        "load": round(os.getloadavg()[0], 1),  # processes that wanted to compute: the machine is shared
        "peak_mb": {"all": round(sum(peak))} | dict(zip(PROCESSES[way], map(round, peak), strict=True)),
        "layers": layers_of(result),
    }
    return row, result


def computed() -> float:
    """Seconds of computing of all processes that this one has started and buried."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bury(spared: int) -> None:
    """Wait for the orphans that have ended."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if child.pid != spared and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)


def memory(process: psutil.Process, generations: int) -> list[float]:
    """MB of a process, its child, that one's child, ...: what they share counts in parts (PSS).

    Nothing while there are fewer generations.
    """
    found = [process]
    while len(found) < generations and (children := found[-1].children()):
        found.append(children[0])
    return [one.memory_full_info().pss / 1e6 for one in found] if len(found) == generations else []


def layers_of(result: dict) -> dict[str, bool]:
    """Layer -> whether it was in force in every exercise."""
    every = [entry["layers"] for entry in result["exercises"].values()]
    return {layer: all(layers.get(layer) for layers in every) for layer in every[0]}


# ---------------------------------------------------------------- what is known


class Case(NamedTuple):
    """A chapter to judge, and what has to come of it."""

    exercise: Exercise
    kind: str
    name: str
    source: str
    right: bool

    @property
    def id(self) -> str:
        return f"{self.exercise.id} {self.kind} {self.name}"


def cases(task: Exercise, sample: int | None) -> Iterator[Case]:
    """All that is known about one exercise; of the wrong answers only so many, evenly spaced."""
    reference = task.solution.read_text(encoding="utf-8")
    yield Case(task, "reference", "", reference, True)
    yield Case(task, "stubs", "", assemble(task, stubs.stub(task.module, reference)), False)
    for kind, word, right in (("alternatives", "ALTERNATIVE", True), ("mutants", "MUTANT", False)):
        found = sections(task, kind, word)
        step = max(1, len(found) // sample) if sample and not right else 1
        for name, _, source in found[::step][: None if right else sample]:
            yield Case(task, kind, name, assemble(task, source, complete=False), right)


def known(sample: int | None = None) -> dict:
    """Judge all cases that no row is kept of; what came of all of them."""
    every = [case for task in exercises().values() for case in cases(task, sample)]
    digest = grader_digest(common.SEED)
    rows = kept_rows(digest)
    KEPT.parent.mkdir(exist_ok=True)
    workers = os.cpu_count()
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(workers) as pool, KEPT.open("a") as file:
        free = queue.Queue()
        for _ in range(workers):
            free.put(stack.enter_context(beginning()))
        missing = [case for case in every if case.id not in rows]
        judged = pool.map(functools.partial(judged_case, free=free), missing)
        for case, row in zip(missing, tqdm(judged, "known", len(missing)), strict=True):
            rows[case.id] = row
            file.write(json.dumps({"case": case.id, "grader": digest} | row) + "\n")
            file.flush()
    return counts(every, rows) | {"wrong_answers_of_each_exercise": sample or "all"}


def kept_rows(digest: str) -> dict[str, dict]:
    """Case -> its row, of those that were judged by what grades now."""
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.is_file() else []
    rows = {row.pop("case"): row for row in map(json.loads, lines)}
    return {case: row for case, row in rows.items() if row["grader"] == digest}


def judged_case(case: Case, free: queue.Queue) -> dict:
    """Judge one case in the next way to begin that is free."""
    begin = free.get()
    try:
        verdict = judge(case.exercise, case.source, common.SEED, begin=begin)
    finally:
        free.put(begin)
    failed = sum(not grader.passed for grader in verdict.graders)
    said = {"graders": len(verdict.graders), "failed": failed, "message": verdict.message}
    return {"solved": verdict.solved, "seconds": round(verdict.seconds, 1)} | said


def counts(every: list[Case], rows: dict[str, dict]) -> dict:
    """Of each kind how many were judged and how many got full points, and what should not have."""
    found = collections.defaultdict(lambda: {"judged": 0, "full_points": 0})
    for case in every:
        found[case.kind]["judged"] += 1
        found[case.kind]["full_points"] += rows[case.id]["solved"]
    exceptions = [case.id for case in every if rows[case.id]["solved"] != case.right]
    return {**found, "judged_otherwise": exceptions}


# ---------------------------------------------------------------- many submissions


def scale() -> dict:
    """Grade classes of several sizes; each submission holds one exercise."""
    adopt_orphans()
    rows = [graded_class(count) for count in COUNTS]
    return {"exercise": CHEAP, "workers": os.cpu_count(), "rows": rows}


def graded_class(count: int) -> dict:
    """One row: students who all hand in the right answer, in files that differ."""
    task = exercise(CHEAP)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for student in range(count):
            own = folder / "in" / f"student{student:03}"
            own.mkdir(parents=True)
            text = task.solution.read_text(encoding="utf-8")
            (own / task.solution.name).write_text(f"# student {student}\n{text}", encoding="utf-8")
        before, began = computed(), time.monotonic()
        results = grade_all(folder / "in", folder / "out.csv", None, common.SEED, [CHEAP])
        wall = time.monotonic() - began
        bury(os.getpid())
    return {
        "submissions": count,
        "full_points": sum(result["score"] == result["possible"] for result in results),
        "cpu_seconds": round(computed() - before, 1),
        "wall_seconds": round(wall, 1),
        "submissions_per_minute": round(60 * count / wall, 1),
        "load": round(os.getloadavg()[0], 1),
    }


PARTS = {
    "submission": submission,
    "explained": explained,
    "recognised": recognised,
    "known": known,
    "scale": scale,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--sample", type=int, help="wrong answers of each exercise that `known` judges")
    words = parser.parse_args()
    parts = PARTS | {"known": functools.partial(known, words.sample)}
    try:
        common.measure_parts("grading", parts, words.parts)
    except ValueError as error:
        raise SystemExit(f"grading: {error}") from error


if __name__ == "__main__":
    main()

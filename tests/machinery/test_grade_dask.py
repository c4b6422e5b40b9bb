"""Grading on a Dask cluster: nothing is lost when a worker dies, and nothing is graded twice for it."""

import csv
import os
import signal
import sys

import pytest

from minicompress.classroom import cluster
from minicompress.classroom import grade_all as module
from minicompress.classroom.cluster import map_on
from minicompress.classroom.grade_all import Work, grade_all, taken_over
from minicompress.classroom.result import result_of, zero_result
from minicompress.classroom.verdict import ExerciseVerdict
from minicompress.grading import course

STUDENTS = [f"student{number}" for number in range(6)]


@pytest.fixture
def folder(tmp_path):
    """Submissions without an answer: nothing is judged, so that each takes a second."""
    for student in STUDENTS:
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / "metrics.py").write_text(f"# {student}\n", encoding="utf-8")
    return tmp_path / "in"


@pytest.fixture
def two_processes():
    """A cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: the extra [cluster].")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as local:
        yield local


def kill_a_busy_worker(local):
    """End one process of a cluster in the midst of a task, as a machine that fails would."""
    import distributed

    with distributed.Client(local, set_as_default=False) as client:
        numbers = client.run(os.getpid)
        busy = next(worker for worker, keys in client.processing().items() if keys)
        os.kill(numbers[busy], getattr(signal, "SIGKILL", signal.SIGTERM))


def test_a_worker_that_is_killed_costs_no_submission(folder, tmp_path, two_processes):
    said = []

    def say(text):
        if not said:
            kill_a_busy_worker(two_processes)
        said.append(text)

    address = two_processes.scheduler_address
    results = grade_all(folder, tmp_path / "grades.csv", None, 7, ["0.1"], say, address)
    assert all(result["complete"] for result in results) and len(said) == len(STUDENTS)
    messages = {result["exercises"]["0.1"]["message"] for result in results}
    assert messages == {"metrics.py defines no perplexity"}
    with (tmp_path / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert [row["student_id"] for row in csv.DictReader(file)] == STUDENTS


def test_what_is_graded_is_not_sent_to_the_cluster_again(folder, tmp_path, monkeypatch):
    sent = []

    def apart(submission, place, seed, keys):
        verdicts = [ExerciseVerdict(key, course.exercise(key).points, message="wrong") for key in keys]
        digests = module.digest_of(submission), module.grader_digest(seed)
        return result_of(submission.stem, *digests, seed, verdicts, 1.0)

    def graded_there(address, function, tasks, keys):
        sent.append(sorted(tasks))
        yield from ((student, function(*arguments)) for student, arguments in tasks.items())

    monkeypatch.setattr(module, "grade_apart", apart)
    monkeypatch.setattr(module, "map_on", graded_there)
    given = (tmp_path / "grades.csv", None, 7, ["0.1"], len, "tcp://somewhere:8786")
    grade_all(folder, *given)
    (folder / "student3" / "metrics.py").write_text("# better\n", encoding="utf-8")
    grade_all(folder, *given)
    assert sent == [STUDENTS, ["student3"]]


# ------------------------------------------------------------ what a worker brings


@pytest.fixture
def work(tmp_path):
    return Work({"alice": tmp_path / "alice"}, tmp_path, 7, "a" * 64, ["0.1"])


def test_a_worker_with_another_course_is_no_judge(work):
    other = zero_result("alice", 7, [course.exercise("0.1")]) | {"grader": "b" * 64, "complete": True}
    result = taken_over(work, "alice", other)
    assert not result["complete"] and "another version of the course" in result["message"]
    assert work.place("alice").is_file()


def test_a_submission_that_no_worker_can_grade_gets_a_result_without_points(work):
    result = taken_over(work, "alice", RuntimeError("3 workers died"))
    assert not result["complete"] and "RuntimeError: 3 workers died" in result["message"]


# ------------------------------------------------------------ what is missing is said


def test_without_dask_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"install minicompress\[cluster\]"):
        list(map_on("tcp://127.0.0.1:1", print, {"a": ()}, {"a": "a"}))


def test_without_a_scheduler_one_sentence_says_so(monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed: the extra [cluster].")
    monkeypatch.setattr(cluster, "WAIT", 1)
    with pytest.raises(ValueError, match="no Dask scheduler answers at tcp://127.0.0.1:1"):
        list(map_on("tcp://127.0.0.1:1", print, {"a": ()}, {"a": "a"}))

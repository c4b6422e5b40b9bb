"""Judges that are forked from one process: none knows of another, and what one breaks costs no other."""

import ast
import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
import snippets

from minicompress.classroom import forks
from minicompress.classroom.judging import judge
from minicompress.grading import processes
from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise
from minicompress.grading.processes import Limits

pytestmark = pytest.mark.skipif(not forks.CAN_FORK, reason="judges are forked on Linux")
SHORT = Limits(starting=12, memory=2_000_000_000)
RIGHT = snippets.solution_of("1.6", "nm_mask")
SAYS = "def nm_mask(scores, n=2, m=4):\n    import gc, os, sys, types\n    raise ValueError(repr({}))\n"
ENDLESS = "def nm_mask(scores, n=2, m=4):\n    while True:\n        pass\n"


@pytest.fixture(scope="module")
def server():
    server = forks.Server()
    yield server
    server.stop()


@pytest.fixture
def judged(server):
    def judge_text(text: str, limits: Limits = SHORT):
        return judge(exercise("1.6"), assemble(exercise("1.6"), text), 918_273_645, limits, server.begin)

    return judge_text


def said_by(verdict) -> object:
    """What a worker told as a ValueError, from the first grader's message."""
    words = verdict.graders[0].message
    return ast.literal_eval(words[words.index("[") : words.index("]") + 1])


def with_the_mark(server: forks.Server) -> list[int]:
    return [process.pid for process in psutil.process_iter() if processes.marked(process, server.mark)]


def test_one_process_serves_one_exercise_after_the_other(judged, server):
    assert judged(RIGHT).solved
    first = server.process.pid
    assert judged(RIGHT).solved and server.process.pid == first


def test_a_worker_has_no_module_of_the_graders_or_of_the_judge(judged):
    """Chapter, lab and the graders' models are its own copies; the rest of ours is what it runs on."""
    judged(RIGHT)
    ours = "name.startswith(('minicompress.', 'test_', 'conftest', 'solutions'))"
    own = "('minicompress.classroom.', 'minicompress.lab', 'minicompress.pruning', 'test_pruning')"
    strange = f"{ours} and not name.startswith({own}) or name.endswith(('judge', 'remote', 'material'))"
    assert said_by(judged(SAYS.format(f"[name for name in sys.modules if {strange}]"))) == [
        "minicompress.classroom"
    ]


def test_the_process_that_forks_never_had_a_submission_a_solution_a_grader_or_the_seed(judged, server):
    """Its memory is what every worker starts with."""
    judged(RIGHT.replace("scores", "earlier_scores"))
    memory = memory_of(server.process.pid)
    assert b"minicompress.classroom.forking" in memory
    solution = max(RIGHT.splitlines(), key=len).encode()
    assert not [word for word in (b"earlier_scores", b"918273645", solution, b"test_1_6_") if word in memory]


def memory_of(number: int) -> bytes:
    """What a process has written or could have written."""
    content = []
    maps = Path(f"/proc/{number}/maps").read_text().splitlines()
    with open(f"/proc/{number}/mem", "rb") as memory:
        for begin, end in (line.split()[0].split("-") for line in maps if line.split()[1].startswith("rw")):
            memory.seek(int(begin, 16))
            content.append(memory.read(int(end, 16) - int(begin, 16)))
    return b"".join(content)


def test_a_worker_has_the_descriptors_of_its_own_judge_alone(judged):
    """Two lead somewhere: from the judge, and to it."""
    text = f"""def leads_somewhere(n):
    import os
    try:
        return os.fstat(n).st_rdev != os.stat(os.devnull).st_rdev
    except OSError:
        return False

{SAYS.format("[n for n in range(200) if leads_somewhere(n)]")}"""
    assert len(said_by(judged(text))) == 2


def test_after_an_endless_loop_the_next_exercise_is_judged(judged):
    assert judged(ENDLESS, Limits(starting=2, memory=2_000_000_000)).points == 0
    assert judged(RIGHT).solved


def test_of_an_exercise_nothing_is_left_but_the_process_that_forks(judged, server):
    judged("def nm_mask(scores, n=2, m=4):\n    import os\n    os._exit(0)\n")
    assert with_the_mark(server) == [server.process.pid]


def test_when_that_process_is_gone_another_one_starts(judged, server):
    judged(RIGHT)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    assert judged(RIGHT).solved


def test_a_process_that_ends_in_the_middle_gives_no_points_and_leaves_nothing(judged, server):
    judged(RIGHT)

    def kill(process: psutil.Process) -> None:
        while not process.children(recursive=True):
            time.sleep(0.01)
        process.kill()

    killer = threading.Thread(target=kill, args=[server.process], daemon=True)
    killer.start()
    with pytest.raises(RuntimeError, match="has ended"):
        judged(ENDLESS)
    killer.join()
    assert with_the_mark(server) == []
    assert judged(RIGHT).solved


def test_after_the_end_nothing_is_left():
    with forks.beginning() as begin:
        source = assemble(exercise("1.6"), RIGHT)
        judge(exercise("1.6"), source, 7, SHORT, begin)
        server = begin.__self__
        assert with_the_mark(server)
    assert with_the_mark(server) == []


def test_where_the_system_cannot_fork_each_judge_is_started_anew(monkeypatch):
    monkeypatch.setattr(forks, "CAN_FORK", False)
    with forks.beginning() as begin:
        assert begin is forks.anew

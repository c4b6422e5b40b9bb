"""From a learner's file to the module that is graded: the policy, then the exercise's part in the reference.

Both happen in a process with limits: a text can be made to exhaust Python's parser.
"""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from minicompress.classroom.submission import read_plain
from minicompress.grading.course import Exercise
from minicompress.grading.processes import Limits, run_module
from minicompress.lab.files import write_json

LIMITS = Limits(starting=10, memory=1_500_000_000)  # computing seconds for one file, bytes
PREPARED = 100_000_000  # bytes: a text a dozen times, once for each exercise


class Prepared(NamedTuple):
    """An assembled module, or why there is none, in one sentence."""

    source: str
    trouble: str
    shape: str = ""  # of what the learner wrote, to find answers that are alike


def prepare(answer: bytes | str | Path, exercise: Exercise) -> str:
    """The reference module with the learner's part of one exercise: a file, or its content.

    ValueError in one sentence where it cannot be graded.
    """
    content = read_plain(answer, answer.name) if isinstance(answer, Path) else answer
    content = content.encode() if isinstance(content, str) else content
    source, trouble, _ = prepare_file(content, [exercise])[exercise.id]
    if trouble:
        raise ValueError(trouble)
    return source


def prepare_file(content: bytes, exercises: Iterable[Exercise]) -> dict[str, Prepared]:
    """The same for several exercises of one module in one process: id -> what came of it.

    When that process breaks down, it is the file's fault, and costs every exercise of the file.
    """
    tasks = list(exercises)
    name = f"{tasks[0].module}.py"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / name).write_bytes(content)
        write_json(folder / "wanted.json", [task.id for task in tasks])
        words = ["minicompress.classroom.preparing", str(folder), name]
        ending = run_module(words, folder, LIMITS)
        written = folder / "prepared.json"
        if ending.code != 0 or not written.is_file() or written.stat().st_size > PREPARED:
            trouble = f"{name} needs too much time or memory to be read"
            return {task.id: Prepared("", trouble) for task in tasks}
        found = json.loads(written.read_text(encoding="utf-8"))
    return {task.id: Prepared(*found[task.id]) for task in tasks}

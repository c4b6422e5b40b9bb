"""Check and assemble some exercises of one file: `python -m minicompress.classroom.preparing FOLDER FILE`.

It runs in a process with limits, and reads the learner's file as text; none of it is run. The result goes to
FOLDER/prepared.json.
"""

import json
import re
import sys
from pathlib import Path

from minicompress.classroom.policy import check_policy
from minicompress.classroom.prepare import LIMITS, Prepared
from minicompress.classroom.similar import shape
from minicompress.grading.assemble import TOO_DEEP, assemble, read_answer
from minicompress.grading.course import Exercise, exercise, unwritten
from minicompress.grading.watch import limit_resources
from minicompress.lab.files import write_json

# What tells the reference's answers from the given code. In a learner's text it says nothing, and must not be
# taken for the reference's when the answers of other exercises are cut out.
SOLUTION = re.compile(r"### *(?:BEGIN|END) SOLUTION")


def prepared(task: Exercise, file: Path) -> Prepared:
    """One exercise of a file."""
    text = source = trouble = ""
    try:
        text = SOLUTION.sub("", read_answer(file, file.name))
        source = assemble(task, text, file.name)
        if unwritten(task, text) == task.names:
            raise ValueError(f"{' and '.join(task.names)} in {file.name} is still as it was given")
        check_policy(text, task, file.name)
    except ValueError as error:
        trouble = str(error)
    except (RecursionError, MemoryError):
        trouble = f"{file.name}: {TOO_DEEP}"
    except Exception as error:  # nobody thought of it: it costs this exercise, and no other
        trouble = f"{file.name} cannot be checked: {type(error).__name__}: {error}"
    return Prepared("" if trouble else source, trouble, shape(task, text))


if __name__ == "__main__":
    folder, name = Path(sys.argv[1]), sys.argv[2]
    limit_resources(LIMITS.memory, sys.stderr.fileno())
    keys = json.loads((folder / "wanted.json").read_text(encoding="utf-8"))
    write_json(folder / "prepared.json", {key: prepared(exercise(key), folder / name) for key in keys})

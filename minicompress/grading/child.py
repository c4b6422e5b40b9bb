"""Grade one exercise in a process of its own: `python -m minicompress.grading.child ID FILE EVENTS SECONDS
DEVICE SEED`.

Every event is one line of JSON in the file EVENTS, written out at once: what is known when the process is
killed stays.
"""

import faulthandler
import json
import sys
from pathlib import Path
from typing import TextIO

import torch

from minicompress.grading.assemble import assemble
from minicompress.grading.course import exercise as find
from minicompress.grading.graders import run_graders
from minicompress.grading.isolation import isolated, load
from minicompress.grading.mistakes import recognise


def main(key: str, file: str, events: TextIO, seconds: float, device: str, seed: int) -> None:
    exercise = find(key)
    armed_again = False

    def tell(event: dict) -> None:
        nonlocal armed_again
        if "running" in event and not armed_again:  # importing libraries does not count
            faulthandler.dump_traceback_later(seconds, exit=True, file=events)
            armed_again = True
        events.write(json.dumps(event) + "\n")
        events.flush()

    torch.set_num_threads(1)  # graders are small, and the machine may be busy
    faulthandler.dump_traceback_later(seconds, exit=True, file=events)
    result = run_graders(exercise, assemble(exercise, Path(file)), device, seed, tell)
    tell(
        {
            "finished": True,
            "note": trouble_with_the_whole_file(exercise.module, Path(file)) if result.solved else "",
        }
    )
    if not result.solved and not all(
        error.startswith("NotImplementedError") for error in result.failures.values()
    ):
        faulthandler.dump_traceback_later(seconds, exit=True, file=events)
        mistake = recognise(exercise, result, device, seed)
        tell({"mistake": mistake.sentence if mistake else None})
    faulthandler.cancel_dump_traceback_later()


def trouble_with_the_whole_file(module: str, file: Path) -> str:
    """Why a file whose exercise is solved cannot be imported all the same: something else in it is broken.

    Empty when it can.
    """
    try:
        with isolated(module):
            load(module, file.read_text(encoding="utf-8-sig"))
    except (Exception, SystemExit) as error:
        return f"But importing the whole file fails: {type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    with open(sys.argv[3], "a", encoding="utf-8") as log:
        main(sys.argv[1], sys.argv[2], log, float(sys.argv[4]), sys.argv[5], int(sys.argv[6]))

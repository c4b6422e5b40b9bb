"""Grade one exercise in a process of its own: `python -m minicompress.grading.child ID FILE EVENTS SECONDS
MEMORY DEVICE SEED`.

Every event is one line of JSON in the file EVENTS. SECONDS of computing are what each grader may use, and so
may the import of the file, and the search for a known mistake.
"""

import gc

gc.disable()  # what the imports make is no garbage: looking for some costs a third of their time

import contextlib  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402

from minicompress.grading.assemble import assemble, read_answer  # noqa: E402
from minicompress.grading.course import Exercise  # noqa: E402
from minicompress.grading.course import exercise as find  # noqa: E402
from minicompress.grading.graders import run_graders  # noqa: E402
from minicompress.grading.isolation import isolated, load  # noqa: E402
from minicompress.grading.mistakes import recognise  # noqa: E402
from minicompress.grading.watch import Watch, adopt_orphans, leave, limit_resources  # noqa: E402


def main(exercise: Exercise, file: Path, watch: Watch, seconds: float, device: str, seed: int) -> None:
    def tell(event: dict) -> None:
        """Of what the graders tell, only a grader that starts begins something that the learner wrote."""
        watch.tell(event, *([seconds] if "running" in event else []))

    torch.set_num_threads(1)  # graders are small, and the machine may be busy
    with contextlib.suppress(Exception), isolated(exercise.module):  # for the libraries that it needs
        load(exercise.module, exercise.solution.read_text(encoding="utf-8"))
    gc.freeze()
    gc.enable()
    source = assemble(exercise, file)
    watch.tell({"importing": True}, seconds)
    result = run_graders(exercise, source, device, seed, tell)
    watch.tell({"finished": True}, seconds)
    if result.solved:
        watch.tell({"note": trouble_with_the_whole_file(exercise.module, file)})
    else:
        mistake = recognise(exercise, result, device, seed)
        watch.tell({"mistake": mistake.sentence if mistake else ""})


def trouble_with_the_whole_file(module: str, file: Path) -> str:
    """Why a file whose exercise is solved cannot be imported all the same: something else in it is broken.

    Empty when it can.
    """
    try:
        with isolated(module):
            load(module, read_answer(file))
    except BaseException as error:  # SystemExit and the like are none of ours here
        return f"But importing the whole file fails: {type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    key, file, log, seconds, memory, device, seed = sys.argv[1:]
    sys.dont_write_bytecode = False  # pytest rewrites the graders at every check otherwise
    events = os.open(log, os.O_WRONLY | os.O_APPEND)
    adopt_orphans()
    limit_resources(sys.maxsize if device != "cpu" else int(memory), events)  # CUDA maps what it never uses
    main(find(key), Path(file), Watch(events), float(seconds), device, int(seed))
    leave(0)  # at once: threads that the learner left behind would be waited for

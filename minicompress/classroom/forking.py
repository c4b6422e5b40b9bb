"""Fork judges from one process that has imported the libraries: `python -m minicompress.classroom.forking`.

It reads from its stdin the folder of one exercise after the other, and answers with the number of the process
that judges there, later with how that ended. It is trusted, and knows nothing that a worker must not know: it
imports neither reference nor graders, and reads no file in those folders.
"""

import contextlib
import gc
import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path

from minicompress.classroom import start
from minicompress.grading.processes import temporary_in
from minicompress.grading.watch import adopt_orphans

# What a judge imports beside torch: each would do it anew.
USUAL = ("pytest", "hypothesis")


def serve() -> None:
    """Until stdin is closed: fork, wait until the other side has seen the process, and say how it ended."""
    adopt_orphans()
    while folder := sys.stdin.readline().rstrip("\n"):
        if not (child := os.fork()):
            become_judge(Path(folder))
        print(child, flush=True)
        sys.stdin.readline()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        bury()


def bury() -> None:
    """Wait for the workers, which the other side ends now: who else would do it may take a second."""
    with contextlib.suppress(ChildProcessError):  # none is left
        while os.wait():
            pass


def become_judge(folder: Path) -> None:
    """Judge in `folder`, and end. Nothing is left here of what leads to the grading process."""
    code = 1
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        complaints = os.open(folder / "complaints", os.O_WRONLY | os.O_APPEND)
        for descriptor, target in enumerate((nothing, nothing, complaints)):
            os.dup2(target, descriptor)
        os.environ |= temporary_in(folder)
        tempfile.tempdir = None
        start.begin(folder)
        code = 0
    except BaseException:  # a judge never comes back into the loop above
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    start.clean_environment(["minicompress.classroom.forking"])
    start.libraries(models=True)
    for library in USUAL:
        importlib.import_module(library)
    gc.collect()
    gc.freeze()  # so that its memory stays shared with all that it forks
    serve()

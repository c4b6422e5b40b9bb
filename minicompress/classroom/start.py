"""Begin to judge one exercise: `python -m minicompress.classroom.start FOLDER`, which holds a request.json.

The worker is split off as soon as torch is imported, while this process knows nothing yet of the reference
and of the graders; that saves importing torch twice. Where a process cannot be split, it is started anew.
Where processes can be split, this one is split off itself, from that of forking.py.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

from minicompress.classroom.request import Request, Split
from minicompress.grading.processes import MARK
from minicompress.lab.paths import ROOT

KEPT = {MARK, "MINICOMPRESS_SOLUTIONS", "PYTHONUTF8", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "SYSTEMROOT"}
ADDED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "HF_HUB_OFFLINE"), "1")
ANEW = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from minicompress.classroom import worker
worker.main()
"""


def split_off(folder: Path, request: Request) -> Split:
    """A worker in its own folder."""
    for name in ("files", "temporary"):
        (folder / name).mkdir(parents=True)
    here, there = os.pipe(), os.pipe()  # from the worker, to the worker
    words = [str(folder), *map(str, (there[0], here[1], request.seconds, request.memory))]
    if sys.platform == "linux":
        fork(words)
    else:
        start_anew(words, (there[0], here[1]))
    os.close(there[0])
    os.close(here[1])
    return Split(here[0], there[1])


def fork(words: list[str]) -> None:
    if os.fork():
        return
    try:
        from minicompress.classroom import worker

        keep = {int(words[1]), int(words[2])}
        for descriptor in set(map(int, os.listdir("/proc/self/fd"))) - keep - {0, 1, 2}:
            close(descriptor)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        sys.argv = ["worker", *words]
        worker.main()
    finally:
        os._exit(0)


def close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:  # the one by which the folder of descriptors was read
        pass


def start_anew(words: list[str], descriptors: tuple[int, int]) -> None:
    subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", ANEW, str(ROOT), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=descriptors,
    )


def libraries(models: bool) -> None:
    """Import what both judge and worker need."""
    import torch

    from minicompress.classroom import worker  # noqa: F401

    torch.set_num_threads(1)
    if models:
        from transformers import GPT2LMHeadModel, LlamaForCausalLM  # noqa: F401


def clean_environment(words: list[str]) -> None:
    """Begin again as `python -m words...` without what the worker's memory shall not hold."""
    clean = {name: value for name, value in os.environ.items() if name in KEPT} | ADDED
    if sys.platform == "linux" and os.environ.keys() - clean.keys():
        os.execve(sys.executable, [sys.executable, "-m", *words], clean)


def begin(folder: Path) -> None:
    """Judge what stands in `folder`. Who started this process ends the worker, before the report is read."""
    request = Request(**json.loads((folder / "request.json").read_text(encoding="utf-8")))
    (folder / "request.json").unlink()
    libraries(request.transformers)
    worker = split_off(folder / "worker", request)
    random.seed()  # the worker knows how it stood
    from minicompress.classroom import judge

    judge.main(folder, request, worker)


if __name__ == "__main__":
    clean_environment(["minicompress.classroom.start", *sys.argv[1:]])
    begin(Path(sys.argv[1]))

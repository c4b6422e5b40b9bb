"""`python -m minicompress.train distill` on one and on two processes, and after a kill: the same curve of
losses.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from transformers.utils import logging

from minicompress.lab import corpus, paths
from minicompress.lab.paths import ROOT
from minicompress.train.shapes import new_model

pytestmark = pytest.mark.slow
STEPS = 24


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """A tiny random teacher, fp32, and the command to distill its first of two layers, 8 rows of 32 tokens a
    step.
    """
    folder = tmp_path_factory.mktemp("teacher")
    shape = dict(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    logging.disable_progress_bar()
    new_model(shape, seed=1).save_pretrained(folder)
    settings = {
        "steps": STEPS,
        "rows": 8,
        "length": 32,
        "log-every": 1,
        "checkpoint-seconds": 0,
        "precision": "no",
        "start": "random",
        "adam-rate": 0.03,
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    return ["-m", "minicompress.train", "distill", "run", f"--teacher={folder}", "--layers=0", *options]


def start(command: list[str], cache: Path) -> subprocess.Popen:
    """Start a command with a cache folder of its own (but the token arrays of all), one thread a process."""
    cache.mkdir(exist_ok=True)
    for array in paths.cache_folder().glob("stdlib-*.safetensors"):
        if not (cache / array.name).exists():
            (cache / array.name).symlink_to(array)
    environment = os.environ | {
        "MINICOMPRESS_CACHE": str(cache),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen) -> None:
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said[-3000:]


def curve(cache: Path) -> dict[int, float]:
    log = cache / "training" / "run" / "log.jsonl"
    lines = log.read_text().splitlines() if log.is_file() else []
    return {
        record["step"]: record["loss"]
        for record in (json.loads(line) for line in lines if line.endswith("}"))
    }


def test_two_processes_and_a_killed_run_give_the_curve_of_one_process(arguments, tmp_path):
    """Two CPU processes (gloo) with 4 rows each, 124 predicted tokens a process, against one process with all
    8 rows.
    """
    corpus.load_tokens("train", 32)  # so that the processes find the token arrays
    python = [sys.executable]
    launch = [*python, "-m", "accelerate.commands.launch", "--cpu", "--num_processes=2", "--num_machines=1"]
    launch += ["--mixed_precision=no", "--dynamo_backend=no", "--num_cpu_threads_per_process=1"]
    launch += [f"--main_process_port={29500 + os.getpid() % 400}"]
    killed = start(python + arguments, tmp_path / "killed")
    while killed.poll() is None and len(curve(tmp_path / "killed")) < 6:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    reached = len(curve(tmp_path / "killed"))
    assert 0 < reached < STEPS, f"the run was to be killed on its way, but it had done {reached} steps"
    finish(start(python + arguments, tmp_path / "one"))
    resumed = start(python + arguments, tmp_path / "killed")
    finish(resumed)
    finish(start(launch + arguments, tmp_path / "two"))
    one, two, again = (curve(tmp_path / name) for name in ("one", "two", "killed"))
    assert list(one) == list(two) == list(again) == list(range(1, STEPS + 1))
    assert max(one.values()) - min(one.values()) > 0.1, "nothing was learned: this would compare constants"
    assert max(abs(one[step] - two[step]) for step in one) < 1e-4
    assert max(abs(one[step] - again[step]) for step in one) < 1e-6

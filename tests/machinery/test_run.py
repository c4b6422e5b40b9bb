"""The whole pipeline as a user runs it: reproducible to the byte, resumable after a kill, and what is quoted
is what was measured.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import readme
from minicompress.lab.paths import ROOT

QUICK = [sys.executable, "-m", "minicompress.cli", "run", "--quick", "--seed", "3", "--out"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """One uninterrupted quick run."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = subprocess.run([*QUICK, str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def test_a_killed_run_that_is_resumed_gives_the_same_file_as_an_uninterrupted_one(finished, tmp_path):
    """This is also the test that two runs with one seed agree to the byte."""
    out = tmp_path / "out"
    process = subprocess.Popen([*QUICK, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "2-pruned.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (out / "2-pruned.json").exists() and not (out / "ledger.json").exists()
    pruned_at = (out / "2-pruned.safetensors").stat().st_mtime_ns
    done = subprocess.run([*QUICK, str(out), "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (out / "2-pruned.safetensors").stat().st_mtime_ns == pruned_at, "a finished stage was run again"
    for name in ("1-distilled", "2-pruned", "3-fine-tuned", "4-quantized"):
        assert (out / f"{name}.safetensors").read_bytes() == (
            finished / f"{name}.safetensors"
        ).read_bytes(), name
    assert not [path for path in out.iterdir() if path.name.endswith(".tmp")]


def test_the_ledger_has_every_field_for_every_stage(finished):
    ledger = json.loads((finished / "ledger.json").read_text())
    fields = {
        "name", "parameters", "nonzeros", "tensor_bytes_predicted", "tensor_bytes_measured", "header_bytes",
        "manifest_bytes", "file_bytes", "perplexity", "top1_accuracy", "accuracy_kept",
        "accuracy_kept_interval", "tokens_per_second", "peak_memory_bytes", "training",
    }  # fmt: skip
    assert [stage["name"] for stage in ledger["stages"]] == [
        "teacher",
        "distilled",
        "pruned",
        "fine-tuned",
        "quantized",
    ]
    for stage in ledger["stages"]:
        assert fields <= set(stage) and stage["tensor_bytes_predicted"] == stage["tensor_bytes_measured"]
        assert stage["file_bytes"] == (finished / stage["artefact"]).stat().st_size
    teacher = ledger["stages"][0]
    assert teacher["ratio"] == teacher["accuracy_kept"] == 1.0 and teacher["accuracy_kept_interval"] == [
        1.0,
        1.0,
    ]
    assert {"teacher", "artefact", "seed", "versions", "hardware", "context_length"} <= set(ledger)
    assert {row["name"] for row in ledger["baselines"]} >= {"unigram", "trigram"}
    assert ledger["stages"][-1]["ratio"] >= 80 and (finished / "ledger.png").read_bytes()[:4] == b"\x89PNG"


def test_the_compressed_file_runs_alone_in_a_fresh_process(finished, tmp_path):
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((finished / "4-quantized.safetensors").read_bytes())
    words = [sys.executable, "-m", "minicompress.cli", "complete", str(alone), "def close(self):"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("def close(self):") and len(done.stdout) > 30
    on_kernels = subprocess.run([*words, "--kernels"], capture_output=True, text=True, cwd=tmp_path)
    assert on_kernels.returncode == 0 and on_kernels.stdout.startswith("def close(self):")
    alone.write_bytes(alone.read_bytes()[:-50])
    refused = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert (
        refused.returncode == 2
        and "truncated or corrupted" in refused.stderr
        and "Traceback" not in refused.stderr
    )


def test_running_the_pipeline_writes_nothing_that_git_tracks(finished):
    """`finished` wrote elsewhere; the default folder is ignored."""
    ignored = subprocess.run(
        ["git", "check-ignore", "out/ledger.json"], cwd=ROOT, capture_output=True, text=True
    )
    assert ignored.returncode == 0 or not (ROOT / ".git").exists()


def test_the_committed_results_agree_with_the_shipped_files():
    ledger, models = readme.results("ledger"), readme.results("models")
    assert all(
        stage["tensor_bytes_predicted"] == stage["tensor_bytes_measured"] for stage in ledger["stages"]
    )
    assert ledger["held_out_tokens"] >= 100_000 and ledger["context_length"] == 256
    assert (ROOT / "assets" / "teacher" / "model.safetensors").stat().st_size <= 24_000_000
    assert models["half"]["gap_points"] >= 1.0, "the teacher must be worth compressing"
    for row in readme.results("frontier")["rows"]:
        for folder in ("frontier", "baselines"):
            shipped = ROOT / "assets" / folder / f"{row['name']}.safetensors"
            assert not shipped.exists() or shipped.stat().st_size == row["file_bytes"]


def test_no_file_names_this_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".json", ".jsonl", ".lock", ".yml", ""} and path.is_file():
            assert str(Path(os.path.expanduser("~"))) + "/" not in path.read_text(errors="ignore"), name

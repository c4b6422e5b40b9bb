"""Given: a run from disk to disk that is killed, started again, or meets what another run left."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import disk_models
import pytest
import torch

from minicompress.disk import shelf
from minicompress.disk.work import RECORD
from minicompress.lab.paths import ROOT


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return disk_models.saved("llama", tmp_path_factory.mktemp("source") / "tiny")


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """Files that a run without an interruption writes: name -> bytes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    disk_models.compressed(source, out, "sparsegpt")
    return contents(out)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Stop(Exception):
    """Stands for whatever ends a run."""


def stopped_at(block, monkeypatch):
    """Let runs end with `Stop` when they come to write the shard of this block, counted from 0."""
    write = shelf.write_shard

    def write_or_stop(path, tensors):
        if path.name.startswith(f"model-{block + 1:05}-"):
            raise Stop
        write(path, tensors)

    monkeypatch.setattr(shelf, "write_shard", write_or_stop)


def interrupted(source, out, monkeypatch, block=1, method="sparsegpt"):
    """A run that ended after `block` blocks."""
    with monkeypatch.context() as patch:
        stopped_at(block, patch)
        with pytest.raises(Stop):
            disk_models.compressed(source, out, method)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests/machinery")
import disk_models
import torch
from minicompress.disk import shards, shelf, work

torch.set_num_threads(1)
moment, block = sys.argv[3], int(sys.argv[4])
name = {"states": f"hidden-{block + 1:05}", "shard": f"model-{block + 1:05}"}[moment]
save = shards.save_file

def save_half(tensors, path, metadata):
    save(tensors, path, metadata)
    if name in path.name:
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

shards.save_file = save_half
disk_models.compressed(Path(sys.argv[1]), Path(sys.argv[2]), "sparsegpt")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("moment", ["states", "shard"])
def test_killed_in_the_middle_of_a_file_it_goes_on_and_writes_the_same_bytes(
    moment, source, whole, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    words = [sys.executable, "-c", KILLED, str(source), str(out), moment, "1"]
    environment = os.environ | {
        "MINICOMPRESS_SOLUTIONS": "1",
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not out.exists()
    assert list((tmp_path / ".out.partial").glob(".*.tmp"))  # the half of a file, under no name of ours

    read = counted_blocks(monkeypatch)
    disk_models.compressed(source, out, "sparsegpt")
    assert contents(out) == whole
    assert read == [1, 2]  # block 0 was finished
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def counted_blocks(monkeypatch):
    """A list that grows by the number of each block that is held."""
    numbers, holding = [], shelf.DiskShelf.holding

    def counted(self, number, travellers):
        numbers.append(number)
        return holding(self, number, travellers)

    monkeypatch.setattr(shelf.DiskShelf, "holding", counted)
    return numbers


@pytest.mark.parametrize("block", range(disk_models.BLOCKS))
def test_stopped_at_any_block_it_goes_on_and_writes_the_same_bytes(
    block, source, whole, tmp_path, monkeypatch
):
    interrupted(source, tmp_path / "out", monkeypatch, block)
    disk_models.compressed(source, tmp_path / "out", "sparsegpt")
    assert contents(tmp_path / "out") == whole


def test_stopped_before_the_rest_is_written_it_goes_on(source, whole, tmp_path, monkeypatch):
    from minicompress.disk import finish

    with monkeypatch.context() as patch:
        patch.setattr(finish, "write_rest", lambda *_: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            disk_models.compressed(source, tmp_path / "out", "sparsegpt")
    disk_models.compressed(source, tmp_path / "out", "sparsegpt")
    assert contents(tmp_path / "out") == whole


def test_hidden_states_that_a_kill_left_behind_are_not_in_the_result(source, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shelf.WorkFolder, "forget_states", lambda self, number: None)
        disk_models.compressed(source, tmp_path / "out", "sparsegpt")
    assert contents(tmp_path / "out") == whole


# ---------------------------------------------------------------- another command, checkpoint or text


def test_another_setting_is_refused_and_named(source, tmp_path, monkeypatch):
    interrupted(source, tmp_path / "out", monkeypatch)
    with pytest.raises(
        ValueError, match="had another settings.*: give that command again, or remove .*partial"
    ):
        disk_models.compressed(source, tmp_path / "out", "sparsegpt", {"sparsity": 0.6})


def test_another_text_is_refused_and_named(source, tmp_path, monkeypatch):
    interrupted(source, tmp_path / "out", monkeypatch)
    monkeypatch.setattr(disk_models, "batches", lambda: [{"input_ids": torch.ones(1, 5, dtype=torch.int64)}])
    with pytest.raises(ValueError, match="had another text"):
        disk_models.compressed(source, tmp_path / "out", "sparsegpt")


def test_a_checkpoint_that_has_changed_is_refused_and_named(tmp_path, monkeypatch):
    source = disk_models.saved("llama", tmp_path / "tiny")
    interrupted(source, tmp_path / "out", monkeypatch)
    shard = next(source.glob("model-00001-*"))
    os.utime(shard, ns=(0, 0))  # written anew, with the same size and header
    with pytest.raises(ValueError, match="had another checkpoint"):
        disk_models.compressed(source, tmp_path / "out", "sparsegpt")


def test_a_config_that_has_changed_is_refused_and_named(tmp_path, monkeypatch):
    source = disk_models.saved("llama", tmp_path / "tiny")
    interrupted(source, tmp_path / "out", monkeypatch)
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}))
    with pytest.raises(ValueError, match="had another config"):
        disk_models.compressed(source, tmp_path / "out", "sparsegpt")


def test_other_code_of_a_chapter_is_refused_and_named(source, tmp_path, monkeypatch):
    from minicompress.disk import compress

    interrupted(source, tmp_path / "out", monkeypatch)
    monkeypatch.setattr(compress, "code_files", lambda: [source / "config.json"])
    with pytest.raises(ValueError, match="had another code"):
        disk_models.compressed(source, tmp_path / "out", "sparsegpt")


def test_a_run_without_a_finished_block_is_in_nobodys_way(source, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shelf.WorkFolder, "removed_unless_begun", contextlib.nullcontext)  # as after a kill
        interrupted(source, tmp_path / "out", monkeypatch, block=0)
    assert (tmp_path / ".out.partial").exists()
    disk_models.compressed(source, tmp_path / "out", "wanda")
    assert json.loads((tmp_path / "out" / RECORD).read_text())["method"] == "wanda"


def test_an_existing_folder_is_refused_and_stays(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    with pytest.raises(ValueError, match="out exists already"):
        disk_models.compressed(source, tmp_path / "out", "magnitude")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert contents(tmp_path / "out") == {"mine": b"kept"}

"""Given: checkpoints that are incomplete, damaged or of another kind, and full disks: one sentence each."""

import errno
import json
import os
import shutil

import disk_models
import pytest
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from minicompress.disk import finish, shards
from minicompress.disk.shards import INDEX, Checkpoint


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return disk_models.saved("llama", tmp_path_factory.mktemp("source") / "tiny")


@pytest.fixture
def source(pristine, tmp_path):
    """A checkpoint to damage."""
    return shutil.copytree(pristine, tmp_path / "tiny")


def second_shard(source):
    return next(source.glob("model-00002-of-*"))


def refused(source, tmp_path, message, method="wanda"):
    """The run ends with this sentence, and nothing has been written."""
    with pytest.raises(ValueError, match=message) as caught:
        disk_models.compressed(source, tmp_path / "out", method)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists() and not (tmp_path / ".out.partial").exists()


def test_a_missing_shard_is_named(source, tmp_path):
    shard = second_shard(source)
    shard.unlink()
    refused(source, tmp_path, f"the shard {shard.name}, with 15 tensors, is missing")


def test_a_shard_that_was_cut_short_is_named(source, tmp_path):
    shard = second_shard(source)
    os.truncate(shard, shard.stat().st_size - 1)
    refused(source, tmp_path, f"the shard .*{shard.name} is damaged or cut short")


def test_a_shard_that_is_no_safetensors_file_is_named(source, tmp_path):
    second_shard(source).write_bytes(b"<html>not found</html>")
    refused(source, tmp_path, f"{second_shard(source).name} is damaged or cut short")


def test_a_tensor_that_its_shard_lacks_is_named(source, tmp_path):
    shard = second_shard(source)
    tensors = load_file(shard)
    gone = sorted(tensors)[0]
    del tensors[gone]
    save_file(tensors, shard, {"format": "pt"})
    refused(source, tmp_path, f"says that {gone} lies in {shard.name}, but it does not")


def test_an_index_that_is_no_index_is_named(source, tmp_path):
    (source / INDEX).write_text("[]")
    refused(source, tmp_path, f"{INDEX} is damaged")


def test_a_weight_that_no_shard_holds_is_named(source, tmp_path):
    index = json.loads((source / INDEX).read_text())
    name = "model.layers.1.mlp.up_proj.weight"
    shard = source / index["weight_map"].pop(name)
    (source / INDEX).write_text(json.dumps(index))
    tensors = load_file(shard)
    del tensors[name]
    save_file(tensors, shard, {"format": "pt"})
    refused(source, tmp_path, f"no complete LlamaForCausalLM: 1 weights are missing, {name} among them")


def test_a_weight_of_another_shape_is_named(source, tmp_path):
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"intermediate_size": 24}))
    refused(source, tmp_path, r"mlp.* is \[.*32.*\] in the checkpoint, but config.json means \[.*24.*\]")


def test_a_folder_without_safetensors_is_refused(tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "pytorch_model.bin").write_bytes(b"")
    refused(tmp_path / "tiny", tmp_path, "holds no safetensors checkpoint")


def test_an_unknown_architecture_is_refused(source, tmp_path):
    (source / "config.json").write_text(json.dumps({"model_type": "nonesuch"}))
    refused(source, tmp_path, "cannot build the model of .*nonesuch")


def test_a_model_that_brings_its_own_code_is_refused_and_the_code_does_not_run(source, tmp_path):
    own = {"model_type": "mine", "auto_map": {"AutoConfig": "modeling_mine.MyConfig"}}
    (source / "config.json").write_text(json.dumps(own))
    (source / "modeling_mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    refused(source, tmp_path, "cannot build the model of")
    assert not (tmp_path / "ran").exists()


def test_a_missing_config_is_refused(source, tmp_path):
    (source / "config.json").unlink()
    refused(source, tmp_path, "cannot build the model of")


def test_a_model_without_blocks_is_refused(tmp_path):
    source = disk_models.saved("gpt2", tmp_path / "tiny", n_layer=0)
    refused(source, tmp_path, "GPT2LMHeadModel has no list of blocks: nothing to prune")


def test_a_checkpoint_that_is_quantized_already_is_refused(source, tmp_path):
    config = json.loads((source / "config.json").read_text())
    quantized = {"quantization_config": {"quant_method": "compressed-tensors"}}
    (source / "config.json").write_text(json.dumps(config | quantized))
    refused(source, tmp_path, "quantized already")


def test_weights_that_are_no_numbers_end_the_run(source, tmp_path):
    not_a_number(source, "model.layers.1.mlp.up_proj.weight")
    with pytest.raises(ValueError, match="holds 1 NaN values"):
        disk_models.compressed(source, tmp_path / "out", "magnitude")
    assert not (tmp_path / "out").exists() and (tmp_path / ".out.partial").exists()


def test_a_run_that_fails_before_its_first_block_leaves_nothing(source, tmp_path):
    not_a_number(source, "model.layers.0.mlp.up_proj.weight")
    refused(source, tmp_path, "holds 1 NaN values", "magnitude")


def not_a_number(source, name):
    shard = source / json.loads((source / INDEX).read_text())["weight_map"][name]
    tensors = load_file(shard)
    tensors[name][0, 0] = float("nan")
    save_file(tensors, shard, {"format": "pt"})


# ---------------------------------------------------------------- a disk that is full

FULL = [
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    OSError(errno.ENOSPC, "No space left on device"),
]


@pytest.mark.parametrize("error", FULL, ids=["safetensors", "system"])
def test_a_full_disk_is_a_sentence_and_the_run_goes_on_when_there_is_room(
    error, source, tmp_path, monkeypatch
):
    save = shards.save_file

    def save_until_full(tensors, path, metadata):
        save(tensors, path, metadata)
        if "model-00002-" in path.name:
            os.truncate(path, 10)
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(shards, "save_file", save_until_full)
        with pytest.raises(
            OSError, match="cannot write model-00002-of-00004.safetensors.*No space left"
        ) as caught:
            disk_models.compressed(source, tmp_path / "out", "wanda")
    assert "the same command goes on" in str(caught.value)
    partial = tmp_path / ".out.partial"
    assert not (tmp_path / "out").exists() and not list(partial.glob(".*"))  # no half file
    assert [path.name for path in partial.glob("model-*")] == ["model-00001-of-00004.safetensors"]

    disk_models.compressed(source, tmp_path / "out", "wanda")
    disk_models.compressed(source, tmp_path / "again", "wanda")
    for path in (tmp_path / "again").iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_a_disk_that_is_full_at_the_very_end_is_a_sentence_too(source, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(finish, "write_json", full)
        with pytest.raises(
            OSError, match=f"cannot write {INDEX} into .*: No space left .*the same command goes on"
        ):
            disk_models.compressed(source, tmp_path / "out", "magnitude")
    disk_models.compressed(source, tmp_path / "out", "magnitude")


# ---------------------------------------------------------------- what is no damage


def test_tensors_that_the_model_does_not_know_are_copied(source, tmp_path):
    shard = second_shard(source)
    extra = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": load_file(shard).popitem()[1].flatten()[:4].clone()
    }
    save_file(load_file(shard) | extra, shard, {"format": "pt"})
    disk_models.compressed(source, tmp_path / "out", "wanda")
    assert Checkpoint(tmp_path / "out").read(*extra).tolist() == extra.popitem()[1].tolist()


def test_files_of_the_tokenizer_are_copied_and_code_is_not(source, tmp_path):
    (source / "tokenizer.json").write_text("{}")
    (source / "modeling_mine.py").write_text("")
    (source / "optimizer.bin").write_bytes(b"")
    disk_models.compressed(source, tmp_path / "out", "magnitude")
    blocks = [f"model-{n:05}-of-00004.safetensors" for n in range(1, 5)]
    others = [
        "README.md",
        "compression.json",
        "config.json",
        "generation_config.json",
        INDEX,
        "tokenizer.json",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(blocks + others)


def test_the_card_says_what_was_done_and_counts_the_zeros(source, tmp_path):
    result = disk_models.compressed(source, tmp_path / "out", "magnitude", {"pattern": (2, 4)})
    card = (tmp_path / "out" / "README.md").read_text()
    assert "zeros in the stored matrices of the blocks: 50.00%" in card and "stored dense" in card
    assert (result.zeros, result.bytes_after) == (0.5, result.bytes_before)

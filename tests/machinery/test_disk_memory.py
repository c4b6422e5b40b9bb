"""Given: of a model on a disk, never more than one block is in memory, and of the rest what is needed."""

import disk_models
import pytest
import torch

from minicompress.disk.methods import METHODS
from minicompress.disk.shards import Checkpoint
from minicompress.disk.skeleton import fill, let_go, skeleton
from minicompress.lab.calibration import Passage, walk_blocks


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return disk_models.saved("llama", tmp_path_factory.mktemp("source") / "tiny")


def in_memory(model):
    """The parts of the model that have memory: block numbers, and "outside"."""
    names = [name for name, parameter in model.named_parameters() if not parameter.is_meta]
    return {name.split(".")[2] if ".layers." in name else "outside" for name in names}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore:the input covariance")
def test_one_block_at_a_time_is_in_memory(method, source, tmp_path, monkeypatch):
    seen, read, models = [], Checkpoint.read, []
    monkeypatch.setattr(
        disk_models, "skeleton", lambda checkpoint: models.append(skeleton(checkpoint)) or models[-1]
    )

    def watched(self, name):
        seen.append(in_memory(models[0]))
        return read(self, name)

    monkeypatch.setattr(Checkpoint, "read", watched)
    disk_models.compressed(source, tmp_path / "out", method)
    assert {part for parts in seen for part in parts} - {"outside"} == set("012")
    assert all(len(parts) <= 1 for parts in seen)
    assert METHODS[method].calibrated == ({"outside"} in seen)  # only a text needs the embedding
    assert in_memory(models[0]) == set()


def test_the_head_is_never_filled(source, tmp_path, monkeypatch):
    filled, init = [], Passage.__init__

    def watched(self, model, *rest):
        filled.extend(name for name, parameter in model.named_parameters() if not parameter.is_meta)
        init(self, model, *rest)

    monkeypatch.setattr(Passage, "__init__", watched)
    disk_models.compressed(source, tmp_path / "out", "wanda")
    assert set(filled) == {"model.embed_tokens.weight", "model.norm.weight"}


def test_of_the_embedding_only_the_rows_of_the_text_are_filled(source, tmp_path, monkeypatch):
    embeddings, init = [], Passage.__init__

    def watched(self, model, *rest):
        embeddings.append(model.get_input_embeddings().weight)
        init(self, model, *rest)

    monkeypatch.setattr(Passage, "__init__", watched)
    disk_models.compressed(source, tmp_path / "out", "wanda")
    read = torch.cat([batch["input_ids"].flatten() for batch in disk_models.batches()])
    stored = Checkpoint(source).read("model.embed_tokens.weight").float()
    for token in range(disk_models.VOCABULARY):
        assert torch.equal(embeddings[0][token], stored[token] * (token in read))


def test_a_skeleton_reads_no_weights(source, monkeypatch):
    monkeypatch.setattr(Checkpoint, "read", lambda *_: pytest.fail("a weight was read"))
    assert in_memory(skeleton(Checkpoint(source))) == set()


def test_what_was_filled_and_let_go_has_its_shape_but_no_memory(source):
    checkpoint = Checkpoint(source)
    norm = skeleton(checkpoint).model.norm
    fill(norm, {"weight": checkpoint.read("model.norm.weight").float()})
    assert not norm.weight.is_meta
    let_go(norm, ["weight"])
    assert norm.weight.is_meta and norm.weight.shape == (16,)


def test_a_method_that_reads_another_block_is_refused(source, tmp_path, monkeypatch):
    def greedy(model, batches, **settings):
        for _ in walk_blocks(model, batches):
            model.model.layers[-1].mlp.up_proj.weight.sum().item()

    replaced(monkeypatch, greedy)
    with pytest.raises(ValueError, match="reads a block that is not in memory"):
        disk_models.compressed(source, tmp_path / "out", "wanda")


def test_a_method_that_stops_half_way_is_refused(source, tmp_path, monkeypatch):
    def lazy(model, batches, **settings):
        for number, _ in enumerate(walk_blocks(model, batches)):
            if number == 1:
                return

    replaced(monkeypatch, lazy)
    with pytest.raises(ValueError, match="went through 1 of 3 blocks"):
        disk_models.compressed(source, tmp_path / "out", "wanda")
    assert not (tmp_path / "out").exists()


def replaced(monkeypatch, run):
    """Let this be what `wanda` runs."""
    import dataclasses

    monkeypatch.setitem(METHODS, "wanda", dataclasses.replace(METHODS["wanda"], run=run))

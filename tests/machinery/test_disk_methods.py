"""Given: a checkpoint compressed from disk to disk is the model compressed in memory, bit for bit."""

import dataclasses
import json

import disk_models
import pytest
import torch

from minicompress.disk.methods import METHODS, method
from minicompress.disk.shards import Checkpoint
from minicompress.interop.compressed_tensors import pack_layer
from minicompress.lab.calibration import walk_blocks, walk_layers
from minicompress.lab.modules import linear_layers
from minicompress.low_rank import low_rank_decompose, whitened_decompose
from minicompress.pruning import magnitude_mask, matrix, nm_mask, sparsegpt_prune, wanda_prune
from minicompress.quantization import dequantize, quantize_symmetric


def each_matrix(change):
    """In memory: replace every matrix inside the blocks by what `change` makes of it."""

    def run(model, batches):
        for layer in linear_layers(model).values():
            matrix(layer).copy_(change(matrix(layer)))

    return run


def whitened(model, batches):
    for block in walk_blocks(model, batches):
        sums = {}
        for name, x in block.inputs():
            sums[name] = sums.get(name, 0) + x.double().T @ x.double()
        for name, layer in block.layers.items():
            weight = matrix(layer)
            rank = int(weight.numel() * 0.8 / sum(weight.shape))
            weight.copy_(torch.mm(*whitened_decompose(weight, sums[name], rank)))


def of_rank(weight):
    return torch.mm(*low_rank_decompose(weight, int(weight.numel() * 0.8 / sum(weight.shape))))


# (method, options) and the same done to a model in memory by the chapters' functions
RUNS = {
    "magnitude": ({}, each_matrix(lambda weight: weight * magnitude_mask(weight, 0.5))),
    "magnitude 2:4": ({"pattern": (2, 4)}, each_matrix(lambda weight: weight * nm_mask(weight.abs()))),
    "wanda": ({}, lambda model, batches: wanda_prune(model, batches, 0.5)),
    "wanda 2:4": ({"pattern": (2, 4)}, lambda model, batches: wanda_prune(model, batches, 0.5, (2, 4))),
    "sparsegpt": ({"sparsity": 0.7}, lambda model, batches: sparsegpt_prune(model, batches, 0.7)),
    "low-rank": ({}, each_matrix(of_rank)),
    "low-rank-whitened": ({}, whitened),
    "round": (
        {"bits": 4, "group_size": 8},
        each_matrix(lambda weight: dequantize(quantize_symmetric(weight, 4, 8))),
    ),
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Architecture -> the folder of a tiny checkpoint, made when it is first asked for."""
    made = {}

    def checkpoint(name):
        if name not in made:
            made[name] = disk_models.saved(name, tmp_path_factory.mktemp(name))
        return made[name]

    return checkpoint


def test_every_method_is_tested():
    assert {name.split()[0] for name in RUNS} == set(METHODS) - {"quantize"}  # below


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("architecture", disk_models.CONFIGS)
@pytest.mark.filterwarnings("ignore:the input covariance")  # few tokens
def test_it_equals_the_same_in_memory(architecture, run, checkpoints, tmp_path):
    options, in_memory = RUNS[run]
    source = checkpoints(architecture)
    disk_models.compressed(source, tmp_path / "out", run.split()[0], options)

    expected = disk_models.loaded(source)
    with torch.no_grad():
        in_memory(expected, disk_models.batches())
    found = disk_models.loaded(tmp_path / "out", torch.bfloat16).state_dict()
    assert found.keys() == expected.state_dict().keys()
    for name, tensor in expected.state_dict().items():
        assert torch.equal(found[name], tensor.to(torch.bfloat16)), name


@pytest.mark.parametrize("architecture", disk_models.CONFIGS)
def test_names_types_and_shapes_are_the_checkpoints_own(architecture, checkpoints, tmp_path):
    disk_models.compressed(checkpoints(architecture), tmp_path / "out", "magnitude")
    before, after = Checkpoint(checkpoints(architecture)), Checkpoint(tmp_path / "out")
    assert {name: place[1:] for name, place in before.places.items()} == {
        name: place[1:] for name, place in after.places.items()
    }


def test_each_tensor_keeps_its_own_type(tmp_path):
    from safetensors.torch import load_file, save_file

    source = disk_models.saved("llama", tmp_path / "mixed", shard="1GB")
    tensors = load_file(source / "model.safetensors")
    norm = "model.layers.0.input_layernorm.weight"
    tensors[norm] = tensors[norm].float()
    save_file(tensors, source / "model.safetensors", {"format": "pt"})
    disk_models.compressed(source, tmp_path / "out", "wanda")
    places = Checkpoint(tmp_path / "out").places
    assert places[norm].dtype == torch.float32
    assert places["model.layers.1.input_layernorm.weight"].dtype == torch.bfloat16


def test_a_method_can_store_something_else_for_a_weight(checkpoints, tmp_path, monkeypatch):
    def encode(layer, bits, group_size):
        q = quantize_symmetric(matrix(layer), bits, group_size)
        return {"weight_values": q.values, "weight_scale": q.scale}

    own = {"quant_method": "ours"}
    packed = dataclasses.replace(
        METHODS["round"],
        run=lambda model, batches, **settings: list(walk_layers(model)),  # the weights stay as they are
        encode=encode,
        config=lambda model, bits, group_size: own | {"bits": bits},
    )
    monkeypatch.setitem(METHODS, "round", packed)
    source = checkpoints("opt")
    result = disk_models.compressed(source, tmp_path / "out", "round", {"bits": 4})

    name = "decoder.layers.1.fc1"
    before, after = Checkpoint(source), Checkpoint(tmp_path / "out")
    q = quantize_symmetric(before.read(f"{name}.weight").float(), 4)
    assert torch.equal(after.read(f"{name}.weight_values"), q.values)
    assert torch.equal(after.read(f"{name}.weight_scale"), q.scale)
    assert f"{name}.weight" not in after.places and f"{name}.bias" in after.places
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["quantization_config"] == {"quant_method": "ours", "bits": 4}
    assert result.zeros is None and result.bytes_after < result.bytes_before


# ---------------------------------------------------------------- packed integers


@pytest.mark.parametrize("architecture", sorted(set(disk_models.CONFIGS) - {"gpt2"}))
@pytest.mark.parametrize("bits", [4, 8])
def test_quantize_stores_the_integers_packed(architecture, bits, checkpoints, tmp_path):
    disk_models.compressed(checkpoints(architecture), tmp_path / "out", "quantize", {"bits": bits})
    before, after = Checkpoint(checkpoints(architecture)), Checkpoint(tmp_path / "out")
    matrices = [
        name for name in before.places if name.removesuffix("weight") + "weight_packed" in after.places
    ]
    assert len(matrices) == len(linear_layers(disk_models.loaded(checkpoints(architecture))))
    for name in matrices:
        for part, tensor in pack_layer(before.read(name).float(), bits, None).items():
            assert torch.equal(after.read(f"{name.removesuffix('weight')}{part}"), tensor)
        assert name not in after.places


def test_quantize_refuses_what_the_form_does_not_hold(checkpoints, tmp_path):
    with pytest.raises(ValueError, match="is a Conv1D: compressed-tensors packs Linear layers alone"):
        disk_models.compressed(checkpoints("gpt2"), tmp_path / "out", "quantize", {"bits": 4})


@pytest.mark.parametrize("architecture", sorted(set(disk_models.CONFIGS) - {"gpt2"}))
def test_transformers_loads_the_packed_integers(architecture, checkpoints, tmp_path):
    """Its logits are those of the weights rounded in memory."""
    pytest.importorskip("compressed_tensors")
    source = disk_models.saved(architecture, tmp_path / "source", torch.float32)
    disk_models.compressed(source, tmp_path / "out", "quantize", {"bits": 4, "group_size": 8})
    expected, found = disk_models.loaded(source), disk_models.loaded(tmp_path / "out")
    with torch.no_grad():
        for layer in linear_layers(expected).values():
            q = quantize_symmetric(layer.weight, 4, 8)
            layer.weight.copy_(dequantize(q._replace(scale=q.scale.half())))
        tokens = disk_models.batches()[0]["input_ids"]
        assert torch.allclose(found(tokens).logits, expected(tokens).logits, atol=1e-4)


# ---------------------------------------------------------------- the table


def test_a_pattern_says_how_sparse():
    assert method("wanda").settings({"pattern": (1, 4)}) == {"sparsity": 0.75, "pattern": (1, 4)}


def test_an_option_that_was_not_given_has_its_default():
    assert method("quantize").settings({"bits": 4, "group_size": None}) == {"bits": 4, "group_size": None}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("prune", {}, "unknown method 'prune': choose one of magnitude, wanda"),
        ("wanda", {"bits": 4}, "does not take bits: its options are sparsity, pattern"),
        ("magnitude", {"sparsity": 1.5}, r"sparsity must lie in \[0, 1\], got 1.5"),
        ("wanda", {"pattern": (2, 5)}, "the last dimension, 16, is not divisible by m = 5"),
        ("wanda", {"pattern": (2, 4), "sparsity": 0.7}, "prunes 0.5 of a weight, but sparsity is 0.7"),
        ("round", {"bits": 9}, "bits must be an integer in 2..8, got 9"),
        ("quantize", {"bits": 3}, "3"),
        ("quantize", {"group_size": 12}, "group_size must divide the 16 inputs of model.layers.0.*, got 12"),
        ("low-rank", {"share": 0.0}, r"share must lie in \(0, 1\], got 0.0"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(name, options, message, checkpoints, tmp_path):
    with pytest.raises(ValueError, match=message):
        disk_models.compressed(checkpoints("llama"), tmp_path / "out", name, options)
    assert not list(tmp_path.iterdir())

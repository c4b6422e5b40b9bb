"""Given: what a compressed file holds, its manifest, its size, and what is refused when it is read."""

import copy
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from minicompress.low_rank import convert_to_low_rank
from minicompress.pipeline import (
    checksum,
    file_bytes,
    load_compressed,
    measure,
    predicted_bytes,
    quantize_model,
    save_compressed,
)
from minicompress.pruning import apply_mask, magnitude_mask, nm_mask


def prune_24(model):
    for block in model.model.layers:
        for layer in (block.self_attn.q_proj, block.mlp.up_proj, block.mlp.down_proj):
            apply_mask(layer, nm_mask(layer.weight.detach().abs()))
    return model


def low_rank(model):
    convert_to_low_rank(model, 5)
    return model


def prune_low_rank(model):
    for block in model.model.layers:
        for layer in (block.self_attn.q_proj.U, block.mlp.up_proj.V):
            apply_mask(layer, magnitude_mask(layer.weight.detach(), 0.7))
    return model


def in_storage_types(model):
    """The in-memory model rounded to what is stored: floats to fp16 and back."""
    model = copy.deepcopy(model)
    for tensor in {
        tensor.data_ptr(): tensor for tensor in model.state_dict().values() if tensor.is_floating_point()
    }.values():
        tensor.copy_(tensor.half().float())
    return model


MAKERS = {
    "dense": lambda model: model,
    "pruned": prune_24,
    "int8": lambda model: quantize_model(model, 8, 8),
    "int4 groups": lambda model: quantize_model(model, 4, 4, group_size=16),
    "pruned int4": lambda model: quantize_model(prune_24(model), 4, 4),
    "low-rank": lambda model: low_rank(model),
    "low-rank pruned": lambda model: prune_low_rank(low_rank(model)),
    "low-rank int4": lambda model: quantize_model(low_rank(model), 4, 4),
    "pruned ternary": lambda model: quantize_model(prune_24(model), 2, 3),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_the_reloaded_logits_equal_the_rounded_models_exactly(llama, tokens, tmp_path, maker):
    model = MAKERS[maker](llama)
    path = tmp_path / "model.safetensors"
    save_compressed(model, path)
    again = load_compressed(path).to(tokens.device)
    with torch.no_grad():
        assert (
            again(input_ids=tokens).logits - in_storage_types(model)(input_ids=tokens).logits
        ).abs().max() == 0


@pytest.mark.parametrize("maker", ["dense", "int8", "int4 groups", "low-rank", "low-rank int4"])
def test_gpt2_with_its_transposed_layers_and_biases(gpt2, tokens, tmp_path, maker):
    model = MAKERS[maker](gpt2)
    save_compressed(model, tmp_path / "model.safetensors")
    again = load_compressed(tmp_path / "model.safetensors").to(tokens.device)
    assert not again.training, "a loaded model is in eval mode"
    with torch.no_grad():
        assert (
            again(input_ids=tokens).logits - in_storage_types(model)(input_ids=tokens).logits
        ).abs().max() == 0


@pytest.mark.parametrize("maker", MAKERS)
def test_predicted_bytes_equal_measured_bytes(llama, tmp_path, maker):
    model = MAKERS[maker](llama)
    save_compressed(model, tmp_path / "model.safetensors")
    predicted = predicted_bytes(model)
    assert predicted == file_bytes(tmp_path / "model.safetensors")[0]
    assert predicted == sum(
        tensor.numel() * tensor.element_size()
        for tensor in load_file(tmp_path / "model.safetensors").values()
    )


def test_generates_with_a_cache_after_loading(llama, tokens, tmp_path):
    save_compressed(quantize_model(llama, 4, 4), tmp_path / "model.safetensors")
    model = load_compressed(tmp_path / "model.safetensors").to(tokens.device)
    settings = dict(max_new_tokens=5, do_sample=False, pad_token_id=0, attention_mask=torch.ones_like(tokens))
    assert torch.equal(
        model.generate(tokens, use_cache=True, **settings),
        model.generate(tokens, use_cache=False, **settings),
    )


def test_loading_leaves_the_random_state_alone(llama, tmp_path):
    save_compressed(llama, tmp_path / "model.safetensors")
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    load_compressed(tmp_path / "model.safetensors")
    assert torch.equal(torch.rand(2), expected)


def test_refuses_truncated_corrupted_and_foreign_files(llama, tmp_path):
    path = tmp_path / "model.safetensors"
    save_compressed(llama, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match="truncated or corrupted"):
        load_compressed(path)
    flipped = bytearray(whole)
    flipped[-7] ^= 0x40
    path.write_bytes(flipped)
    with pytest.raises(ValueError, match="checksum"):
        load_compressed(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="not written by save_compressed"):
        load_compressed(path)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(ValueError, match="no readable safetensors"):
        load_compressed(path)
    with pytest.raises(ValueError, match="no file"):
        load_compressed(tmp_path / "absent.safetensors")


def read_parts(path):
    """(header without its checksum, tensors) of a compressed file, as they stand there."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["minicompress"])
    header.pop("sha256")
    return header, load_file(path)


def write_parts(path, header, tensors):
    """Write a file whose checksum is right, whatever it holds."""
    signed = header | {"sha256": checksum(header, tensors)}
    save_file(tensors, path, {"minicompress": json.dumps(signed)})


@pytest.mark.parametrize("maker", MAKERS)
def test_the_manifest_describes_every_layer_that_is_not_plain_fp16(llama, tmp_path, maker):
    path = tmp_path / "model.safetensors"
    save_compressed(MAKERS[maker](llama), path)
    header, tensors = read_parts(path)
    encoded = {name for name, tensor in tensors.items() if tensor.dtype == torch.uint8}
    assert header["manifest"]["encoded"].keys() == encoded
    assert set(header["manifest"]["low_rank"].values()) == ({5} if "low-rank" in maker else set())


def test_a_layer_is_described_by_its_encoding_its_shape_and_its_groups(llama, tmp_path):
    path = tmp_path / "model.safetensors"
    save_compressed(quantize_model(llama, 4, 8, group_size=16), path)
    layers = read_parts(path)[0]["manifest"]["encoded"]
    assert layers["model.layers.0.mlp.up_proj"] == ["int4", [64, 32], 16]
    assert layers["model.embed_tokens"] == ["int8", [50, 32]], "one scale a row: no group size"


def test_refuses_a_missing_tensor_and_a_missing_layer_by_name(llama, tmp_path):
    path = tmp_path / "model.safetensors"
    save_compressed(llama, path)
    header, tensors = read_parts(path)
    without = {name: tensor for name, tensor in tensors.items() if name != "model.norm.weight"}
    write_parts(path, header, without)
    with pytest.raises(ValueError, match="model.norm.weight"):
        load_compressed(path)
    write_parts(path, header | {"config": header["config"] | {"num_hidden_layers": 3}}, tensors)
    with pytest.raises(ValueError, match="layers.2"):
        load_compressed(path)


@pytest.mark.parametrize(
    "change",
    [{"num_attention_heads": 5}, {"hidden_size": "x"}, {"hidden_size": -96}, {"model_type": "nonsense"}],
)
def test_refuses_a_configuration_that_makes_no_model(llama, tmp_path, change):
    """The checksum is right, and the library has an error of another type for each."""
    path = tmp_path / "model.safetensors"
    save_compressed(llama, path)
    header, tensors = read_parts(path)
    write_parts(path, header | {"config": header["config"] | change}, tensors)
    with pytest.raises(ValueError):
        load_compressed(path)


@pytest.mark.parametrize("entry", ["3", "[]", "null", "{"])
def test_refuses_a_header_that_is_no_mapping(llama, tmp_path, entry):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path, {"minicompress": entry})
    with pytest.raises(ValueError, match="no readable|not written by"):
        load_compressed(path)


def test_refuses_a_head_that_is_tied_but_differs(llama, tmp_path):
    llama.lm_head.weight = torch.nn.Parameter(llama.lm_head.weight + 1)
    with pytest.raises(ValueError, match="ties lm_head.weight"):
        save_compressed(llama, tmp_path / "model.safetensors")


def test_two_weights_in_one_storage_are_both_saved(llama, tokens, tmp_path):
    mlp = llama.model.layers[0].mlp
    both = torch.cat([mlp.gate_proj.weight.data, mlp.up_proj.weight.data])
    mlp.gate_proj.weight.data, mlp.up_proj.weight.data = both[:64], both[64:]
    save_compressed(llama, tmp_path / "model.safetensors")
    again = load_compressed(tmp_path / "model.safetensors").to(tokens.device)
    assert torch.equal(again(input_ids=tokens).logits, in_storage_types(llama)(input_ids=tokens).logits)


def test_a_record_counts_bytes_and_weights(llama, tmp_path):
    path = tmp_path / "model.safetensors"
    record = measure("pruned", prune_24(llama), path, lambda model: {"perplexity": 7.0})
    assert (record["name"], record["artefact"], record["perplexity"]) == ("pruned", path.name, 7.0)
    assert record["tensor_bytes_predicted"] == record["tensor_bytes_measured"]
    assert record["file_bytes"] == record["tensor_bytes_measured"] + record["header_bytes"]
    total = sum(parameter.numel() for parameter in llama.parameters())
    pruned = 2 * (32 * 32 + 2 * 32 * 64) // 2  # two layers, half of q_proj, up_proj and down_proj
    assert (record["parameters"], record["nonzeros"]) == (total, total - pruned)


def test_what_is_measured_was_read_from_the_file(llama, tmp_path):
    seen = []
    measure("teacher", llama, tmp_path / "model.safetensors", lambda model: seen.append(model) or {})
    weight = seen[0].model.norm.weight
    assert torch.equal(weight, weight.half().float())

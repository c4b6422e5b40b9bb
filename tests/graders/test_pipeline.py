"""Chapter 05: one file out, and the ledger."""

import copy
import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from minicompress.low_rank import convert_to_low_rank
from minicompress.pipeline import (
    FORMAT,
    checksum,
    compress,
    file_bytes,
    load_compressed,
    predicted_bytes,
    quantize_model,
    save_compressed,
)  # fmt: skip
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
def test_5_4_the_reloaded_logits_equal_the_rounded_models_exactly(llama, tokens, tmp_path, maker):
    model = MAKERS[maker](llama)
    path = tmp_path / "model.safetensors"
    save_compressed(model, path)
    again = load_compressed(path).to(tokens.device)
    with torch.no_grad():
        assert (
            again(input_ids=tokens).logits - in_storage_types(model)(input_ids=tokens).logits
        ).abs().max() == 0


@pytest.mark.parametrize("maker", ["dense", "int8", "int4 groups", "low-rank", "low-rank int4"])
def test_5_4_gpt2_with_its_transposed_layers_and_biases(gpt2, tokens, tmp_path, maker):
    model = MAKERS[maker](gpt2)
    save_compressed(model, tmp_path / "model.safetensors")
    again = load_compressed(tmp_path / "model.safetensors").to(tokens.device)
    assert not again.training, "a loaded model is in eval mode"
    with torch.no_grad():
        assert (
            again(input_ids=tokens).logits - in_storage_types(model)(input_ids=tokens).logits
        ).abs().max() == 0


@pytest.mark.parametrize("maker", MAKERS)
def test_5_4_predicted_bytes_equal_measured_bytes(llama, tmp_path, maker):
    model = MAKERS[maker](llama)
    save_compressed(model, tmp_path / "model.safetensors")
    predicted = predicted_bytes(model)
    assert predicted == file_bytes(tmp_path / "model.safetensors")[0]
    assert predicted == sum(
        tensor.numel() * tensor.element_size()
        for tensor in load_file(tmp_path / "model.safetensors").values()
    )


def test_5_4_the_same_model_gives_the_same_bytes(llama, tmp_path):
    quantize_model(llama, 4, 4)
    save_compressed(llama, tmp_path / "a.safetensors")
    save_compressed(load_compressed(tmp_path / "a.safetensors"), tmp_path / "b.safetensors")
    same = (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert same, "the same model must give the same bytes: no time, no path, one metadata entry"


def test_5_4_the_header_is_sorted_and_holds_what_the_model_needs_and_nothing_of_this_machine(llama, tmp_path):
    llama.config._name_or_path = "/home/somebody/model"
    save_compressed(llama, str(tmp_path / "model.safetensors"))  # a path may be a string, too
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        header = json.loads(file.metadata()["minicompress"])
    config = header["config"]
    assert set(header) == {"format", "config", "manifest", "sha256"}
    assert header["format"] == FORMAT
    unwanted = sorted({"transformers_version", "dtype", "_name_or_path"} & set(config))
    assert not unwanted, f"these change with the machine or the library's version, leave them out: {unwanted}"
    assert set(config) <= set(llama.config.to_diff_dict()), (
        "only what differs from the defaults is stored (to_diff_dict)"
    )
    assert list(header) == sorted(header) and list(config) == sorted(config), (
        "the JSON is sorted, so that equal models give equal bytes"
    )
    assert load_compressed(str(tmp_path / "model.safetensors")).config.vocab_size == 50


def test_5_4_generates_with_a_cache_after_loading(llama, tokens, tmp_path):
    save_compressed(quantize_model(llama, 4, 4), tmp_path / "model.safetensors")
    model = load_compressed(tmp_path / "model.safetensors").to(tokens.device)
    settings = dict(max_new_tokens=5, do_sample=False, pad_token_id=0, attention_mask=torch.ones_like(tokens))
    assert torch.equal(
        model.generate(tokens, use_cache=True, **settings),
        model.generate(tokens, use_cache=False, **settings),
    )


def test_5_4_loading_leaves_the_random_state_alone(llama, tmp_path):
    save_compressed(llama, tmp_path / "model.safetensors")
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    load_compressed(tmp_path / "model.safetensors")
    assert torch.equal(torch.rand(2), expected)


def test_5_4_refuses_truncated_corrupted_and_foreign_files(llama, tmp_path):
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


def test_5_4_the_checksum_covers_the_whole_header(llama, tmp_path):
    path = tmp_path / "model.safetensors"
    save_compressed(quantize_model(llama, 4, 4), path)
    header, tensors = read_parts(path)
    write_parts(path, header, tensors)
    load_compressed(path)
    wrong = {"config": header["config"] | {"rope_theta": 3.0}, "manifest": {"encoded": {}, "low_rank": {}}}
    for key, value in wrong.items():
        signed = header | {"sha256": checksum(header, tensors)} | {key: value}
        save_file(tensors, path, {"minicompress": json.dumps(signed)})
        with pytest.raises(ValueError, match="checksum"):
            load_compressed(path)


@pytest.mark.parametrize("maker", MAKERS)
def test_5_4_the_manifest_describes_every_layer_that_is_not_plain_fp16(llama, tmp_path, maker):
    path = tmp_path / "model.safetensors"
    save_compressed(MAKERS[maker](llama), path)
    header, tensors = read_parts(path)
    encoded = {name for name, tensor in tensors.items() if tensor.dtype == torch.uint8}
    assert header["manifest"]["encoded"].keys() == encoded
    assert set(header["manifest"]["low_rank"].values()) == ({5} if "low-rank" in maker else set())


def test_5_4_a_layer_is_described_by_its_encoding_its_shape_and_its_groups(llama, tmp_path):
    path = tmp_path / "model.safetensors"
    save_compressed(quantize_model(llama, 4, 8, group_size=16), path)
    layers = read_parts(path)[0]["manifest"]["encoded"]
    assert layers["model.layers.0.mlp.up_proj"] == ["int4", [64, 32], 16]
    assert layers["model.embed_tokens"] == ["int8", [50, 32]], "one scale a row: no group size"


def test_5_4_refuses_a_missing_tensor_and_a_missing_layer_by_name(llama, tmp_path):
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
def test_5_4_refuses_a_configuration_that_makes_no_model(llama, tmp_path, change):
    """The checksum is right, and the library has an error of another type for each."""
    path = tmp_path / "model.safetensors"
    save_compressed(llama, path)
    header, tensors = read_parts(path)
    write_parts(path, header | {"config": header["config"] | change}, tensors)
    with pytest.raises(ValueError):
        load_compressed(path)


@pytest.mark.parametrize("entry", ["3", "[]", "null", "{"])
def test_5_4_refuses_a_header_that_is_no_mapping(llama, tmp_path, entry):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path, {"minicompress": entry})
    with pytest.raises(ValueError, match="no readable|not written by"):
        load_compressed(path)


def test_5_4_refuses_a_head_that_is_tied_but_differs(llama, tmp_path):
    llama.lm_head.weight = torch.nn.Parameter(llama.lm_head.weight + 1)
    with pytest.raises(ValueError, match="ties lm_head.weight"):
        save_compressed(llama, tmp_path / "model.safetensors")


def test_5_4_two_weights_in_one_storage_are_both_saved(llama, tokens, tmp_path):
    mlp = llama.model.layers[0].mlp
    both = torch.cat([mlp.gate_proj.weight.data, mlp.up_proj.weight.data])
    mlp.gate_proj.weight.data, mlp.up_proj.weight.data = both[:64], both[64:]
    save_compressed(llama, tmp_path / "model.safetensors")
    again = load_compressed(tmp_path / "model.safetensors").to(tokens.device)
    assert torch.equal(again(input_ids=tokens).logits, in_storage_types(llama)(input_ids=tokens).logits)


def test_5_4_refuses_numbers_beyond_fp16(llama, tmp_path):
    llama.model.norm.weight.data[3] = 1e5
    with pytest.raises(ValueError, match="model.norm.weight holds 100000"):
        save_compressed(llama, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_5_4_a_failed_save_leaves_the_old_file(llama, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save_compressed(llama, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(
        os, "replace", full
    )  # the last step fails: what was written so far must not be left behind
    try:
        save_compressed(llama, path)
    except OSError:
        assert path.read_bytes() == before, "the old file was destroyed"
    else:
        pytest.fail(
            "the file must be written beside the old one and renamed over it (os.replace) when it is complete"
        )
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


# ------------------------------------------------------------ 5.5


def test_5_5_the_ledger_has_the_teacher_first_and_every_stage_measured(llama, tokens, tmp_path):
    student = copy.deepcopy(llama)
    seen = []

    def evaluate(model):
        seen.append(model)
        return {"perplexity": float(len(seen))}

    ledger = compress(
        llama,
        student,
        [("pruned", prune_24), ("quantized", lambda model: quantize_model(model, 4, 4))],
        evaluate,
        tmp_path,
    )
    assert [record["name"] for record in ledger] == ["teacher", "pruned", "quantized"]
    assert [record["perplexity"] for record in ledger] == [1.0, 2.0, 3.0]
    for model in seen:
        floats = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
        assert all(torch.equal(tensor, tensor.half().float()) for tensor in floats), (
            "what is measured is what was read from the file"
        )
    assert torch.equal(
        student.model.layers[0].mlp.up_proj.weight, llama.model.layers[0].mlp.up_proj.weight
    ), "the student is modified"
    for record in ledger:
        assert record["tensor_bytes_predicted"] == record["tensor_bytes_measured"]
        assert (
            record["tensor_bytes_measured"] + record["header_bytes"]
            == record["file_bytes"]
            == (tmp_path / record["artefact"]).stat().st_size
        )
    assert ledger[0]["ratio"] == 1.0, "the teacher's own fp16 file is the baseline"
    wanted = ledger[0]["file_bytes"] / ledger[2]["file_bytes"]
    assert ledger[2]["ratio"] == wanted > 2.5, (
        f"the ratio is the teacher's file over this one, in bytes: {wanted:.2f}, got {ledger[2]['ratio']:.2f}"
    )
    assert [record["artefact"] for record in ledger] == [
        "0-teacher.safetensors",
        "1-pruned.safetensors",
        "2-quantized.safetensors",
    ]
    total = sum(parameter.numel() for parameter in llama.parameters())
    pruned = 2 * (32 * 32 + 2 * 32 * 64) // 2  # two layers, half of q_proj, up_proj and down_proj
    assert [record["parameters"] for record in ledger] == [total] * 3
    assert [record["nonzeros"] for record in ledger[:2]] == [total, total - pruned]


def test_5_5_the_first_stage_gets_the_student_and_missing_folders_are_made(llama, tmp_path):
    student, received = copy.deepcopy(llama), []
    student.model.norm.weight.data.fill_(0.5)
    compress(
        llama,
        student,
        [("a", lambda model: received.append(model) or model)],
        lambda model: {},
        tmp_path / "new" / "folder",
    )
    assert (received[0].model.norm.weight == 0.5).all(), (
        "the first stage works on a copy of the student, not of the teacher"
    )


def test_5_5_each_stage_gets_the_reloaded_model_of_the_stage_before(llama, tmp_path):
    received = []

    def look(model):
        received.append(model)
        return model

    compress(llama, copy.deepcopy(llama), [("a", look), ("b", look)], lambda model: {}, tmp_path)
    assert received[1] is not received[0], "the second stage got the model in memory, not the reloaded one"
    weight = received[1].model.embed_tokens.weight
    assert torch.equal(weight, weight.half().float()), "what the second stage gets has been through the file"


def test_5_5_finished_stages_are_not_run_again(llama, tmp_path):
    calls = []

    def stage(name, fail=False):
        def run(model):
            calls.append(name)
            if fail:
                raise KeyboardInterrupt
            return model

        return name, run

    with pytest.raises(KeyboardInterrupt):
        compress(llama, copy.deepcopy(llama), [stage("a"), stage("b", fail=True)], lambda model: {}, tmp_path)
    ledger = compress(llama, copy.deepcopy(llama), [stage("a"), stage("b")], lambda model: {}, tmp_path)
    assert calls == ["a", "b", "b"] and len(ledger) == 3, "a finished stage was run again"
    assert json.loads((tmp_path / "1-a.json").read_text()) == ledger[1]
    (tmp_path / "1-a.safetensors").unlink()
    compress(llama, copy.deepcopy(llama), [stage("a"), stage("b")], lambda model: {}, tmp_path)
    assert calls == ["a", "b", "b", "a"], "a record without its file is no finished stage: run it again"


@pytest.mark.parametrize("names", [[], ["a", "a"], ["teacher"]])
def test_5_5_refuses_stages_without_clear_names(llama, tmp_path, names):
    with pytest.raises(ValueError, match="stages"):
        compress(llama, llama, [(name, lambda model: model) for name in names], lambda model: {}, tmp_path)

"""Chapter 06: one file out, and the ledger."""

import contextlib
import copy
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from minicompress.grading.expect import expect_close, expect_equal, refused
from minicompress.low_rank import convert_to_low_rank
from minicompress.pipeline import (
    FORMAT,
    checksum,
    compress,
    load_compressed,
    manifest_of,
    quantize_model,
    read_file,
    save_compressed,
    stored_tensors,
)
from minicompress.pruning import apply_mask, nm_mask

FILE = "model.safetensors"


def pruned(model):
    for block in model.model.layers:
        apply_mask(block.mlp.up_proj, nm_mask(block.mlp.up_proj.weight.detach().abs()))
    return model


def low_rank(model):
    convert_to_low_rank(model, 5)
    return model


def in_storage_types(model):
    """The in-memory model rounded to what is stored: floats to fp16 and back."""
    model = copy.deepcopy(model)
    for tensor in {
        tensor.data_ptr(): tensor for tensor in model.state_dict().values() if tensor.is_floating_point()
    }.values():
        tensor.copy_(tensor.half().float())
    return model


def metadata(path):
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def header_of(path):
    return json.loads(metadata(path)["minicompress"])


def check_round_trip(model, tokens, path):
    """What is read computes exactly what the rounded model computes."""
    save_compressed(model, path)
    again = load_compressed(path).to(tokens.device)
    with torch.no_grad():
        got, expected = again(input_ids=tokens).logits, in_storage_types(model)(input_ids=tokens).logits
    expect_equal(got, expected, "the loaded model computes exactly what the rounded one does (logits)")


# ------------------------------------------------------------ 6.1


def test_6_1_the_one_metadata_entry_is_a_header_of_four_parts(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    expect_equal(list(metadata(tmp_path / FILE)), ["minicompress"], "there is one metadata entry")
    parts = sorted(header_of(tmp_path / FILE))
    expect_equal(parts, ["config", "format", "manifest", "sha256"], "these are the keys of the JSON")
    expect_equal(header_of(tmp_path / FILE)["format"], FORMAT, "the format is FORMAT")


def test_6_1_stores_what_stored_tensors_gives(llama, tmp_path):
    quantize_model(llama, 4, 4)
    save_compressed(llama, tmp_path / FILE)
    expect_equal(
        load_file(tmp_path / FILE), stored_tensors(llama), "the file's tensors are stored_tensors(model)"
    )


def test_6_1_the_manifest_is_manifest_of_the_model(llama, tmp_path):
    quantize_model(llama, 4, 4)
    save_compressed(llama, tmp_path / FILE)
    expect_equal(
        header_of(tmp_path / FILE)["manifest"], manifest_of(llama), "the manifest is manifest_of(model)"
    )


def test_6_1_the_checksum_covers_the_rest_of_the_header_and_the_tensors(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    header = header_of(tmp_path / FILE)
    said = header.pop("sha256")
    computed = checksum(header, load_file(tmp_path / FILE))
    expect_equal(said[:8], computed[:8], "sha256 is the checksum of the three other keys and the tensors")


def test_6_1_the_configuration_holds_nothing_of_this_machine(llama, tmp_path):
    llama.config._name_or_path = "/home/somebody/model"
    save_compressed(llama, tmp_path / FILE)
    config = header_of(tmp_path / FILE)["config"]
    unwanted = sorted({"transformers_version", "dtype", "_name_or_path"} & set(config))
    expect_equal(unwanted, [], "what changes with the machine or the library's version is left out")
    expect_equal(config["vocab_size"], 50, "the configuration says what differs from the defaults")
    more = sorted(set(config) - set(llama.config.to_diff_dict()))
    expect_equal(more, [], "only what differs from the defaults is stored: to_diff_dict()")


def test_6_1_the_json_is_sorted(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    header = header_of(tmp_path / FILE)
    for part in (header, header["config"], header["manifest"]):
        assert list(part) == sorted(part), "the JSON is sorted, so that equal models give equal bytes"


def test_6_1_the_same_model_gives_the_same_bytes(llama, tmp_path):
    quantize_model(llama, 4, 4)
    save_compressed(llama, tmp_path / "a.safetensors")
    save_compressed(load_compressed(tmp_path / "a.safetensors"), tmp_path / "b.safetensors")
    same = (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert same, "the same model gives the same bytes: no time, no path, sorted JSON"


def test_6_1_a_loaded_model_is_in_eval_mode(llama, tmp_path):
    save_compressed(llama.train(), tmp_path / FILE)
    training = [name for name, part in load_compressed(tmp_path / FILE).named_modules() if part.training]
    expect_equal(training, [], "the loaded model is in eval mode, every part of it")


def test_6_1_a_loaded_model_is_fp32(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    types = {tensor.dtype for tensor in load_compressed(tmp_path / FILE).state_dict().values()}
    expect_equal(types, {torch.float32}, "the loaded numbers are fp32")


def test_6_1_masks_are_baked_in(llama, tokens, tmp_path):
    check_round_trip(pruned(llama), tokens, tmp_path / FILE)


@pytest.mark.parametrize(
    "make",
    [
        lambda model: model,
        lambda model: quantize_model(model, 4, 4, group_size=16),
        lambda model: quantize_model(low_rank(pruned(model)), 2, 3),
    ],
    ids=["dense", "int4 groups", "pruned low-rank ternary"],
)
def test_6_1_the_loaded_model_computes_what_the_rounded_one_does(llama, tokens, tmp_path, make):
    check_round_trip(make(llama), tokens, tmp_path / FILE)


def test_6_1_stores_gpt2_with_its_transposed_layers_and_biases(gpt2, tokens, tmp_path):
    check_round_trip(quantize_model(gpt2, 8, 8), tokens, tmp_path / FILE)


def test_6_1_a_path_may_be_a_string(llama, tmp_path):
    save_compressed(llama, str(tmp_path / FILE))
    expect_equal(load_compressed(str(tmp_path / FILE)).config.vocab_size, 50, "a path may be a string, too")


def test_6_1_refuses_a_file_that_is_not_there(tmp_path):
    with refused(rule="a missing file is a ValueError"):
        load_compressed(tmp_path / "absent.safetensors")


def test_6_1_refuses_a_truncated_file(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-100])
    with refused(rule="a truncated file is a ValueError"):
        load_compressed(tmp_path / FILE)


def test_6_1_refuses_a_flipped_bit(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    flipped = bytearray((tmp_path / FILE).read_bytes())
    flipped[-7] ^= 0x40
    (tmp_path / FILE).write_bytes(flipped)
    with refused(rule="a file whose checksum does not match is a ValueError"):
        load_compressed(tmp_path / FILE)


def test_6_1_refuses_a_changed_header(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    header = header_of(tmp_path / FILE)
    header["config"]["rope_theta"] = 3.0
    save_file(load_file(tmp_path / FILE), tmp_path / FILE, {"minicompress": json.dumps(header)})
    with refused(rule="the checksum covers the configuration, too"):
        load_compressed(tmp_path / FILE)


@pytest.mark.parametrize(
    "entries",
    [
        None,
        {"minicompress": '{"format": "another"}'},
        {"minicompress": "3"},
        {"minicompress": "[1, 2]"},
        {"minicompress": "{"},
        {"another": "{}"},
    ],
)
def test_6_1_refuses_a_file_of_another_format(tmp_path, entries):
    save_file({"weight": torch.zeros(2)}, tmp_path / FILE, entries)
    with refused(rule="a safetensors file of another format is a ValueError"):
        load_compressed(tmp_path / FILE)


def test_6_1_refuses_a_file_that_is_no_safetensors_file(tmp_path):
    (tmp_path / FILE).write_bytes(b"\x80\x04pickle")
    with refused(rule="a file that is no safetensors file is a ValueError"):
        load_compressed(tmp_path / FILE)


def test_6_1_read_file_gives_the_header_without_its_checksum(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    header = header_of(tmp_path / FILE)
    header.pop("sha256")
    got = read_file(tmp_path / FILE)[0]
    expect_equal(sorted(got), sorted(header), "the header has the keys config, format and manifest")
    expect_equal(got, header, "the header is the JSON of the metadata entry")


def test_6_1_read_file_gives_the_tensors_as_they_are_stored(llama, tmp_path):
    save_compressed(quantize_model(llama, 4, 4), tmp_path / FILE)
    stored, tensors = load_file(tmp_path / FILE), read_file(tmp_path / FILE)[1]
    expect_equal(sorted(tensors), sorted(stored), "the tensors have the names that stand in the file")
    types = {name: tensor.dtype for name, tensor in tensors.items()}
    expect_equal(types, {name: tensor.dtype for name, tensor in stored.items()}, "no tensor is converted")
    expect_equal(tensors, stored, "the tensors are those of the file")


def rewritten(path, tensors=None, **changes):
    """Write the file anew with other keys in its header; None takes one out. The old checksum stays."""
    tensors, header = tensors or load_file(path), header_of(path) | changes
    header = {key: value for key, value in header.items() if value is not None}
    save_file(tensors, path, {"minicompress": json.dumps(header)})


def test_6_1_a_file_of_another_format_is_refused_though_its_checksum_is_right(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    rest = {"config": {}, "format": "another", "manifest": {}}
    rewritten(tmp_path / FILE, **rest, sha256=checksum(rest, load_file(tmp_path / FILE)))
    with refused(rule="another format than FORMAT is a ValueError, however right its checksum is"):
        read_file(tmp_path / FILE)


def test_6_1_a_file_without_checksum_is_refused(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    rewritten(tmp_path / FILE, sha256=None)
    with refused(rule="a header without sha256 is a ValueError"):
        read_file(tmp_path / FILE)


def test_6_1_a_tensor_of_another_name_is_noticed(llama, tmp_path):
    save_compressed(llama, tmp_path / FILE)
    tensors = load_file(tmp_path / FILE)
    tensors["another"] = tensors.pop(min(tensors))
    rewritten(tmp_path / FILE, tensors)
    with refused(rule="a changed file is a ValueError: here a tensor has another name"):
        read_file(tmp_path / FILE)


def test_6_1_nothing_is_written_when_a_number_is_too_large_for_fp16(llama, tmp_path):
    llama.model.norm.weight.data[3] = 1e5
    with refused():
        save_compressed(llama, tmp_path / FILE)
    expect_equal(os.listdir(tmp_path), [], "nothing is written when the model cannot be stored")


def test_6_1_a_failed_save_leaves_the_old_file(llama, tmp_path, monkeypatch):
    """The last step fails, the renaming: what was written so far must not be left behind."""
    save_compressed(llama, tmp_path / FILE)
    before = (tmp_path / FILE).read_bytes()

    def full(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(os, "rename", full)
    failed = False
    try:
        save_compressed(llama, tmp_path / FILE)
    except OSError:
        failed = True
    assert failed, (
        "the file is written under a temporary name and renamed over the old one when it is complete"
    )
    kept = (tmp_path / FILE).is_file() and (tmp_path / FILE).read_bytes() == before
    assert kept, "a save that fails leaves the old file as it was"
    expect_equal(os.listdir(tmp_path), [FILE], "a save that fails leaves no temporary file")


# ------------------------------------------------------------ 6.2


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def nothing(model):
    """An evaluation that measures nothing."""
    return {}


def same(model):
    """A stage that changes nothing."""
    return model


def halve(model):
    """A stage that changes the model it is given, in place."""
    with torch.no_grad():
        model.model.norm.weight.div_(2)
    return model


def run(llama, stages, out, evaluate=nothing):
    """The pipeline with a student whose final norm is 1 everywhere."""
    student = copy.deepcopy(llama)
    student.model.norm.weight.data.fill_(1.0)
    return compress(llama, student, stages, evaluate, out)


def counted(*names):
    """Stages that change nothing, and the list of those that were run."""
    ran = []
    return [(name, lambda model, name=name: ran.append(name) or model) for name in names], ran


def test_6_2_the_ledger_has_the_teacher_first_and_then_every_stage(llama, out):
    ledger = run(llama, [("a", same), ("b", same)], out)
    names = [record["name"] for record in ledger]
    expect_equal(names, ["teacher", "a", "b"], "the teacher's record is the first, then one for each stage")


def test_6_2_each_stage_leaves_a_numbered_file_and_its_record(llama, out):
    ledger = run(llama, [("a", same)], out)
    wanted = ["0-teacher.json", "0-teacher.safetensors", "1-a.json", "1-a.safetensors"]
    expect_equal(
        sorted(os.listdir(out)), wanted, "each stage leaves its file and its record, the teacher as 0"
    )
    artefacts = [record["artefact"] for record in ledger]
    expect_equal(
        artefacts, ["0-teacher.safetensors", "1-a.safetensors"], "a record names its file, without folder"
    )
    on_disk = json.loads((out / "1-a.json").read_text())
    expect_equal(sorted(on_disk), sorted(ledger[1]), "the record on the disk holds all that the ledger holds")
    expect_equal(on_disk, ledger[1], "the ledger holds what stands in the records")


def test_6_2_the_ratio_is_the_teachers_file_over_this_one(llama, out):
    ledger = run(llama, [("a", pruned), ("b", lambda model: quantize_model(model, 4, 4))], out)
    sizes = [(out / record["artefact"]).stat().st_size for record in ledger]
    expect_equal(ledger[0]["ratio"], 1.0, "the teacher's own fp16 file is the baseline")
    rule = "the ratio is the teacher's file_bytes over this record's"
    expect_close([record["ratio"] for record in ledger], [sizes[0] / size for size in sizes], rule)


def test_6_2_a_record_holds_what_evaluate_says_of_the_reloaded_model(llama, out):
    seen = []
    ledger = run(llama, [("a", same)], out, lambda model: seen.append(model) or {"perplexity": 7.0})
    expect_equal(
        [record.get("perplexity") for record in ledger], [7.0, 7.0], "a record holds what evaluate returned"
    )
    for model in seen:
        weight = model.model.embed_tokens.weight.detach()
        expect_equal(
            weight, weight.half().float(), "what is evaluated is what was read from the file, rounded to fp16"
        )


def test_6_2_the_first_stage_gets_the_student(llama, out):
    got = []
    run(llama, [("a", lambda model: got.append(model.model.norm.weight.tolist()[0]) or model)], out)
    expect_equal(got, [1.0], "the first stage gets a copy of the student, not of the teacher")


def test_6_2_the_student_is_not_modified(llama, out):
    student = copy.deepcopy(llama)
    student.model.norm.weight.data.fill_(1.0)
    compress(llama, student, [("a", halve)], nothing, out)
    expect_equal(
        student.model.norm.weight.tolist()[0], 1.0, "the student is not modified: the stages get a copy"
    )


def test_6_2_the_teacher_is_not_modified(llama, out):
    llama.model.norm.weight.data.fill_(3.0)
    run(llama, [("a", halve)], out)
    expect_equal(llama.model.norm.weight.tolist()[0], 3.0, "the teacher is not modified")


def test_6_2_the_stages_build_on_each_other(llama, out):
    run(llama, [("a", halve), ("b", halve), ("c", halve)], out)
    last = load_compressed(out / "3-c.safetensors").model.norm.weight.tolist()[0]
    expect_equal(last, 0.125, "each stage works on what the stage before left (three times halved)")


def test_6_2_each_stage_gets_the_reloaded_model_of_the_stage_before(llama, out):
    received = []
    look = lambda model: received.append(model) or model  # noqa: E731
    run(llama, [("a", look), ("b", look)], out)
    assert received[1] is not received[0], (
        "a stage gets the reloaded model of the stage before, not the one in memory"
    )
    weight = received[1].model.embed_tokens.weight.detach()
    expect_equal(
        weight, weight.half().float(), "what a stage gets has been through the file of the stage before"
    )


def test_6_2_missing_folders_are_made(llama, out):
    run(llama, [("a", same)], str(out / "new" / "folder"))
    assert (out / "new" / "folder" / "1-a.json").is_file(), (
        "`out` is made with its parents, a string or a path"
    )


def test_6_2_a_finished_stage_is_not_run_again(llama, out):
    run(llama, [("a", same)], out)
    stages, ran = counted("a", "b")
    ledger = run(llama, stages, out)
    expect_equal(ran, ["b"], "a stage that left its file and its record is not run again")
    expect_equal(
        [record["name"] for record in ledger], ["teacher", "a", "b"], "finished stages stand in the ledger"
    )


def test_6_2_the_teacher_is_not_measured_again(llama, out):
    run(llama, [("a", same)], out)
    before = (out / "0-teacher.safetensors").stat().st_mtime_ns
    run(llama, [("a", same)], out)
    after = (out / "0-teacher.safetensors").stat().st_mtime_ns
    unchanged = after == before
    assert unchanged, "the teacher's finished record is not made again either"


def test_6_2_after_a_finished_stage_comes_the_model_of_its_file(llama, out):
    run(llama, [("a", halve)], out)
    run(llama, [("a", halve), ("b", halve)], out)
    last = load_compressed(out / "2-b.safetensors").model.norm.weight.tolist()[0]
    expect_equal(last, 0.25, "the stage after a finished one gets the model of its file (twice halved)")


@pytest.mark.parametrize("missing", ["1-a.safetensors", "1-a.json"])
def test_6_2_a_stage_without_its_file_or_its_record_is_run_again(llama, out, missing):
    run(llama, [("a", same)], out)
    (out / missing).unlink()
    stages, ran = counted("a")
    with contextlib.suppress(ValueError, OSError):  # what is read is not there
        run(llama, stages, out)
    expect_equal(ran, ["a"], f"a stage is finished when it left both: without {missing} it is run again")


def test_6_2_a_stage_that_fails_leaves_the_finished_ones(llama, out):
    def fail(model):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(llama, [("a", same), ("b", fail)], out)
    assert (out / "1-a.json").is_file(), "a record is written as soon as its stage is finished"
    assert not (out / "2-b.json").is_file(), "a stage that failed leaves no record"


def test_6_2_records_are_written_all_or_nothing(llama, out, monkeypatch):
    renamed = []

    def watched(rename):
        return lambda source, target, **more: (
            renamed.append(Path(target).name) or rename(source, target, **more)
        )

    monkeypatch.setattr(os, "replace", watched(os.replace))
    monkeypatch.setattr(os, "rename", watched(os.rename))
    run(llama, [("a", same)], out)
    rule = "a record is written under a temporary name and renamed (write_json): a kill leaves no half of one"
    was_renamed = "1-a.json" in renamed
    assert was_renamed, rule


def test_6_2_refuses_stages_without_clear_names(llama, out):
    for names in ([], ["a", "a"], ["teacher"]):
        with refused():
            compress(llama, llama, [(name, same) for name in names], nothing, out)

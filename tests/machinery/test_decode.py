"""Given: the fast decoder writes what the library writes."""

import copy

import pytest
import torch

from minicompress.job.decode import LlamaDecoder, dequantize_model, greedy, side_by_side
from minicompress.lab.kernels import Int4Linear
from minicompress.pipeline import quantize_model
from minicompress.quantization import QuantizedLinear


def test_a_dequantized_model_computes_what_the_quantized_one_does(llama, tokens):
    model = quantize_model(llama, 4, 4, group_size=16)
    with torch.no_grad():
        before = model(input_ids=tokens).logits
        after = dequantize_model(model)(input_ids=tokens).logits
    assert torch.allclose(before, after, atol=1e-5)
    assert model.lm_head.weight is model.model.embed_tokens.weight, (
        "tied weights stay tied: one copy in memory"
    )


def test_the_decoders_logits_are_the_models_with_a_prompt_at_once_and_token_by_token(llama, tokens):
    llama, row = llama.cpu(), tokens[0].cpu()
    decoder = LlamaDecoder(llama, len(row))
    with torch.no_grad():
        wanted = llama(input_ids=row[None]).logits[0]  # [T, V]
        assert torch.allclose(decoder.step(row[:7]), wanted[6], atol=1e-4)
        for place in range(7, len(row)):
            assert torch.allclose(decoder.step(row[place : place + 1]), wanted[place], atol=1e-4)


def test_greedy_writes_what_generate_writes(llama, tokens):
    llama, row = llama.cpu(), tokens[0].cpu()
    wanted = llama.generate(
        row[None],
        attention_mask=torch.ones_like(row[None]),
        max_new_tokens=9,
        do_sample=False,
        eos_token_id=-1,
    )
    assert greedy(llama, row.tolist(), 9) == wanted[0, len(row) :].tolist()


def test_another_kind_of_model_and_an_empty_prompt_are_refused(llama, gpt2):
    with pytest.raises(ValueError, match="gpt2"):
        greedy(gpt2, [1], 1)
    with pytest.raises(ValueError, match="empty"):
        greedy(copy.deepcopy(llama), [], 1)


@pytest.mark.parametrize(("bits", "group_size"), [(8, None), (4, 32), (8, 16)])
def test_a_quantized_model_is_decoded_with_its_integers_or_where_no_kernel_takes_them_densely(
    bits, group_size, llama, tokens
):
    model, row = quantize_model(llama.cpu(), bits, 8, group_size), tokens[0].cpu()
    with torch.no_grad():
        wanted = model(input_ids=row[None]).logits[0, -1]
        found = LlamaDecoder(model, len(row)).step(row)
    assert (found - wanted).abs().max() <= 0.05 * wanted.abs().max()


def test_products_that_read_the_same_input_are_computed_at_once_by_one_kernel():
    layers = [QuantizedLinear.from_linear(torch.nn.Linear(32, 16, bias=False), 4, 32) for _ in range(3)]
    joined, x = side_by_side(layers), torch.randn(2, 32)
    assert isinstance(joined, Int4Linear) and joined.out_features == 48
    assert torch.allclose(joined(x), torch.cat([layer(x) for layer in layers], -1), atol=0.05)

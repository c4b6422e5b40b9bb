"""Given: grids and training on them."""

import pytest
import torch

from minicompress.lab import qat
from minicompress.lab.modules import linear_layers
from minicompress.pruning import nm_mask
from minicompress.quantization import dequantize, quantize_symmetric


@pytest.mark.parametrize("grid", [grid for grid in qat.GRIDS if not grid.startswith("clip")])
def test_grids_change_nothing_the_second_time(grid):
    once = qat.GRIDS[grid].nearest(torch.randn(6, 16))
    torch.testing.assert_close(qat.GRIDS[grid].nearest(once), once)


def test_grids_are_exactly_what_quantize_symmetric_stores():
    for grid, bits in (("sign24", 2), ("ternary", 2), ("int4", 4), ("clip3", 3), ("clip4", 4)):
        on_grid = qat.GRIDS[grid].nearest(torch.randn(6, 16))
        torch.testing.assert_close(dequantize(quantize_symmetric(on_grid, bits)), on_grid, rtol=1e-6, atol=0)


def test_clipping_rounds_a_normal_row_better_than_its_largest_weight_does():
    weight = torch.randn(50, 96)
    errors = [(qat.GRIDS[grid].nearest(weight) - weight).pow(2).mean().item() for grid in ("clip3", "int3")]
    assert errors[0] < 0.8 * errors[1]


def test_sign24_keeps_the_places_of_nm_mask():
    weight = torch.randn(6, 16)
    assert torch.equal(qat.sign24_grid(weight) != 0, nm_mask(weight.abs()))


def test_fake_quantization_trains_the_weights_behind_the_grid_and_keeps_ties(llama, tokens):
    embedding, head = llama.get_input_embeddings(), llama.get_output_embeddings()
    qat.train_on_grid([embedding, head], "ternary")
    qat.train_on_grid(list(linear_layers(llama).values()), "sign24")
    logits = llama(input_ids=tokens).logits
    logits.sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in llama.parameters()
    )
    qat.bake_fake_quantize(llama)
    assert embedding.weight is head.weight and all(len(row.unique()) <= 3 for row in embedding.weight)
    torch.testing.assert_close(llama(input_ids=tokens).logits, logits)


def test_dropping_fake_quantization_gives_the_full_precision_weights_back(llama):
    before = llama.model.layers[0].mlp.up_proj.weight.detach().clone()
    qat.train_on_grid(list(linear_layers(llama).values()), "int4")
    assert not torch.equal(llama.model.layers[0].mlp.up_proj.weight, before)
    qat.drop_fake_quantize(llama)
    assert torch.equal(llama.model.layers[0].mlp.up_proj.weight, before)

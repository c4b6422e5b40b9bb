"""Given: finding things in a model."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from minicompress.lab.modules import check_layer, is_conv1d, linear_layers, owners
from minicompress.pruning import apply_mask, wanda_prune


def test_linear_layers_leaves_out_embeddings_and_the_head(llama, gpt2):
    assert len(linear_layers(llama)) == 2 * 7 and len(linear_layers(gpt2)) == 2 * 4
    names = [*linear_layers(llama), *linear_layers(gpt2)]
    assert not [name for name in names if "head" in name or "embed" in name or "wte" in name]


def test_a_model_without_blocks_is_refused():
    with pytest.raises(ValueError, match="Sequential"):
        linear_layers(nn.Sequential(nn.Linear(2, 2)))


def test_masked_layers_are_still_found(llama, gpt2):
    for model in (llama, gpt2):
        before = linear_layers(model)
        for layer in before.values():
            apply_mask(layer, torch.ones_like(layer.weight, dtype=torch.bool))
        assert linear_layers(model) == before


def test_a_masked_conv1d_is_a_conv1d_and_a_masked_linear_is_not(llama, gpt2):
    conv1d, linear = gpt2.transformer.h[0].mlp.c_fc, llama.model.layers[0].mlp.up_proj
    assert is_conv1d(conv1d) and not is_conv1d(linear)
    for layer in (conv1d, linear):
        apply_mask(layer, torch.ones_like(layer.weight, dtype=torch.bool))
    assert is_conv1d(conv1d) and not is_conv1d(linear)


def twice_masked(layer):
    for _ in range(2):
        apply_mask(layer, torch.ones_like(layer.weight, dtype=torch.bool))


def of_norm_and_mask(layer):
    parametrizations.weight_norm(layer)
    apply_mask(layer, torch.ones_like(layer.weight, dtype=torch.bool))


@pytest.mark.parametrize("change", [twice_masked, parametrizations.weight_norm, of_norm_and_mask])
def test_a_parametrized_conv1d_is_a_conv1d(gpt2, change):
    found = linear_layers(gpt2)
    for layer in found.values():
        change(layer)
    assert all(is_conv1d(layer) for layer in found.values()) and linear_layers(gpt2) == found


def test_a_masked_conv1d_is_told_to_bake_its_mask_before_it_loses_channels(gpt2):
    layer = gpt2.transformer.h[0].mlp.c_fc
    apply_mask(layer, torch.ones_like(layer.weight, dtype=torch.bool))
    with pytest.raises(ValueError, match="bake_masks"):
        check_layer(layer)


def test_owners_finds_tied_weights_and_is_not_fooled_by_other_references(llama):
    weight = llama.model.layers[0].mlp.up_proj.weight
    named, optimizer = dict(llama.named_parameters()), torch.optim.SGD(llama.parameters(), lr=0.1)
    assert len(owners(weight)) == 1 and len(owners(llama.lm_head.weight)) == 2
    assert named and optimizer


def test_a_masked_model_is_not_pruned_in_vain(llama, tokens):
    """Its weights are computed anew at each use: zeros written into them would be lost."""
    layer = llama.model.layers[0].mlp.up_proj
    apply_mask(layer, torch.ones_like(layer.weight, dtype=torch.bool))
    with pytest.raises(ValueError, match="bake_masks"):
        wanda_prune(llama, [{"input_ids": tokens}])

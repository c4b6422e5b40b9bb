"""Given: finding things in a model."""

import pytest
import torch
from torch import nn

from minicompress.lab.modules import linear_layers, owners


def test_linear_layers_leaves_out_embeddings_and_the_head(llama, gpt2):
    assert len(linear_layers(llama)) == 2 * 7 and len(linear_layers(gpt2)) == 2 * 4
    assert not [
        name
        for name in [*linear_layers(llama), *linear_layers(gpt2)]
        if "head" in name or "embed" in name or "wte" in name
    ]
    with pytest.raises(ValueError, match="Sequential"):
        linear_layers(nn.Sequential(nn.Linear(2, 2)))


def test_owners_finds_tied_weights_and_is_not_fooled_by_other_references(llama):
    weight = llama.model.layers[0].mlp.up_proj.weight
    named, optimizer = dict(llama.named_parameters()), torch.optim.SGD(llama.parameters(), lr=0.1)
    assert len(owners(weight)) == 1 and len(owners(llama.lm_head.weight)) == 2
    assert named and optimizer

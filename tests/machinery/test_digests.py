"""Given: digests of tensors and models."""

import torch

from minicompress.lab.digests import tensor_digest, weights_digest


def test_equal_values_have_equal_digests_whatever_their_strides():
    matrix = torch.arange(6.0).view(2, 3)
    assert tensor_digest(matrix.T) == tensor_digest(matrix.T.contiguous())


def test_another_value_type_shape_or_order_gives_another_digest():
    zeros, ones = torch.zeros(4), torch.ones(4)
    different = [(zeros,), (ones,), (zeros.int(),), (zeros.view(2, 2),), (zeros, ones), (ones, zeros), ()]
    assert len({tensor_digest(*tensors) for tensors in different}) == len(different)


def test_a_models_digest_tells_its_weights_and_their_names(llama):
    before = weights_digest(llama)
    assert weights_digest(llama) == before
    with torch.no_grad():
        llama.model.norm.weight[0] += 1e-3
    assert weights_digest(llama) != before
    first, second = torch.nn.ModuleDict({"a": torch.nn.Linear(1, 1)}), torch.nn.ModuleDict()
    second["b"] = first["a"]
    assert weights_digest(first) != weights_digest(second)

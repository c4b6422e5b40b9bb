"""Chapter 02: whole neurons."""

import copy

import pytest
import torch
from torch import nn

from minicompress.structured_pruning import channel_importance, prune_mlp_neurons

# ------------------------------------------------------------ 2.1


def test_2_1_two_rows_by_hand(device):
    result = channel_importance(torch.tensor([[3.0, 4.0], [0.0, 1.0]], device=device)).tolist()
    assert result == [5.0, 1.0], "rows are output channels, and the L2 norm of (3, 4) is 5; the L1 norm is 7, the square 25"


def test_2_1_a_single_weight_is_its_own_norm(device):
    """sqrt(2^2) = 2."""
    assert channel_importance(torch.tensor([[2.0, 0.0], [0.0, -3.0]], device=device)).tolist() == [2.0, 3.0], "is the root missing?"


@pytest.mark.parametrize("shape", [(7, 5), (6, 3, 2, 2), (4, 9, 3)])
def test_2_1_equals_a_loop_for_linear_and_convolution(shape, device):
    weight = torch.randn(*shape, device=device)
    expected = [channel.pow(2).sum().sqrt().item() for channel in weight]
    assert channel_importance(weight).tolist() == pytest.approx(expected, rel=1e-5)


def test_2_1_bf16_is_summed_in_fp32(device):
    weight = torch.ones(1, 1000, device=device, dtype=torch.bfloat16)
    result = channel_importance(weight)
    assert result.shape == (1,), "one number for each output channel, the first dimension"
    assert result.dtype == torch.float32, "bf16 holds two or three digits: convert before the sum"
    assert result.item() == pytest.approx(1000**0.5, rel=1e-6)


@pytest.mark.parametrize("weight", [torch.ones(3), torch.tensor([[float("nan")]]), torch.ones(2, 2, dtype=torch.int64)])
def test_2_1_refuses_vectors_nan_and_integers(weight):
    with pytest.raises(ValueError, match=r"\[3\]|NaN|int64"):
        channel_importance(weight)


# ------------------------------------------------------------ 2.4


def with_neurons_silenced(mlp, keep, x):
    """The full MLP with the activations of all other neurons set to zero."""
    silent = torch.ones(mlp.gate_proj.out_features, dtype=torch.bool, device=x.device)
    silent[keep] = False
    handle = mlp.down_proj.register_forward_pre_hook(lambda _, inputs: (inputs[0].masked_fill(silent, 0.0),))
    result = mlp(x)
    handle.remove()
    return result


def test_2_4_equals_the_full_mlp_with_the_other_neurons_silenced(llama, device):
    mlp, keep = llama.model.layers[0].mlp, torch.tensor([0, 3, 4, 17, 63], device=device)
    x = torch.randn(2, 3, 32, device=device)
    expected = with_neurons_silenced(copy.deepcopy(mlp), keep, x)
    assert prune_mlp_neurons(mlp, keep) is None
    assert mlp.down_proj.weight.shape[1] == mlp.up_proj.weight.shape[0], "down_proj must lose the columns of the removed neurons"
    torch.testing.assert_close(mlp(x), expected)
    shapes = [list(layer.weight.shape) for layer in (mlp.gate_proj, mlp.up_proj, mlp.down_proj)]
    assert shapes == [[5, 32], [5, 32], [32, 5]], "the matrices must become smaller"
    features = [mlp.gate_proj.out_features, mlp.up_proj.out_features, mlp.down_proj.in_features]
    assert features == [5, 5, 5], "out_features and in_features must tell the new sizes"


def test_2_4_biases_shrink_with_their_rows(device):
    mlp = nn.Module()
    mlp.gate_proj, mlp.up_proj, mlp.down_proj = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(6, 4)
    mlp.to(device)
    bias, last = mlp.up_proj.bias.detach().clone(), mlp.down_proj.bias.detach().clone()
    prune_mlp_neurons(mlp, torch.tensor([1, 5], device=device))
    assert torch.equal(mlp.up_proj.bias, bias[[1, 5]]), "the bias shrinks with its rows"
    assert torch.equal(mlp.down_proj.bias, last), "the outputs of down_proj stay, and so does its bias"


def test_2_4_a_pruned_model_saves_and_loads(llama, tokens, tmp_path):
    for layer in llama.model.layers:
        prune_mlp_neurons(layer.mlp, torch.arange(0, 64, 2, device=tokens.device))
    llama.config.intermediate_size = 32
    llama.save_pretrained(tmp_path)
    again = type(llama).from_pretrained(tmp_path).to(tokens.device)
    assert torch.equal(again(input_ids=tokens).logits, llama(input_ids=tokens).logits)


@pytest.mark.parametrize("keep", [[], [3, 1], [1, 1], [0, 64], [-1, 2]])
def test_2_4_refuses_indices_that_are_no_selection(llama, keep):
    with pytest.raises(ValueError, match="keep"):
        prune_mlp_neurons(llama.model.layers[0].mlp, torch.tensor(keep, dtype=torch.int64))

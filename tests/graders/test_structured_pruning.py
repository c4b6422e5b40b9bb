"""Chapter 02: whole channels, neurons, heads and blocks."""

import copy
import math
import types

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from minicompress.grading.expect import expect_close, expect_equal, refused
from minicompress.pruning import apply_mask
from minicompress.structured_pruning import (
    block_influence,
    channel_importance,
    drop_blocks,
    head_importance,
    prune_attention_heads,
    prune_conv_chain,
    prune_input_channels,
    prune_mlp_neurons,
    prune_output_channels,
    sync_config,
)

BAD_KEEP = ([], [3, 1], [1, 1], [0, 64], [-1, 2])  # no selection of 64 channels or fewer


def numbered(layer):
    """Give the entries of each parameter and statistic numbers from 1 on, so that one sees which stay."""
    with torch.no_grad():
        for tensor in (*layer.parameters(), *layer.buffers()):
            if tensor.ndim:
                tensor.copy_(torch.arange(1.0, tensor.numel() + 1).view(tensor.shape))
    return layer


def noisy(module):
    """Fresh norms are all 1 and fresh biases all 0, which hides mistakes: add noise, to statistics too.

    The BatchNorms' shifts are large: they are what leaks where a channel is only zeroed before them.
    """
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm2d):
                for tensor, values in (
                    (norm.bias, torch.randn),
                    (norm.running_mean, torch.randn),
                    (norm.running_var, torch.rand),
                ):
                    if tensor is not None:
                        tensor.copy_(0.05 + 0.5 * values(tensor.shape))
    return module


def storages(module):
    """Where the memory of its parameters and buffers lies."""
    return {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}


def copied(module):
    """Its state, to compare with later."""
    return copy.deepcopy(module.state_dict())


def tiny(kind, device, heads=4, kv_heads=2, layers=2, **options):
    """A random fp32 model with heads of 8 features; Llama with biases, GPT-2 with dropout in training."""
    import transformers  # here, because graders of pure functions need torch alone

    classes = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3", "gpt2": "GPT2"}
    config_class = getattr(transformers, f"{classes[kind]}Config")
    head = "LMHeadModel" if kind == "gpt2" else "ForCausalLM"
    model_class = getattr(transformers, f"{classes[kind]}{head}")
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "vocab_size": 50}
    if kind == "gpt2":
        config = config_class(
            n_embd=8 * heads, n_layer=layers, n_head=heads, n_positions=64, n_inner=64, **ends, **options
        )
    else:
        extra = {"llama": {"attention_bias": True, "mlp_bias": True}, "qwen3": {"head_dim": 8}}
        config = config_class(
            hidden_size=32, intermediate_size=64, num_hidden_layers=layers,
            num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=64,
            tie_word_embeddings=True, initializer_range=0.2, **ends, **options, **extra.get(kind, {}),
        )  # fmt: skip
    return noisy(model_class(config)).to(device).eval()


def conv1d(outputs, inputs, device):
    """GPT-2's kind of Linear, numbered."""
    from transformers.pytorch_utils import Conv1D

    return numbered(Conv1D(outputs, inputs)).to(device)


def written_by(model, tokens, use_cache):
    """Six more tokens after the first five, int64 [1, 11]."""
    return model.generate(tokens[:1, :5], max_new_tokens=6, do_sample=False, use_cache=use_cache)


def parts(model):
    """(attentions, MLPs) of a tiny model."""
    if hasattr(model, "transformer"):
        return [block.attn for block in model.transformer.h], [block.mlp for block in model.transformer.h]
    return [block.self_attn for block in model.model.layers], [block.mlp for block in model.model.layers]


def reader(module):
    """The layer that reads an attention's heads or an MLP's neurons."""
    return next(getattr(module, name) for name in ("o_proj", "down_proj", "c_proj") if hasattr(module, name))


def silenced(module, keep, size=1):
    """A hook that silences all the reader gets, but the `size` neighbouring features of each kept index."""

    def silence(_, inputs):
        groups = inputs[0].unflatten(-1, (-1, size)).clone()
        gone = torch.ones(groups.shape[-2], dtype=torch.bool, device=groups.device)
        gone[keep] = False
        groups[..., gone, :] = 0
        return (groups.flatten(-2),)

    return reader(module).register_forward_pre_hook(silence)


def logits_of(model, tokens, **options):
    with torch.no_grad():
        return model(input_ids=tokens, **options).logits


def reloaded(model, folder):
    model.save_pretrained(folder)
    return type(model).from_pretrained(folder).to(model.device)


def hooked(model):
    """Whether any hook is left on the model."""
    return any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


@pytest.fixture
def batches(tokens):
    """Two batches of different sizes, the second padded on the right with loud nonsense."""
    mask = torch.ones_like(tokens[:2])
    mask[0, 7:] = 0
    return [{"input_ids": tokens[2:]}, {"input_ids": tokens[:2], "attention_mask": mask}]


# ------------------------------------------------------------ 2.1


def test_2_1_one_number_for_each_row(device):
    result = channel_importance(torch.tensor([[3.0, 4, 0], [0, 0, -2]], device=device))
    assert isinstance(result, torch.Tensor), "the result is a tensor"
    expect_equal(list(result.shape), [2], "one number for each output channel, and these are the rows")


def test_2_1_two_rows_by_hand(device):
    """The root of 3^2 + 4^2 is 5, the root of 2^2 is 2. The L1 norm of (3, 4) is 7, the largest entry 4."""
    result = channel_importance(torch.tensor([[3.0, 4, 0], [0, 0, -2]], device=device))
    expect_close(result, [5.0, 2.0], "the L2 norm is the root of the sum of the squares")


@pytest.mark.parametrize("shape", [(6, 3, 2, 2), (4, 9, 3)])
def test_2_1_a_convolutions_channel_is_all_that_one_output_reads(shape, device):
    weight = torch.randn(*shape, device=device)
    expected = [channel.double().pow(2).sum().sqrt().item() for channel in weight]
    rule = "a convolution's channel is all of weight[c], over its inputs and its kernel"
    expect_close(channel_importance(weight), expected, rule, rel=1e-4)


def test_2_1_bf16_is_summed_in_fp32(device):
    result = channel_importance(torch.ones(1, 1000, device=device, dtype=torch.bfloat16))
    assert result.dtype in (torch.float32, torch.float64), "the norms of a bf16 weight are fp32 or better"
    rule = "a bf16 weight is converted to fp32 or better before the sum, since bf16 holds two or three digits"
    expect_close(result, [1000**0.5], rule)


def test_2_1_a_turned_weight_is_read_as_it_lies(device):
    turned = torch.tensor([[[3.0, 0], [0, 4]]], device=device).transpose(1, 2)  # not contiguous
    expect_close(channel_importance(turned), [5.0], "a weight need not be contiguous")


def test_2_1_the_weight_stays_as_it_is_and_the_norms_carry_no_gradient(device):
    weight = nn.Parameter(torch.tensor([[3.0, -4.0]], device=device))
    result = channel_importance(weight)
    expect_equal(weight, [[3.0, -4.0]], "the given weight is not changed")
    assert not result.requires_grad, "the norms carry no gradient: detach the weight"
    assert result.device == weight.device, "the norms lie where the weight lies"


def test_2_1_refuses_vectors_nan_and_integers():
    for weight in (torch.ones(3), torch.tensor([[math.nan]]), torch.ones(2, 2, dtype=torch.int64)):
        with refused(rule="a vector, NaN and integers are refused"):
            channel_importance(weight)


# ------------------------------------------------------------ 2.2

both_prune = pytest.mark.parametrize("prune", [prune_output_channels, prune_input_channels])


def test_2_2_the_outputs_of_a_linear_layer_are_rows(device):
    """Its weight is [[1, 2, 3], [4, 5, 6], [7, 8, 9]], its bias [1, 2, 3]."""
    fewer = prune_output_channels(numbered(nn.Linear(3, 3)).to(device), torch.tensor([0, 2], device=device))
    expect_equal(
        fewer.weight, [[1, 2, 3], [7, 8, 9]], "the outputs in `keep` stay: rows of a Linear's weight"
    )
    expect_equal(fewer.bias, [1, 3], "the bias has one entry for each output, and it goes with its row")
    expect_equal(fewer.out_features, 2, "out_features tells the new number of outputs")
    expect_equal(fewer.in_features, 3, "the inputs stay when outputs go")


def test_2_2_the_inputs_of_a_linear_layer_are_columns(device):
    fewer = prune_input_channels(numbered(nn.Linear(3, 3)).to(device), torch.tensor([0, 2], device=device))
    rule = "the inputs in `keep` stay: columns of a Linear's weight"
    expect_equal(fewer.weight, [[1, 3], [4, 6], [7, 9]], rule)
    expect_equal(fewer.bias, [1, 2, 3], "the bias belongs to the outputs, and stays when inputs go")
    expect_equal(fewer.in_features, 2, "in_features tells the new number of inputs")
    expect_equal(fewer.out_features, 3, "the outputs stay when inputs go")


@both_prune
def test_2_2_the_given_layer_is_not_changed(prune, device):
    for layer in (nn.Linear(4, 4), noisy(nn.BatchNorm2d(4)), nn.Conv2d(4, 4, 1)):
        before, sizes = copied(layer.to(device)), repr(layer)
        prune(layer, torch.tensor([0, 2], device=device))
        assert repr(layer) == sizes, "the given layer is not changed: the result is a copy"
        expect_equal(layer.state_dict(), before, "the given layer is not changed: the result is a copy")


def test_2_2_the_outputs_of_a_convolution_by_hand(device):
    """Its weight [3, 2, 1, 2] holds 1 ... 12."""
    layer = numbered(nn.Conv2d(2, 3, (1, 2))).to(device)
    fewer = prune_output_channels(layer, torch.tensor([1], device=device))
    assert isinstance(fewer, nn.Conv2d), "a convolution stays a convolution"
    expect_equal(fewer.weight, [[[[5, 6]], [[7, 8]]]], "output channels are a convolution's first dimension")
    expect_equal(fewer.bias, [2], "the bias has one entry for each output channel")
    expect_equal((fewer.out_channels, fewer.in_channels), (1, 2), "out_channels tells the new number")


def test_2_2_the_inputs_of_a_convolution_by_hand(device):
    layer = numbered(nn.Conv2d(2, 3, (1, 2))).to(device)
    fewer = prune_input_channels(layer, torch.tensor([1], device=device))
    expected = [[[[3, 4]]], [[[7, 8]]], [[[11, 12]]]]
    expect_equal(fewer.weight, expected, "input channels are a convolution's second dimension")
    expect_equal(fewer.bias, [1, 2, 3], "the bias belongs to the outputs, and stays when inputs go")
    expect_equal((fewer.out_channels, fewer.in_channels), (3, 1), "in_channels tells the new number")


def test_2_2_a_convolution_keeps_its_options(device):
    """Pruned outputs are the kept ones of the full layer; pruned inputs are silent ones of the full layer."""
    options = dict(stride=(2, 1), padding=(1, 2), dilation=(1, 2), padding_mode="circular", bias=False)
    layer, keep = nn.Conv2d(4, 4, (3, 2), **options).to(device), torch.tensor([0, 3], device=device)
    x = torch.randn(2, 4, 7, 6, device=device)
    rule = "stride, padding, dilation and padding mode stay"
    expect_close(prune_output_channels(layer, keep)(x), layer(x)[:, keep], rule, rel=1e-4, abs=1e-5)
    silent = x.index_fill(1, torch.tensor([1, 2], device=device), 0.0)
    expect_close(prune_input_channels(layer, keep)(x[:, keep]), layer(silent), rule, rel=1e-4, abs=1e-5)


@both_prune
def test_2_2_a_batchnorm_by_hand(prune, device):
    layer = numbered(nn.BatchNorm2d(3, eps=0.1, momentum=0.3)).to(device).eval()
    layer.num_batches_tracked.fill_(7)
    fewer = prune(layer, torch.tensor([0, 2], device=device))
    for name in ("weight", "bias", "running_mean", "running_var"):
        expect_equal(getattr(fewer, name), [1, 3], f"a BatchNorm's {name} has one entry for each channel")
    expect_equal(fewer.num_features, 2, "num_features tells the new number of channels")
    assert isinstance(fewer.weight, nn.Parameter), "what was a parameter stays one"
    assert not isinstance(fewer.running_mean, nn.Parameter), "the running mean is a buffer, no parameter"
    options = (fewer.eps, fewer.momentum, fewer.num_batches_tracked)
    expect_equal(options, (0.1, 0.3, 7), "eps, momentum and num_batches_tracked stay")
    assert not fewer.training, "the mode stays: eval here"


@both_prune
@pytest.mark.parametrize("options", [{"affine": False}, {"track_running_stats": False}])
def test_2_2_a_batchnorm_may_lack_weights_or_statistics(prune, options, device):
    layer, keep = noisy(nn.BatchNorm2d(4, **options)).to(device).eval(), torch.tensor([1, 2], device=device)
    x = torch.randn(3, 4, 2, 2, device=device)
    rule = "what a BatchNorm does not have (affine=False, track_running_stats=False) stays away"
    expect_close(prune(layer, keep)(x[:, keep]), layer(x)[:, keep], rule, rel=1e-4, abs=1e-5)


def test_2_2_a_layer_without_bias_gets_none(device):
    layer, keep = nn.Linear(3, 3, bias=False, device=device), torch.tensor([0, 2], device=device)
    for prune in (prune_output_channels, prune_input_channels):
        assert prune(layer, keep).bias is None, "a layer without a bias stays without one"


@both_prune
def test_2_2_the_copy_shares_no_memory(prune, device):
    for layer in (nn.Linear(4, 4), noisy(nn.BatchNorm2d(4)), nn.Conv2d(4, 4, 1)):
        fewer = prune(layer.to(device), torch.arange(4, device=device))
        shared = storages(fewer) & storages(layer)
        assert not shared, "the copy shares no memory with the layer, not even where nothing is cut"


@both_prune
def test_2_2_dtype_gradients_and_layout(prune, device):
    layer = nn.Linear(6, 6, device=device).to(torch.bfloat16).eval()
    layer.weight.data = layer.weight.data.T  # not contiguous
    layer.bias.requires_grad_(False)
    fewer = prune(layer, torch.tensor([0, 4], device=device))
    expect_equal(fewer.weight.dtype, torch.bfloat16, "the dtype stays")
    assert isinstance(fewer.weight, nn.Parameter) and fewer.weight.is_leaf, "the new weight is a parameter"
    assert fewer.weight.requires_grad, "a weight that learns goes on learning"
    assert not fewer.bias.requires_grad, "a frozen bias stays frozen"
    assert fewer.weight.is_contiguous(), "the new weight is contiguous"
    assert not fewer.training, "the mode stays: eval here"
    layer.weight.requires_grad_(False)
    assert not prune(layer, torch.tensor([1], device=device)).weight.requires_grad, (
        "a frozen weight stays frozen: nn.Parameter asks for gradients unless told otherwise"
    )


def test_2_2_gpt2s_conv1d_stores_its_weight_the_other_way_round(device):
    """Its weight is [in, out]: outputs are columns, inputs are rows."""
    keep = torch.tensor([0, 2], device=device)
    fewer = prune_output_channels(conv1d(3, 3, device), keep)
    rule = "Conv1D's weight is [in, out], so its outputs are columns"
    expect_equal(fewer.weight, [[1, 3], [4, 6], [7, 9]], rule)
    expect_equal(fewer.bias, [1, 3], "Conv1D's bias has one entry for each output")
    expect_equal((fewer.nf, fewer.nx), (2, 3), "Conv1D's nf tells the number of outputs, nx that of inputs")
    fewer = prune_input_channels(conv1d(3, 3, device), keep)
    expect_equal(fewer.weight, [[1, 2, 3], [7, 8, 9]], "Conv1D's weight is [in, out], so its inputs are rows")
    expect_equal(fewer.bias, [1, 2, 3], "Conv1D's bias belongs to the outputs, and stays when inputs go")
    expect_equal((fewer.nf, fewer.nx), (3, 2), "Conv1D's nf tells the number of outputs, nx that of inputs")


@both_prune
def test_2_2_refuses_indices_that_are_no_selection(prune):
    for keep in BAD_KEEP:
        with refused(rule="`keep` is a sorted selection of the channels, each once, at least one"):
            prune(nn.Linear(4, 4), torch.tensor(keep, dtype=torch.int64))


@both_prune
def test_2_2_refuses_layers_that_it_does_not_understand(prune):
    for layer in (nn.LayerNorm(4), nn.Conv2d(4, 4, 1, groups=2)):
        with refused(rule="other kinds of layers, and convolutions with groups, are refused"):
            prune(layer, torch.tensor([0, 1]))


@both_prune
def test_2_2_refuses_a_masked_layer(prune):
    layer = nn.Linear(4, 4)
    apply_mask(layer, torch.ones(4, 4, dtype=torch.bool))
    with refused(rule="a layer whose weight is still masked is refused"):
        prune(layer, torch.tensor([0, 1]))


# ------------------------------------------------------------ 2.3


def one_by_one(rows, device, *between):
    """A 1x1 convolution with these rows, more layers, Flatten, a Linear that reads one place a channel."""
    weight = torch.tensor(rows, device=device)
    layers = [nn.Conv2d(weight.shape[1], len(rows), 1), *between, nn.ReLU(), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(len(rows), 1)).to(device)
    model[0].weight.data = weight[:, :, None, None]  # [out, in, 1, 1]
    model[0].bias.data = torch.arange(float(len(rows)), device=device)
    return model


def kept(model):
    """The channels of `one_by_one` that are left: their biases tell."""
    return model[0].bias.tolist()


def test_2_3_a_convolution_that_a_linear_reads_loses_channels(device):
    pruned = prune_conv_chain(one_by_one([[3.0], [-1], [2], [-4]], device), 0.5)
    rule = "at ratio 0.5 a convolution of 4 channels loses 2, also the last one when a Linear reads it"
    expect_equal(pruned[0].out_channels, 2, rule)


def test_2_3_int_of_ratio_times_channels_go(device):
    """0.6 * 3 = 1.8: one goes."""
    pruned = prune_conv_chain(one_by_one([[3.0], [-1], [2]], device), 0.6)
    rule = "a convolution loses int(ratio * channels) channels: 1.8 of 3, at ratio 0.6, is rounded down to 1"
    expect_equal(pruned[0].out_channels, 2, rule)


def test_2_3_the_weakest_channels_go(device):
    """Channels of norm 3, 1, 2: one goes, channel 1."""
    pruned = prune_conv_chain(one_by_one([[3.0], [-1], [2]], device), 0.6)
    rule = "the channels with the smallest norms go, and the others keep their order"
    expect_equal(pruned[0].weight.flatten(), [3, 2], rule)


def test_2_3_what_reads_the_channels_shrinks_with_them(device):
    """The second convolution and the BatchNorms; images of 2 x 3 make 6 inputs a channel."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 6, 5),
    ).to(device)  # fmt: skip
    pruned = prune_conv_chain(model, 0.5)
    expect_equal([pruned[0].out_channels, pruned[3].out_channels], [2, 4], "every convolution loses channels")
    expect_equal(pruned[3].in_channels, 2, "the next convolution reads only the channels that are left")
    rule = "a BatchNorm shrinks with the convolution before it"
    expect_equal([pruned[1].num_features, pruned[4].num_features], [2, 4], rule)
    rule = "after the Flatten a channel is H*W inputs of the Linear, and those of the lost channels go"
    expect_equal(pruned[7].in_features, 4 * 6, rule)
    expect_equal(pruned[7].out_features, 5, "the Linear's outputs are the model's output, and stay")


def test_2_3_a_channel_is_neighbouring_inputs_of_the_linear(device):
    """Channel 1 of three goes. At H*W = 2 the places 2 and 3 of 0 ... 5 belong to it."""
    model = one_by_one([[3.0], [-1], [2]], device)
    model[-1] = numbered(nn.Linear(6, 1)).to(device)  # weight 1 ... 6
    pruned = prune_conv_chain(model, 0.34)
    rule = "channel c stands at the places c * H*W ... c * H*W + H*W - 1 of the Linear's inputs"
    expect_equal(pruned[-1].weight, [[1, 2, 5, 6]], rule)


def test_2_3_equal_channels_go_from_the_lowest_index(device):
    pruned = prune_conv_chain(one_by_one([[1.0]] * 4, device), 0.5)
    expect_equal(kept(pruned), [2, 3], "of equal norms the lowest index goes first")


def test_2_3_norms_are_l2_norms(device):
    """The L2 norms are 5, 6 and 5.4: channel 0 goes. By the L1 norm 1 would go, by the largest entry 2."""
    pruned = prune_conv_chain(one_by_one([[3.0, 4], [6, 0], [3.8, 3.8]], device), 0.34)
    expect_equal(kept(pruned), [1, 2], "channels are ranked by `channel_importance`, the L2 norm")


def test_2_3_norms_are_those_of_the_model_as_it_is_given(device):
    """The second convolution has (5, 0) and (0, 1): channel 1 goes, though the 5 reads one that goes."""
    second = nn.Conv2d(2, 2, 1)
    model = one_by_one([[1.0], [2]], device, nn.ReLU(), second)
    second.weight.data = torch.tensor([[5.0, 0], [0, 1]], device=device)[:, :, None, None]
    second.bias.data = torch.tensor([0.0, 1.0], device=device)
    pruned = prune_conv_chain(model, 0.5)
    expect_equal(pruned[2].bias, [0], "channels are ranked by the norms before anything was cut")


def test_2_3_among_many_equal_channels_the_lowest_index_goes_first(device):
    pruned = prune_conv_chain(one_by_one([[1.0]] * 1200, device), 0.5)
    rule = "of 1,200 equal norms the lowest indices go: a sort keeps their order only with stable=True"
    expect_equal(kept(pruned), list(range(600, 1200)), rule)


def with_channels_silenced(model, pruned, places, x):
    """The full model with the channels that the pruned one lost silenced after their ReLU.

    places: [(convolution, its ReLU)], as names. A channel is found by its bias.
    """
    handles = []
    for convolution, activation in places:
        left, full = pruned.get_submodule(convolution).bias, model.get_submodule(convolution).bias
        gone = ~torch.isin(full.detach(), left.detach())
        hook = lambda *call, gone=gone: call[2].masked_fill(gone[None, :, None, None], 0.0)  # noqa: E731
        handles.append(model.get_submodule(activation).register_forward_hook(hook))
    with torch.no_grad():
        result = model(x)
    for handle in handles:
        handle.remove()
    return result


def test_2_3_equals_silencing_the_channels_after_batchnorm_and_relu(device):
    """Zeroing them in the convolution instead would let BatchNorm's shift through. Flatten: 7 of 5 x 3."""
    model = nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU(),
        nn.Conv2d(5, 7, 3, padding=1), nn.BatchNorm2d(7), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(7 * 5 * 3, 4),
    )  # fmt: skip
    noisy(model).to(device).double().eval()
    x = torch.randn(3, 2, 10, 6, device=device, dtype=torch.float64)
    for ratio in (0.0, 0.5):
        pruned = prune_conv_chain(model, ratio)
        expected = with_channels_silenced(model, pruned, [("0", "2"), ("3", "5")], x)
        expect_close(pruned(x), expected, "the lost channels count as zero after BatchNorm and ReLU")


def test_2_3_the_last_layer_is_the_output_and_keeps_its_channels(device):
    layers = [nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4)]
    model = noisy(nn.Sequential(*layers)).double().to(device).eval()
    x = torch.randn(2, 1, 9, 9, device=device, dtype=torch.float64)
    pruned = prune_conv_chain(model, 0.5)
    expect_equal(pruned[3].out_channels, 4, "a convolution that nothing reads is the output, and stays whole")
    expected = with_channels_silenced(model, pruned, [("0", "2")], x)
    expect_close(pruned(x), expected, "the last BatchNorm stays whole with its convolution")


class Nested(nn.Module):
    """A leading BatchNorm, three convolutions in parts, global pooling (H*W = 1), two Linear layers."""

    def __init__(self):
        super().__init__()
        start = [nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False), nn.ReLU()]
        self.features = nn.Sequential(*start, nn.Conv2d(4, 6, 3), nn.ReLU())
        more = [nn.Conv2d(6, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.more = nn.Sequential(*more)
        self.classifier = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, x):
        return self.classifier(self.more(self.features(x)))


def test_2_3_only_the_first_linear_reads_channels(device):
    pruned = prune_conv_chain(Nested().to(device), 0.5)
    sizes = (pruned.classifier[0].in_features, pruned.classifier[2].in_features)
    expect_equal(sizes, (4, 16), "only the first Linear reads channels, and after global pooling H*W is 1")


def test_2_3_a_chain_may_have_parts(device):
    model = noisy(Nested()).to(device).double().eval()
    x = torch.randn(2, 1, 8, 8, device=device, dtype=torch.float64)
    pruned = prune_conv_chain(model, 0.5)
    places = [("features.1", "features.3"), ("features.4", "features.5"), ("more.0", "more.2")]
    expected = with_channels_silenced(model, pruned, places, x)
    expect_close(pruned(x), expected, "parts inside parts are one chain, in the order of named_modules")


def test_2_3_the_given_model_is_not_changed(device):
    model = noisy(Nested()).to(device)
    before, sizes = copied(model), repr(model)
    prune_conv_chain(model, 0.5)
    assert repr(model) == sizes, "the given model is not changed: the result is a copy"
    expect_equal(model.state_dict(), before, "the given model is not changed: the result is a copy")


def test_2_3_the_copy_shares_nothing_and_can_learn(device):
    """Also the leading BatchNorm, the second Linear and the ReLUs, which lose nothing."""
    model = Nested().to(device).train()
    model.more.eval()
    pruned = prune_conv_chain(model, 0.5)
    shared = [type(module).__name__ for module in model.modules() if module in set(pruned.modules())]
    expect_equal(shared, [], "the copy shares no module with the given model, also those that lose nothing")
    assert not storages(pruned) & storages(model), "the copy shares no memory with the given model"
    assert pruned.features.training and not pruned.more[1].training, "every module of the copy keeps its mode"
    learning = all(parameter.requires_grad and parameter.is_leaf for parameter in pruned.parameters())
    assert learning, "every parameter of the copy can learn"


def test_2_3_refuses_a_ratio_that_leaves_nothing(device):
    for ratio in (-0.1, 1.0, math.nan):
        with refused(rule="a ratio must be at least 0 and less than 1"):
            prune_conv_chain(one_by_one([[1.0], [2]], device), ratio)


def test_2_3_refuses_what_is_no_chain():
    group_norm = [nn.Conv2d(1, 4, 1), nn.GroupNorm(2, 4), nn.Conv2d(4, 1, 1)]
    for layers in ([nn.Linear(2, 2)], group_norm):
        with refused(
            rule="a chain has a Conv2d, and no layers with parameters but Conv2d, BatchNorm2d, Linear"
        ):
            prune_conv_chain(nn.Sequential(*layers), 0.5)


# ------------------------------------------------------------ 2.4


class GatedMLP(nn.Module):
    """Llama's kind of MLP: rows of gate_proj and up_proj, columns of down_proj are the neurons."""

    def __init__(self, features, neurons):
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(features, neurons), nn.Linear(features, neurons)
        self.down_proj = nn.Linear(neurons, features)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


def gated_mlp(device, dtype=torch.float32):
    """Three neurons, three features."""
    mlp = GatedMLP(3, 3)
    for layer in mlp.children():
        numbered(layer)
    return mlp.to(device, dtype)


def test_2_4_a_gated_mlp_by_hand(device):
    """Every weight is [[1, 2, 3], [4, 5, 6], [7, 8, 9]], every bias [1, 2, 3]."""
    mlp = gated_mlp(device)
    prune_mlp_neurons(mlp, torch.tensor([0, 2], device=device))
    rule = "the given MLP itself shrinks: up_proj's rows in `keep`, which write the neurons, stay"
    expect_equal(mlp.up_proj.weight, [[1, 2, 3], [7, 8, 9]], rule)
    rule = "gate_proj writes the neurons, too: its rows in `keep` stay"
    expect_equal(mlp.gate_proj.weight, [[1, 2, 3], [7, 8, 9]], rule)
    rule = "down_proj reads the neurons: its columns in `keep` stay"
    expect_equal(mlp.down_proj.weight, [[1, 3], [4, 6], [7, 9]], rule)


def test_2_4_biases_shrink_with_their_rows(device):
    mlp = gated_mlp(device)
    prune_mlp_neurons(mlp, torch.tensor([0, 2], device=device))
    rule = "a bias has one entry for each output, and it goes with its row"
    expect_equal([mlp.gate_proj.bias.tolist(), mlp.up_proj.bias.tolist()], [[1, 3], [1, 3]], rule)
    expect_equal(mlp.down_proj.bias, [1, 2, 3], "down_proj's bias belongs to its outputs, which stay")


def test_2_4_the_layers_remember_their_sizes(device):
    mlp = gated_mlp(device)
    prune_mlp_neurons(mlp, torch.tensor([0, 2], device=device))
    features = [mlp.gate_proj.out_features, mlp.up_proj.out_features, mlp.down_proj.in_features]
    expect_equal(features, [2, 2, 2], "out_features and in_features tell the new sizes")


def test_2_4_equals_the_full_mlp_with_the_other_neurons_silenced(device):
    mlp, keep = GatedMLP(4, 9).to(device), torch.tensor([0, 3, 4, 8], device=device)
    x, full = torch.randn(2, 3, 4, device=device), copy.deepcopy(mlp)
    prune_mlp_neurons(mlp, keep)
    silenced(full, keep)
    rule = "the smaller MLP computes what the full one does with the other neurons at zero"
    expect_close(mlp(x), full(x), rule, rel=1e-4, abs=1e-5)


def test_2_4_an_mlp_may_remember_its_neurons(device):
    mlp = gated_mlp(device)
    mlp.intermediate_size = 3
    prune_mlp_neurons(mlp, torch.tensor([0, 2], device=device))
    expect_equal(
        mlp.intermediate_size, 2, "intermediate_size tells the new number of neurons, where there is one"
    )


def test_2_4_dtype_and_frozen_weights_stay(device):
    mlp = gated_mlp(device, torch.bfloat16).requires_grad_(False)
    prune_mlp_neurons(mlp, torch.tensor([0, 2], device=device))
    for parameter in mlp.parameters():
        expect_equal(parameter.dtype, torch.bfloat16, "the dtype stays")
        assert not parameter.requires_grad, "what is frozen stays frozen"


def test_2_4_refuses_indices_that_are_no_selection(device):
    for keep in BAD_KEEP:
        with refused(rule="`keep` is a sorted selection of the neurons, each once, at least one"):
            prune_mlp_neurons(gated_mlp(device), torch.tensor(keep, dtype=torch.int64, device=device))


def test_2_4_refuses_another_kind_of_mlp():
    with refused(rule="an MLP without these layers is refused"):
        prune_mlp_neurons(nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 2)), torch.tensor([0]))


def test_2_4_gpt2s_mlp_by_hand(device):
    """c_fc, [in, out], writes three neurons, and c_proj reads them."""
    mlp = nn.Module()
    mlp.c_fc, mlp.c_proj = conv1d(3, 3, device), conv1d(3, 3, device)
    prune_mlp_neurons(mlp, torch.tensor([0, 2], device=device))
    rule = "c_fc writes the neurons of GPT-2: columns, since Conv1D's weight is [in, out]"
    expect_equal(mlp.c_fc.weight, [[1, 3], [4, 6], [7, 9]], rule)
    expect_equal(mlp.c_fc.bias, [1, 3], "c_fc's bias has one entry for each neuron")
    expect_equal(mlp.c_proj.weight, [[1, 2, 3], [7, 8, 9]], "c_proj reads GPT-2's neurons, and loses rows")
    expect_equal(mlp.c_proj.bias, [1, 2, 3], "c_proj's bias belongs to its outputs, which stay")


# ------------------------------------------------------------ 2.5


class TwoHeads(nn.Module):
    """A language model of two tokens: one attention of two heads, two features each, that always put out 3.

    The output projection makes logits (0, 0) of them, so both tokens have probability 1/2. Where token 1
    comes next, dL/dlogits is (1/2, -1/2) and dL/dx is (-1, 2, -3, 2): x * dL/dx sums to 3 in head 0 and to -3
    in head 1. Where token 0 comes next, all signs turn round.
    """

    def __init__(self, features=3.0):
        super().__init__()
        attention = nn.Module()
        attention.head_dim = 2
        attention.q_proj, attention.k_proj, attention.v_proj = (nn.Linear(2, 4, bias=False) for _ in range(3))
        attention.o_proj = nn.Linear(4, 2, bias=False)
        attention.o_proj.weight.data = torch.tensor([[-1.0, 2, -3, 2], [1, -2, 3, -2]])
        block = nn.Module()
        block.self_attn = attention
        self.layers, self.features = nn.ModuleList([block]), features

    def forward(self, input_ids, **_):
        heads = self.layers[0].self_attn.o_proj.weight.new_full((*input_ids.shape, 4), self.features)
        return types.SimpleNamespace(logits=self.layers[0].self_attn.o_proj(heads))


def importance_of(device, *batches, masks=(), model=None):
    """The importance of the two heads for batches that are given as lists of tokens."""
    batches = [{"input_ids": torch.tensor(rows, device=device)} for rows in batches]
    for batch, mask in zip(batches, masks, strict=False):
        batch["attention_mask"] = torch.tensor(mask, device=device)
    return head_importance((model or TwoHeads()).to(device), batches)


def test_2_5_one_prediction_by_hand(device):
    """Token 1 follows token 1."""
    result = importance_of(device, [[1, 1]])
    expect_equal(list(result.shape), [1, 2], "one number for each head, [layers, heads]")
    rule = "for one prediction it is the absolute value of x * dL/dx, summed over the head's own features"
    expect_close(result, [[3.0, 3.0]], rule)


def test_2_5_the_loss_of_an_example_is_a_mean_over_its_predictions(device):
    """Three times the same prediction."""
    rule = "an example's loss is the mean over its predictions, so that long examples count like short ones"
    expect_close(importance_of(device, [[1, 1, 1, 1]]), [[3.0, 3.0]], rule)


def test_2_5_logits_predict_the_next_token(device):
    """Token 1 is to be predicted twice; token 0 only begins."""
    rule = "the logits at a position predict the next token: drop the last logits and the first token"
    expect_close(importance_of(device, [[0, 1, 1]]), [[3.0, 3.0]], rule)


def test_2_5_every_example_keeps_its_own_gradient(device):
    """Two examples, each with (3, 3) alone."""
    rule = "the mean over examples of what each has alone: add losses up, divide by the number of examples"
    expect_close(importance_of(device, [[1, 1], [1, 1]]), [[3.0, 3.0]], rule)


def test_2_5_positions_are_summed_before_the_absolute_value(device):
    """One example, token 0 and then token 1 to predict: half of (-3, 3) and half of (3, -3) is nothing."""
    rule = "positions are summed before the absolute value: a head is scaled at all of them at once"
    expect_close(importance_of(device, [[0, 0, 1]]), [[0.0, 0.0]], rule)


def test_2_5_the_absolute_value_is_taken_per_example(device):
    """Signed, (-3, 3) and (3, -3) of the two examples cancel."""
    rule = "the absolute value is taken of each example, before examples are averaged: signed, they cancel"
    expect_close(importance_of(device, [[0, 0], [0, 1]]), [[3.0, 3.0]], rule)


def test_2_5_every_example_weighs_the_same_in_any_batch(device):
    """A batch of two examples with (3, 3), then one with (0, 0): the mean of all three is (2, 2)."""
    result = importance_of(device, [[1, 1, 1], [1, 1, 1]], [[0, 0, 1]])
    rule = "every example weighs the same in a batch of any size: divide by the number of all examples"
    expect_close(result, [[2.0, 2.0]], rule)


def test_2_5_padding_is_not_predicted(device):
    """Two real tokens 1, and a third that is padding."""
    result = importance_of(device, [[1, 1, 0]], masks=[[[1, 1, 0]]])
    expect_close(result, [[3.0, 3.0]], "padding is neither predicted nor counted in an example's mean")


def test_2_5_padding_predicts_nothing(device):
    """Padding on the left, then 0 and 1. Only the 1 has a real token before it."""
    result = importance_of(device, [[0, 0, 1]], masks=[[[0, 1, 1]]])
    rule = "the first real token after padding does not count: what comes before it is padding"
    expect_close(result, [[3.0, 3.0]], rule)


def test_2_5_the_result_holds_on_to_no_graph(device):
    with torch.enable_grad():
        result = importance_of(device, [[1, 1]])
    assert not result.requires_grad, "the result requires no gradient: detach what is added up"


def test_2_5_a_bf16_model_is_summed_in_fp32(device):
    result = importance_of(device, [[1, 1]], model=TwoHeads().to(torch.bfloat16))
    assert result.dtype in (torch.float32, torch.float64), "the result is fp32 or better for a bf16 model"


def test_2_5_a_frozen_model_gives_the_same(device):
    model = TwoHeads().requires_grad_(False)
    rule = "a frozen model has the same importances"
    expect_close(importance_of(device, [[1, 1]], model=model), [[3.0, 3.0]], rule)
    assert not any(parameter.requires_grad for parameter in model.parameters()), "a frozen model stays frozen"


def test_2_5_the_caller_may_have_turned_gradients_off(device):
    with torch.no_grad():
        result = importance_of(device, [[1, 1]])
        assert not torch.is_grad_enabled(), "whether gradients are on stays as the caller had it"
    expect_close(result, [[3.0, 3.0]], "the caller may have turned gradients off")


def test_2_5_dropout_is_off(gpt2, batches):
    gpt2.train()
    once, twice = head_importance(gpt2, batches), head_importance(gpt2, batches)
    expect_close(once, twice, "the model is run in eval mode, so dropout is off and two runs agree", rel=1e-4)


def test_2_5_leaves_the_model_as_it_was(gpt2, batches):
    gpt2.train()
    gpt2.lm_head.eval()
    first, *rest = gpt2.parameters()
    first.grad = torch.ones_like(first)
    head_importance(gpt2, batches)
    assert gpt2.training and not gpt2.lm_head.training, "every submodule gets its own mode back"
    assert not hooked(gpt2), "every hook is removed"
    unchanged = first.grad is not None and bool((first.grad == 1).all())
    assert unchanged, "gradients that the parameters had before stay as they were"
    assert all(p.grad is None for p in rest), "no gradient is left on the parameters: torch.autograd.grad"


def gates(model, example):
    """The oracle: a gate of 1 on every head, one example's loss differentiated by it; [layers, heads]."""
    attentions = parts(model)[0]
    gate = [torch.ones(4, dtype=torch.float64, device=example.device, requires_grad=True) for _ in attentions]
    handles = [
        reader(attention).register_forward_pre_hook(
            lambda _, x, g=g: ((x[0].unflatten(-1, (len(g), 8)) * g[:, None]).flatten(-2),)
        )
        for attention, g in zip(attentions, gate, strict=True)
    ]
    logits = model(input_ids=example[None]).logits[0]
    gradients = torch.autograd.grad(F.cross_entropy(logits[:-1], example[1:]), gate)
    for handle in handles:
        handle.remove()
    return torch.stack(gradients)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_2_5_equals_the_gradient_of_a_gate_on_every_head(kind, batches, device):
    """Mean over all five examples, whatever the batches; padding cut off for the oracle."""
    model = tiny(kind, device)
    oracle = copy.deepcopy(model).double()
    rows = [example for batch in batches for example in batch["input_ids"]]
    examples = [example[:length] for example, length in zip(rows, [12, 12, 12, 7, 12], strict=True)]
    expected = torch.stack([gates(oracle, example) for example in examples]).abs().mean(0)
    rule = "a head's importance is how the loss changes when its output is scaled, in a real model too"
    expect_close(head_importance(model, batches), expected, rule, rel=1e-3)


def test_2_5_refuses_examples_without_a_loss(device):
    with refused(rule="at least one batch is needed"):
        importance_of(device)
    with refused(rule="an example with fewer than two real tokens has nothing to predict"):
        importance_of(device, [[0, 1], [1, 1]], masks=[[[1, 1], [1, 0]]])


def test_2_5_refuses_layers_that_differ(device):
    model = TwoHeads()
    other = copy.deepcopy(model.layers[0])
    other.self_attn.q_proj = other.self_attn.k_proj = nn.Linear(2, 2)  # one head
    model.layers.append(other)
    with refused(rule="layers with different numbers of heads make no [layers, heads]"):
        importance_of(device, [[1, 1]], model=model)


# ------------------------------------------------------------ 2.6


def four_heads(device):
    """Four query heads of two features on two KV heads. Q, K, V hold 0, 1, ... in rows, O in columns."""
    attention = nn.Module()
    attention.head_dim, attention.num_key_value_groups = 2, 2
    sizes = {"q_proj": (1, 8), "k_proj": (1, 4), "v_proj": (1, 4), "o_proj": (8, 1)}
    for name, (inputs, outputs) in sizes.items():
        layer = nn.Linear(inputs, outputs)
        for parameter in layer.parameters():
            parameter.data = torch.arange(float(parameter.numel())).view(parameter.shape)
        setattr(attention, name, layer)
    return attention.to(device)


def left_of(attention, name):
    """Which rows (of the output projection: columns) are left."""
    return getattr(attention, name).weight.flatten()


def test_2_6_rows_of_the_query_heads_stay(device):
    """Heads 0 and 1 are the rows 0 ... 3."""
    attention = four_heads(device)
    prune_attention_heads(attention, torch.tensor([0, 1], device=device))
    rule = "head h of Q is the rows h * head_dim ... h * head_dim + head_dim - 1, and those in `keep` stay"
    expect_equal(left_of(attention, "q_proj"), [0, 1, 2, 3], rule)
    expect_equal(attention.head_dim, 2, "a head keeps its size, head_dim")
    rule = "the output projection reads the heads, and loses the columns of the removed ones"
    expect_equal(left_of(attention, "o_proj"), [0, 1, 2, 3], rule)


def test_2_6_a_kv_head_that_no_query_head_reads_goes(device):
    """Heads 0 and 1 read KV head 0, rows 0 and 1 of K and V."""
    attention = four_heads(device)
    prune_attention_heads(attention, torch.tensor([0, 1], device=device))
    rule = "K keeps the KV heads that the kept query heads read: h reads KV head h // (heads / kv_heads)"
    expect_equal(left_of(attention, "k_proj"), [0, 1], rule)
    expect_equal(left_of(attention, "v_proj"), [0, 1], "V keeps the same KV heads as K")
    rule = "num_key_value_groups tells how many query heads share a KV head now"
    expect_equal(attention.num_key_value_groups, 2, rule)


def test_2_6_a_kv_head_stays_as_long_as_a_query_head_reads_it(device):
    """Heads 1 and 2 read different KV heads: both stay, with one query head each."""
    attention = four_heads(device)
    prune_attention_heads(attention, torch.tensor([1, 2], device=device))
    expect_equal(left_of(attention, "q_proj"), [2, 3, 4, 5], "the rows of the query heads in `keep` stay")
    expect_equal(left_of(attention, "o_proj"), [2, 3, 4, 5], "the columns of the query heads in `keep` stay")
    rule = "a KV head stays as long as one of its neighbouring query heads, h // (heads / kv_heads), does"
    expect_equal(left_of(attention, "k_proj"), [0, 1, 2, 3], rule)
    expect_equal(left_of(attention, "v_proj"), [0, 1, 2, 3], rule)
    rule = "num_key_value_groups tells how many query heads share a KV head now"
    expect_equal(attention.num_key_value_groups, 1, rule)


def test_2_6_half_of_a_group_is_enough(device):
    """Head 3 alone reads KV head 1, rows 2 and 3 of K."""
    attention = four_heads(device)
    prune_attention_heads(attention, torch.tensor([3], device=device))
    rule = "neighbouring query heads share a KV head: h reads KV head h // (heads / kv_heads)"
    expect_equal(left_of(attention, "k_proj"), [2, 3], rule)
    expect_equal(
        attention.num_key_value_groups, 1, "num_key_value_groups counts the query heads that are left"
    )


def test_2_6_biases_shrink_with_their_rows(device):
    attention = four_heads(device)
    prune_attention_heads(attention, torch.tensor([3], device=device))
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    biases = [getattr(attention, name).bias.tolist() for name in names]
    rule = "the biases of Q, K and V shrink with their rows, that of the output projection stays"
    expect_equal(biases, [[6, 7], [2, 3], [2, 3], [0]], rule)


def test_2_6_the_layers_remember_their_sizes(device):
    attention = four_heads(device)
    prune_attention_heads(attention, torch.tensor([3], device=device))
    outputs = [getattr(attention, name).out_features for name in ("q_proj", "k_proj", "v_proj")]
    rule = "out_features of Q, K and V and in_features of O tell the new sizes"
    expect_equal([*outputs, attention.o_proj.in_features], [2, 2, 2, 2], rule)


def test_2_6_refuses_unequal_numbers_per_kv_head(device):
    """Keeping 0, 1 and 2 leaves two query heads on the first KV head and one on the second."""
    attention = four_heads(device)
    with refused(rule="KV heads that stay need equally many query heads: 2 and 1 are refused"):
        prune_attention_heads(attention, torch.tensor([0, 1, 2], device=device))
    sizes = [getattr(attention, name).weight.numel() for name in ("q_proj", "k_proj", "v_proj", "o_proj")]
    expect_equal(sizes, [8, 4, 4, 8], "a refused call changes nothing: check before you cut")


def test_2_6_refuses_indices_that_are_no_selection(device):
    for keep in BAD_KEEP:
        with refused(rule="`keep` is a sorted selection of the query heads, each once, at least one"):
            prune_attention_heads(four_heads(device), torch.tensor(keep, dtype=torch.int64, device=device))


def test_2_6_gpt2s_fused_matrix_by_hand(device):
    """Four heads of two features: c_attn's columns 1 ... 8 are Q, 9 ... 16 are K, 17 ... 24 are V."""
    attention = nn.Module()
    attention.head_dim, attention.num_heads, attention.split_size = 2, 4, 8
    attention.c_attn, attention.c_proj = conv1d(24, 1, device), conv1d(1, 8, device)
    prune_attention_heads(attention, torch.tensor([1], device=device))
    rule = "c_attn holds all of Q, then all of K, then all of V: a head has columns in each"
    expect_equal(left_of(attention, "c_attn"), [3, 4, 11, 12, 19, 20], rule)
    expect_equal(attention.c_attn.bias, [3, 4, 11, 12, 19, 20], "c_attn's bias shrinks with its columns")
    expect_equal(left_of(attention, "c_proj"), [3, 4], "c_proj reads the heads, and loses rows")
    expect_equal(attention.num_heads, 1, "GPT-2's attention remembers the number of its heads: num_heads")
    expect_equal(attention.split_size, 2, "GPT-2's attention cuts Q, K and V apart by split_size")
    expect_equal(attention.head_dim, 2, "a head keeps its size, head_dim")


@pytest.mark.parametrize(("kind", "keep"), [("llama", [1, 2]), ("qwen3", [3]), ("gpt2", [0, 3])])
def test_2_6_equals_the_full_attention_with_the_other_heads_silenced(kind, keep, tokens, device):
    model = tiny(kind, device)
    model.set_attn_implementation("eager" if kind == "llama" else "sdpa")
    full, keep = copy.deepcopy(model), torch.tensor(keep, device=device)
    for pruned, whole in zip(parts(model)[0], parts(full)[0], strict=True):
        prune_attention_heads(pruned, keep)
        silenced(whole, keep, size=8)
    rule = "the smaller attention computes what the full one does with the other heads at zero"
    expect_close(logits_of(model, tokens), logits_of(full, tokens), rule, rel=1e-4, abs=1e-4)


def pruned_model(kind, heads, neurons, device, **options):
    """A tiny model that has lost heads and neurons in every block."""
    model = tiny(kind, device, **options)
    for attention, mlp in zip(*parts(model), strict=True):
        prune_attention_heads(attention, torch.tensor(heads, device=device))
        prune_mlp_neurons(mlp, torch.arange(neurons, device=device))
    return model


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_2_6_the_configuration_tells_the_truth(kind, device):
    """Qwen2's configuration has no head_dim before."""
    model = pruned_model(kind, [0, 1], 40, device)
    sync_config(model)
    config = model.config
    expect_equal(config.num_attention_heads, 2, "num_attention_heads tells the query heads that are left")
    expect_equal(config.num_key_value_heads, 1, "num_key_value_heads tells the KV heads that are left")
    expect_equal(config.intermediate_size, 40, "intermediate_size tells the neurons that are left")
    rule = "head_dim tells the size of a head, which stays, also where the configuration had none before"
    expect_equal(getattr(config, "head_dim", None), 8, rule)


def test_2_6_gpt2_calls_its_neurons_n_inner(device):
    model = pruned_model("gpt2", [0, 1, 2, 3], 40, device)
    sync_config(model)
    expect_equal(model.config.n_inner, 40, "GPT-2 calls its number of neurons n_inner")


@pytest.mark.parametrize("what", ["heads", "neurons"])
def test_2_6_refuses_layers_that_differ(what, device):
    model = tiny("llama", device)
    before = copy.deepcopy(model.config.to_dict())
    attentions, mlps = parts(model)
    if what == "heads":
        prune_attention_heads(attentions[1], torch.tensor([0, 1], device=device))
    else:
        prune_mlp_neurons(mlps[1], torch.arange(40, device=device))
    with refused(rule=f"layers with different numbers of {what} have no common configuration"):
        sync_config(model)
    assert model.config.to_dict() == before, "a refused call leaves the configuration as it was"


@pytest.mark.parametrize(("kind", "heads"), [("llama", [0, 2, 3]), ("gpt2", [0, 1])])
def test_2_6_refuses_what_the_architecture_cannot_express(kind, heads, device):
    """32 features do not divide by Llama's 3 heads; GPT-2 would build 2 heads of 16 features."""
    model = pruned_model(kind, heads, 40, device, kv_heads=4)
    before = copy.deepcopy(model.config.to_dict())
    with refused(rule="numbers from which the architecture cannot be built are refused: `check_config`"):
        sync_config(model)
    assert model.config.to_dict() == before, "a refused call leaves the configuration as it was"


@pytest.mark.parametrize(
    ("kind", "heads", "kv_heads"), [("qwen2", [0, 1], 2), ("qwen3", [0, 2, 3], 4), ("gpt2", [0, 1, 2, 3], 4)]
)
def test_2_6_a_pruned_model_survives_saving_and_loading(kind, heads, kv_heads, tokens, device, tmp_path):
    """Three heads of four, too: 32 features do not divide by 3, but Qwen3 does not mind."""
    model = pruned_model(kind, heads, 40, device, kv_heads=kv_heads)
    sync_config(model)
    rule = "the model that is saved and loaded again computes the same"
    expect_close(logits_of(reloaded(model, tmp_path), tokens), logits_of(model, tokens), rule, rel=1e-4)


# ------------------------------------------------------------ 2.7


def turn(degrees, scale=1.0):
    """Turn two features by an angle, and scale them."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    return [[scale * cosine, scale * sine], [-scale * sine, scale * cosine]]


class Turning(nn.Module):
    """A block that multiplies by a matrix."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor(matrix))

    def forward(self, hidden_states):
        return hidden_states @ self.matrix


class Turns(nn.Module):
    """Embeds token 0 as (3, 4) and token 1 as (1, 0). A norm comes after the blocks, and is part of none."""

    def __init__(self, *matrices):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
        self.blocks = nn.ModuleList(Turning(matrix) for matrix in matrices)

    def forward(self, input_ids, **_):
        states = [self.embedding(input_ids)]
        for block in self.blocks:
            states.append(block(states[-1]))
        states[-1] = states[-1] * torch.tensor([1.0, 5.0], device=input_ids.device)
        return types.SimpleNamespace(last_hidden_state=states[-1], hidden_states=tuple(states))


def influence_of(device, matrices, *batches, mask=None):
    """The influence of blocks that multiply by these matrices, for batches given as lists of tokens."""
    batches = [{"input_ids": torch.tensor(rows, device=device)} for rows in batches]
    if mask:
        batches[0]["attention_mask"] = torch.tensor(mask, device=device)
    return block_influence(Turns(*matrices).to(device), batches)


def test_2_7_turning_counts_and_scaling_does_not(device):
    """cos 0 = 1, cos 90 = 0, cos 180 = -1, whatever the scale; the last block turns by 60, cos 60 = 1/2."""
    influence = influence_of(device, [turn(0, 2), turn(90, 3), turn(180, 4), turn(60)], [[0]])
    rule = "a block's influence is 1 - the cosine of the angle by which it turns: 0, 90 and 180 degrees here"
    expect_close(influence[:3], [0.0, 1.0, 2.0], rule, abs=1e-5)
    rule = "the last block's output is taken before the final norm"
    expect_close(influence[3:], [0.5], rule, abs=1e-5)


PROJECTION = [[1.0, 0.0], [0.0, 0.0]]  # of (3, 4) to (3, 0), cosine 3/5; of (1, 0) to (1, 0), cosine 1


def test_2_7_tokens_are_averaged_one_by_one(device):
    """(2/5 + 0) / 2."""
    influence = influence_of(device, [PROJECTION], [[0, 1]])
    expect_close(influence, [0.2], "the cosine is taken token by token, and then averaged", abs=1e-5)


def test_2_7_every_token_weighs_the_same_in_any_batch(device):
    """One token 0, then a batch with three tokens 1: (2/5 + 0 + 0 + 0) / 4."""
    influence = influence_of(device, [PROJECTION], [[0]], [[1, 1, 1]])
    rule = "every token weighs the same in a batch of any size: divide by the number of all tokens"
    expect_close(influence, [0.1], rule, abs=1e-5)


def test_2_7_padding_does_not_count(device):
    """Token 0 and three times padding."""
    influence = influence_of(device, [PROJECTION], [[0, 1, 1, 1]], mask=[[1, 0, 0, 0]])
    expect_close(influence, [0.4], "padding counts neither in the sum nor in the number of tokens", abs=1e-5)


def test_2_7_the_result_requires_no_gradient(device):
    assert not influence_of(device, [PROJECTION], [[0, 1]]).requires_grad, "the result requires no gradient"


def test_2_7_block_influence_refuses_an_empty_calibration_set(device):
    with refused(rule="at least one batch is needed"):
        influence_of(device, [PROJECTION])
    with refused(rule="batches of nothing but padding are refused"):
        influence_of(device, [PROJECTION], [[0, 1]], mask=[[0, 0]])


def test_2_7_dropout_is_off(gpt2, batches):
    gpt2.train()
    once, twice = block_influence(gpt2, batches), block_influence(gpt2, batches)
    expect_close(once, twice, "the model is run in eval mode, so dropout is off and two runs agree", rel=1e-4)


def test_2_7_block_influence_leaves_the_model_as_it_was(gpt2, batches):
    gpt2.train()
    gpt2.lm_head.eval()
    block_influence(gpt2, batches)
    assert gpt2.training and not gpt2.lm_head.training, "every submodule gets its own mode back"
    assert not hooked(gpt2), "every hook is removed"
    assert all(p.grad is None for p in gpt2.parameters()), "no gradient is left on the parameters"


def hidden_states(model, batch):
    """Inputs of every block and the output of the last: float64 [real tokens, features] each."""
    seen, blocks = [], model.model.layers
    handles = [block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])) for block in blocks]
    last = lambda *call: seen.append(call[2][0] if isinstance(call[2], tuple) else call[2])  # noqa: E731
    handles.append(blocks[-1].register_forward_hook(last))
    logits_of(model, **{"tokens": batch["input_ids"], "attention_mask": batch.get("attention_mask")})
    for handle in handles:
        handle.remove()
    real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
    return [states[real].double() for states in seen]


def test_2_7_equals_a_loop_over_all_real_tokens(batches, device):
    """A bf16 model; 36 tokens in one batch and 19 in the other."""
    model = tiny("llama", device, layers=3).to(torch.bfloat16)
    states = [
        torch.cat(both) for both in zip(*(hidden_states(model, batch) for batch in batches), strict=True)
    ]
    pairs = zip(states[:-1], states[1:], strict=True)
    cosine = [(x * y).sum(1) / x.norm(dim=1) / y.norm(dim=1) for x, y in pairs]
    expected = torch.stack([1 - values.mean() for values in cosine])
    rule = "the cosines of a bf16 model are computed in fp32 or better"
    expect_close(block_influence(model, batches), expected, rule, rel=1e-4, abs=1e-5)


def identity(hidden_states, *_, **__):
    return hidden_states


def test_2_7_the_kept_blocks_stay_in_their_order(tokens, device):
    """The oracle: the full model, in which block 1 passes its input on."""
    model = tiny("llama", device, layers=4)
    full = copy.deepcopy(model)
    full.model.layers[1].forward = identity
    marks = [block.mlp.up_proj.bias[0].item() for block in model.model.layers]  # each has its own
    drop_blocks(model, torch.tensor([0, 2, 3], device=device))
    left = [marks.index(block.mlp.up_proj.bias[0].item()) for block in model.model.layers]
    expect_equal(left, [0, 2, 3], "the blocks in `keep` stay in their order, and the others go")
    rule = "the shallower model computes what the full one does when the lost block passes its input on"
    got, expected = (logits_of(which, tokens, use_cache=False) for which in (model, full))
    expect_close(got, expected, rule, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_2_7_everyone_who_counts_blocks_is_told(kind, device):
    model = tiny(kind, device, layers=4)
    for number, mlp in enumerate(parts(model)[1]):
        mlp.layer_idx = number  # a cache of some other kind
    drop_blocks(model, torch.tensor([0, 2, 3], device=device))
    expect_equal(model.config.num_hidden_layers, 3, "num_hidden_layers tells the new number of blocks")
    rule = "layer_idx, by which the cache is found, is renumbered from 0"
    expect_equal([attention.layer_idx for attention in parts(model)[0]], [0, 1, 2], rule)
    rule = "layer_idx is renumbered wherever in the block it is kept, not in the attention alone"
    expect_equal([mlp.layer_idx for mlp in parts(model)[1]], [0, 1, 2], rule)


def test_2_7_layer_types_follow_their_blocks(device):
    kinds = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
    model = tiny("qwen3", device, layers=4, layer_types=kinds, use_sliding_window=True, sliding_window=4)
    drop_blocks(model, torch.tensor([1, 2], device=device))
    rule = "layer_types keeps the entries of the blocks that stay"
    expect_equal(model.config.layer_types, ["sliding_attention", "full_attention"], rule)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_2_7_a_shallower_model_generates_saves_and_loads(kind, tokens, device, tmp_path):
    model = tiny(kind, device, layers=3)
    drop_blocks(model, torch.tensor([0, 2], device=device))
    cached, uncached = (written_by(model, tokens, use_cache) for use_cache in (True, False))
    expect_equal(cached, uncached, "generation with a cache gives what it gives without")
    rule = "the model that is saved and loaded again computes the same"
    expect_close(logits_of(reloaded(model, tmp_path), tokens), logits_of(model, tokens), rule, rel=1e-4)


def test_2_7_refuses_indices_that_are_no_selection(llama):
    for keep in BAD_KEEP:
        with refused(rule="`keep` is a sorted selection of the blocks, each once, at least one"):
            drop_blocks(llama, torch.tensor(keep, dtype=torch.int64))
    expect_equal(len(llama.model.layers), 2, "a refused call changes nothing")


def test_2_7_refuses_a_model_without_blocks():
    for what in (
        lambda: drop_blocks(nn.Linear(2, 2), torch.tensor([0])),
        lambda: block_influence(nn.Linear(2, 2), [{"input_ids": torch.tensor([[0]])}]),
    ):
        with refused(rule="a model without blocks is refused"):
            what()

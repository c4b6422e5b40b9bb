"""Chapter 02: whole channels, neurons, heads and blocks."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

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

LLAMAS = ("llama", "mistral", "qwen3")
KINDS = (*LLAMAS, "gpt2")
BAD_KEEP = [[], [3, 1], [1, 1], [0, 64], [-1, 2]]


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


def tiny(kind, device, heads=4, kv_heads=2, layers=2, **options):
    """A random fp32 model with heads of 8 features; Llama with biases, GPT-2 with dropout in training."""
    import transformers  # here, because graders of pure functions need torch alone

    classes = {"llama": "Llama", "mistral": "Mistral", "qwen3": "Qwen3", "gpt2": "GPT2"}
    config_class = getattr(transformers, f"{classes[kind]}Config")
    head = "LMHeadModel" if kind == "gpt2" else "ForCausalLM"
    model_class = getattr(transformers, f"{classes[kind]}{head}")
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "vocab_size": 50}
    if kind == "gpt2":
        config = config_class(
            n_embd=8 * heads, n_layer=layers, n_head=heads, n_positions=64, n_inner=64, **ends, **options
        )
    else:
        biases = {"llama": {"attention_bias": True, "mlp_bias": True}, "qwen3": {"attention_bias": True}}
        config = config_class(
            hidden_size=32, intermediate_size=64, num_hidden_layers=layers, head_dim=8,
            num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=64,
            tie_word_embeddings=True, initializer_range=0.2, **ends, **options, **biases.get(kind, {}),
        )  # fmt: skip
    return noisy(model_class(config)).to(device).eval()


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


@pytest.fixture
def batches(tokens):
    """Two batches of different sizes, the second padded on the right with loud nonsense."""
    mask = torch.ones_like(tokens[:2])
    mask[0, 7:] = 0
    return [{"input_ids": tokens[2:]}, {"input_ids": tokens[:2], "attention_mask": mask}]


# ------------------------------------------------------------ 2.1


def test_2_1_two_rows_by_hand(device):
    result = channel_importance(torch.tensor([[3.0, 4.0], [0.0, 1.0]], device=device)).tolist()
    assert result == [5.0, 1.0], (
        "rows are output channels, and the L2 norm of (3, 4) is 5; the L1 norm is 7, the square 25"
    )


def test_2_1_a_single_weight_is_its_own_norm(device):
    """sqrt(2^2) = 2."""
    assert channel_importance(torch.tensor([[2.0, 0.0], [0.0, -3.0]], device=device)).tolist() == [
        2.0,
        3.0,
    ], "is the root missing?"


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


@pytest.mark.parametrize(
    "weight", [torch.ones(3), torch.tensor([[float("nan")]]), torch.ones(2, 2, dtype=torch.int64)]
)
def test_2_1_refuses_vectors_nan_and_integers(weight):
    with pytest.raises(ValueError, match=r"\[3\]|NaN|int64"):
        channel_importance(weight)


# ------------------------------------------------------------ 2.2


def test_2_2_a_linear_layer_by_hand(device):
    """Outputs 0 and 2 of [[1, 2], [3, 4], [5, 6]] are [[1, 2], [5, 6]]; input 1 is [[2], [4], [6]]."""
    layer = nn.Linear(2, 3, device=device)
    layer.weight.data = torch.tensor([[1.0, 2], [3, 4], [5, 6]], device=device)
    layer.bias.data = torch.tensor([7.0, 8, 9], device=device)
    fewer = prune_output_channels(layer, torch.tensor([0, 2], device=device))
    assert fewer.weight.tolist() == [[1, 2], [5, 6]], "output channels are the rows of the weight"
    assert fewer.bias.tolist() == [7, 9], "a bias belongs to an output channel and goes with it"
    assert (fewer.in_features, fewer.out_features) == (2, 2), (
        "out_features must tell the new size, in_features the old one"
    )
    fewer = prune_input_channels(layer, torch.tensor([1], device=device))
    assert fewer.weight.tolist() == [[2], [4], [6]], "input channels are the columns of the weight"
    assert fewer.bias.tolist() == [7, 8, 9], "the bias belongs to the outputs: it stays"
    assert (fewer.in_features, fewer.out_features) == (1, 3), (
        "in_features must tell the new size, out_features the old one"
    )


CONVOLUTION = dict(
    kernel_size=(3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), padding_mode="circular"
)


@pytest.mark.parametrize("bias", [True, False])
def test_2_2_a_convolution_puts_out_the_kept_channels_of_the_full_one(bias, device):
    layer, keep = nn.Conv2d(4, 7, bias=bias, **CONVOLUTION).to(device), torch.tensor([0, 3, 6], device=device)
    fewer, x = prune_output_channels(layer, keep), torch.randn(2, 4, 7, 6, device=device)
    assert isinstance(fewer, nn.Conv2d) and fewer.out_channels == 3 and fewer.in_channels == 4
    torch.testing.assert_close(fewer(x), layer(x)[:, keep])


def test_2_2_a_convolution_reads_the_kept_channels_alone(device):
    layer, keep = nn.Conv2d(5, 3, **CONVOLUTION).to(device), torch.tensor([1, 4], device=device)
    fewer, x = prune_input_channels(layer, keep), torch.randn(2, 5, 7, 6, device=device)
    others = [0, 2, 3]
    assert isinstance(fewer, nn.Conv2d) and fewer.in_channels == 2 and fewer.out_channels == 3
    expected = layer(x.index_fill(1, torch.tensor(others, device=device), 0.0))
    torch.testing.assert_close(fewer(x[:, keep]), expected)


@pytest.mark.parametrize("prune", [prune_output_channels, prune_input_channels])
@pytest.mark.parametrize("options", [{"eps": 0.1}, {"affine": False}, {"track_running_stats": False}])
def test_2_2_a_batchnorm_keeps_what_belongs_to_its_channels(prune, options, device):
    layer = noisy(nn.BatchNorm2d(6, **options)).to(device).eval()
    keep, x = torch.tensor([1, 2, 5], device=device), torch.randn(4, 6, 3, 3, device=device)
    fewer = prune(layer, keep)
    assert fewer.num_features == 3, "num_features must tell the new size"
    expected = layer(x)[:, keep]
    assert fewer.running_mean is None or fewer.running_mean.shape == (3,), (
        "the running mean and variance have one entry a channel, too"
    )
    torch.testing.assert_close(fewer(x[:, keep]), expected)
    assert not fewer.training, "the mode comes along"


def test_2_2_gpt2s_conv1d_stores_its_weight_the_other_way_round(gpt2, device):
    layer, keep, x = (
        gpt2.transformer.h[0].mlp.c_fc,
        torch.tensor([0, 5, 9], device=device),
        torch.randn(2, 3, 32, device=device),
    )
    fewer = prune_output_channels(layer, keep)
    assert list(fewer.weight.shape) == [32, 3], (
        "Conv1D's weight is [in, out]: its output channels are columns"
    )
    torch.testing.assert_close(fewer(x), layer(x)[..., keep])
    fewer, others = (
        prune_input_channels(layer, keep),
        [index for index in range(32) if index not in (0, 5, 9)],
    )
    assert list(fewer.weight.shape) == [3, 128], "Conv1D's weight is [in, out]: its input channels are rows"
    torch.testing.assert_close(
        fewer(x[..., keep]), layer(x.index_fill(2, torch.tensor(others, device=device), 0.0))
    )


def test_2_2_the_given_layer_stays_as_it_was_and_shares_no_memory(device):
    for layer in (nn.Linear(4, 4), noisy(nn.BatchNorm2d(4)), nn.Conv2d(4, 4, 1)):
        layer.to(device)
        before = copy.deepcopy(layer.state_dict())
        for prune in (prune_output_channels, prune_input_channels):
            fewer = prune(layer, torch.arange(4, device=device))
            for tensor in (*fewer.parameters(), *fewer.buffers()):
                tensor.data.zero_()
        assert all(torch.equal(layer.state_dict()[name], value) for name, value in before.items()), (
            "the given layer was changed"
        )


@pytest.mark.parametrize("prune", [prune_output_channels, prune_input_channels])
def test_2_2_dtype_gradients_and_layout_come_along(prune, device):
    layer = nn.Linear(6, 6, device=device).to(torch.bfloat16)
    layer.weight.data = layer.weight.data.T  # not contiguous
    layer.bias.requires_grad_(False)
    fewer = prune(layer, torch.tensor([0, 4], device=device))
    assert (
        fewer.weight.dtype == torch.bfloat16
        and fewer.weight.is_contiguous()
        and isinstance(fewer.weight, nn.Parameter)
    )
    assert fewer.weight.requires_grad and fewer.weight.is_leaf, (
        "the new weight must be a parameter that learns"
    )
    assert not fewer.bias.requires_grad, "a frozen bias must stay frozen"


@pytest.mark.parametrize("prune", [prune_output_channels, prune_input_channels])
@pytest.mark.parametrize("keep", BAD_KEEP)
def test_2_2_refuses_indices_that_are_no_selection(prune, keep):
    with pytest.raises(ValueError, match="keep"):
        prune(nn.Linear(4, 4), torch.tensor(keep, dtype=torch.int64))


@pytest.mark.parametrize("prune", [prune_output_channels, prune_input_channels])
@pytest.mark.parametrize(
    ("layer", "named"), [(nn.LayerNorm(4), "LayerNorm"), (nn.Conv2d(4, 4, 1, groups=2), "2 groups")]
)
def test_2_2_refuses_layers_that_it_does_not_understand(prune, layer, named):
    with pytest.raises(ValueError, match=named):
        prune(layer, torch.tensor([0, 1]))


def test_2_2_refuses_a_masked_layer():
    layer = nn.Linear(4, 4)
    apply_mask(layer, torch.ones(4, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="bake_masks"):
        prune_output_channels(layer, torch.tensor([0, 1]))


# ------------------------------------------------------------ 2.3


def small_cnn(device):
    """Two convolutions, 10 x 6 images; float64, so that equal means equal.

    Flatten makes 7 channels of 5 x 3.
    """
    layers = [
        nn.Conv2d(2, 5, 3, padding=1),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Conv2d(5, 7, 3, padding=1),
        nn.BatchNorm2d(7),
        nn.ReLU(),
    ]
    return (
        noisy(nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(7 * 5 * 3, 4)))
        .to(device)
        .double()
        .eval()
    )


def strongest(convolution, ratio):
    """The channels to keep, from the contract: int(ratio * channels) go, smallest norm first."""
    norms = [channel.norm().item() for channel in convolution.weight]
    order = sorted(range(len(norms)), key=lambda channel: (norms[channel], channel))
    return sorted(order[int(ratio * len(norms)) :])


def with_channels_silenced(model, places, ratio, x):
    """The full model with channels silenced after their ReLU; places: [(convolution, its ReLU)]."""
    handles = []
    for convolution, activation in places:
        gone = torch.ones(convolution.out_channels, dtype=torch.bool, device=x.device)
        gone[strongest(convolution, ratio)] = False
        handles.append(
            activation.register_forward_hook(
                lambda *call, gone=gone: call[2].masked_fill(gone[None, :, None, None], 0.0)
            )
        )
    with torch.no_grad():
        result = model(x)
    for handle in handles:
        handle.remove()
    return result


@pytest.mark.parametrize("ratio", [0.0, 0.2, 0.5, 0.8])
def test_2_3_equals_silencing_the_channels_after_batchnorm_and_relu(ratio, device):
    """Exactly.

    Zeroing the convolution instead would let BatchNorm's shift through, another order of the inputs another
    function.
    """
    model, x = small_cnn(device), torch.randn(3, 2, 10, 6, device=device, dtype=torch.float64)
    pruned = prune_conv_chain(model, ratio)
    kept = [5 - int(ratio * 5), 7 - int(ratio * 7)]
    assert [pruned[0].out_channels, pruned[3].out_channels] == kept, (
        "int(ratio * channels) of every convolution go"
    )
    assert [pruned[1].num_features, pruned[3].in_channels, pruned[4].num_features] == [kept[0], *kept], (
        "what follows shrinks with it"
    )
    assert pruned[8].in_features == kept[1] * 15, "the Linear reads H*W = 15 numbers of every channel"
    expected = with_channels_silenced(model, [(model[0], model[2]), (model[3], model[5])], ratio, x)
    with torch.no_grad():
        torch.testing.assert_close(pruned(x), expected)


def test_2_3_the_weakest_channels_go(device):
    """Channels of norm 3, 1, 2: a third goes, channel 1."""
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(3, 1)).to(device)
    model[0].weight.data = torch.tensor([3.0, -1, 2], device=device).view(3, 1, 1, 1)
    assert prune_conv_chain(model, 0.34)[0].weight.flatten().tolist() == [3, 2], (
        "the channel with the smallest norm goes"
    )


def test_2_3_equal_channels_go_from_the_lowest_index(device):
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4, 1)).to(device)
    model[0].weight.data.fill_(1.0)
    model[0].bias.data = torch.arange(4.0, device=device)
    assert prune_conv_chain(model, 0.5)[0].bias.tolist() == [2, 3], (
        "of equal norms the lowest index goes first"
    )


def test_2_3_norms_are_those_of_the_model_as_it_is_given(device):
    """The second convolution has (5, 0) and (0, 1): channel 1 goes, though the 5 reads one that goes."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2, 1)
    ).to(device)
    model[0].weight.data = torch.tensor([1.0, 2], device=device).view(2, 1, 1, 1)
    model[2].weight.data = torch.tensor([[5.0, 0], [0, 1]], device=device).view(2, 2, 1, 1)
    bias = model[2].bias[0].item()
    assert prune_conv_chain(model, 0.5)[2].bias.tolist() == [bias], (
        "rank by the norms before anything was cut"
    )


def test_2_3_the_last_layer_is_the_output_and_keeps_its_channels(device):
    """Nothing reads what the last convolution puts out."""
    model = (
        nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4))
        .double()
        .to(device)
    )
    noisy(model).eval()
    pruned, x = prune_conv_chain(model, 0.5), torch.randn(2, 1, 9, 9, device=device, dtype=torch.float64)
    assert pruned(x).shape == model(x).shape, "the model's output lost channels"
    torch.testing.assert_close(pruned(x), with_channels_silenced(model, [(model[0], model[2])], 0.5, x))


class Nested(nn.Module):
    """Three convolutions in parts, global pooling (H*W = 1), two Linear layers."""

    def __init__(self):
        super().__init__()
        start = [nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4, affine=False), nn.ReLU()]
        self.features = nn.Sequential(*start, nn.Conv2d(4, 6, 3), nn.ReLU())
        self.more = nn.Sequential(
            nn.Conv2d(6, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.classifier = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))

    def forward(self, x):
        return self.classifier(self.more(self.features(x)))


def test_2_3_nested_parts_global_pooling_and_two_linear_layers(device):
    model, x = (
        noisy(Nested()).to(device).double().eval(),
        torch.randn(2, 1, 8, 8, device=device, dtype=torch.float64),
    )
    pruned = prune_conv_chain(model, 0.5)
    features, more = model.features, model.more
    expected = with_channels_silenced(
        model, [(features[0], features[2]), (features[3], features[4]), (more[0], more[2])], 0.5, x
    )
    torch.testing.assert_close(pruned(x), expected)
    assert pruned.classifier[2].in_features == 5, "only the first Linear reads channels"


def test_2_3_the_given_model_stays_and_the_copy_can_learn(device):
    model = small_cnn(device).train()
    before = copy.deepcopy(model.state_dict())
    pruned = prune_conv_chain(model, 0.5)
    assert pruned.training and pruned[1].training
    pruned(torch.randn(3, 2, 10, 6, device=device, dtype=torch.float64)).sum().backward()
    assert all(parameter.grad is not None for parameter in pruned.parameters()), (
        "every parameter of the copy must learn"
    )
    with torch.no_grad():
        for parameter in pruned.parameters():
            parameter.zero_()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items()), (
        "the given model was changed"
    )
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("ratio", [-0.1, 1.0, math.nan])
def test_2_3_refuses_a_ratio_that_leaves_nothing(ratio, device):
    with pytest.raises(ValueError, match=str(ratio)):
        prune_conv_chain(small_cnn(device), ratio)


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([nn.Linear(2, 2)], "no Conv2d"),
        ([nn.Conv2d(1, 4, 1), nn.GroupNorm(2, 4), nn.Conv2d(4, 1, 1)], "GroupNorm"),
    ],
)
def test_2_3_refuses_what_is_no_chain(layers, named):
    with pytest.raises(ValueError, match=named):
        prune_conv_chain(nn.Sequential(*layers), 0.5)


# ------------------------------------------------------------ 2.4


@pytest.mark.parametrize("kind", KINDS)
def test_2_4_equals_the_full_mlp_with_the_other_neurons_silenced(kind, device):
    mlp, keep = parts(tiny(kind, device))[1][0], torch.tensor([0, 3, 4, 17, 63], device=device)
    x, full = torch.randn(2, 3, 32, device=device), copy.deepcopy(mlp)
    assert prune_mlp_neurons(mlp, keep) is None
    for name, layer in mlp.named_children():
        if hasattr(layer, "weight"):
            assert sorted(layer.weight.shape) == [5, 32], (
                f"{name} must become smaller, its weight is {list(layer.weight.shape)}"
            )
    silenced(full, keep)
    with torch.no_grad():
        torch.testing.assert_close(mlp(x), full(x))


def test_2_4_the_layers_remember_their_sizes(llama, device):
    mlp = llama.model.layers[0].mlp
    prune_mlp_neurons(mlp, torch.tensor([0, 3, 4, 17, 63], device=device))
    features = [mlp.gate_proj.out_features, mlp.up_proj.out_features, mlp.down_proj.in_features]
    assert features == [5, 5, 5], "out_features and in_features must tell the new sizes"
    assert mlp.intermediate_size == 5, "the MLP remembers the number of its neurons, too"


def test_2_4_biases_shrink_with_their_rows(device):
    mlp = nn.Module()
    mlp.gate_proj, mlp.up_proj, mlp.down_proj = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(6, 4)
    mlp.to(device)
    bias, last = mlp.up_proj.bias.detach().clone(), mlp.down_proj.bias.detach().clone()
    prune_mlp_neurons(mlp, torch.tensor([1, 5], device=device))
    assert torch.equal(mlp.up_proj.bias, bias[[1, 5]]), "the bias shrinks with its rows"
    assert torch.equal(mlp.down_proj.bias, last), "the outputs of down_proj stay, and so does its bias"


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_2_4_a_pruned_model_saves_and_loads(kind, tokens, device, tmp_path):
    model = tiny(kind, device)
    for mlp in parts(model)[1]:
        prune_mlp_neurons(mlp, torch.arange(0, 64, 2, device=device))
    setattr(model.config, "n_inner" if kind == "gpt2" else "intermediate_size", 32)
    assert torch.equal(logits_of(reloaded(model, tmp_path), tokens), logits_of(model, tokens))


@pytest.mark.parametrize("keep", BAD_KEEP)
def test_2_4_refuses_indices_that_are_no_selection(llama, keep):
    with pytest.raises(ValueError, match="keep"):
        prune_mlp_neurons(llama.model.layers[0].mlp, torch.tensor(keep, dtype=torch.int64))


def test_2_4_refuses_another_kind_of_mlp():
    with pytest.raises(ValueError, match="Sequential"):
        prune_mlp_neurons(nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 2)), torch.tensor([0]))


# ------------------------------------------------------------ 2.5


class TwoHeads(nn.Module):
    """A language model of two tokens: one attention of two heads, one feature each, that always put out 1.

    The output projection [[1, -1], [-1, 1]] makes logits (0, 0) of them, so both tokens have probability 1/2.
    """

    def __init__(self):
        super().__init__()
        attention = nn.Module()
        attention.head_dim = 1
        attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj = (
            nn.Linear(2, 2, bias=False) for _ in range(4)
        )
        attention.o_proj.weight.data = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        block = nn.Module()
        block.self_attn = attention
        self.layers = nn.ModuleList([block])

    def forward(self, input_ids, **_):
        ones = torch.ones(*input_ids.shape, 2, device=input_ids.device)
        return type("Output", (), {"logits": self.layers[0].self_attn.o_proj(ones)})


def test_2_5_two_examples_by_hand(device):
    """dL/dlogits is (-1/2, 1/2) or, if token 1 comes, (1/2, -1/2); so dL/dx is (-1, 1) or (1, -1).

    The sums x * dL/dx of the two examples are (-1, 1) and (1, -1): signed they cancel to (0, 0), in absolute
    value the mean is (1, 1).
    """
    result = head_importance(
        TwoHeads().to(device), [{"input_ids": torch.tensor([[0, 0], [0, 1]], device=device)}]
    )
    assert result.tolist() != [[0, 0]], "the examples cancel: take the absolute value of each before the mean"
    assert result.tolist() == [[1, 1]], "the mean over the examples of the absolute sums is 1 for both heads"


def test_2_5_positions_are_summed_before_the_absolute_value(device):
    """One example, token 0 and then token 1 to predict: half of (-1, 1) and half of (1, -1) is nothing."""
    result = head_importance(TwoHeads().to(device), [{"input_ids": torch.tensor([[0, 0, 1]], device=device)}])
    assert result.tolist() == [[0, 0]], (
        "scaling a head scales it at all positions: sum over positions first, then absolute"
    )


def test_2_5_the_loss_of_an_example_is_a_mean_over_its_tokens(device):
    """Three times token 0: the sum would be (-3, 3), the mean is (-1, 1).

    A loss averaged over the batch would halve it again.
    """
    result = head_importance(
        TwoHeads().to(device), [{"input_ids": torch.zeros(2, 4, dtype=torch.int64, device=device)}]
    )
    assert result.tolist() == [[1, 1]], "the mean over an example's tokens; the examples' losses are added up"


def gates(model, example):
    """The oracle: a gate of 1 on every head, one example's loss differentiated by it; [layers, heads]."""
    attentions = parts(model)[0]
    heads = [reader(attention).weight.numel() // 32 // 8 for attention in attentions]
    gate = [
        torch.ones(count, dtype=torch.float64, device=example.device, requires_grad=True) for count in heads
    ]
    handles = [
        reader(attention).register_forward_pre_hook(
            lambda _, x, g=g: ((x[0].unflatten(-1, (len(g), 8)) * g[:, None]).flatten(-2),)
        )
        for attention, g in zip(attentions, gate, strict=True)
    ]
    logits = model(input_ids=example[None]).logits[0]
    F.cross_entropy(logits[:-1], example[1:]).backward()
    for handle in handles:
        handle.remove()
    model.zero_grad()
    return torch.stack([g.grad for g in gate])


@pytest.mark.parametrize("kind", KINDS)
def test_2_5_equals_the_gradient_of_a_gate_on_every_head(kind, batches, device):
    """Mean over all five examples, whatever the batches; padding cut off for the oracle."""
    model = tiny(kind, device)
    result, oracle = head_importance(model, batches), copy.deepcopy(model).double()
    rows = [example for batch in batches for example in batch["input_ids"]]
    examples = [example[:length] for example, length in zip(rows, [12, 12, 12, 7, 12], strict=True)]
    expected = torch.stack([gates(oracle, example) for example in examples]).abs().mean(0)
    assert result.shape == (2, 4) and result.dtype == torch.float32, (
        f"expected fp32 [2, 4], got {result.dtype} {list(result.shape)}"
    )
    torch.testing.assert_close(result.double(), expected, rtol=1e-3, atol=1e-6)


def test_2_5_padding_on_the_left_counts_as_little(device, tokens):
    model = tiny("llama", device)
    padded = torch.cat([tokens[:2, :4], tokens[:2]], 1)
    mask = torch.ones_like(padded)
    mask[:, :4] = 0
    result = head_importance(model, [{"input_ids": padded, "attention_mask": mask}])
    torch.testing.assert_close(
        result, head_importance(model, [{"input_ids": tokens[:2]}]), rtol=1e-3, atol=1e-6
    )


def test_2_5_a_frozen_model_gives_the_same(batches, device):
    model = tiny("llama", device)
    expected = head_importance(model, batches)
    model.requires_grad_(False)
    torch.testing.assert_close(head_importance(model, batches), expected)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_2_5_leaves_the_model_as_it_was(gpt2, batches):
    gpt2.train()
    gpt2.lm_head.eval()
    first, *rest = gpt2.parameters()
    first.grad = torch.ones_like(first)
    with torch.no_grad():  # whatever the caller has switched off
        once, twice = head_importance(gpt2, batches), head_importance(gpt2, batches)
        assert not torch.is_grad_enabled()
    assert torch.equal(once, twice), "dropout must be off: run the model in eval mode"
    assert not once.requires_grad, "the result must not hold on to the graph"
    assert gpt2.training and not gpt2.lm_head.training, "every submodule gets its own mode back"
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in gpt2.modules()), (
        "hooks must be removed"
    )
    assert (first.grad == 1).all() and all(p.grad is None for p in rest), (
        "the parameters' gradients must stay as they were"
    )


def test_2_5_refuses_examples_without_a_loss_and_layers_that_differ(tokens, device):
    model = tiny("llama", device)
    mask = torch.ones_like(tokens)
    mask[1, 1:] = 0
    for bad, named in (([], "0 batches"), ([{"input_ids": tokens, "attention_mask": mask}], "1 real tokens")):
        with pytest.raises(ValueError, match=named):
            head_importance(model, bad)
    attention = model.model.layers[0].self_attn
    attention.q_proj, attention.o_proj = nn.Linear(32, 16), nn.Linear(16, 32)
    with pytest.raises(ValueError, match=r"\[2, 4\]"):
        head_importance(model, [{"input_ids": tokens}])


# ------------------------------------------------------------ 2.6

# Of four query heads on two KV heads: the first group, one of each group, half of the second group.
KEEPS = [[0, 1], [1, 2], [3]]


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_2_6_equals_the_full_attention_with_the_other_heads_silenced(kind, keep, tokens, device):
    model = tiny(kind, device)
    model.set_attn_implementation("eager" if keep == [1, 2] else "sdpa")
    full, keep = copy.deepcopy(model), torch.tensor(keep, device=device)
    for pruned, whole in zip(parts(model)[0], parts(full)[0], strict=True):
        assert prune_attention_heads(pruned, keep) is None
        silenced(whole, keep, size=8)
        assert reader(pruned).weight.numel() == len(keep) * 8 * 32, (
            "the output projection must lose the columns of the removed heads"
        )
    torch.testing.assert_close(logits_of(model, tokens), logits_of(full, tokens), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("keep", "kv_heads"), [([0, 1], 1), ([1, 2], 2), ([3], 1), ([0, 1, 2, 3], 2)])
def test_2_6_a_kv_head_stays_as_long_as_a_query_head_reads_it(keep, kv_heads, device):
    attention = parts(tiny("llama", device))[0][0]
    prune_attention_heads(attention, torch.tensor(keep, device=device))
    rows = [
        attention.q_proj.out_features,
        attention.k_proj.out_features,
        attention.v_proj.out_features,
        attention.o_proj.in_features,
    ]
    assert rows == [len(keep) * 8, kv_heads * 8, kv_heads * 8, len(keep) * 8], (
        f"rows of Q, K, V and columns of O: {rows}"
    )
    assert attention.num_key_value_groups == len(keep) // kv_heads, (
        "num_key_value_groups tells how many query heads share a KV head"
    )
    assert attention.head_dim == 8, "a head keeps its size"


def test_2_6_gpt2_remembers_its_heads(device):
    attention = parts(tiny("gpt2", device))[0][0]
    prune_attention_heads(attention, torch.tensor([0, 3], device=device))
    assert (
        list(attention.c_attn.weight.shape) == [32, 48]
        and attention.c_attn.bias.shape == (48,)
        and attention.c_attn.nf == 48
    )
    assert (attention.num_heads, attention.split_size, attention.head_dim) == (2, 16, 8), (
        "num_heads and split_size count the heads left"
    )


def test_2_6_refuses_unequal_numbers_per_kv_head(device):
    """Keeping 0, 1 and 2 leaves two query heads on the first KV head and one on the second."""
    attention = parts(tiny("llama", device))[0][0]
    with pytest.raises(ValueError, match=r"\[2, 1\]"):
        prune_attention_heads(attention, torch.tensor([0, 1, 2], device=device))
    assert attention.q_proj.out_features == 32, "a refused call must change nothing"


def test_2_6_refuses_indices_that_are_no_selection(device):
    attention = parts(tiny("llama", device))[0][0]
    for keep in ([], [3, 1], [1, 1], [0, 4], [-1, 2]):
        with pytest.raises(ValueError, match="keep"):
            prune_attention_heads(attention, torch.tensor(keep, dtype=torch.int64, device=device))


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_2_6_generation_with_a_cache_agrees_with_generation_without(kind, tokens, device):
    model = tiny(kind, device)
    for attention in parts(model)[0]:
        prune_attention_heads(attention, torch.tensor([1, 2], device=device))
    cached, uncached = (written_by(model, tokens, use_cache) for use_cache in (True, False))
    assert torch.equal(cached, uncached)


@pytest.mark.parametrize("kind", LLAMAS)
def test_2_6_heads_and_neurons_survive_saving_and_loading(kind, tokens, device, tmp_path):
    model = tiny(kind, device)
    for attention, mlp in zip(*parts(model), strict=True):
        prune_attention_heads(attention, torch.tensor([0, 1], device=device))
        prune_mlp_neurons(mlp, torch.arange(40, device=device))
    assert sync_config(model) is None
    config = model.config
    sizes = (
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
        config.intermediate_size,
    )
    assert sizes == (2, 1, 8, 40), f"heads, KV heads, head_dim, neurons: {sizes}; a head keeps its size"
    assert torch.equal(logits_of(reloaded(model, tmp_path), tokens), logits_of(model, tokens))


@pytest.mark.parametrize("kind", ["mistral", "qwen3"])
def test_2_6_three_heads_of_four_survive_where_the_architecture_allows_it(kind, tokens, device, tmp_path):
    """32 features do not divide by 3: Qwen3 and Mistral do not mind, they have a head_dim of their own."""
    model = tiny(kind, device, kv_heads=4)
    for attention in parts(model)[0]:
        prune_attention_heads(attention, torch.tensor([0, 2, 3], device=device))
    sync_config(model)
    assert torch.equal(logits_of(reloaded(model, tmp_path), tokens), logits_of(model, tokens))


@pytest.mark.parametrize(
    ("kind", "keep", "named"), [("llama", [0, 2, 3], "LlamaConfig"), ("gpt2", [0, 1], "GPT2Config")]
)
def test_2_6_says_so_where_the_architecture_cannot_express_it(kind, keep, named, tokens, device):
    model = tiny(kind, device, kv_heads=4)
    before = copy.deepcopy(model.config.to_dict())
    for attention in parts(model)[0]:
        prune_attention_heads(attention, torch.tensor(keep, device=device))
    with pytest.raises(ValueError, match=f"{named} cannot express"):
        sync_config(model)
    assert model.config.to_dict() == before, "a refused call must leave the configuration as it was"


def test_2_6_gpt2_without_some_neurons_survives(tokens, device, tmp_path):
    model = tiny("gpt2", device)
    for mlp in parts(model)[1]:
        prune_mlp_neurons(mlp, torch.arange(40, device=device))
    sync_config(model)
    assert model.config.n_inner == 40, "GPT-2 calls its number of neurons n_inner"
    assert torch.equal(logits_of(reloaded(model, tmp_path), tokens), logits_of(model, tokens))


@pytest.mark.parametrize("what", ["heads", "neurons"])
def test_2_6_refuses_layers_that_differ(what, device):
    model = tiny("llama", device)
    before = copy.deepcopy(model.config.to_dict())
    attentions, mlps = parts(model)
    if what == "heads":
        prune_attention_heads(attentions[1], torch.tensor([0, 1], device=device))
    else:
        prune_mlp_neurons(mlps[1], torch.arange(40, device=device))
    with pytest.raises(ValueError, match=r"\(2, 1, 8\)" if what == "heads" else r"\[40, 64\]"):
        sync_config(model)
    assert model.config.to_dict() == before, "a refused call must leave the configuration as it was"


# ------------------------------------------------------------ 2.7


class Turn(nn.Module):
    """A block that turns two features by an angle and scales them."""

    def __init__(self, degrees, scale):
        super().__init__()
        angle = math.radians(degrees)
        self.matrix = scale * torch.tensor(
            [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        )

    def forward(self, hidden_states):
        return hidden_states @ self.matrix.to(hidden_states.device)


class Turns(nn.Module):
    """Embeds token 0 as (3, 4) and token 1 as (1, 0); ends in a norm, which is no part of block 3."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
        self.blocks = nn.ModuleList([Turn(0, 2), Turn(90, 1), Turn(180, 3), Turn(60, 1)])

    def forward(self, input_ids, **_):
        states = self.embedding(input_ids)
        for block in self.blocks:
            states = block(states)
        return states * torch.tensor([1.0, 5.0], device=states.device)


def test_2_7_four_turns_by_hand(device):
    """cos 0 = 1, cos 90 = 0, cos 180 = -1, cos 60 = 1/2. Scaling alone changes no direction."""
    influence = block_influence(Turns().to(device), [{"input_ids": torch.tensor([[0, 1, 0]], device=device)}])
    assert influence.tolist() == pytest.approx([0.0, 1.0, 2.0, 0.5], abs=1e-6), (
        "1 - the mean cosine similarity of input and output"
    )


def hidden_states(model, batch):
    """Inputs of every block and the output of the last: float64 [real tokens, features] each."""
    seen, blocks = [], model.transformer.h if hasattr(model, "transformer") else model.model.layers
    handles = [block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])) for block in blocks]
    handles.append(
        blocks[-1].register_forward_hook(
            lambda *call: seen.append(call[2][0] if isinstance(call[2], tuple) else call[2])
        )
    )
    with torch.no_grad():
        model(**batch)
    for handle in handles:
        handle.remove()
    real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
    return [states[real].double() for states in seen]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_2_7_equals_a_loop_over_all_real_tokens(kind, batches, device):
    """36 tokens in one batch and 19 in the other: every token weighs the same."""
    model = tiny(kind, device, layers=3)
    states = [
        torch.cat(both) for both in zip(*(hidden_states(model, batch) for batch in batches), strict=True)
    ]
    cosine = [
        (x * y).sum(1) / x.norm(dim=1) / y.norm(dim=1) for x, y in zip(states[:-1], states[1:], strict=True)
    ]
    influence = block_influence(model, batches)
    assert influence.shape == (3,) and influence.dtype == torch.float32, (
        f"expected fp32 [3], got {influence.dtype} {list(influence.shape)}"
    )
    torch.testing.assert_close(
        influence.double(), torch.stack([1 - c.mean() for c in cosine]), rtol=1e-4, atol=1e-5
    )


def test_2_7_block_influence_leaves_the_model_as_it_was(gpt2, batches):
    gpt2.train()
    gpt2.lm_head.eval()
    assert torch.equal(block_influence(gpt2, batches), block_influence(gpt2, batches)), "dropout must be off"
    assert gpt2.training and not gpt2.lm_head.training, "every submodule gets its own mode back"
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in gpt2.modules()), (
        "hooks must be removed"
    )


def test_2_7_block_influence_refuses_an_empty_calibration_set(llama, tokens):
    for empty, named in (
        ([], "0 batches"),
        ([{"input_ids": tokens, "attention_mask": torch.zeros_like(tokens)}], "0 real tokens"),
    ):
        with pytest.raises(ValueError, match=named):
            block_influence(llama, empty)


@pytest.mark.parametrize("kind", KINDS)
def test_2_7_a_dropped_block_passes_its_input_on(kind, tokens, device, tmp_path):
    """The oracle: the full model, in which blocks 1 and 3 are replaced by the identity.

    Then with a cache, then saved and loaded.
    """
    model = tiny(kind, device, layers=4)
    full = copy.deepcopy(model)
    for block in (full.transformer.h if kind == "gpt2" else full.model.layers)[1::2]:
        block.forward = lambda hidden_states, *_, **__: hidden_states
    assert drop_blocks(model, torch.tensor([0, 2], device=device)) is None
    assert len(parts(model)[0]) == 2, "the model must get shallower"
    assert model.config.num_hidden_layers == 2, "num_hidden_layers must tell the new depth"
    torch.testing.assert_close(
        logits_of(model, tokens, use_cache=False),
        logits_of(full, tokens, use_cache=False),
        rtol=1e-4,
        atol=1e-4,
    )
    assert [attention.layer_idx for attention in parts(model)[0]] == [0, 1], (
        "layer_idx must be renumbered: the cache is found by it"
    )
    cached, uncached = (written_by(model, tokens, use_cache) for use_cache in (True, False))
    assert torch.equal(cached, uncached), "generation with a cache differs"
    assert torch.equal(logits_of(reloaded(model, tmp_path), tokens), logits_of(model, tokens))


def test_2_7_layer_types_follow_their_blocks(device):
    kinds = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
    model = tiny("qwen3", device, layers=4, layer_types=kinds, use_sliding_window=True, sliding_window=4)
    drop_blocks(model, torch.tensor([1, 2], device=device))
    assert model.config.layer_types == ["sliding_attention", "full_attention"], (
        "layer_types tells the attention of every block"
    )


@pytest.mark.parametrize("keep", [[], [1, 0], [1, 1], [0, 2], [-1, 0]])
def test_2_7_refuses_indices_that_are_no_selection(llama, keep):
    with pytest.raises(ValueError, match="keep"):
        drop_blocks(llama, torch.tensor(keep, dtype=torch.int64))
    assert llama.config.num_hidden_layers == 2

"""Chapter 04: low rank."""

import copy
import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from minicompress.lab.modules import parameter_count
from minicompress.low_rank import (
    LowRankLinear,
    break_even_rank,
    convert_to_low_rank,
    damped_cholesky,
    factorize,
    low_rank_decompose,
    randomized_decompose,
    rank_for_energy,
    whitened_decompose,
)


def rotation(size, device, dtype=torch.float64):
    """A random orthogonal matrix."""
    return torch.linalg.qr(torch.randn(size, size, device=device, dtype=dtype)).Q


# ------------------------------------------------------------ 4.1


def test_4_1_a_diagonal_matrix_by_hand(device):
    """Singular values 9 and 4; at rank 1 the 9 stays, as sqrt(9) = 3 in each factor."""
    U, V = low_rank_decompose(torch.tensor([[4.0, 0.0], [0.0, 9.0]], device=device), 1)
    assert (U.shape, V.shape) == ((2, 1), (1, 2)), (
        f"the factors must be [out, rank] and [rank, in], got {list(U.shape)} and {list(V.shape)}"
    )
    assert (U @ V).flatten().tolist() == pytest.approx([0, 0, 0, 9], abs=1e-5), (
        "at rank 1 the larger singular value, 9, stays"
    )
    assert U.abs().flatten().tolist() == pytest.approx([0, 3], abs=1e-5), "sqrt(9) = 3 goes into each factor"


def test_4_1_three_by_three_by_hand(device):
    """[[2, 2, 0], [2, 2, 0], [0, 0, 3]] = 4 a a^T + 3 b b^T, a = (1, 1, 0) / sqrt(2), b = (0, 0, 1)."""
    weight = torch.tensor([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 3.0]], device=device)
    U, V = low_rank_decompose(weight, 1)
    expected = torch.tensor([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]], device=device)
    torch.testing.assert_close(U @ V, expected, atol=1e-5, rtol=0)
    U, V = low_rank_decompose(weight, 2)
    torch.testing.assert_close(U @ V, weight, atol=1e-5, rtol=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_4_1_the_squared_error_is_the_sum_of_the_dropped_squares(rows, columns, rank, seed):
    """Eckart and Young 1936: no matrix of this rank does better."""
    rank = min(rank, rows, columns)
    weight = torch.randn(rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    U, V = low_rank_decompose(weight, rank)
    error, best = (
        (weight - U @ V).square().sum().item(),
        torch.linalg.svdvals(weight)[rank:].square().sum().item(),
    )
    assert error == pytest.approx(best, abs=1e-9), (
        "the error is larger than the optimum, the sum of the dropped S^2"
    )


def test_4_1_beats_any_other_choice_of_singular_vectors(device):
    weight = torch.randn(6, 9, device=device)
    U, V = low_rank_decompose(weight, 3)
    ours = (weight - U @ V).square().sum()
    left, S, right = torch.linalg.svd(weight, full_matrices=False)
    for chosen in torch.combinations(torch.arange(6), 3).to(device):
        other = (left[:, chosen] * S[chosen]) @ right[chosen]
        assert ours <= (weight - other).square().sum() * (1 + 1e-5)


def test_4_1_both_factors_carry_the_square_root_of_the_singular_values(device):
    """So U^T U and V V^T are the same diagonal matrix, S."""
    weight = torch.randn(8, 5, device=device, dtype=torch.float64)
    U, V = low_rank_decompose(weight, 4)
    expected = torch.linalg.svdvals(weight)[:4].diag()
    assert torch.allclose(U.T @ U, expected), (
        "each column of U_scaled must have the squared norm S: is sqrt(S) split between the factors?"
    )
    assert torch.allclose(V @ V.T, expected), (
        "each row of V_scaled must have the squared norm S: is sqrt(S) split between the factors?"
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_4_1_computes_in_fp32_or_better(dtype, device):
    weight = torch.randn(6, 4, device=device).to(dtype)
    before = weight.clone()
    U, V = low_rank_decompose(weight, 4)
    expected = torch.float64 if dtype == torch.float64 else torch.float32
    assert (U.dtype, V.dtype) == (expected, expected), f"the factors must be {expected}, got {U.dtype}"
    torch.testing.assert_close(U @ V, weight.to(expected), atol=1e-5, rtol=1e-5)
    assert torch.equal(weight, before)


def test_4_1_other_strides_and_a_parameter(device):
    weight = nn.Parameter(torch.randn(5, 7, device=device).T)  # [7, 5], columns stored first
    U, V = low_rank_decompose(weight, 5)
    torch.testing.assert_close(U @ V, weight.detach(), atol=1e-5, rtol=1e-5)
    assert not U.requires_grad and not V.requires_grad, (
        "the factors are numbers, not a part of the weight's graph: detach"
    )


def test_4_1_a_zero_matrix_has_zero_factors(device):
    U, V = low_rank_decompose(torch.zeros(3, 4, device=device), 2)
    assert (U @ V == 0).all()


@pytest.mark.parametrize(
    ("weight", "rank", "named"),
    [
        (torch.ones(3, 5), 0, "got 0"),
        (torch.ones(3, 5), 4, r"1\.\.3, got 4"),
        (torch.ones(3, 5), 1.5, "got 1.5"),
        (torch.ones(5), 1, r"\[5\]"),
        (torch.tensor([[math.nan]]), 1, "NaN"),
        (torch.ones(2, 2, dtype=torch.int64), 1, "int64"),
    ],
)
def test_4_1_refuses_ranks_that_the_matrix_cannot_have_and_what_is_no_matrix(weight, rank, named):
    with pytest.raises(ValueError, match=named):
        low_rank_decompose(weight, rank)


# ------------------------------------------------------------ 4.2


def test_4_2_the_factors_lie_where_the_input_meets_them(device):
    """A square layer too: there the swapped factors fit, and compute nonsense."""
    for out_features, in_features in ((6, 4), (4, 6), (5, 5)):
        U_scaled, V_scaled = (
            torch.randn(out_features, 2, device=device),
            torch.randn(2, in_features, device=device),
        )
        layer, x = LowRankLinear.from_factors(U_scaled, V_scaled), torch.randn(3, in_features, device=device)
        assert layer.U.weight.shape == (2, in_features), (
            f"the first step is in -> rank, so U.weight is V_scaled [2, {in_features}]"
        )
        assert layer.V.weight.shape == (out_features, 2), (
            f"the second step is rank -> out, so V.weight is U_scaled [{out_features}, 2]"
        )
        assert torch.allclose(layer(x), x @ (U_scaled @ V_scaled).T, atol=1e-5), (
            "U.weight must be V_scaled and V.weight U_scaled"
        )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("out_features", "in_features", "rank"), [(7, 5, 2), (5, 7, 3), (6, 6, 1)])
def test_4_2_computes_what_a_linear_layer_of_the_approximated_weight_computes(
    bias, out_features, in_features, rank, device
):
    linear, x = (
        nn.Linear(in_features, out_features, bias=bias, device=device),
        torch.randn(2, 3, in_features, device=device),
    )
    U, V = low_rank_decompose(linear.weight, rank)
    layer = LowRankLinear.from_linear(linear, rank)
    torch.testing.assert_close(layer(x), nn.functional.linear(x, U @ V, linear.bias), atol=1e-5, rtol=1e-4)
    assert parameter_count(layer) == rank * (in_features + out_features) + bias * out_features, (
        "rank (in + out) weights and one bias"
    )


def test_4_2_the_bias_is_added_once_and_after_the_second_step(device):
    linear = nn.Linear(4, 3, device=device)
    layer = LowRankLinear.from_linear(linear, 2)
    assert layer.U.bias is None, "the first step has no bias"
    assert torch.allclose(layer(torch.zeros(1, 4, device=device))[0], linear.bias), (
        "of a zero input the bias alone must come out"
    )


def test_4_2_at_full_rank_it_is_the_linear_layer(device):
    linear, x = nn.Linear(6, 9, device=device), torch.randn(5, 6, device=device)
    torch.testing.assert_close(LowRankLinear.from_linear(linear, 6)(x), linear(x), atol=1e-5, rtol=1e-4)


def test_4_2_the_linear_layer_is_neither_changed_nor_shared(device):
    linear = nn.Linear(4, 4, device=device)
    before = copy.deepcopy(linear.state_dict())
    layer = LowRankLinear.from_linear(linear, 2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in linear.state_dict().items()), (
        "the new layer must have parameters of its own"
    )


def test_4_2_both_factors_and_the_bias_can_be_trained(device):
    layer = LowRankLinear.from_linear(nn.Linear(4, 3, device=device), 2)
    assert sorted(name for name, _ in layer.named_parameters()) == ["U.weight", "V.bias", "V.weight"]
    layer(torch.randn(5, 4, device=device)).square().sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in layer.parameters()
    )


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_4_2_keeps_the_mode_and_whether_it_is_trained(frozen, training, device):
    linear = nn.Linear(4, 3, device=device).train(training).requires_grad_(not frozen)
    layer = LowRankLinear.from_linear(linear, 2)
    assert layer.training == layer.U.training == layer.V.training == training, (
        "the training mode must be that of the linear layer"
    )
    assert {parameter.requires_grad for parameter in layer.parameters()} == {not frozen}, (
        "a frozen layer stays frozen"
    )


def test_4_2_keeps_the_dtype(device):
    linear = nn.Linear(8, 8, device=device, dtype=torch.bfloat16)
    layer = LowRankLinear.from_linear(linear, 8)
    assert {parameter.dtype for parameter in layer.parameters()} == {torch.bfloat16}, (
        "the layer must have the linear layer's dtype"
    )
    x = torch.randn(3, 8, device=device, dtype=torch.bfloat16)
    torch.testing.assert_close(layer(x), linear(x), atol=0.05, rtol=0.05)


def test_4_2_a_saved_layer_loads_into_one_of_the_same_shape(device):
    layer, other = (
        LowRankLinear.from_linear(nn.Linear(4, 3, device=device), 2),
        LowRankLinear(4, 3, 2, device=device),
    )
    other.load_state_dict(layer.state_dict())
    x = torch.randn(2, 4, device=device)
    assert torch.equal(other(x), layer(x))
    assert (layer.in_features, layer.out_features, layer.rank) == (4, 3, 2)


def test_4_2_refuses_a_rank_that_the_layer_cannot_have():
    with pytest.raises(ValueError, match="got 5"):
        LowRankLinear.from_linear(nn.Linear(4, 6), 5)


# ------------------------------------------------------------ 4.3


@pytest.mark.parametrize(
    ("in_features", "out_features", "expected"),
    [(4096, 4096, 2048), (4096, 11008, 2985), (11008, 4096, 2985), (8, 1, 0), (1, 1, 0), (3, 6, 2)],
)
def test_4_3_break_even_by_hand(in_features, out_features, expected):
    """4096^2 / 8192 = 2048, 4096 * 11008 / 15104 = 2985.2, 3 * 6 / 9 = 2: exactly as many numbers."""
    assert break_even_rank(in_features, out_features) == expected


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_4_3_one_rank_more_would_grow_the_layer(in_features, out_features):
    rank = break_even_rank(in_features, out_features)
    assert type(rank) is int, f"a rank is an int, got {type(rank).__name__}"
    assert rank * (in_features + out_features) <= in_features * out_features, (
        f"rank {rank} makes the layer larger"
    )
    assert (rank + 1) * (in_features + out_features) > in_features * out_features, (
        f"rank {rank + 1} would not make it larger either"
    )


def test_4_3_energy_is_a_share_of_squares_by_hand(device):
    """16 / 25 = 64%. As a share of the sum, 4 / 7 = 57%, it would not be enough."""
    values = torch.tensor([4.0, 3.0], device=device)
    assert [rank_for_energy(values, energy) for energy in (0.5, 0.6, 0.64, 0.65, 1.0)] == [1, 1, 1, 2, 2], (
        "energy is S^2, and enough is enough"
    )


def test_4_3_holds_the_share_and_one_less_would_not(device):
    values = torch.randn(40, device=device, dtype=torch.float64).abs().sort(descending=True).values
    squares = values.square()
    for energy in (0.01, 0.3, 0.5, 0.9, 0.99, 0.9999):
        rank = rank_for_energy(values, energy)
        assert type(rank) is int, f"a rank is an int, got {type(rank).__name__}"
        assert squares[:rank].sum() >= energy * squares.sum() > squares[: rank - 1].sum()


def test_4_3_all_the_energy_needs_only_what_is_not_zero(device):
    assert rank_for_energy(torch.tensor([3.0, 2.0, 0.0, 0.0], device=device), 1.0) == 2
    assert rank_for_energy(torch.zeros(4, device=device), 0.9) == 1, "a matrix of zeros needs some rank: 1"


def test_4_3_many_bf16_values_are_summed_in_float64(device):
    """In bf16 the sum of 4096 ones stops at 256: 256 + 1 rounds to 256."""
    values = torch.ones(4096, device=device, dtype=torch.bfloat16)
    assert rank_for_energy(values, 0.5) == 2048, "sum the squares in float64"


@pytest.mark.parametrize(
    ("values", "energy", "named"),
    [
        ([4.0, 3.0], 0.0, "got 0"),
        ([4.0, 3.0], 1.01, "1.01"),
        ([3.0, 4.0], 0.5, "descending"),
        ([4.0, -3.0], 0.5, "-3"),
        ([], 0.5, "at least one"),
    ],
)
def test_4_3_refuses_other_shares_and_what_are_no_singular_values(values, energy, named):
    with pytest.raises(ValueError, match=named):
        rank_for_energy(torch.tensor(values), energy)


@pytest.mark.parametrize("sizes", [(0, 4), (4, -1)])
def test_4_3_refuses_layers_without_inputs_or_outputs(sizes):
    with pytest.raises(ValueError, match=str(min(sizes))):
        break_even_rank(*sizes)


# ------------------------------------------------------------ 4.4


def two_layers(device):
    """Break-even ranks 4 (8 x 8) and 2 (8 x 3)."""
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).to(device)


def test_4_4_replaces_in_place_and_computes_the_approximation(device):
    model, x = two_layers(device), torch.randn(4, 8, device=device)
    U, V = low_rank_decompose(model[0].weight, 2)
    expected = copy.deepcopy(model)
    expected[0].weight.data = U @ V
    U, V = low_rank_decompose(model[2].weight, 2)
    expected[2].weight.data = U @ V
    convert_to_low_rank(model, 2)
    assert isinstance(model[0], LowRankLinear) and isinstance(model[2], LowRankLinear), (
        "the model itself must change"
    )
    torch.testing.assert_close(model(x), expected(x), atol=1e-5, rtol=1e-4)


def test_4_4_converts_up_to_the_break_even_rank_and_not_beyond(device):
    """8 x 8: break-even 4. 8 x 3: 24 / 11 = 2.2, so 2."""
    kinds = {rank: convert_to_low_rank(two_layers(device), rank)["skipped"] for rank in (1, 2, 3, 4, 5)}
    assert {rank: sorted(skipped) for rank, skipped in kinds.items()} == {
        1: [],
        2: [],
        3: ["2"],
        4: ["2"],
        5: ["0", "2"],
    }, "convert where rank <= break-even, and leave every other layer as it is"
    assert kinds[3]["2"] == "rank 3 > break-even 2"


@pytest.mark.parametrize("rank", [1, 12, 16, 21])
def test_4_4_never_grows_a_model(rank, llama, tokens):
    before = parameter_count(llama)
    convert_to_low_rank(llama, rank, skip=())
    assert parameter_count(llama) <= before, (
        f"the model grew from {before} to {parameter_count(llama)} parameters"
    )
    assert llama(input_ids=tokens).logits.isfinite().all()


def test_4_4_a_skipped_layer_is_left_untouched(llama):
    keys, values = (
        copy.deepcopy(getattr(llama.model.layers[0].self_attn, name)) for name in ("k_proj", "v_proj")
    )
    convert_to_low_rank(llama, 12)  # k and v are 32 -> 16: break-even 10
    kept = llama.model.layers[0].self_attn
    assert isinstance(kept.q_proj, LowRankLinear)
    assert type(kept.k_proj) is nn.Linear and type(kept.v_proj) is nn.Linear, (
        "a layer that would grow stays a Linear layer"
    )
    assert torch.equal(kept.k_proj.weight, keys.weight) and torch.equal(kept.v_proj.weight, values.weight)


@pytest.mark.parametrize("skip", [("lm_head",), ()])
def test_4_4_a_head_tied_to_the_embedding_stays_tied(skip, llama):
    report = convert_to_low_rank(llama, 4, skip)
    assert llama.lm_head.weight is llama.model.embed_tokens.weight, (
        "a head that is tied to the embedding must be left alone"
    )
    assert report["skipped"] == {"lm_head": "named in skip" if skip else "tied"}


def test_4_4_a_layer_used_in_two_places_is_tied(device):
    """Replaced in one place, it would be computed differently in the other, and stored twice."""
    shared = nn.Linear(8, 8, device=device)
    model = nn.ModuleDict({"a": shared, "b": shared, "c": nn.Linear(8, 8, device=device)})
    report = convert_to_low_rank(model, 2)
    assert model["a"] is model["b"] is shared and isinstance(model["c"], LowRankLinear), (
        "a layer that is used twice must be left alone"
    )
    assert set(report["skipped"].values()) == {"tied"}


def test_4_4_an_untied_head_is_skipped_only_by_its_name(device):
    model = nn.ModuleDict({"body": nn.Linear(8, 8), "lm_head": nn.Linear(8, 8)}).to(device)
    assert convert_to_low_rank(copy.deepcopy(model), 2)["skipped"] == {"lm_head": "named in skip"}
    assert convert_to_low_rank(model, 2, skip=())["skipped"] == {}
    assert isinstance(model["lm_head"], LowRankLinear), (
        "with skip=() an untied head is a layer like any other"
    )


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        (
            ("q_proj",),
            [
                "model.layers.0.self_attn.q_proj",
                "model.layers.1.self_attn.q_proj",
            ],
        ),
        (("model.layers.1.mlp.up_proj",), ["model.layers.1.mlp.up_proj"]),
        (("proj", "mlp", "layers.1.mlp.up_proj"), []),
    ],
)
def test_4_4_skip_takes_the_last_part_of_a_name_or_the_whole(skip, expected, llama):
    report = convert_to_low_rank(llama, 4, (*skip, "lm_head"))
    assert sorted(name for name in report["skipped"] if name != "lm_head") == expected, (
        "skip names a layer's last part, or the whole of it"
    )


def test_4_4_finds_gpt2s_conv1d_layers(gpt2, tokens):
    """At rank 16 of 32 x 32 only the attention's c_proj is converted, it is square; at rank 12 all four."""
    dense = copy.deepcopy(gpt2)
    report = convert_to_low_rank(gpt2, 12)
    kinds = report["kinds"]
    assert set(kinds) == {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj", "lm_head"}, (
        "GPT-2's layers are Conv1D, not Linear"
    )
    for layer, full in zip(gpt2.transformer.h, dense.transformer.h, strict=True):
        for new, old in ((layer.attn.c_attn, full.attn.c_attn), (layer.mlp.c_proj, full.mlp.c_proj)):
            U, V = low_rank_decompose(old.weight.T, 12)
            x = torch.randn(3, old.weight.shape[0], device=tokens.device)
            assert (new.in_features, new.out_features) == tuple(old.weight.shape), (
                "a Conv1D stores its weight as [in, out]"
            )
            torch.testing.assert_close(new(x), nn.functional.linear(x, U @ V, old.bias), atol=1e-4, rtol=1e-4)
    assert gpt2(input_ids=tokens).logits.isfinite().all()


def test_4_4_reports_parameters_before_and_after_by_hand(device):
    """8 x 8 with bias: 72, at rank 2 it is 2 * 16 + 8 = 40. 8 x 3: 27, at rank 2 it is 2 * 11 + 3 = 25."""
    report = convert_to_low_rank(two_layers(device), 2)
    assert report == {
        "parameters_before": 99,
        "parameters_after": 65,
        "skipped": {},
        "kinds": {
            "0": {"layers": 1, "before": 72, "after": 40},
            "2": {"layers": 1, "before": 27, "after": 25},
        },
    }


def test_4_4_reports_each_kind_of_layer_and_counts_tied_weights_once(llama):
    before = parameter_count(llama)
    report = convert_to_low_rank(llama, 8)
    assert (report["parameters_before"], report["parameters_after"]) == (before, parameter_count(llama))
    assert report["kinds"]["self_attn.q_proj"] == {"layers": 2, "before": 2 * 32 * 32, "after": 2 * 8 * 64}
    assert report["kinds"]["mlp.down_proj"] == {"layers": 2, "before": 2 * 32 * 64, "after": 2 * 8 * 96}
    assert report["kinds"]["lm_head"]["before"] == report["kinds"]["lm_head"]["after"] == 50 * 32
    assert len(report["kinds"]) == 8


def test_4_4_a_second_call_does_not_factorise_the_factors(llama):
    convert_to_low_rank(llama, 8)
    before = parameter_count(llama)
    report = convert_to_low_rank(llama, 2)
    assert parameter_count(llama) == before, "the parts of a LowRankLinear must be left alone"
    assert set(report["kinds"]) == {"lm_head"}
    assert not [
        name
        for name, module in llama.named_modules()
        if isinstance(module, LowRankLinear) and name.rpartition(".")[2] in "UV"
    ]


def test_4_4_keeps_every_mode_and_what_is_frozen(llama):
    llama.train()
    llama.model.layers[0].mlp.up_proj.requires_grad_(False)
    llama.model.layers[1].eval()
    convert_to_low_rank(llama, 4)
    assert not any(parameter.requires_grad for parameter in llama.model.layers[0].mlp.up_proj.parameters()), (
        "a frozen layer stays frozen"
    )
    assert all(parameter.requires_grad for parameter in llama.model.layers[0].mlp.gate_proj.parameters())
    assert all(module.training for module in llama.model.layers[0].modules())
    assert not any(module.training for module in llama.model.layers[1].modules()), (
        "new layers must have the old ones' mode"
    )


@pytest.mark.parametrize(
    ("rank", "skip", "named"), [(0, (), "0"), (-3, (), "-3"), (2, "lm_head", "'lm_head'")]
)
def test_4_4_refuses_ranks_below_1_and_a_bare_string(rank, skip, named, device):
    with pytest.raises(ValueError, match=named):
        convert_to_low_rank(two_layers(device), rank, skip)


# ------------------------------------------------------------ 4.5


def told(call):
    """What `call` returns, and what it warned of. (`pytest.warns` would hide an exception.)"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, " ".join(str(warning.message) for warning in caught)


def correlated(features, tokens, device, dtype=torch.float64):
    """Inputs as columns, [features, tokens], of very different loudness and correlated."""
    loudness = torch.logspace(-1, 1, features, device=device, dtype=dtype)
    return rotation(features, device, dtype) @ (
        loudness[:, None] * torch.randn(features, tokens, device=device, dtype=dtype)
    )


def test_4_5_two_inputs_by_hand(device):
    """W = diag(3, 2), covariance diag(1, 4): W L = diag(3, 4), so the 2 stays, the smaller weight."""
    weight, covariance = (
        torch.diag(torch.tensor([3.0, 2.0], device=device)),
        torch.diag(torch.tensor([1.0, 4.0], device=device)),
    )
    U, V = whitened_decompose(weight, covariance, 1)
    assert (U.shape, V.shape) == ((2, 1), (1, 2)), (
        f"the factors must be [out, rank] and [rank, in], got {list(U.shape)} and {list(V.shape)}"
    )
    assert (U @ V).flatten().tolist() == pytest.approx([0, 0, 0, 2], abs=1e-6), (
        "the small weight on the loud input stays, as it was"
    )


@pytest.mark.parametrize(("out_features", "in_features"), [(9, 6), (6, 9), (7, 7)])
@pytest.mark.parametrize("rank", [1, 3, 6])
def test_4_5_the_squared_output_error_is_the_sum_of_the_dropped_squares(
    out_features, in_features, rank, device
):
    """|(W - W') X|^2 = |(W - W') L|^2 if L L^T = X X^T, and the best W' L is the truncated SVD of W L."""
    X = correlated(in_features, 200, device)
    weight = torch.randn(out_features, in_features, device=device, dtype=torch.float64)
    U, V = whitened_decompose(weight, X @ X.T, rank)
    best = torch.linalg.svdvals(weight @ X)[rank:].square().sum().item()
    error = ((weight - U @ V) @ X).square().sum().item()
    assert error == pytest.approx(best, rel=1e-9, abs=1e-9 * X.square().sum().item()), (
        "the squared output error must be the sum of the dropped S^2; "
        f"it is {error / max(best, 1e-9):.2f} times as large"
    )


def test_4_5_beats_the_plain_decomposition_on_correlated_inputs(device):
    X, weight = correlated(12, 400, device), torch.randn(10, 12, device=device, dtype=torch.float64)
    U, V = low_rank_decompose(weight, 4)
    plain = ((weight - U @ V) @ X).square().sum()
    U, V = whitened_decompose(weight, X @ X.T, 4)
    assert ((weight - U @ V) @ X).square().sum() < 0.8 * plain


def test_4_5_on_white_inputs_it_is_the_plain_decomposition(device):
    weight = torch.randn(5, 8, device=device, dtype=torch.float64)
    for ours, plain in zip(
        whitened_decompose(weight, torch.eye(8, device=device), 3), low_rank_decompose(weight, 3), strict=True
    ):
        torch.testing.assert_close(ours.abs(), plain.abs())  # the signs of singular vectors are free


def test_4_5_at_full_rank_the_weight_comes_back(device):
    X, weight = correlated(6, 100, device), torch.randn(9, 6, device=device)
    U, V = whitened_decompose(weight, X @ X.T, 6)
    torch.testing.assert_close(U @ V, weight, atol=1e-4, rtol=1e-4)


def test_4_5_both_factors_are_equally_large_however_many_tokens_there_were(device):
    """Column k of U_scaled is as long as row k of V_scaled.

    With sqrt(S) in each, 1000 times the tokens change the lengths 31-fold.
    """
    X, weight = correlated(6, 100, device), torch.randn(5, 6, device=device, dtype=torch.float64)
    for times in (1, 1000):
        U, V = whitened_decompose(weight, times * X @ X.T, 2)
        assert U.norm(dim=0).tolist() == pytest.approx(V.norm(dim=1).tolist()), (
            "column k of U_scaled must be as long as row k of V_scaled"
        )


def test_4_5_a_weight_of_low_rank_has_no_component_to_spare(device):
    """Rank 1, asked for 3: two components are 0, and nothing is divided by their length."""
    X, weight = (
        correlated(6, 100, device),
        torch.outer(torch.randn(5, device=device), torch.randn(6, device=device)),
    )
    U, V = whitened_decompose(weight, X @ X.T, 3)
    torch.testing.assert_close(U @ V, weight, atol=1e-4, rtol=1e-4)
    U, V = whitened_decompose(torch.zeros(5, 6, device=device), X @ X.T, 2)
    assert (U @ V == 0).all(), "a weight of zeros has factors of zeros"


def test_4_5_a_positive_definite_covariance_is_not_damped(device):
    """Down to the last digits: the smallest eigenvalue is a millionth of a millionth of the largest."""
    basis = rotation(4, device)
    covariance = (
        basis
        @ torch.diag(torch.tensor([1.0, 1e-3, 1e-6, 1e-12], device=device, dtype=torch.float64))
        @ basis.T
    )
    covariance = (covariance + covariance.T) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        L = damped_cholesky(covariance)
    assert L.dtype == torch.float64, f"decompose in float64, got {L.dtype}"
    assert torch.equal(L, L.tril()), "L must be lower triangular"
    assert (L @ L.T - covariance).abs().max() < 1e-14, (
        "a covariance that is positive definite must not be changed"
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_4_5_damps_a_covariance_of_too_few_tokens_and_says_so(dtype, device):
    """3 tokens, 8 inputs: rank 3."""
    X = torch.randn(8, 3, device=device, dtype=dtype)
    covariance = X @ X.T
    before = covariance.clone()
    L, said = told(lambda: damped_cholesky(covariance))
    added = (L @ L.T - covariance.double()).diagonal()
    assert torch.equal(covariance, before), "the covariance must not be changed in place"
    assert "not positive definite" in said, (
        f"damping changes the problem, so say so with warnings.warn; the warnings were {said!r}"
    )
    assert 0 < added.max() <= 1e-3 * covariance.diagonal().mean(), (
        "the damping starts at 1e-6 of the mean diagonal"
    )
    weight = torch.randn(5, 8, device=device, dtype=torch.float64)
    (U, V), _ = told(lambda: whitened_decompose(weight, covariance, 3))
    assert ((weight - U @ V) @ X.double()).square().sum() < 1e-3 * (weight @ X.double()).square().sum(), (
        "3 tokens need only rank 3"
    )


def test_4_5_starts_at_a_millionth_of_the_mean_diagonal_and_grows_tenfold(device):
    """diag(4, 0), mean 2: 2e-6 is enough.

    With off-diagonals of 1 + 1.1e-4 in [[1, .], [., 1]] the smallest eigenvalue is -1.1e-4: 1e-3.
    """
    L, said = told(lambda: damped_cholesky(torch.diag(torch.tensor([4.0, 0.0], device=device))))
    assert (L @ L.T).diagonal().tolist() == pytest.approx([4 + 2e-6, 2e-6], rel=1e-9), (
        "1e-6 of the mean diagonal, 2, is enough here"
    )
    assert "2e-06" in said, f"the warning must say what was added, 2e-06, got {said!r}"
    nearly = torch.tensor([[1.0, 1.00011], [1.00011, 1.0]], device=device, dtype=torch.float64)
    L, _ = told(lambda: damped_cholesky(nearly))
    assert (L @ L.T).diagonal().tolist() == pytest.approx([1.001, 1.001], rel=1e-9), (
        "1e-6, 1e-5 and 1e-4 are not enough: 1e-3"
    )


def test_4_5_inputs_that_are_never_used_are_no_obstacle(device):
    weight = torch.randn(4, 6, device=device)
    (U, V), _ = told(lambda: whitened_decompose(weight, torch.zeros(6, 6, device=device), 2))
    assert U.isfinite().all() and V.isfinite().all()
    covariance = torch.diag(torch.tensor([1.0, 2.0, 0.0, 3.0, 1.0, 2.0], device=device))
    (U, V), _ = told(lambda: whitened_decompose(weight, covariance, 4))
    torch.testing.assert_close(U @ V, weight, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_4_5_factors_are_fp32_or_better_and_nothing_is_changed(dtype, device):
    X, weight = (
        correlated(6, 50, device, torch.float32),
        nn.Parameter(torch.randn(6, 4, device=device).to(dtype).T),
    )
    covariance, before = X @ X.T, weight.detach().clone()
    U, V = whitened_decompose(weight, covariance, 3)
    expected = torch.float64 if dtype == torch.float64 else torch.float32
    assert (U.dtype, V.dtype) == (expected, expected), f"the factors must be {expected}, got {U.dtype}"
    assert not U.requires_grad and torch.equal(weight, before) and torch.equal(covariance, X @ X.T)


@pytest.mark.parametrize(
    ("covariance", "named"),
    [
        (torch.eye(3), r"\[4, 4\], got \[3, 3\]"),
        (-torch.eye(4), "-1"),
        (torch.ones(4, 4).triu(), "symmetric"),
        (torch.full((4, 4), math.nan), "NaN"),
        (torch.ones(4, dtype=torch.int64).diag(), "int64"),
    ],
)
def test_4_5_refuses_what_cannot_be_a_covariance(covariance, named):
    with pytest.raises(ValueError, match=named):
        whitened_decompose(torch.ones(2, 4), covariance, 1)


@pytest.mark.parametrize("rank", [0, 3])
def test_4_5_refuses_ranks_that_the_matrix_cannot_have(rank):
    with pytest.raises(ValueError, match=f"got {rank}"):
        whitened_decompose(torch.ones(2, 4), torch.eye(4), rank)


# ------------------------------------------------------------ the given parts


def decaying(size, device):
    """A matrix with singular values 1, 1/2, 1/3, ..."""
    S = 1 / torch.arange(1, size + 1, device=device, dtype=torch.float32)
    return rotation(size, device, torch.float32) * S @ rotation(size, device, torch.float32)


@pytest.mark.parametrize("spectrum", ["decaying", "flat"])
def test_randomized_decompose_comes_within_one_percent_of_the_best_error(spectrum, device):
    weight = decaying(150, device) if spectrum == "decaying" else torch.randn(150, 150, device=device)
    errors = [
        torch.dist(weight, U @ V).item()
        for U, V in (low_rank_decompose(weight, 16), randomized_decompose(weight, 16))
    ]
    assert errors[0] <= errors[1] * (1 + 1e-5) and errors[1] <= 1.01 * errors[0]


def test_randomized_decompose_repeats_itself_and_leaves_the_random_state_alone(device):
    weight = torch.randn(40, 30, device=device)
    state = torch.get_rng_state()
    first = randomized_decompose(weight, 5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert all(
        torch.equal(one, other) for one, other in zip(first, randomized_decompose(weight, 5), strict=True)
    )
    with pytest.raises(ValueError, match="got 31"):
        randomized_decompose(weight, 31)


def test_factorize_gives_each_layer_its_rank(llama, tokens):
    from minicompress.lab.calibration import input_covariances

    covariances = input_covariances(llama, [{"input_ids": torch.randint(50, (8, 32), device=tokens.device)}])
    plain, whitened = copy.deepcopy(llama), copy.deepcopy(llama)
    ranks = {"model.layers.0.mlp.up_proj": 6, "model.layers.1.self_attn.q_proj": 4}
    factorize(plain, ranks)
    factorize(whitened, ranks, covariances)
    assert {
        name: module.rank for name, module in plain.named_modules() if isinstance(module, LowRankLinear)
    } == ranks
    layer, name = llama.model.layers[0].mlp.up_proj, "model.layers.0.mlp.up_proj"

    def error(model):
        factors = model.get_submodule(name)
        difference = (layer.weight - factors.V.weight @ factors.U.weight).double()
        return torch.trace(difference @ covariances[name] @ difference.T)

    assert error(whitened) < error(plain)


def test_input_covariances_leave_padding_out_and_agree_with_input_norms(llama, tokens):
    from minicompress.lab.calibration import input_covariances
    from minicompress.pruning import input_norms

    mask = torch.ones_like(tokens)
    mask[:, 9:] = 0
    batches = [
        {"input_ids": tokens[:3], "attention_mask": mask[:3]},
        {"input_ids": tokens[3:], "attention_mask": mask[3:]},
    ]
    covariances, norms = input_covariances(llama, batches), input_norms(llama, batches)
    assert set(covariances) == set(norms)
    for name, covariance in covariances.items():
        assert covariance.dtype == torch.float64
        torch.testing.assert_close(covariance.diagonal().sqrt().float(), norms[name])
        assert torch.equal(covariance, covariance.T)


def test_ranks_spend_the_budget_where_it_buys_the_most():
    """b has all its energy in one rank, a has it spread out: of 2 x 4 ranks a gets what b does not need."""
    from minicompress.lab.ranks import greedy_ranks, uniform_ranks

    shapes = {"a": (8, 8), "b": (8, 8)}
    assert uniform_ranks(shapes, 0.5) == {"a": 2, "b": 2}
    assert uniform_ranks({"c": (4096, 11008)}, 1.0) == {"c": 2985}
    spectra = {"a": torch.linspace(2, 1, 8), "b": torch.tensor([1.0] + [1e-3] * 7)}
    assert greedy_ranks(spectra, shapes, 0.5) == {"a": 3, "b": 1}
    assert greedy_ranks(spectra, shapes, 1.0) == {"a": 4, "b": 4}, (
        "no layer gets more than its break-even rank"
    )

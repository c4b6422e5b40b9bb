"""Chapter 01: masks."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from minicompress.lab.modules import linear_layers
from minicompress.pruning import (
    apply_mask,
    bake_masks,
    from_bitmask,
    from_coo,
    global_magnitude_masks,
    input_norms,
    iterative_pruning,
    magnitude_mask,
    nm_mask,
    sparsegpt_prune,
    sparsegpt_weight,
    sparsity_schedule,
    storage_bytes,
    to_bitmask,
    to_coo,
    wanda_mask,
    wanda_prune,
)

# ------------------------------------------------------------ 1.1


def test_1_1_prunes_the_two_smallest_of_four(device):
    mask = magnitude_mask(torch.tensor([[1.0, -4.0], [3.0, 2.0]], device=device), 0.5)
    assert mask.dtype == torch.bool and mask.tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.25, 0.5, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_1_1_prunes_exactly_the_rounded_count(sparsity, dtype, device):
    weight = torch.randn(37, 29, device=device).to(dtype)  # bf16 has many ties
    assert int((~magnitude_mask(weight, sparsity)).sum()) == round(sparsity * weight.numel())


def test_1_1_ties_prune_the_lowest_flat_index_first(device):
    """All equal: the first five of ten go. A `>` against a quantile would prune all ten."""
    mask = magnitude_mask(torch.full((2, 5), 0.3, device=device), 0.5)
    assert mask.flatten().tolist() == [False] * 5 + [True] * 5
    assert (
        magnitude_mask(torch.zeros(3, 3, device=device), 1 / 3).flatten().tolist() == [False] * 3 + [True] * 6
    )


def test_1_1_agrees_with_torch_prune_where_nothing_is_tied(device):
    layer = nn.Linear(31, 17, device=device)
    expected = prune.l1_unstructured(copy.deepcopy(layer), "weight", amount=0.4).weight_mask.bool()
    assert torch.equal(magnitude_mask(layer.weight, 0.4), expected)


def test_1_1_flat_index_means_row_major_whatever_the_strides(device):
    weight = torch.ones(4, 3, device=device).T  # [3, 4], columns stored first
    assert magnitude_mask(weight, 0.5).flatten().tolist() == [False] * 6 + [True] * 6


def test_1_1_does_not_change_its_input(device):
    weight = torch.randn(8, 8, device=device)
    before = weight.clone()
    magnitude_mask(weight, 0.7)
    assert torch.equal(weight, before), "the weight that was passed in was changed"


def test_1_1_works_above_16_million_elements(monkeypatch):
    """torch.quantile refuses these. Here it does so above 16 thousand, which saves you seconds."""

    def quantile(values, *arguments, **named):
        raise RuntimeError("quantile() input tensor is too large")

    monkeypatch.setattr(torch, "quantile", quantile)
    monkeypatch.setattr(torch.Tensor, "quantile", quantile)
    weight = torch.arange(17_000, dtype=torch.float32)
    mask = magnitude_mask(weight, 0.25)
    assert int((~mask).sum()) == 4_250 and not mask[:4_250].any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=24), st.floats(0, 1))
def test_1_1_equals_a_stable_sort_for_any_ties(values, sparsity):
    weight = torch.tensor(values, dtype=torch.float32)
    pruned = sorted(range(len(values)), key=lambda index: (abs(values[index]), index))[
        : round(sparsity * len(values))
    ]
    assert set((~magnitude_mask(weight, sparsity)).nonzero().flatten().tolist()) == set(pruned)


@pytest.mark.parametrize("sparsity", [-0.1, 1.5, float("nan")])
def test_1_1_refuses_a_sparsity_outside_0_to_1(sparsity):
    with pytest.raises(ValueError, match=str(sparsity)):
        magnitude_mask(torch.ones(4), sparsity)


@pytest.mark.parametrize("weight", [torch.tensor([1.0, float("nan")]), torch.ones(4, dtype=torch.int64)])
def test_1_1_refuses_nan_and_integers(weight):
    with pytest.raises(ValueError, match="NaN|int64"):
        magnitude_mask(weight, 0.5)


# ------------------------------------------------------------ 1.2


def train_a_little(layer, optimizer, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        layer(torch.randn(4, layer.in_features, device=layer.weight.device)).pow(2).sum().backward()
        optimizer.step()


@pytest.mark.parametrize("made", ["before", "after"])
def test_1_2_zeros_survive_momentum_and_weight_decay(made, device):
    layer = nn.Linear(6, 4, device=device)
    mask = magnitude_mask(layer.weight, 0.5)

    def sgd():
        return torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)

    optimizer = sgd() if made == "before" else None
    if optimizer:
        train_a_little(layer, optimizer)  # momentum has built up for the weights to be pruned
    assert apply_mask(layer, mask) is None
    kept_before = layer.weight.detach()[mask].clone()
    train_a_little(layer, optimizer or sgd())
    assert (layer.weight[~mask] == 0).all(), "a pruned weight came back to life"
    assert not torch.equal(layer.weight[mask], kept_before), "the kept weights must go on learning"


def test_1_2_a_second_mask_only_adds_zeros(device):
    layer = nn.Linear(2, 2, device=device)
    layer.weight.data.fill_(1.0)
    apply_mask(layer, torch.tensor([[True, False], [True, True]], device=device))
    apply_mask(layer, torch.tensor([[False, True], [True, True]], device=device))
    assert layer.weight.tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert nn.utils.parametrize.is_parametrized(layer, "weight"), (
        "the mask must be applied at every use, as a parametrization"
    )
    assert len(layer.parametrizations.weight) == 1, "the second mask joins the first, it is not stacked on it"


def test_1_2_the_mask_is_saved_with_the_model(device):
    """A checkpoint in the middle of training: loaded into another masked layer it brings its mask along."""
    layer, other = nn.Linear(6, 4, device=device), nn.Linear(6, 4, device=device)
    apply_mask(layer, magnitude_mask(layer.weight, 0.5))
    apply_mask(other, torch.ones_like(other.weight, dtype=torch.bool))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.weight, layer.weight), (
        "the mask must be a buffer, so that it is saved and moved with the model"
    )


def test_1_2_bake_leaves_a_plain_parameter_with_zeros(device):
    layer = nn.Linear(6, 4, device=device)
    mask = magnitude_mask(layer.weight, 0.5)
    expected = torch.where(mask, layer.weight, 0.0).detach().clone()
    apply_mask(layer, mask)
    bake_masks(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"] and isinstance(layer.weight, nn.Parameter)
    assert torch.equal(layer.weight, expected)


def test_1_2_an_optimizer_made_before_goes_on_after_baking(device):
    layer = nn.Linear(6, 4, device=device)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    apply_mask(layer, magnitude_mask(layer.weight, 0.5))
    bake_masks(layer)
    before = layer.weight.detach().clone()
    train_a_little(layer, optimizer)
    assert not torch.equal(layer.weight, before), (
        "the optimizer holds a parameter that the layer no longer uses"
    )


def test_1_2_bake_leaves_other_parametrizations_alone(device):
    layer = nn.Linear(6, 4, device=device)
    nn.utils.parametrizations.weight_norm(layer)
    bake_masks(layer)
    assert nn.utils.parametrize.is_parametrized(layer, "weight"), (
        "bake_masks removed a parametrization that is no Mask"
    )


def test_1_2_every_kind_of_layer_is_baked(gpt2):
    layer = gpt2.transformer.h[0].mlp.c_fc  # GPT-2's Conv1D is no nn.Linear
    apply_mask(layer, magnitude_mask(layer.weight, 0.5))
    bake_masks(gpt2)
    assert not nn.utils.parametrize.is_parametrized(layer), (
        "a masked layer that is no nn.Linear was not baked"
    )


def test_1_2_a_baked_model_saves_and_loads(llama, tokens, tmp_path):
    for layer in llama.model.layers:
        apply_mask(layer.mlp.up_proj, magnitude_mask(layer.mlp.up_proj.weight, 0.5))
    logits = llama(input_ids=tokens).logits
    bake_masks(llama)
    llama.save_pretrained(tmp_path)
    again = type(llama).from_pretrained(tmp_path).to(tokens.device)
    assert torch.equal(again(input_ids=tokens).logits, logits)


def test_1_2_refuses_a_tied_weight(llama):
    with pytest.raises(ValueError, match="tied|shared"):
        apply_mask(llama.lm_head, torch.ones_like(llama.lm_head.weight, dtype=torch.bool))


@pytest.mark.parametrize("mask", [torch.ones(3, 3, dtype=torch.bool), torch.ones(4, 6)])
def test_1_2_refuses_a_mask_of_another_shape_or_type(mask):
    with pytest.raises(ValueError, match=r"\[3, 3\]|float32"):
        apply_mask(nn.Linear(6, 4), mask)


# ------------------------------------------------------------ 1.3


def test_1_3_ranks_all_weights_together_by_hand(device):
    """Of 1, 4, 2, 3 the two smallest go, one from each; of 1, 2, 30, 40 both come from the first."""
    masks = global_magnitude_masks(
        {"a": torch.tensor([1.0, -4.0], device=device), "b": torch.tensor([[-2.0], [3.0]], device=device)},
        0.5,
    )
    assert masks["a"].tolist() == [False, True] and masks["b"].tolist() == [[False], [True]]
    masks = global_magnitude_masks(
        {"a": torch.tensor([1.0, 2.0], device=device), "b": torch.tensor([30.0, 40.0], device=device)}, 0.5
    )
    assert masks["a"].tolist() == [False, False] and masks["b"].tolist() == [True, True], (
        "one ranking across all, not one a layer"
    )


def test_1_3_prunes_exactly_the_rounded_count_of_the_total(device):
    """Rounded once, for all: 3 layers of 5 weights at 0.3 lose round(4.5) = 4, not 3 times round(1.5) = 2."""
    weights = {name: torch.randn(5, device=device) for name in "abc"}
    masks = global_magnitude_masks(weights, 0.3)
    assert sum(int((~mask).sum()) for mask in masks.values()) == 4


def test_1_3_agrees_with_torch_prune_where_nothing_is_tied(device):
    layers = {name: nn.Linear(13, 7, device=device) for name in "abc"}
    masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, 0.6)
    prune.global_unstructured(
        [(layer, "weight") for layer in layers.values()], prune.L1Unstructured, amount=0.6
    )
    for name, layer in layers.items():
        assert torch.equal(masks[name], layer.weight_mask.bool())


def test_1_3_ties_go_in_the_order_of_the_mapping_then_of_the_flat_index(device):
    masks = global_magnitude_masks(
        {"z": torch.ones(2, 2, device=device), "a": torch.ones(3, device=device)}, 5 / 7
    )
    assert masks["z"].tolist() == [[False] * 2] * 2 and masks["a"].tolist() == [False, True, True]


def test_1_3_keeps_names_shapes_and_inputs(device):
    weights = {"b": torch.randn(2, 3, 2, device=device), "a": torch.randn(4, 5, device=device).T}
    before = {name: weight.clone() for name, weight in weights.items()}
    masks = global_magnitude_masks(weights, 0.5)
    assert list(masks) == ["b", "a"] and all(
        masks[name].shape == weight.shape for name, weight in weights.items()
    )
    assert all(mask.dtype == torch.bool for mask in masks.values())
    assert all(torch.equal(weights[name], before[name]) for name in weights)


@pytest.mark.parametrize(
    ("weights", "sparsity", "named"),
    [
        ({}, 0.5, "empty"),
        ({"a": torch.ones(2)}, 1.2, "1.2"),
        ({"a": torch.tensor([math.nan])}, 0.5, "a holds 1 NaN"),
    ],
)
def test_1_3_refuses_nothing_at_all_and_bad_values(weights, sparsity, named):
    with pytest.raises(ValueError, match=named):
        global_magnitude_masks(weights, sparsity)


# ------------------------------------------------------------ 1.4


def test_1_4_the_linear_and_the_cubic_schedule_by_hand():
    """Half way to 0.8: linear 0.4; cubic 0.8 * (1 - (1/2)^3) = 0.7."""
    assert sparsity_schedule(5, 10, 0.8) == pytest.approx(0.4)
    assert sparsity_schedule(5, 10, 0.8, "cubic") == pytest.approx(0.7)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
@pytest.mark.parametrize("final", [0.9, 0.1, 0.7, 1.0, 0.0])
@pytest.mark.parametrize("steps", [1, 3, 10, 49])
def test_1_4_starts_at_zero_ends_exactly_at_final_and_never_falls(kind, final, steps):
    """Exactly: ten additions of 0.09 give 0.8999999999999999, which would leave weights unpruned."""
    values = [sparsity_schedule(step, steps, final, kind) for step in range(steps + 1)]
    assert values[0] == 0.0, f"step 0 must give 0, got {values[0]}"
    assert values[-1] == final, (
        f"the last step must give exactly final, {final}, got {values[-1]!r}: divide step / steps first"
    )
    assert values == sorted(values)


def test_1_4_the_cubic_schedule_is_fast_first():
    """The first of ten steps to 0.9: 0.9 * (1 - 0.729) = 0.2439, the last only 0.9 * 0.001."""
    values = [sparsity_schedule(step, 10, 0.9, "cubic") for step in range(11)]
    assert values[1] == pytest.approx(0.2439) and values[10] - values[9] == pytest.approx(0.0009)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((11, 10, 0.9), "11"),
        ((-1, 10, 0.9), "-1"),
        ((0, 0, 0.9), "0"),
        ((1, 10, 1.1), "1.1"),
        ((1, 10, 0.9, "square"), "square"),
    ],
)
def test_1_4_refuses_steps_outside_the_schedule(arguments, named):
    with pytest.raises(ValueError, match=named):
        sparsity_schedule(*arguments)


# ------------------------------------------------------------ 1.5


def zeros(model):
    """Share of zeros over all prunable weights."""
    layers = linear_layers(model).values()
    return sum(int((layer.weight == 0).sum()) for layer in layers) / sum(
        layer.weight.numel() for layer in layers
    )


def test_1_5_reaches_each_step_of_the_linear_schedule_and_records_it(llama):
    measured = []
    records = iterative_pruning(
        llama, lambda model: None, lambda model: measured.append(zeros(model)) or len(measured), 0.9, 5
    )
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5]
    assert [record["sparsity"] for record in records] == pytest.approx([0.18, 0.36, 0.54, 0.72, 0.9])
    assert measured == pytest.approx([0.18, 0.36, 0.54, 0.72, 0.9], abs=1e-3), (
        "zeros already there count towards the step's sparsity"
    )
    assert [record["score"] for record in records] == [1, 2, 3, 4, 5], "score is what evaluate returns"


def test_1_5_prunes_then_fine_tunes_then_evaluates(llama):
    order = []
    iterative_pruning(
        llama,
        lambda model: order.append(f"tune {zeros(model):.2f}"),
        lambda model: order.append(f"score {zeros(model):.2f}"),
        0.8,
        2,
    )
    assert order == ["tune 0.40", "score 0.40", "tune 0.80", "score 0.80"]


def test_1_5_masks_only_grow_while_training_moves_every_weight(llama, tokens):
    """Each fine-tuning takes a large step, which would lift any weight that is not held at zero."""
    dead = []

    def fine_tune(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=0.1)
        model(input_ids=tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    def evaluate(model):
        dead.append({name: layer.weight == 0 for name, layer in linear_layers(model).items()})
        return 0.0

    iterative_pruning(llama, fine_tune, evaluate, 0.9, 4)
    for earlier, later in zip(dead, dead[1:], strict=False):
        assert all((earlier[name] <= later[name]).all() for name in earlier), (
            "a weight pruned in one step was alive in the next"
        )
    assert zeros(llama) == pytest.approx(0.9, abs=1e-3)


def test_1_5_ranks_globally_and_leaves_embeddings_norms_and_head_alone(llama):
    with torch.no_grad():
        for name, layer in linear_layers(llama).items():
            layer.weight.mul_(0.01 if "mlp" in name else 1.0)
    kept = {
        name: parameter.clone()
        for name, parameter in llama.named_parameters()
        if "norm" in name or "embed" in name
    }
    iterative_pruning(llama, lambda model: None, lambda model: 0.0, 0.5, 2)
    layers = linear_layers(llama)
    in_mlp = sum(int((layer.weight == 0).sum()) for name, layer in layers.items() if "mlp" in name)
    in_all = sum(int((layer.weight == 0).sum()) for layer in layers.values())
    assert in_mlp > 0.95 * in_all, "the small MLP weights go first in a global ranking"
    assert all(
        torch.equal(parameter, kept[name]) for name, parameter in llama.named_parameters() if name in kept
    )


@pytest.mark.parametrize(("final", "steps", "named"), [(0.9, 0, "0"), (1.5, 10, "1.5")])
def test_1_5_refuses_no_step_and_an_impossible_sparsity(llama, final, steps, named):
    with pytest.raises(ValueError, match=named):
        iterative_pruning(llama, lambda model: None, lambda model: 0.0, final, steps)


# ------------------------------------------------------------ 1.6


def test_1_6_the_articles_example(device):
    assert nm_mask(torch.tensor([[0.1, 0.5, 0.2, 0.8]], device=device)).tolist() == [
        [False, True, False, True]
    ]


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 4), (3, 4), (1, 2), (4, 8), (4, 4)])
def test_1_6_keeps_exactly_n_of_every_m(n, m, device):
    scores = torch.randn(5, 3, 16, device=device).abs().bfloat16()
    mask = nm_mask(scores, n, m)
    assert mask.shape == scores.shape and mask.dtype == torch.bool, (
        f"the mask must be bool {list(scores.shape)}, got {mask.dtype} {list(mask.shape)}"
    )
    assert (mask.reshape(-1, m).sum(1) == n).all(), f"every {m} neighbours must keep {n}"


def test_1_6_keeps_the_highest_and_breaks_ties_like_1_1(device):
    scores = torch.randn(6, 8, device=device)
    mask = nm_mask(scores, 2, 4).reshape(-1, 4)
    assert (mask.sum(1) == 2).all(), "every group of four must keep two"
    for group, kept in zip(scores.view(-1, 4), mask, strict=True):
        assert group[kept].min() > group[~kept].max()
    assert nm_mask(torch.ones(1, 4, device=device), 2, 4).tolist() == [[False, False, True, True]]
    mask = nm_mask(torch.tensor([[2.0, 1.0, 1.0, 1.0]], device=device))
    assert mask.tolist() == [[True, False, False, True]], (
        "of the three tied ones the last stays: the lowest index is pruned first"
    )


def test_1_6_ties_equal_a_stable_sort(device):
    scores = torch.randint(0, 3, (40, 8), device=device).float()
    for group, kept in zip(scores.view(-1, 4), nm_mask(scores).reshape(-1, 4), strict=True):
        pruned = sorted(range(4), key=lambda index, group=group: (group[index].item(), index))[:2]
        assert sorted(pruned) == (~kept).nonzero().flatten().tolist(), (
            f"of {group.tolist()} the entries {sorted(pruned)} go"
        )


def test_1_6_groups_run_along_the_inputs_by_hand(device):
    """Each row keeps its second and fourth.

    Along the outputs, down the columns, the last two rows would be kept.
    """
    scores = [[0.0, 8.0, 1.0, 9.0], [2.0, 10.0, 3.0, 11.0], [4.0, 12.0, 5.0, 13.0], [6.0, 14.0, 7.0, 15.0]]
    mask = nm_mask(torch.tensor(scores, device=device))
    assert mask.tolist() == [[False, True, False, True]] * 4, (
        "groups run along the last dimension, the inputs of a layer"
    )


def test_1_6_groups_run_along_the_last_dimension_whatever_the_strides(device):
    scores = torch.arange(16.0, device=device).view(4, 4).T
    assert torch.equal(nm_mask(scores), nm_mask(scores.contiguous())), (
        "groups follow the logical rows, not the memory"
    )


@pytest.mark.parametrize(("columns", "n", "m", "named"), [(6, 2, 4, "6"), (8, 5, 4, "5:4"), (8, 0, 4, "0:4")])
def test_1_6_refuses_what_is_no_pattern(columns, n, m, named):
    with pytest.raises(ValueError, match=named):
        nm_mask(torch.ones(2, columns), n, m)


# ------------------------------------------------------------ 1.7

SPARSE = {
    "a matrix": torch.tensor([[0.0, 5.0, 0.0], [7.0, 0.0, -2.0]]),
    "a vector of 9": torch.tensor([5.0, 0, 0, 7, 0, 0, 0, 0, 3]),
    "three dimensions": torch.arange(24.0).view(2, 3, 4) % 3,
    "all zero": torch.zeros(3, 5),
    "no zero": torch.ones(4, 4),
    "bf16": torch.tensor([[0, 1.5], [2.5, 0]], dtype=torch.bfloat16),
    "transposed": torch.tensor([[1.0, 0, 0], [0, 2, 3]]).T,
    "eight wide": (torch.arange(64.0).view(8, 8) % 7 - 3).clamp(min=0),
}


def test_1_7_coo_by_hand(device):
    indices, values = to_coo(SPARSE["a matrix"].to(device))
    assert indices.dtype == torch.int64 and indices.shape == (2, 3), "int64 [ndim, nnz]: one row a dimension"
    assert indices.tolist() == [[0, 1, 1], [1, 0, 2]], (
        "the first row says which row, the second which column, in row-major order"
    )
    assert values.tolist() == [5.0, 7.0, -2.0]


def test_1_7_coo_agrees_with_torch_sparse(device):
    weight = torch.randn(6, 7, device=device).clamp(min=0)
    theirs = weight.to_sparse_coo().coalesce()
    indices, values = to_coo(weight)
    assert torch.equal(indices, theirs.indices()) and torch.equal(values, theirs.values())


def test_1_7_bitmask_by_hand(device):
    """Kept are entries 0, 3 and 8: byte 0 is 2^0 + 2^3 = 9, byte 1 is 2^0 = 1."""
    bits, values = to_bitmask(SPARSE["a vector of 9"].to(device))
    assert bits.dtype == torch.uint8 and bits.tolist() == [9, 1], "the least significant bit comes first"
    assert values.tolist() == [5.0, 7.0, 3.0]


@pytest.mark.parametrize("case", SPARSE)
def test_1_7_coo_and_bitmask_give_back_every_tensor_exactly(case, device):
    weight = SPARSE[case].to(device)
    for again in (from_coo(*to_coo(weight), weight.shape), from_bitmask(*to_bitmask(weight), weight.shape)):
        assert again.dtype == weight.dtype and again.device == weight.device and torch.equal(again, weight)


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("dense", 64),
        ("coo", 32 + 16 * 16),
        ("csr", 32 + 8 * 16 + 8 * 5),
        ("bitmask", 32 + 4),
        ("2:4", 32 + 4),
    ],
)
def test_1_7_bytes_of_a_4_by_8_matrix_half_pruned_at_16_bits(format, expected):
    result = storage_bytes((4, 8), 0.5, 16, format)
    assert result == expected and type(result) is int, "bytes are whole numbers"


@pytest.mark.parametrize(("shape", "expected"), [((6,), 3 * 2 + 3 * 8), ((2, 3, 4), 12 * 2 + 12 * 24)])
def test_1_7_coo_has_one_index_a_dimension(shape, expected):
    assert storage_bytes(shape, 0.5, 16, "coo") == expected, (
        "16 bytes of indices a value are those of a matrix"
    )


def test_1_7_the_articles_coo_at_half_sparsity_is_larger_than_dense():
    """fp32, 4096 x 4096: 8,388,608 values of 4 bytes and two int64 each, 168 MB against 67 MB dense."""
    assert (
        storage_bytes((4096, 4096), 0.5, 32, "coo")
        == 8_388_608 * 20
        > 2 * storage_bytes((4096, 4096), 0.5, 32, "dense")
    )


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.99, 1.0])
def test_1_7_predicted_bytes_match_the_stored_ones(sparsity, device):
    weight = torch.randn(13, 9, device=device)
    weight[~magnitude_mask(weight, sparsity)] = 0.0

    def size(*tensors):
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    csr = weight.cpu().to_sparse_csr()
    assert storage_bytes((13, 9), sparsity, 32, "coo") == size(*to_coo(weight))
    assert storage_bytes((13, 9), sparsity, 32, "bitmask") == size(*to_bitmask(weight))
    assert storage_bytes((13, 9), sparsity, 32, "csr") == size(
        csr.crow_indices(), csr.col_indices(), csr.values()
    )


def test_1_7_odd_bits_round_up_to_whole_bytes():
    """5 kept values of 3 bits are 15 bits: 2 bytes; the mask of 5 entries takes 1."""
    assert storage_bytes((5,), 0.0, 3, "dense") == 2 and storage_bytes((5,), 0.0, 3, "bitmask") == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (((4, 8), 0.4, 16, "2:4"), "0.4"),
        (((4, 6), 0.5, 16, "2:4"), "6"),
        (((8,), 0.5, 16, "csr"), "8"),
        (((4, 8), 0.5, 16, "zip"), "zip"),
        (((4, 8), 2.0, 16, "coo"), "2.0"),
        (((4, 8), 0.5, 0, "coo"), "0"),
    ],
)
def test_1_7_refuses_formats_that_do_not_fit(arguments, named):
    with pytest.raises(ValueError, match=named):
        storage_bytes(*arguments)


def test_1_7_refuses_to_decode_what_does_not_fit():
    with pytest.raises(ValueError, match="outside"):
        from_coo(torch.tensor([[0], [5]]), torch.ones(1), (2, 3))
    with pytest.raises(ValueError, match="outside"):
        from_coo(torch.tensor([[0], [-1]]), torch.ones(1), (2, 3))
    with pytest.raises(ValueError, match="2.*1|1.*2"):  # two ones in the mask, one value
        from_bitmask(torch.tensor([3], dtype=torch.uint8), torch.ones(1), (4,))


# ------------------------------------------------------------ 1.8


@pytest.fixture
def batches(tokens):
    """Two batches of different sizes, the second with padding on both sides, of loud nonsense."""
    mask = torch.ones_like(tokens[:2])
    mask[0, 7:] = 0
    mask[1, :3] = 0
    return [{"input_ids": tokens[2:]}, {"input_ids": tokens[:2], "attention_mask": mask}]


def inputs_of(model, name, batch):
    """What one layer receives for one batch, real tokens only: [tokens, in], float64."""
    seen = []
    handle = model.get_submodule(name).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(**batch)
    handle.remove()
    mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
    return seen[0][mask].double()


class Toy(nn.Module):
    """Token 0 is the number 3, token 1 is -4; one block with one Linear layer."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.tensor([[3.0], [-4.0]]))
        self.blocks = nn.ModuleList([nn.Linear(1, 1)])

    def forward(self, input_ids, **_):
        return self.blocks[0](self.embedding(input_ids))


def test_1_8_3_and_minus_4_by_hand(device):
    """sqrt(9 + 16) = 5. The mean is 0.5, the mean magnitude 3.5, the root of the mean square 3.54."""
    norms = input_norms(Toy().to(device), [{"input_ids": torch.tensor([[0, 1]], device=device)}])
    assert norms["blocks.0"].shape == (1,), "one norm for each input feature"
    assert norms["blocks.0"].item() == 5.0


def test_1_8_two_batches_by_hand(device):
    """sqrt(9 + 16) = 5 again; the norms of the batches, 3 and 4, do not add up."""
    norms = input_norms(
        Toy().to(device), [{"input_ids": torch.tensor([[token]], device=device)} for token in (0, 1)]
    )
    assert norms["blocks.0"].tolist() == [5.0]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_1_8_norms_equal_a_float64_loop_over_all_real_tokens(kind, batches, request):
    model = request.getfixturevalue(kind)
    norms = input_norms(model, batches)
    assert set(norms) == set(linear_layers(model)), "every prunable layer, and nothing else"
    for name, norm in norms.items():
        expected = torch.cat([inputs_of(model, name, batch) for batch in batches]).norm(dim=0)
        assert norm.dtype == torch.float32, f"the norms of {name} are {norm.dtype}"
        off = (norm.double() - expected).abs().max().item() / expected.max().item()
        assert off < 1e-4, (
            f"the norms of {name} are wrong by up to {off:.0%}: is padding counted, or hidden from the model?"
        )


def test_1_8_a_bf16_model_is_summed_in_fp32(llama, tokens):
    """A bf16 sum stops growing after a few hundred terms: 256 + 1 = 256."""
    model, name = llama.bfloat16(), "model.layers.0.self_attn.q_proj"
    batches = [{"input_ids": rows} for rows in tokens.repeat(40, 1).split(50)]
    norm = input_norms(model, batches)[name]
    assert norm.dtype == torch.float32, "sums and norms are fp32, whatever the model's dtype"
    expected = torch.cat([inputs_of(model, name, batch) for batch in batches]).norm(dim=0)
    assert torch.allclose(norm.double(), expected, rtol=1e-3), "convert to fp32 before squaring and adding up"


def test_1_8_signs_do_not_cancel(llama, tokens):
    """The norm of n tokens is at least sqrt(n) times the absolute mean: most inputs have a mean near 0."""
    name = "model.layers.0.self_attn.q_proj"
    x = inputs_of(llama, name, {"input_ids": tokens})
    norm = input_norms(llama, [{"input_ids": tokens}])[name].double()
    assert (norm >= len(x) ** 0.5 * x.mean(0).abs() - 1e-4).all() and torch.allclose(
        norm**2, (x**2).sum(0), rtol=1e-4
    )


def test_1_8_leaves_the_model_as_it_was(gpt2, batches):
    gpt2.train()
    gpt2.lm_head.eval()
    first = input_norms(gpt2, batches)
    second = input_norms(gpt2, batches)
    assert all(torch.equal(first[name], second[name]) for name in first), (
        "dropout must be off while calibrating"
    )
    assert gpt2.training and not gpt2.lm_head.training, "every submodule gets its own mode back"
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in gpt2.modules()), (
        "hooks must be removed"
    )
    assert all(parameter.grad is None for parameter in gpt2.parameters())


def test_1_8_refuses_an_empty_calibration_set_and_a_model_without_blocks(llama, tokens):
    padding = {"input_ids": tokens, "attention_mask": torch.zeros_like(tokens)}
    for empty, named in (([], "0 batches"), ([padding], "0 real tokens")):
        with pytest.raises(ValueError, match=named):
            input_norms(llama, empty)
    with pytest.raises(ValueError, match="read again"):
        input_norms(llama, iter([{"input_ids": tokens}]))
    with pytest.raises(ValueError, match="Sequential has no list of blocks"):
        input_norms(nn.Sequential(nn.ReLU()), [{"input_ids": tokens}])


# ------------------------------------------------------------ 1.9


def test_1_9_a_small_weight_on_a_loud_input_stays_by_hand(device):
    """Scores [1 * 10, 2 * 1] and [0.1 * 10, 3 * 1]: the first row loses its 2, the second its 0.1."""
    weight = torch.tensor([[1.0, -2.0], [0.1, 3.0]], device=device)
    mask = wanda_mask(weight, torch.tensor([10.0, 1.0], device=device))
    assert mask.dtype == torch.bool and mask.tolist() == [[True, False], [False, True]]


def test_1_9_every_row_loses_the_same_number(device):
    """A row of tiny weights loses as many as any other. int(30 * 0.59) = int(17.7) = 17: rounded down."""
    weight = torch.randn(20, 30, device=device)
    weight[3] *= 1e-3
    mask = wanda_mask(weight, torch.rand(30, device=device) + 0.1, 0.59)
    assert ((~mask).sum(1) == 17).all(), (
        "compare within each row: int(in_features * sparsity) go in every one"
    )


def test_1_9_equals_a_loop_and_breaks_ties_by_the_lowest_index(device):
    weight, norm = (
        torch.randint(-2, 3, (9, 12), device=device).float(),
        torch.randint(1, 3, (12,), device=device).float(),
    )
    mask = wanda_mask(weight, norm, 0.25)
    for row, kept in zip(weight.abs() * norm, mask, strict=True):
        pruned = sorted(range(12), key=lambda j, row=row: (row[j].item(), j))[:3]
        assert (~kept).nonzero().flatten().tolist() == sorted(pruned)


def test_1_9_with_equal_norms_it_is_magnitude_pruning_row_by_row(device):
    weight = torch.randn(6, 10, device=device)
    mask = wanda_mask(weight, torch.full((10,), 3.0, device=device), 0.5)
    assert all(torch.equal(mask[row], magnitude_mask(weight[row], 0.5)) for row in range(6))


def test_1_9_a_pattern_keeps_n_of_every_m_by_score(device):
    """Weights 1, 2, 3, 4 with norms 9, 1, 1, 1 score 9, 2, 3, 4: the first and the last stay."""
    mask = wanda_mask(
        torch.tensor([[1.0, 2, 3, 4]], device=device),
        torch.tensor([9.0, 1, 1, 1], device=device),
        pattern=(2, 4),
    )
    assert mask.tolist() == [[True, False, False, True]]
    mask = wanda_mask(torch.randn(5, 16, device=device), torch.rand(16, device=device), 0.75, pattern=(1, 4))
    assert (mask.reshape(-1, 4).sum(1) == 1).all()


@pytest.mark.parametrize("sparsity", [0.0, 1.0])
def test_1_9_prunes_nothing_at_0_and_everything_at_1(sparsity, device):
    assert (
        wanda_mask(torch.randn(3, 4, device=device), torch.ones(4, device=device), sparsity)
        == (sparsity == 0)
    ).all()


def test_1_9_scores_bf16_weights_in_fp32(device):
    """In bf16 both scores would round to 258, a tie that prunes the first; 1 * 257 is below 1 * 258.5."""
    weight = torch.ones(1, 2, dtype=torch.bfloat16, device=device)
    assert wanda_mask(weight, torch.tensor([258.5, 258.0], device=device)).tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((torch.ones(2, 8), torch.ones(8), 0.4, (2, 4)), "0.4"),
        ((torch.ones(2, 6), torch.ones(6), 0.5, (2, 4)), "6"),
        ((torch.ones(2, 8), torch.ones(7)), r"\[7\]"),
        ((torch.ones(2, 8), torch.ones(8), 1.5), "1.5"),
        ((torch.ones(2, 2), torch.tensor([1.0, math.nan])), "input_norm holds 1 NaN"),
    ],
)
def test_1_9_refuses_contradictions(arguments, named):
    with pytest.raises(ValueError, match=named):
        wanda_mask(*arguments)


# ------------------------------------------------------------ 1.10


def weights_of(model):
    """Name -> copy of each prunable weight as [out, in]: GPT-2's Conv1D stores the transpose."""
    weights = {}
    for name, layer in linear_layers(model).items():
        weight = layer.weight.detach()
        weights[name] = (weight.T if type(layer).__name__ == "Conv1D" else weight).clone()
    return weights


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_1_10_later_blocks_are_calibrated_on_what_the_pruned_ones_before_them_put_out(kind, batches, request):
    """A slow oracle: prune block 0 of a copy, run the copy again for the inputs of block 1, prune block 1."""
    model = request.getfixturevalue(kind)
    copied = copy.deepcopy(model)
    for block in (".0.", ".1."):
        norms = {name: norm for name, norm in input_norms(copied, batches).items() if block in name}
        weights = weights_of(copied)
        for name, norm in norms.items():
            pruned = weights[name] * wanda_mask(weights[name], norm)
            linear_layers(copied)[name].weight.data.copy_(pruned if kind == "llama" else pruned.T)
    assert wanda_prune(model, batches) is None
    ours, theirs = weights_of(model), weights_of(copied)
    assert any((weight == 0).any() for weight in ours.values()), (
        "no weight of the model was pruned: change the layers' weights in place"
    )
    for name, weight in ours.items():
        differing = int(((weight == 0) != (theirs[name] == 0)).sum())
        of_all = f"{differing} of {weight.numel()} places"
        assert differing <= 2, f"the mask of {name} differs in {of_all} (a tie may cause one or two)"


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_1_10_every_output_row_loses_half_and_the_rest_is_untouched(kind, batches, request):
    model = request.getfixturevalue(kind)
    before = weights_of(model)
    parameters = {name: parameter.clone() for name, parameter in model.named_parameters()}
    others = [name for name in parameters if name.removesuffix(".weight") not in before]
    wanda_prune(model, batches, 0.5)
    for name, weight in weights_of(model).items():
        assert ((weight == 0).sum(1) == weight.shape[1] // 2).all(), (
            f"{name}: rows are outputs, also in GPT-2's Conv1D"
        )
        assert torch.equal(weight[weight != 0], before[name][weight != 0]), (
            "Wanda changes no weight that it keeps"
        )
    after = dict(model.named_parameters())
    assert all(torch.equal(after[name], parameters[name]) for name in others)


def test_1_10_a_pattern_runs_along_the_inputs(gpt2, batches):
    wanda_prune(gpt2, batches, pattern=(2, 4))
    for weight in weights_of(gpt2).values():
        assert ((weight != 0).view(len(weight), -1, 4).sum(-1) == 2).all()


def test_1_10_leaves_modes_hooks_gradients_and_forwards_as_they_were(gpt2, batches):
    gpt2.train()
    wanda_prune(gpt2, batches)
    assert gpt2.training and torch.is_grad_enabled()
    assert all(parameter.requires_grad for parameter in gpt2.parameters())
    assert not any(module._forward_pre_hooks or "forward" in vars(module) for module in gpt2.modules())


def test_1_10_a_sparsity_of_zero_changes_nothing(llama, batches):
    before = weights_of(llama)
    wanda_prune(llama, batches, 0.0)
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(llama).items())


@pytest.mark.parametrize(
    ("options", "named"), [({"sparsity": 1.5}, "1.5"), ({"sparsity": 0.3, "pattern": (2, 4)}, "0.3")]
)
def test_1_10_refuses_before_it_prunes(llama, batches, options, named):
    before = weights_of(llama)
    for attempt, match in (
        (lambda: wanda_prune(llama, batches, **options), named),
        (lambda: wanda_prune(llama, []), "empty"),
    ):
        with pytest.raises(ValueError, match=match):
            attempt()
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(llama).items())


# ------------------------------------------------------------ 1.11


def correlated(tokens, features, device):
    """Inputs whose features share a few causes: one can make up for another. fp32 [tokens, features]."""
    return torch.randn(tokens, 4, device=device) @ torch.randn(
        4, features, device=device
    ) + 0.1 * torch.randn(tokens, features, device=device)


def test_1_11_two_inputs_that_always_agree_by_hand(device):
    """x1 = x2, so the weights [1, 3] act as 4 whichever holds it: the pruned 1 must move to the 3.

    With damping d (0.01 of the mean diagonal, 1) H = [[1 + d, 1], [1, 1 + d]], and the best second weight is
    3 + 1 / (1 + d) = 3.990.
    """
    hessian = torch.ones(2, 2, device=device)
    weight = sparsegpt_weight(torch.tensor([[1.0, 3.0]], device=device), hessian)
    assert weight[0, 0] == 0 and weight[0, 1].item() == pytest.approx(3 + 1 / 1.01, rel=1e-4)


def test_1_11_with_independent_inputs_it_is_magnitude_pruning(device):
    """The Hessian is the identity: nothing can make up for anything, and the cost is w^2."""
    weight = torch.randn(8, 16, device=device)
    pruned = sparsegpt_weight(weight, torch.eye(16, device=device))
    assert torch.allclose(pruned, weight * magnitude_mask(weight, 0.5))


def best_update(weight, mask, hessian):
    """Row by row in float64: the kept weights with the least output error for a mask (normal equations)."""
    result, hessian = torch.zeros_like(weight, dtype=torch.float64), hessian.double()
    for row, kept in enumerate(mask):
        k = kept.nonzero().flatten()
        result[row, k] = torch.linalg.solve(hessian[k][:, k], hessian[k] @ weight[row].double())
    return result


def test_1_11_the_output_error_is_far_below_wandas_and_near_the_best_for_its_mask(device):
    x = correlated(400, 64, device)
    weight, hessian = torch.randn(32, 64, device=device), 2 / 400 * x.T @ x

    def error(pruned):
        return ((x.double() @ (weight - pruned).double().T) ** 2).sum().item()

    ours = sparsegpt_weight(weight, hessian, 0.5, damping=1e-6)
    wanda = error(weight * wanda_mask(weight, x.norm(dim=0)))
    best = error(best_update(weight, ours != 0, hessian))
    assert error(ours) < 0.3 * wanda, "the remaining weights must make up for the pruned ones"
    assert best <= error(ours) < 5 * best


def surgeon_loop(weight, hessian, sparsity, pattern, block_size, damping=0.01):
    """The slow oracle, float64: column by column, the inverse Hessian of the columns still free each time."""
    w, H = weight.double().clone(), hessian.double().clone()
    H += damping * H.diagonal().mean() * torch.eye(len(H), device=H.device)
    inverse, cost, moves = torch.linalg.inv(H), [], []
    for j in range(len(H)):
        cost.append(1 / inverse[j, j])
        moves.append(inverse[j] / inverse[j, j])  # how the other weights move when weight j goes
        inverse = inverse - torch.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    cost, keep = torch.stack(cost), torch.ones_like(w, dtype=torch.bool)
    width = pattern[1] if pattern else block_size
    for j in range(len(H)):
        if j % width == 0:
            scores = w[:, j : j + width] ** 2 * cost[j : j + width]
            keep[:, j : j + width] = (
                nm_mask(scores, *pattern) if pattern else magnitude_mask(scores, sparsity)
            )
        gone = ~keep[:, j]
        w[gone, j:] -= w[gone, j, None] * moves[j][j:]
        w[gone, j] = 0
    return w


@pytest.mark.parametrize("pattern", [None, (2, 4)])
@pytest.mark.parametrize("block_size", [8, 32])
def test_1_11_equals_a_slow_float64_loop(pattern, block_size, device):
    x = correlated(300, 32, device)
    weight, hessian = torch.randn(12, 32, device=device), 2 / 300 * x.T @ x
    ours, slow = (
        sparsegpt_weight(weight, hessian, 0.5, pattern, block_size),
        surgeon_loop(weight, hessian, 0.5, pattern, block_size),
    )
    same_rows = ((ours == 0) == (slow == 0)).all(1)  # a near tie may fall the other way in float32
    assert same_rows.float().mean() >= 0.8, f"the mask differs in {int((~same_rows).sum())} of 12 rows"
    assert torch.allclose(ours[same_rows].double(), slow[same_rows], atol=1e-2), (
        "the masks agree, the updated weights do not"
    )


def test_1_11_masks_are_chosen_per_block_of_columns(device):
    """Each block of 8 columns loses exactly half of its weights, over all rows together."""
    x = correlated(300, 24, device)
    pruned = sparsegpt_weight(torch.randn(10, 24, device=device), x.T @ x, 0.5, block_size=8)
    assert [(pruned[:, start : start + 8] == 0).sum().item() for start in (0, 8, 16)] == [40, 40, 40]
    assert len({int((row == 0).sum()) for row in pruned}) > 1, (
        "the ranking runs over all rows of the block, not row by row"
    )


def test_1_11_the_error_crosses_from_block_to_block(device):
    """Two agreeing inputs in different blocks: 0.1 of the first two weights goes, the 2 takes it over."""
    hessian = torch.tensor(
        [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
        device=device,
    )
    pruned = sparsegpt_weight(torch.tensor([[0.1, 5.0, 2.0, 1.0]], device=device), hessian, 0.5, block_size=2)
    assert (
        pruned[0, 0] == 0
        and pruned[0, 3] == 0
        and pruned[0, 2].item() == pytest.approx(2 + 0.1 / 1.01, rel=1e-4)
    )


def test_1_11_a_pattern_is_chosen_from_the_updated_weights(device):
    x = correlated(300, 16, device)
    weight = torch.randn(12, 16, device=device)
    pruned = sparsegpt_weight(weight, x.T @ x, pattern=(2, 4), block_size=8)
    assert ((pruned != 0).view(12, 4, 4).sum(-1) == 2).all()
    # Input 2 repeats input 0. Pruning the 1 of group one makes the 0.9 of group two 1.89: now it outweighs
    # 1.5 and 1.6.
    hessian = torch.eye(4, device=device)
    hessian[0, 2] = hessian[2, 0] = 1.0
    pruned = sparsegpt_weight(
        torch.tensor([[0.8, 3.0, 0.9, 1.6]], device=device), hessian, pattern=(1, 2), block_size=4
    )
    assert (pruned != 0).tolist() == [[False, True, True, False]]


def test_1_11_inputs_that_are_always_zero_lose_their_columns(device):
    x = correlated(100, 8, device)
    x[:, 3] = 0
    pruned = sparsegpt_weight(torch.randn(4, 8, device=device), x.T @ x, 0.25)
    assert (pruned[:, 3] == 0).all() and pruned.isfinite().all()


def test_1_11_the_scale_of_the_hessian_does_not_matter_and_inputs_stay(device):
    x = correlated(200, 16, device)
    weight, hessian = torch.randn(6, 16, device=device), x.T @ x
    before = weight.clone(), hessian.clone()
    assert torch.allclose(
        sparsegpt_weight(weight, hessian), sparsegpt_weight(weight, hessian / 1000), atol=1e-3
    )
    assert torch.equal(weight, before[0]) and torch.equal(hessian, before[1])


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_1_11_later_blocks_are_calibrated_on_what_the_pruned_ones_before_them_put_out(kind, batches, request):
    """The slow oracle of 1.10: block 0 of a copy first, then block 1 with the pruned copy's inputs."""
    model = request.getfixturevalue(kind)
    copied = copy.deepcopy(model)
    for block in (".0.", ".1."):
        inputs = {
            name: [inputs_of(copied, name, batch) for batch in batches]
            for name in linear_layers(copied)
            if block in name
        }
        weights = weights_of(copied)
        for name, seen in inputs.items():
            x = torch.cat(seen)
            pruned = sparsegpt_weight(weights[name], 2 / len(x) * x.T @ x, 0.5, None, 16, 0.05)
            linear_layers(copied)[name].weight.data.copy_(pruned if kind == "llama" else pruned.T)
    assert sparsegpt_prune(model, batches, 0.5, None, 16, 0.05) is None
    ours, theirs = weights_of(model), weights_of(copied)
    for name, weight in ours.items():
        same = ((weight == 0) == (theirs[name] == 0)).float().mean().item()
        assert same > 0.98 and (weight == 0).float().mean().item() == pytest.approx(0.5, abs=0.02), (
            f"{name}: {same:.1%} of the mask agree"
        )
        assert (weight - theirs[name]).abs().median() < 1e-3


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sparsity": -0.1}, "-0.1"),
        ({"sparsity": 0.3, "pattern": (2, 4)}, "0.3"),
        ({"block_size": 0}, "0"),
        ({"damping": -1.0}, "-1.0"),
        ({"pattern": (2, 4), "block_size": 6}, "6"),
    ],
)
def test_1_11_refuses_before_it_prunes(llama, batches, options, named):
    with pytest.raises(ValueError, match=named):
        sparsegpt_prune(llama, batches, **options)

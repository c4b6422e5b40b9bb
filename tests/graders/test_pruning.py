"""Chapter 01: masks."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from minicompress.grading.expect import expect_close, expect_equal, refused
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


def test_1_1_works_above_16_million_elements():
    """torch.quantile refuses these."""
    weight = torch.arange(17_000_000, dtype=torch.float32)
    mask = magnitude_mask(weight, 0.25)
    assert int((~mask).sum()) == 4_250_000 and not mask[:4_249_000].any()


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
    "three dimensions": torch.arange(24.0).view(2, 3, 4) % 3,
    "all zero": torch.zeros(3, 5),
    "no zero": torch.ones(4, 4),
    "bf16": torch.tensor([[0, 1.5], [2.5, 0]], dtype=torch.bfloat16),
    "transposed": torch.tensor([[1.0, 0, 0], [0, 2, 3]]).T,
}


def test_1_7_coo_by_hand(device):
    indices, values = to_coo(SPARSE["a matrix"].to(device))
    expect_equal(
        indices,
        [[0, 1, 1], [1, 0, 2]],
        "the first row of the indices holds the matrix's rows, the second its columns, in row-major order",
    )
    expect_equal(values, [5.0, 7.0, -2.0], "the values are all that is not zero, in row-major order")


def test_1_7_coo_indices_are_int64(device):
    expect_equal(to_coo(SPARSE["a matrix"].to(device))[0].dtype, torch.int64, "the indices are int64")


def test_1_7_coo_is_decoded_by_hand(device):
    indices = torch.tensor([[0, 1, 1], [1, 0, 2]], device=device)
    weight = from_coo(indices, torch.tensor([5.0, 7.0, -2.0], device=device), (2, 3))
    expect_equal(weight, [[0.0, 5.0, 0.0], [7.0, 0.0, -2.0]], "each value goes to its row and column")


def test_1_7_bitmask_by_hand(device):
    """Kept are entries 0, 3 and 8: byte 0 is 2^0 + 2^3 = 9, byte 1 is 2^0 = 1."""
    bits, values = to_bitmask(torch.tensor([5.0, 0, 0, -7, 0, 0, 0, 0, 3], device=device))
    expect_equal(bits, [9, 1], "a byte holds 8 entries, the least significant bit first")
    expect_equal(values, [5.0, -7.0, 3.0], "the values are all that is not zero, in row-major order")


def test_1_7_bits_are_uint8(device):
    expect_equal(to_bitmask(SPARSE["a matrix"].to(device))[0].dtype, torch.uint8, "the bits are uint8")


def test_1_7_bitmask_goes_through_a_matrix_row_by_row_whatever_its_strides(device):
    """[[1, 0], [0, 2], [0, 3]], stored by columns: entries 0, 3 and 5 are kept, 1 + 8 + 32."""
    bits, values = to_bitmask(SPARSE["transposed"].to(device))
    expect_equal((bits, values), ([41], [1.0, 2.0, 3.0]), "entries are counted row by row")


def test_1_7_bitmask_is_decoded_by_hand(device):
    bits = torch.tensor([9, 1], dtype=torch.uint8, device=device)
    weight = from_bitmask(bits, torch.tensor([5.0, -7.0, 3.0], device=device), (3, 3))
    expect_equal(
        weight,
        [[5.0, 0.0, 0.0], [-7.0, 0.0, 0.0], [0.0, 0.0, 3.0]],
        "a bit that is set takes the next value, the least significant bit first",
    )


@pytest.mark.parametrize("case", SPARSE)
def test_1_7_what_is_stored_comes_back(case, device):
    weight = SPARSE[case].to(device)
    for name, again in (
        ("coo", from_coo(*to_coo(weight), weight.shape)),
        ("bitmask", from_bitmask(*to_bitmask(weight), weight.shape)),
    ):
        expect_equal(again, weight, f"from_{name} undoes to_{name}")
        expect_equal(again.dtype, weight.dtype, f"from_{name} gives a tensor of the values' dtype")
        assert again.device == weight.device, f"from_{name} stays on the values' device"


@pytest.mark.parametrize(
    ("format", "expected", "rule"),
    [
        ("dense", 64, "dense stores all 32 entries, zeros too"),
        ("coo", 32 + 16 * 16, "COO stores 16 values of 2 bytes and two int64 for each"),
        ("csr", 32 + 8 * 16 + 8 * 5, "CSR stores 16 values, an int64 for each, and rows + 1 int64 offsets"),
        ("bitmask", 32 + 4, "a bitmask stores 16 values and a bit for each of the 32 entries"),
        ("2:4", 32 + 4, "2:4 stores 16 values and 2 bits for each of them"),
    ],
)
def test_1_7_bytes_of_a_4_by_8_matrix_half_pruned_at_16_bits(format, expected, rule):
    expect_equal(storage_bytes((4, 8), 0.5, 16, format), expected, rule)


@pytest.mark.parametrize(("shape", "expected"), [((6,), 3 * 2 + 3 * 8), ((2, 3, 4), 12 * 2 + 12 * 24)])
def test_1_7_coo_has_one_index_a_dimension(shape, expected):
    expect_equal(storage_bytes(shape, 0.5, 16, "coo"), expected, "COO stores one int64 a dimension and value")


def test_1_7_odd_bits_round_up_to_whole_bytes():
    """5 values of 3 bits are 15 bits, 2 bytes; the places of 12 entries take 2 more."""
    rule = "the values together, and the places together, are rounded up to whole bytes"
    expect_equal(storage_bytes((5,), 0.0, 3, "dense"), 2, rule)
    expect_equal(storage_bytes((1, 12), 0.5, 4, "2:4"), 3 + 2, rule)
    expect_equal(storage_bytes((5,), 0.0, 3, "coo"), 2 + 40, rule)


def test_1_7_the_pruned_ones_are_counted_as_a_mask_counts_them():
    """0.27 * 10 rounds to 3 pruned, 7 kept; 0.5 * 5 rounds to 2 pruned, 3 kept."""
    rule = "of the entries round(sparsity * numel) are pruned, and all others are kept"
    expect_equal(storage_bytes((10,), 0.27, 8, "bitmask"), 7 + 2, rule)
    expect_equal(storage_bytes((5,), 0.5, 8, "bitmask"), 3 + 1, rule)


@pytest.mark.parametrize("format", ["dense", "coo", "csr", "bitmask", "2:4"])
def test_1_7_bytes_are_whole_numbers(format):
    expect_equal(type(storage_bytes((4, 8), 0.5, 16, format)), int, "bytes are an int")


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 1.0])
def test_1_7_predicted_bytes_match_the_stored_ones(sparsity, device):
    weight = torch.randn(13, 9, device=device)
    weight[~magnitude_mask(weight, sparsity)] = 0.0
    csr = weight.cpu().to_sparse_csr()
    stored = {
        "coo": to_coo(weight),
        "bitmask": to_bitmask(weight),
        "csr": (csr.crow_indices(), csr.col_indices(), csr.values()),
    }
    for format, parts in stored.items():
        size = sum(part.numel() * part.element_size() for part in parts)
        predicted = storage_bytes((13, 9), sparsity, 32, format)
        expect_equal(predicted, size, f"what is predicted for {format} is what the stored tensors take")


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (((4, 8), 0.4, 16, "2:4"), 0.4),
        (((4, 6), 0.5, 16, "2:4"), 6),
        (((8,), 0.5, 16, "csr"), 8),
        (((4, 8), 0.5, 16, "zip"), "zip"),
        (((4, 8), 2.0, 16, "coo"), 2.0),
        (((4, 8), 0.5, 0, "coo"), 0),
    ],
)
def test_1_7_refuses_formats_that_do_not_fit(arguments, value):
    with refused(naming=value):
        storage_bytes(*arguments)


def test_1_7_refuses_to_decode_indices_outside_the_shape():
    for column in (5, -1):
        with refused(rule="indices lie inside the shape"):
            from_coo(torch.tensor([[0], [column]]), torch.ones(1), (2, 3))


def test_1_7_refuses_to_decode_a_bitmask_with_more_or_fewer_ones_than_values():
    rule = "as many bits are set as there are values, or the message names both numbers"
    for count in (2, 4):
        for number in (3, count):
            with refused(naming=number, rule=rule):  # 11 has three ones
                from_bitmask(torch.tensor([11], dtype=torch.uint8), torch.ones(count), (8,))


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


class Chain(nn.Module):
    """Token t is row t of a table. The blocks are Linear layers, one after the other."""

    def __init__(self, table, *blocks):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.tensor(table))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, input_ids, **_):
        x = self.embedding(input_ids)
        for block in self.blocks:
            x = block(x)
        return x


class Counting(nn.Module):
    """Token 0 is the number 3, token 1 is -4, each times the number of tokens that it may look at."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.tensor([[3.0], [-4.0]]))
        self.blocks = nn.ModuleList([nn.Linear(1, 1)])

    def forward(self, input_ids, attention_mask=None, **_):
        seen = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return self.blocks[0](self.embedding(input_ids) * seen.sum(1)[:, None, None])


def three_and_minus_four(device):
    """Token 0 is the number 3, token 1 is -4."""
    return Chain([[3.0], [-4.0]], nn.Linear(1, 1)).to(device)


def texts(device, *rows):
    """One batch for each row of token numbers."""
    return [{"input_ids": torch.tensor([row], device=device)} for row in rows]


def test_1_8_3_and_minus_4_by_hand(device):
    """sqrt(9 + 16) = 5. The mean is -0.5, the mean magnitude 3.5, the root of the mean square 3.54."""
    norms = input_norms(three_and_minus_four(device), texts(device, [0, 1]))
    expect_equal(list(norms), ["blocks.0"], "the result maps the name of every prunable layer to its norms")
    expect_close(norms["blocks.0"], [5.0], "a norm is the root of the sum of the squares over all tokens")


def test_1_8_two_batches_by_hand(device):
    """sqrt(9 + 16) = 5 again; the norms of the batches, 3 and 4, do not add up."""
    norms = input_norms(three_and_minus_four(device), texts(device, [0], [1]))
    expect_close(norms["blocks.0"], [5.0], "squares are added up over all batches, then comes one root")


def test_1_8_there_is_one_norm_a_feature_not_one_a_token(device):
    """Token 0 is [3, 1], token 1 is [-4, 2], token 2 is [0, 2]: norms 5 and 3."""
    model = Chain([[3.0, 1.0], [-4.0, 2.0], [0.0, 2.0]], nn.Linear(2, 4)).to(device)
    norms = input_norms(model, texts(device, [0, 1, 2]))
    expect_close(norms["blocks.0"], [5.0, 3.0], "each input feature has a norm of its own, over the tokens")


def padded(device):
    """Tokens 3 and -4, then one of padding, which is -4 as well."""
    mask = torch.tensor([[1, 1, 0]], device=device)
    return [{"input_ids": torch.tensor([[0, 1, 1]], device=device), "attention_mask": mask}]


def test_1_8_padding_does_not_count(device):
    """5 again. With the padding it would be sqrt(9 + 16 + 16) = 6.4."""
    norms = input_norms(three_and_minus_four(device), padded(device))
    expect_close(norms["blocks.0"], [5.0], "tokens of padding do not count")


def test_1_8_the_model_is_told_what_is_padding(device):
    """Two tokens are seen, so the inputs are 6 and -8. Without its mask the model sees three: 9 and -12."""
    norms = input_norms(Counting().to(device), padded(device))
    rule = "real tokens do not see padding, so the model gets the attention_mask too"
    expect_close(norms["blocks.0"], [10.0], rule)


def test_1_8_norms_are_fp32_whatever_the_models_dtype(device):
    for dtype in (torch.float32, torch.bfloat16):
        norms = input_norms(three_and_minus_four(device).to(dtype), texts(device, [0, 1]))
        expect_equal(norms["blocks.0"].dtype, torch.float32, "the norms are fp32")


def test_1_8_a_bf16_model_is_summed_in_fp32(device):
    """bf16 has 8 binary digits: 257 times 9 would be 2320 instead of 2313."""
    model = three_and_minus_four(device).bfloat16()
    norms = input_norms(model, texts(device, *[[0] * 257] * 4))
    expected = 3 * math.sqrt(4 * 257)
    rule = "inputs become fp32 before they are squared and added up"
    expect_close(norms["blocks.0"], [expected], rule, rel=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_1_8_norms_equal_a_float64_loop_over_all_real_tokens(kind, batches, request):
    model = request.getfixturevalue(kind)
    norms = input_norms(model, batches)
    missing, others = set(linear_layers(model)) - set(norms), set(norms) - set(linear_layers(model))
    expect_equal(sorted(missing), [], "no layer inside the blocks is left out")
    expect_equal(sorted(others), [], "only the layers inside the blocks have norms")
    for name, norm in norms.items():
        expected = torch.cat([inputs_of(model, name, batch) for batch in batches]).norm(dim=0)
        expect_close(norm, expected, f"the norms of {name} are those of its real tokens", rel=1e-4, abs=1e-4)


def test_1_8_dropout_is_off_while_the_model_listens(gpt2, batches):
    expected = input_norms(gpt2, batches)
    again = input_norms(gpt2.train(), batches)
    for name, norm in again.items():
        expect_close(norm, expected[name], "the model runs in eval mode, without dropout")


def test_1_8_leaves_the_model_as_it_was(gpt2, batches):
    gpt2.train()
    gpt2.lm_head.eval()
    norms = input_norms(gpt2, batches)
    assert gpt2.training and not gpt2.lm_head.training, "every module has its own mode again"
    hooks = [len(module._forward_pre_hooks) + len(module._forward_hooks) for module in gpt2.modules()]
    expect_equal(sum(hooks), 0, "no hook is left on the model")
    assert all(not norm.requires_grad for norm in norms.values()), "the model runs without gradients"


def test_1_8_refuses_an_empty_calibration_set(device):
    nothing = torch.tensor([[0]], device=device)
    for empty in ([], [{"input_ids": nothing, "attention_mask": nothing}]):
        with refused(rule="there is at least one real token to listen to"):
            input_norms(three_and_minus_four(device), empty)


def test_1_8_refuses_a_model_without_a_linear_layer_in_its_blocks(device):
    for model in (nn.Sequential(nn.ReLU()), Chain([[3.0]], nn.ReLU()).to(device)):
        with refused(rule="there is a Linear layer inside a list of blocks"):
            input_norms(model, texts(device, [0]))


# ------------------------------------------------------------ 1.9


def test_1_9_a_small_weight_on_a_loud_input_stays(device):
    """Scores 1 * 10 and 2 * 1: the -2 goes."""
    mask = wanda_mask(torch.tensor([[1.0, -2.0]], device=device), torch.tensor([10.0, 1.0], device=device))
    expect_equal(mask, [[True, False]], "a loud input's weight stays, the smallest |weight| * norm goes")
    expect_equal(mask.dtype, torch.bool, "a mask is bool")


def test_1_9_the_score_is_the_magnitude_times_the_norm_itself(device):
    """Scores 6, 3, 2.8 and 5. With signs -6 is the lowest, with squared norms 3."""
    weight = torch.tensor([[-6.0, 3.0, 1.4, 2.5]], device=device)
    mask = wanda_mask(weight, torch.tensor([1.0, 1.0, 2.0, 2.0], device=device), 0.25)
    expect_equal(mask, [[True, True, False, True]], "the score is |weight| * norm, no sign and no square")


def test_1_9_every_row_loses_as_many_by_hand(device):
    """One ranking of all six would prune 1, 2 and 3; within columns 1 and 3 would go."""
    weight = torch.tensor([[9.0, 8.0], [2.0, 7.0], [1.0, 3.0]], device=device)
    mask = wanda_mask(weight, torch.ones(2, device=device))
    rule = "scores are compared within each row, so every row loses as many"
    expect_equal(mask, [[True, False], [False, True], [False, True]], rule)


def test_1_9_the_number_a_row_loses_is_rounded_down(device):
    """4 * 0.3 = 1.2 and 4 * 0.45 = 1.8: one goes."""
    rule = "every row loses int(in_features * sparsity) entries, rounded down"
    for sparsity, weight in ((0.3, [1.0, 2.0, 3.0, 4.0]), (0.45, [2.0, 1.0, 3.0, 4.0])):
        mask = wanda_mask(torch.tensor([weight], device=device), torch.ones(4, device=device), sparsity)
        expect_equal(mask, [[w != 1 for w in weight]], rule)


@pytest.mark.parametrize("sparsity", [0.0, 1.0])
def test_1_9_prunes_nothing_at_0_and_everything_at_1(sparsity, device):
    mask = wanda_mask(torch.randn(3, 4, device=device), torch.ones(4, device=device), sparsity)
    expect_equal(mask, [[sparsity == 0] * 4] * 3, f"a sparsity of {sparsity:.0f} prunes {sparsity:.0%}")


def test_1_9_among_equal_scores_the_lowest_index_goes_first(device):
    rule = "among equal scores the lowest index goes first"
    mask = wanda_mask(torch.ones(1, 4, device=device), torch.ones(4, device=device), 0.25)
    expect_equal(mask, [[False, True, True, True]], rule)


def test_1_9_many_equal_scores_stay_in_order(device):
    """Of 1,200 equal scores the first 300 go. A sort that is not stable mixes them up."""
    mask = wanda_mask(torch.ones(2, 1200, device=device), torch.ones(1200, device=device), 0.25)
    expected = torch.ones(2, 1200, dtype=torch.bool)
    expected[:, :300] = False
    expect_equal(
        mask, expected, "among many equal scores the lowest index goes first, which takes a stable sort"
    )


def test_1_9_equals_a_sort_row_by_row(device):
    weight, norm = torch.randn(9, 30, device=device), torch.rand(30, device=device) + 0.1
    expected = torch.ones(9, 30, dtype=torch.bool)
    for row, scores in enumerate((weight.abs() * norm).tolist()):
        expected[row, sorted(range(30), key=scores.__getitem__)[:17]] = False
    mask = wanda_mask(weight, norm, 0.59)
    expect_equal(mask, expected, "the 17 lowest of 30 scores go in every row")


def test_1_9_a_pattern_keeps_n_of_every_m_by_score(device):
    """Each row scores 9, 2, 3, 4 and 0.1, 0.4, 0.3, 0.2. By the whole row the first four would stay."""
    weight = torch.tensor([[1.0, 2, 3, 4, 0.1, 0.4, 0.3, 0.2]] * 4, device=device)
    norm = torch.tensor([9.0, 1, 1, 1, 1, 1, 1, 1], device=device)
    mask = wanda_mask(weight[:1], norm, pattern=(2, 4))
    expected = [True, False, False, True, False, True, True, False]
    expect_equal(mask, [expected], "2:4 keeps the two highest scores of every four")
    expect_equal(
        wanda_mask(weight, norm, pattern=(2, 4)), [expected] * 4, "the four lie side by side in a row"
    )


def test_1_9_a_pattern_can_be_any_n_and_m(device):
    """Scores 9, 2, 3, 4, 5, 1, 7 and 6: the highest of all eight stays."""
    weight = torch.tensor([[1.0, 2, 3, 4, 5, 1, 7, 6]], device=device)
    norm = torch.tensor([9.0, 1, 1, 1, 1, 1, 1, 1], device=device)
    mask = wanda_mask(weight, norm, 1 - 1 / 8, pattern=(1, 8))
    expect_equal(mask, [[True] + [False] * 7], "1:8 keeps the highest score of every eight")


def test_1_9_scores_bf16_weights_in_fp32(device):
    """In bf16 both scores would round to 258, a tie that prunes the first."""
    weight = torch.ones(1, 2, dtype=torch.bfloat16, device=device)
    mask = wanda_mask(weight, torch.tensor([258.5, 258.0], device=device))
    expect_equal(mask, [[True, False]], "the scores are fp32, also of a bf16 weight")


def test_1_9_takes_a_weight_of_any_strides_and_leaves_it_as_it_was(device):
    weight, norm = torch.tensor([[1.0, -5.0], [-2.0, 3.0]], device=device).T, torch.ones(2, device=device)
    mask = wanda_mask(weight, norm)
    expect_equal(mask, [[False, True], [True, False]], "rows are outputs, whatever the strides")
    expect_equal(weight, [[1.0, -2.0], [-5.0, 3.0]], "the weight that was passed in is not changed")
    expect_equal(norm, [1.0, 1.0], "the norms that were passed in are not changed")


@pytest.mark.parametrize(
    "arguments",
    [
        (torch.ones(2, 8), torch.ones(8), 0.4, (2, 4)),
        (torch.ones(2, 6), torch.ones(6), 0.5, (2, 4)),
        (torch.ones(2, 8), torch.ones(7)),
        (torch.ones(2, 8), torch.ones(8), 1.5),
        (torch.ones(2, 2), torch.tensor([1.0, math.nan])),
    ],
)
def test_1_9_refuses_contradictions(arguments):
    with refused():
        wanda_mask(*arguments)


# ------------------------------------------------------------ 1.10


def linear(*rows):
    """A Linear layer without bias, its weight [out, in] given row by row."""
    layer = nn.Linear(len(rows[0]), len(rows), bias=False)
    layer.weight.data = torch.tensor(rows)
    return layer


def weights_of(model):
    """Name -> copy of each prunable weight as [out, in]: GPT-2's Conv1D stores the transpose."""
    weights = {}
    for name, layer in linear_layers(model).items():
        weight = layer.weight.detach()
        weights[name] = (weight.T if type(layer).__name__ == "Conv1D" else weight).clone()
    return weights


def test_1_10_one_layer_by_hand(device):
    """The only token is [10, 1]: row one scores 10 and 2, row two 1 and 3."""
    model = Chain([[10.0, 1.0]], linear([1.0, -2.0], [0.1, 3.0])).to(device)
    wanda_prune(model, texts(device, [0]))
    rule = "the layer's own weight loses the smallest |weight| * norm of each row"
    expect_equal(model.blocks[0].weight, [[1.0, 0.0], [0.0, 3.0]], rule)


def test_1_10_weights_stay_plain_parameters_of_the_layer(device):
    model = Chain([[10.0, 1.0]], linear([1.0, -2.0])).to(device)
    names, weight = [name for name, _ in model.named_parameters()], model.blocks[0].weight
    wanda_prune(model, texts(device, [0]))
    after = [name for name, _ in model.named_parameters()]
    expect_equal(after, names, "pruned weights are plain zeros: no mask is put on a layer")
    assert model.blocks[0].weight is weight, "the layer's own Parameter is changed in place, not replaced"


def test_1_10_all_batches_count_by_hand(device):
    """Inputs [10, 1] and [0, 8]: norms 10 and 8.06. The first batch alone would prune the -2, the last alone
    the 2, batch norms that are added up (10 and 9) the 1 of row three, the largest inputs the 1.245.
    """
    weight = linear([1.0, -2.0], [2.0, 1.0], [1.0, 1.15], [1.0, 1.245])
    model = Chain([[10.0, 1.0], [0.0, 8.0]], weight).to(device)
    wanda_prune(model, texts(device, [0], [1]))
    rule = "a norm is the root of the sum of the squares over all batches"
    expected = [[0.0, -2.0], [2.0, 0.0], [1.0, 0.0], [0.0, 1.245]]
    expect_close(model.blocks[0].weight, expected, rule)


def test_1_10_padding_does_not_count(device):
    """A token [10, 1], and padding that is [0, 100]."""
    model = Chain([[10.0, 1.0], [0.0, 100.0]], linear([1.0, -2.0])).to(device)
    mask = torch.tensor([[1, 0]], device=device)
    wanda_prune(model, [{"input_ids": torch.tensor([[0, 1]], device=device), "attention_mask": mask}])
    expect_equal(model.blocks[0].weight, [[1.0, 0.0]], "tokens of padding do not count")


def test_1_10_a_block_is_calibrated_on_what_the_pruned_blocks_before_it_put_out(device):
    """The pruned first block makes [10, 3] of [10, 1]: scores 10 and 7.5. Dense it made [8, 4]: 8 and 10."""
    blocks = linear([1.0, -2.0], [0.1, 3.0]), linear([1.0, -2.5])
    model = Chain([[10.0, 1.0]], *blocks).to(device)
    wanda_prune(model, texts(device, [0]))
    assert (model.blocks[1].weight == 0).any(), "every block is pruned, not only the first"
    rule = "a block is calibrated on what the pruned blocks before it put out"
    expect_equal(model.blocks[1].weight, [[1.0, 0.0]], rule)


def test_1_10_the_layers_of_a_block_are_all_calibrated_before_one_is_pruned(device):
    """The same two layers in one block: the second one still sees [8, 4]."""
    block = nn.Sequential(linear([1.0, -2.0], [0.1, 3.0]), linear([1.0, -2.5]))
    model = Chain([[10.0, 1.0]], block).to(device)
    wanda_prune(model, texts(device, [0]))
    rule = "all layers of a block are calibrated before the first of them is pruned"
    expect_equal(model.blocks[0][1].weight, [[0.0, -2.5]], rule)


@pytest.mark.parametrize(
    ("sparsity", "pattern", "kept"),
    [
        (0.25, None, [2.0, 3.0, 0.0, 1.5]),
        (0.75, None, [0.0, 3.0, 0.0, 0.0]),
        (0.5, (1, 2), [0.0, 3.0, 0.0, 1.5]),
    ],
)
def test_1_10_passes_sparsity_and_pattern_on(sparsity, pattern, kept, device):
    model = Chain([[1.0, 1.0, 1.0, 1.0]], linear([2.0, 3.0, 1.0, 1.5])).to(device)
    wanda_prune(model, texts(device, [0]), sparsity, pattern)
    rule = "sparsity and pattern are those that were asked for"
    expect_equal(model.blocks[0].weight, [kept], rule)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_1_10_rows_are_outputs_and_what_is_kept_is_untouched(kind, batches, request):
    model = request.getfixturevalue(kind)
    before = weights_of(model)
    wanda_prune(model, batches, 0.3)
    for name, weight in weights_of(model).items():
        counts = (weight == 0).sum(1).tolist()
        expected = [int(weight.shape[1] * 0.3)] * len(weight)
        expect_equal(counts, expected, "every output loses as many inputs, also in GPT-2's Conv1D [in, out]")
        kept = weight != 0
        expect_equal(weight[kept], before[name][kept], "a weight that is kept keeps its value")


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_1_10_equals_a_slow_oracle(kind, batches, request):
    """Prune block 0 of a copy, run the copy again for the inputs of block 1, prune block 1."""
    model = request.getfixturevalue(kind)
    copied = copy.deepcopy(model)
    for block in (".0.", ".1."):
        norms = {name: norm for name, norm in input_norms(copied, batches).items() if block in name}
        weights = weights_of(copied)
        for name, norm in norms.items():
            pruned = weights[name] * wanda_mask(weights[name], norm)
            linear_layers(copied)[name].weight.data.copy_(pruned if kind == "llama" else pruned.T)
    wanda_prune(model, batches)
    ours, theirs = weights_of(model), weights_of(copied)
    for name, weight in ours.items():
        differing = int(((weight == 0) != (theirs[name] == 0)).sum())
        rule = f"the mask of {name} is that of a loop that calibrates block after block (but for a near tie)"
        assert differing <= 2, f"{rule}: got {differing} of {weight.numel()} places wrong"


def test_1_10_only_the_layers_inside_the_blocks_change(gpt2, batches):
    pruned = {f"{name}.weight" for name in linear_layers(gpt2)}
    before = {name: parameter.clone() for name, parameter in gpt2.named_parameters() if name not in pruned}
    wanda_prune(gpt2, batches)
    for name, parameter in gpt2.named_parameters():
        assert parameter.requires_grad, f"{name} can be trained as before"
        if name not in pruned:
            expect_equal(parameter, before[name], "no head, embedding, norm or bias is changed")


def test_1_10_leaves_modes_hooks_and_gradients_as_they_were(gpt2, batches):
    gpt2.train()
    wanda_prune(gpt2, batches)
    assert gpt2.training, "the model is in the mode that it was in"
    assert torch.is_grad_enabled(), "gradients are on again"
    changed = [module for module in gpt2.modules() if module._forward_pre_hooks or "forward" in vars(module)]
    expect_equal(changed, [], "no hook and no other forward is left on the model")


@pytest.mark.parametrize("options", [{"sparsity": 1.5}, {"sparsity": 0.3, "pattern": (2, 4)}])
def test_1_10_refuses_a_sparsity_that_cannot_be(options, device):
    with refused():
        wanda_prune(Chain([[1.0] * 4], nn.Linear(4, 4)).to(device), texts(device, [0]), **options)


def test_1_10_refuses_an_empty_calibration_set():
    with refused():
        wanda_prune(Chain([[1.0] * 4], nn.Linear(4, 4)), [])


def test_1_10_refuses_a_model_that_is_masked_already(device):
    """Its weight is computed anew at each use, so the change would be lost."""
    model = Chain([[1.0] * 4], nn.Linear(4, 4)).to(device)
    apply_mask(model.blocks[0], torch.ones(4, 4, dtype=torch.bool, device=device))
    with refused(rule="a masked weight cannot be changed in place: bake_masks comes first"):
        wanda_prune(model, texts(device, [0]))


# ------------------------------------------------------------ 1.11


def correlated(tokens, features, device):
    """Inputs whose features share a few causes: one can make up for another. fp32 [tokens, features]."""
    causes, noise = torch.randn(tokens, 4, device=device), torch.randn(tokens, features, device=device)
    return causes @ torch.randn(4, features, device=device) + 0.1 * noise


def test_1_11_with_independent_inputs_it_is_magnitude_pruning_by_hand(device):
    """The Hessian is the identity: nothing can make up for anything, and the cost is w^2."""
    weight = torch.tensor([[1.0, -4.0], [3.0, 2.0]], device=device)
    pruned = sparsegpt_weight(weight, torch.eye(2, device=device))
    rule = "where inputs are independent the smallest round(sparsity * entries) go, the rest stays"
    expect_close(pruned, [[0.0, -4.0], [3.0, 0.0]], rule)


def test_1_11_a_weight_costs_its_square_by_the_square_of_u(device):
    """The inputs are independent, so U_jj^2 = 1 / H_jj. The costs are 16, 1.44 and 2.74: the 2.4 goes.

    By magnitude the 1 would go, by w^2 / U_jj (4, 2.88 and 2.32) the 1.4.
    """
    hessian = torch.diag(torch.tensor([16.0, 0.25, 1.4], device=device))
    pruned = sparsegpt_weight(torch.tensor([[1.0, 2.4, 1.4]], device=device), hessian, 1 / 3, damping=0.0)
    expect_close(pruned, [[1.0, 0.0, 1.4]], "pruning a weight costs w^2 / U_jj^2, and the cheapest go")


def test_1_11_the_weight_on_the_right_makes_up_for_the_pruned_one_by_hand(device):
    """With H = [[2, 1], [1, 2]] the least error without the weight 1 is at 3 + 1 * 1/2."""
    weight, hessian = (
        torch.tensor([[1.0, 3.0]], device=device),
        torch.tensor([[2.0, 1], [1, 2]], device=device),
    )
    pruned = sparsegpt_weight(weight, hessian, damping=0.0)
    expect_close(pruned, [[0.0, 3.5]], "the columns to the right make up for what is pruned", rel=1e-4)
    assert pruned[0, 0] == 0, "a pruned weight is exactly 0"
    expect_equal(pruned.dtype, torch.float32, "the result is fp32")


def test_1_11_damping_is_relative_to_the_mean_of_the_diagonal(device):
    """Two inputs that always agree. The damped Hessians: [[1.01, 1], [1, 1.01]] and [[6, 4], [4, 6]]."""
    weight = torch.tensor([[1.0, 3.0]], device=device)
    rule = "damping times the mean of the diagonal is added to the diagonal"
    pruned = sparsegpt_weight(weight, torch.ones(2, 2, device=device))
    expect_close(pruned, [[0.0, 3 + 1 / 1.01]], rule, rel=1e-4)
    pruned = sparsegpt_weight(weight, torch.full((2, 2), 4.0, device=device), damping=0.5)
    expect_close(pruned, [[0.0, 3 + 4 / 6]], rule, rel=1e-4)


def test_1_11_a_column_that_is_done_takes_no_part_in_what_follows(device):
    """Three inputs that always agree: 1 and 2 go, one after the other, and the 6 takes both over."""
    weight = torch.tensor([[1.0, 2.0, 6.0]], device=device)
    pruned = sparsegpt_weight(weight, torch.ones(3, 3, device=device), 2 / 3)
    rule = "U is the factor of the inverse, whose rows leave out the columns that are done"
    expect_close(pruned, [[0.0, 0.0, 6 + 3 / 1.01]], rule, rel=1e-3)


def test_1_11_one_ranking_over_all_rows_of_a_block_of_columns(device):
    """1 and 2 go, then 13 and 14. Within rows it would be 1, 7, 13 and 14; over all columns 1, 2, 7 and 8."""
    weight = torch.tensor([[1.0, 2.0, 15.0, 13.0], [8.0, 7.0, 14.0, 19.0]], device=device)
    pruned = sparsegpt_weight(weight, torch.eye(4, device=device), 0.5, block_size=2)
    rule = "each block of columns has one ranking over all its rows"
    expect_close(pruned, [[0.0, 0.0, 15.0, 0.0], [8.0, 7.0, 0.0, 19.0]], rule)


def test_1_11_the_last_block_may_be_narrower(device):
    weight = torch.tensor([[1.0, 2.0, 3.0, 9.0, 8.0]], device=device)
    pruned = sparsegpt_weight(weight, torch.eye(5, device=device), 1 / 3, block_size=3)
    rule = "the last two columns are a block of their own, which loses one"
    expect_close(pruned, [[0.0, 2.0, 3.0, 9.0, 0.0]], rule)


def test_1_11_the_error_crosses_from_block_to_block(device):
    """Two agreeing inputs in different blocks: 0.1 of the first two weights goes, the 2 takes it over."""
    hessian = torch.eye(4, device=device)
    hessian[0, 2] = hessian[2, 0] = 1.0
    pruned = sparsegpt_weight(torch.tensor([[0.1, 5.0, 2.0, 1.0]], device=device), hessian, 0.5, block_size=2)
    rule = "the later blocks of columns make up for the pruned ones as well"
    expect_close(pruned, [[0.0, 5.0, 2 + 0.1 / 1.01, 0.0]], rule, rel=1e-4)


def test_1_11_pruned_weights_are_exactly_zero(device):
    x = correlated(300, 16, device)
    pruned = sparsegpt_weight(torch.randn(12, 16, device=device), x.T @ x)
    rule = "a pruned weight is exactly 0, whatever the rounding: half of them are"
    expect_equal(int((pruned == 0).sum()), 96, rule)


def test_1_11_a_pattern_keeps_n_of_every_m(device):
    x = correlated(300, 16, device)
    weight = torch.randn(12, 16, device=device)
    for n, m in ((2, 4), (1, 4)):
        pruned = sparsegpt_weight(weight, x.T @ x, 1 - n / m, (n, m), 8)
        kept = (pruned.reshape(-1, m) != 0).sum(1)  # [12 * 16 / m]
        expect_equal(kept, torch.full_like(kept, n), f"{n} of every {m} neighbouring inputs are kept")


def test_1_11_a_pattern_is_chosen_from_the_updated_weights(device):
    """Input 2 repeats input 0. When the 0.8 goes, the 0.9 in group two becomes 1.69, more than 1.6."""
    hessian = torch.eye(4, device=device)
    hessian[0, 2] = hessian[2, 0] = 1.0
    weight = torch.tensor([[0.8, 3.0, 0.9, 1.6]], device=device)
    pruned = sparsegpt_weight(weight, hessian, pattern=(1, 2), block_size=4)
    rule = "a group's mask is chosen from the weights as updated so far"
    expect_close(pruned, [[0.0, 3.0, 0.9 + 0.8 / 1.01, 0.0]], rule, rel=1e-4)


def test_1_11_inputs_that_are_always_zero_lose_their_columns(device):
    x = correlated(100, 8, device)
    x[:, 3] = 0
    pruned = sparsegpt_weight(torch.randn(4, 8, device=device), x.T @ x, 0.25)
    assert pruned.isfinite().all(), "an input that is always zero makes no NaN and no infinity"
    expect_equal(pruned[:, 3], [0.0] * 4, "the column of an input that is always zero becomes zero")


def test_1_11_inputs_stay_and_the_result_needs_no_gradient(device):
    weight, hessian = nn.Parameter(torch.randn(6, 4, device=device)), torch.ones(4, 4, device=device)
    hessian[2, :] = hessian[:, 2] = 0.0
    before = weight.clone(), hessian.clone()
    pruned = sparsegpt_weight(weight, hessian)
    assert not pruned.requires_grad, "the result needs no gradient"
    expect_equal(weight, before[0], "the weight that was passed in is not changed")
    expect_equal(hessian, before[1], "the Hessian that was passed in is not changed")


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


@pytest.mark.parametrize(("pattern", "block_size"), [(None, 8), (None, 32), ((2, 4), 8)])
def test_1_11_equals_a_slow_float64_loop(pattern, block_size, device):
    """A near tie may fall the other way in float32, so a few rows may differ."""
    x = correlated(300, 32, device)
    weight, hessian = torch.randn(12, 32, device=device), x.T @ x / 300
    ours = sparsegpt_weight(weight, hessian, 0.5, pattern, block_size)
    slow = surgeon_loop(weight, hessian, 0.5, pattern, block_size)
    same = ((ours == 0) == (slow == 0)).all(1)  # [rows]
    rule = "the mask is that of a loop that inverts the Hessian anew for the columns that are left"
    assert same.sum() >= 10, f"{rule}: got another one in {int((~same).sum())} of 12 rows"
    expect_close(ours[same], slow[same], "the weights are those of such a loop", rel=1e-2, abs=1e-2)


def test_1_11_the_output_error_is_far_below_wandas(device):
    x = correlated(400, 64, device)
    weight, hessian = torch.randn(32, 64, device=device), x.T @ x
    ours = sparsegpt_weight(weight, hessian, 0.5, damping=1e-6)
    wanda = weight * wanda_mask(weight, x.norm(dim=0))
    ours, wanda = ((x @ (weight - pruned).T).norm().item() for pruned in (ours, wanda))
    rule = "the output moves far less than by Wanda's mask, which makes up for nothing"
    assert ours < 0.5 * wanda, f"{rule}: got {ours:.4g} against Wanda's {wanda:.4g}"


def test_1_11_the_hessian_is_summed_over_all_tokens_of_all_batches(device):
    """Inputs [1, 0] and [0, 1], then [1, 1]: [[2, 1], [1, 2]], damped by 0.02. The last batch alone: 3.99."""
    model = Chain([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], linear([1.0, 3.0])).to(device)
    sparsegpt_prune(model, texts(device, [0, 1], [2]))
    rule = "the layer's own weight is pruned by the sum of x x^T over all tokens of all batches"
    expect_close(model.blocks[0].weight, [[0.0, 3 + 1 / 2.02]], rule, rel=1e-4)


def test_1_11_a_block_is_calibrated_on_what_the_pruned_blocks_before_it_put_out(device):
    """The same by hand: prune the first weight, put the text through it, prune the second weight."""
    table = torch.randn(20, 4, device=device)
    model = Chain(table.tolist(), nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)).to(device)
    first, second = (block.weight.detach().clone() for block in model.blocks)
    sparsegpt_prune(model, texts(device, range(20)))
    assert (model.blocks[1].weight == 0).any(), "every block is pruned, not only the first"
    x = table @ sparsegpt_weight(first, table.T @ table).T
    rule = "a block is calibrated on what the pruned blocks before it put out"
    expect_close(model.blocks[1].weight, sparsegpt_weight(second, x.T @ x), rule, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("options", [(0.25, None, 128, 0.01), (0.75, (1, 4), 4, 0.01), (0.5, None, 2, 0.3)])
def test_1_11_passes_all_its_options_on(options, device):
    table = torch.randn(20, 8, device=device)
    model = Chain(table.tolist(), nn.Linear(8, 4, bias=False)).to(device)
    expected = sparsegpt_weight(model.blocks[0].weight.detach().clone(), table.T @ table, *options)
    sparsegpt_prune(model, texts(device, range(20)), *options)
    rule = "sparsity, pattern, block_size and damping are those that were asked for"
    expect_close(model.blocks[0].weight, expected, rule, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_1_11_equals_a_slow_oracle_on_a_whole_model(kind, batches, request):
    """Block 0 of a copy first, then block 1 with the pruned copy's inputs. Conv1D stores [in, out]."""
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
            pruned = sparsegpt_weight(weights[name], x.T @ x, damping=0.05)
            linear_layers(copied)[name].weight.data.copy_(pruned if kind == "llama" else pruned.T)
    sparsegpt_prune(model, batches, damping=0.05)
    ours, theirs = weights_of(model), weights_of(copied)
    for name, weight in ours.items():
        same = ((weight == 0) == (theirs[name] == 0)).float().mean().item()
        rule = f"the mask of {name} is that of a loop over the blocks, without padding (but for near ties)"
        assert same > 0.98, f"{rule}: got {1 - same:.1%} of the places wrong"


@pytest.mark.parametrize(
    "options",
    [
        {"sparsity": -0.1},
        {"sparsity": 0.3, "pattern": (2, 4)},
        {"block_size": 0},
        {"damping": -1.0},
        {"pattern": (2, 4), "block_size": 6},
    ],
)
def test_1_11_refuses_contradictions(options, device):
    with refused():
        sparsegpt_prune(Chain([[1.0] * 4], nn.Linear(4, 4)).to(device), texts(device, [0]), **options)

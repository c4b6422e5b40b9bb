"""Chapter 01: masks."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from minicompress.pruning import apply_mask, bake_masks, magnitude_mask, nm_mask

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
    assert magnitude_mask(torch.zeros(3, 3, device=device), 1 / 3).flatten().tolist() == [False] * 3 + [True] * 6


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
    assert torch.equal(weight, before)


def test_1_1_works_above_16_million_elements():
    """torch.quantile refuses these."""
    weight = torch.arange(17_000_000, dtype=torch.float32)
    mask = magnitude_mask(weight, 0.25)
    assert int((~mask).sum()) == 4_250_000 and not mask[:4_249_000].any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=24), st.floats(0, 1))
def test_1_1_equals_a_stable_sort_for_any_ties(values, sparsity):
    weight = torch.tensor(values, dtype=torch.float32)
    pruned = sorted(range(len(values)), key=lambda index: (abs(values[index]), index))[: round(sparsity * len(values))]
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
    sgd = lambda: torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)  # noqa: E731
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
    assert len(layer.parametrizations.weight) == 1, "the second mask joins the first, it is not stacked on it"


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
    assert not torch.equal(layer.weight, before), "the optimizer holds a parameter that the layer no longer uses"


def test_1_2_bake_leaves_other_parametrizations_alone(device):
    layer = nn.Linear(6, 4, device=device)
    nn.utils.parametrizations.weight_norm(layer)
    bake_masks(layer)
    assert nn.utils.parametrize.is_parametrized(layer, "weight")


def test_1_2_a_baked_model_saves_and_loads(llama, tokens, tmp_path):
    for layer in llama.model.layers:
        apply_mask(layer.mlp.up_proj, magnitude_mask(layer.mlp.up_proj.weight, 0.5))
    logits = llama(input_ids=tokens).logits
    bake_masks(llama)
    llama.save_pretrained(tmp_path)
    again = type(llama).from_pretrained(tmp_path).to(tokens.device)
    assert torch.equal(again(input_ids=tokens).logits, logits)


def test_1_2_refuses_a_tied_weight(llama):
    with pytest.raises(ValueError, match="tied"):
        apply_mask(llama.lm_head, torch.ones_like(llama.lm_head.weight, dtype=torch.bool))


@pytest.mark.parametrize("mask", [torch.ones(3, 3, dtype=torch.bool), torch.ones(4, 6)])
def test_1_2_refuses_a_mask_of_another_shape_or_type(mask):
    with pytest.raises(ValueError, match=r"\[3, 3\]|float32"):
        apply_mask(nn.Linear(6, 4), mask)


# ------------------------------------------------------------ 1.6


def test_1_6_the_articles_example(device):
    assert nm_mask(torch.tensor([[0.1, 0.5, 0.2, 0.8]], device=device)).tolist() == [[False, True, False, True]]


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 4), (3, 4), (1, 2), (4, 8), (4, 4)])
def test_1_6_keeps_exactly_n_of_every_m(n, m, device):
    scores = torch.randn(5, 3, 16, device=device).abs().bfloat16()
    assert (nm_mask(scores, n, m).view(-1, m).sum(1) == n).all()


def test_1_6_keeps_the_highest_and_breaks_ties_like_1_1(device):
    scores = torch.randn(6, 8, device=device)
    mask = nm_mask(scores, 2, 4).view(-1, 4)
    for group, kept in zip(scores.view(-1, 4), mask, strict=True):
        assert group[kept].min() > group[~kept].max()
    assert nm_mask(torch.ones(1, 4, device=device), 2, 4).tolist() == [[False, False, True, True]]


def test_1_6_groups_run_along_the_last_dimension_whatever_the_strides(device):
    scores = torch.arange(16.0, device=device).view(4, 4).T
    assert torch.equal(nm_mask(scores), nm_mask(scores.contiguous()))


@pytest.mark.parametrize(("columns", "n", "m", "named"), [(6, 2, 4, "6"), (8, 5, 4, "5:4"), (8, 0, 4, "0:4")])
def test_1_6_refuses_what_is_no_pattern(columns, n, m, named):
    with pytest.raises(ValueError, match=named):
        nm_mask(torch.ones(2, columns), n, m)

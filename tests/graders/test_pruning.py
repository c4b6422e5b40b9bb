"""Chapter 01: masks."""

import copy
import math

import pytest
import torch
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


def pruned(mask):
    """How many entries of a mask are False."""
    return int((~mask).sum())


def without_lowest(weight, count):
    """The mask without the `count` smallest magnitudes of a flat weight: by magnitude, then by index."""
    magnitudes, mask = weight.abs().tolist(), torch.ones(len(weight), dtype=torch.bool)
    mask[sorted(range(len(weight)), key=lambda index: (magnitudes[index], index))[:count]] = False
    return mask


def test_1_1_prunes_the_two_smallest_of_four(device):
    mask = magnitude_mask(torch.tensor([[1.0, -4.0], [3.0, 2.0]], device=device), 0.5)
    assert mask.dtype == torch.bool, "a mask must be bool"
    expect_equal(list(mask.shape), [2, 2], "the mask has the weight's shape")
    expect_equal(pruned(mask), 2, "half of four weights are two, and False stands for a pruned one")
    expect_equal(
        mask,
        [[False, True], [True, False]],
        "the smallest magnitudes go, whatever their sign, and True means kept",
    )


def test_1_1_the_smallest_go_wherever_they_stand(device):
    mask = magnitude_mask(torch.tensor([[0.3, -0.8], [0.1, 0.5]], device=device), 0.5)
    rule = "the smallest magnitudes go wherever they stand, and argsort gives places, not ranks"
    expect_equal(mask, [[False, True], [False, True]], rule)


def test_1_1_all_entries_are_ranked_together(device):
    mask = magnitude_mask(torch.tensor([[1.0, -2.0], [3.0, 4.0]], device=device), 0.5)
    expect_equal(mask, [[False, False], [True, True]], "all entries are ranked together, not row by row")


def test_1_1_a_quarter_is_one_of_four(device):
    mask = magnitude_mask(torch.tensor([[1.0, -4.0], [3.0, 2.0]], device=device), 0.25)
    expect_equal(mask, [[False, True], [True, True]], "the sparsity is the share that goes, not what stays")


def test_1_1_ties_prune_the_lowest_flat_index_first(device):
    """All equal: the first four of ten go. A `>` against a quantile would prune all ten."""
    mask = magnitude_mask(torch.full((2, 5), 0.3, device=device), 0.4)
    expect_equal(pruned(mask), 4, "equal magnitudes go one by one, only as many as the count asks for")
    rule = "of equal magnitudes the lowest flat index is pruned first"
    expect_equal(mask, [[False] * 4 + [True], [True] * 5], rule)
    mask = magnitude_mask(torch.tensor([[1.0, -1.0], [2.0, 1.0]], device=device), 0.5)
    expect_equal(mask, [[False, False], [True, True]], rule)


@pytest.mark.parametrize(
    ("numel", "sparsity", "count", "rule"),
    [
        (10, 0.37, 4, "the count is rounded, not cut off: 3.7 gives 4"),
        (10, 0.31, 3, "the count is rounded, not always up: 3.1 gives 3"),
        (5, 0.5, 2, "the count is rounded by Python's `round`: 2.5 gives 2"),
    ],
)
def test_1_1_rounds_the_count(numel, sparsity, count, rule, device):
    weight = torch.arange(1.0, numel + 1, device=device)
    expect_equal(pruned(magnitude_mask(weight, sparsity)), count, rule)


def test_1_1_prunes_nothing_at_0_and_everything_at_1(device):
    weight = torch.tensor([0.0, 2.0, -1.0], device=device)
    expect_equal(magnitude_mask(weight, 0.0), [True] * 3, "a sparsity of 0 prunes nothing, not even a zero")
    expect_equal(magnitude_mask(weight, 1.0), [False] * 3, "a sparsity of 1 prunes everything")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_1_1_prunes_exactly_the_count_in_every_float_type(dtype, device):
    weight = torch.randn(37, 29, device=device).to(dtype)  # bf16 has many ties
    for sparsity in (0.1, 0.5, 0.999):
        count = pruned(magnitude_mask(weight, sparsity))
        expect_equal(count, round(sparsity * 37 * 29), f"exactly round({sparsity} * 1073) entries go")


def test_1_1_ties_among_thousands_go_in_order_too(device):
    """Magnitudes 0, 1 and 2 by turns, 3,000 of them: half of the ones go, those that stand first."""
    weight = (torch.arange(3000, device=device) % 3).float()
    mask = magnitude_mask(weight.view(50, 60), 0.5)
    expected = without_lowest(weight, 1500).view(50, 60)
    expect_equal(mask, expected, "many equal magnitudes go in order too, as a stable sort puts them")


def test_1_1_flat_index_means_row_major_whatever_the_strides(device):
    weight = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]], device=device).T  # [3, 2], columns stored first
    mask = magnitude_mask(weight, 0.5)
    expect_equal(
        mask, [[False, False], [False, True], [True, True]], "the flat index counts row by row, not in memory"
    )


def test_1_1_takes_a_parameter_of_any_shape_and_leaves_it_as_it_was(device):
    weight = nn.Parameter(torch.randn(2, 3, 4, device=device))
    before = weight.detach().clone()
    mask = magnitude_mask(weight, 0.7)
    expect_equal(list(mask.shape), [2, 3, 4], "the mask has the weight's shape")
    assert mask.device == weight.device, "the mask must lie on the weight's device"
    expect_equal(weight, before, "the weight that was passed in stays as it was")


def test_1_1_agrees_with_torch_prune_where_nothing_is_tied(device):
    layer = nn.Linear(31, 17, device=device)
    expected = prune.l1_unstructured(copy.deepcopy(layer), "weight", amount=0.4).weight_mask.bool()
    expect_equal(magnitude_mask(layer.weight, 0.4), expected, "torch.nn.utils.prune keeps the same weights")


@pytest.mark.parametrize("sparsity", [-0.1, 1.5, math.nan])
def test_1_1_refuses_a_sparsity_outside_0_to_1(sparsity, device):
    with refused(naming=sparsity):
        magnitude_mask(torch.ones(4, device=device), sparsity)


def test_1_1_refuses_nan_and_integers(device):
    with refused(rule="NaN has no rank"):
        magnitude_mask(torch.tensor([1.0, math.nan], device=device), 0.5)
    with refused(rule="a weight is floating point"):
        magnitude_mask(torch.ones(4, dtype=torch.int64, device=device), 0.5)


# ------------------------------------------------------------ 1.2


def two_by_two(device):
    """A Linear layer with the weight [[1, 2], [3, 4]]."""
    layer = nn.Linear(2, 2, device=device)
    layer.weight.data.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    return layer


def sgd(layer):
    return torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)


def train_a_little(layer, optimizer, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        layer(torch.randn(4, layer.in_features, device=layer.weight.device)).pow(2).sum().backward()
        optimizer.step()


def test_1_2_the_weight_is_zero_where_the_mask_is_false(device):
    layer = two_by_two(device)
    apply_mask(layer, torch.tensor([[True, False], [True, True]], device=device))
    expect_equal(
        layer.weight, [[1, 0], [3, 4]], "the weight is zero where the mask is False, elsewhere it stays"
    )


def test_1_2_zeros_survive_an_optimizer(device):
    layer = nn.Linear(6, 4, device=device)
    mask = magnitude_mask(layer.weight, 0.5)
    apply_mask(layer, mask)
    before = layer.weight.detach().clone()
    train_a_little(layer, sgd(layer))
    alive = int((layer.weight[~mask] != 0).sum())
    expect_equal(alive, 0, "no step of an optimizer revives a pruned weight: the mask acts at every use")
    assert not torch.equal(layer.weight[mask], before[mask]), "the kept weights must go on learning"


def test_1_2_zeros_survive_the_momentum_of_an_optimizer_made_before(device):
    layer = nn.Linear(6, 4, device=device)
    mask, optimizer = magnitude_mask(layer.weight, 0.5), sgd(layer)
    train_a_little(layer, optimizer)
    apply_mask(layer, mask)
    train_a_little(layer, optimizer)
    alive = int((layer.weight[~mask] != 0).sum())
    expect_equal(alive, 0, "momentum from before the mask revives no pruned weight")


def test_1_2_a_second_mask_only_adds_zeros(device):
    layer = two_by_two(device)
    first = torch.tensor([[True, False], [True, True]], device=device)
    second = torch.tensor([[False, True], [True, True]], device=device)
    apply_mask(layer, first)
    apply_mask(layer, second)
    expect_equal(layer.weight, [[0, 0], [3, 4]], "a second mask adds zeros and takes none back")
    assert nn.utils.parametrize.is_parametrized(layer, "weight"), "the mask must be a parametrization"
    expect_equal(
        len(layer.parametrizations.weight), 1, "the second mask joins the first, it is not stacked on it"
    )
    expect_equal(first, [[True, False], [True, True]], "the masks that were passed in stay as they were")


def test_1_2_a_mask_joins_another_parametrization(device):
    layer = nn.utils.parametrizations.weight_norm(two_by_two(device))
    apply_mask(layer, torch.tensor([[True, False], [True, True]], device=device))
    apply_mask(layer, torch.tensor([[False, True], [True, True]], device=device))
    expect_close(
        layer.weight, [[0, 0], [3, 4]], "another parametrization, here weight_norm, stays below the mask"
    )
    kinds = [type(step).__name__ for step in layer.parametrizations.weight]
    rule = "the second mask joins the first wherever that stands: look through all parametrizations"
    expect_equal(len(kinds), 2, f"{rule}, here {', '.join(kinds)}")


def test_1_2_the_mask_is_saved_with_the_model(device):
    """A checkpoint in the middle of training: loaded into another masked layer it brings its mask along."""
    layer, other = two_by_two(device), two_by_two(device)
    apply_mask(layer, torch.tensor([[True, False], [True, True]], device=device))
    apply_mask(other, torch.tensor([[True, True], [True, True]], device=device))
    other.load_state_dict(layer.state_dict())
    expect_equal(other.weight, [[1, 0], [3, 4]], "the mask is a buffer, so that it is saved with the model")


def test_1_2_bake_leaves_a_plain_parameter_with_zeros(device):
    layer = two_by_two(device)
    apply_mask(layer, torch.tensor([[True, False], [True, True]], device=device))
    bake_masks(layer)
    expect_equal(
        sorted(layer.state_dict()), ["bias", "weight"], "after baking the weight has its plain name again"
    )
    expect_equal(layer.weight, [[1, 0], [3, 4]], "the baked weight has the zeros in it")
    assert isinstance(layer.weight, nn.Parameter), "the baked weight must be a parameter"


def test_1_2_an_optimizer_made_before_goes_on_after_baking(device):
    layer = nn.Linear(6, 4, device=device)
    optimizer = sgd(layer)
    apply_mask(layer, magnitude_mask(layer.weight, 0.5))
    bake_masks(layer)
    before = layer.weight.detach().clone()
    train_a_little(layer, optimizer)
    assert not torch.equal(layer.weight, before), (
        "the baked weight must be the very parameter that the optimizer holds"
    )


def test_1_2_every_kind_of_layer_is_baked_wherever_it_stands(device):
    inner = nn.Sequential(nn.Conv1d(4, 4, 1), nn.Linear(4, 4))
    model = nn.Sequential(nn.Embedding(5, 4), inner).to(device)
    for layer in (model[0], inner[0], inner[1]):
        apply_mask(layer, magnitude_mask(layer.weight, 0.5))
    bake_masks(model)
    masked = [
        type(layer).__name__ for layer in model.modules() if nn.utils.parametrize.is_parametrized(layer)
    ]
    expect_equal(masked, [], "bake_masks finds every masked layer, of any kind, inside others too")


def test_1_2_bake_leaves_other_parametrizations_alone(device):
    layer = nn.utils.parametrizations.weight_norm(two_by_two(device))
    bake_masks(layer)
    left = nn.utils.parametrize.is_parametrized(layer, "weight")
    assert left, "bake_masks must leave a weight without a Mask alone: weight_norm is gone"


def test_1_2_refuses_a_tied_weight(device):
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5)).to(device)
    model[1].weight = model[0].weight
    with refused(rule="a tied weight is refused: the other module would go on without the mask"):
        apply_mask(model[1], torch.ones(5, 4, dtype=torch.bool, device=device))


def test_1_2_refuses_a_mask_of_another_shape_or_type(device):
    layer = nn.Linear(6, 4, device=device)
    with refused(naming=[3, 3]):
        apply_mask(layer, torch.ones(3, 3, dtype=torch.bool, device=device))
    with refused(naming=torch.float32):
        apply_mask(layer, torch.ones(4, 6, device=device))


# ------------------------------------------------------------ 1.3


def test_1_3_ranks_all_weights_together_by_hand(device):
    """Of 1, 2, 3, 40, 5 and 60 the three smallest all stand in the first weight."""
    weights = {
        "a": torch.tensor([1.0, -2.0, 3.0], device=device),
        "b": torch.tensor([[-40.0], [5.0], [60.0]], device=device),
    }
    masks = global_magnitude_masks(weights, 0.5)
    assert isinstance(masks, dict), "the result must be a dictionary from name to mask"
    shapes = {name: list(mask.shape) for name, mask in masks.items()}
    expect_equal(shapes, {"a": [3], "b": [3, 1]}, "each mask has its weight's name and shape")
    assert all(mask.dtype == torch.bool for mask in masks.values()), "every mask must be bool"
    rule = "magnitudes are ranked together as they are: no weight is rescaled or ranked alone, no sign counts"
    expect_equal(masks, {"a": [False] * 3, "b": [[True], [True], [True]]}, rule)


def test_1_3_some_go_from_each_weight(device):
    weights = {
        "a": torch.tensor([1.0, 4.0, 6.0], device=device),
        "b": torch.tensor([2.0, 3.0], device=device),
    }
    masks = global_magnitude_masks(weights, 0.4)
    rule = "the smallest magnitudes go wherever they are, and the sparsity is the share that goes"
    expect_equal(masks, {"a": [False, True, True], "b": [False, True]}, rule)


def test_1_3_the_count_is_rounded_once_for_all(device):
    """3 weights of 5 entries at 0.31: round(4.65) is 5, three times round(1.55) would be 6."""
    weights = {name: torch.randn(5, device=device) for name in "abc"}
    masks = global_magnitude_masks(weights, 0.31)
    expect_equal(
        sum(map(pruned, masks.values())), 5, "exactly round(sparsity * total) go, rounded once for all"
    )


def test_1_3_ties_go_in_the_order_of_the_mapping_then_of_the_flat_index(device):
    weights = {"z": torch.ones(2, 2, device=device), "a": torch.ones(3, device=device)}
    masks = global_magnitude_masks(weights, 5 / 7)
    expect_equal(sum(map(pruned, masks.values())), 5, "equal magnitudes go only as far as the count asks")
    rule = "of equal magnitudes the first weight of the mapping goes first, then the lowest flat index"
    expect_equal(masks, {"z": [[False, False], [False, False]], "a": [False, True, True]}, rule)


def test_1_3_ties_among_thousands_go_in_order_too(device):
    """Magnitudes 0, 1 and 2 by turns, 3,000 of them in two weights."""
    weight = (torch.arange(3000, device=device) % 3).float()
    masks = global_magnitude_masks({"z": weight[:1800].view(30, 60), "a": weight[1800:]}, 0.5)
    expected = without_lowest(weight, 1500)
    rule = "many equal magnitudes go in order too, as a stable sort puts them"
    expect_equal(masks["z"], expected[:1800].view(30, 60), rule)
    expect_equal(masks["a"], expected[1800:], rule)


def test_1_3_flat_index_means_row_major_whatever_the_strides(device):
    weights = {"a": torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]], device=device).T}  # [3, 2]
    masks = global_magnitude_masks(weights, 0.5)
    rule = "the flat index counts row by row, not in memory"
    expect_equal(masks, {"a": [[False, False], [False, True], [True, True]]}, rule)


def test_1_3_takes_parameters_of_any_shape_and_leaves_them_as_they_were(device):
    weights = {"b": nn.Parameter(torch.randn(2, 3, 2, device=device)), "a": torch.randn(5, device=device)}
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    masks = global_magnitude_masks(weights, 0.5)
    expect_equal(sorted(masks), ["a", "b"], "the masks have the names of the weights")
    for name, weight in weights.items():
        expect_equal(masks[name].shape, weight.shape, "each mask has its weight's shape")
        assert masks[name].device == weight.device, "each mask must lie on its weight's device"
        expect_equal(weight, before[name], "the weights that were passed in stay as they were")


def test_1_3_agrees_with_torch_prune_where_nothing_is_tied(device):
    layers = {name: nn.Linear(13, 7, device=device) for name in "abc"}
    masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, 0.6)
    prune.global_unstructured(
        [(layer, "weight") for layer in layers.values()], prune.L1Unstructured, amount=0.6
    )
    for name, layer in layers.items():
        expect_equal(masks[name], layer.weight_mask.bool(), "torch.nn.utils.prune keeps the same weights")


def test_1_3_refuses_nothing_at_all_and_bad_values(device):
    with refused(rule="there must be a weight"):
        global_magnitude_masks({}, 0.5)
    with refused(naming=1.2):
        global_magnitude_masks({"a": torch.ones(2, device=device)}, 1.2)
    with refused(rule="NaN has no rank"):
        global_magnitude_masks({"a": torch.ones(2), "b": torch.tensor([math.nan])}, 0.5)
    with refused(rule="a weight is floating point"):
        global_magnitude_masks({"a": torch.ones(2), "b": torch.ones(2, dtype=torch.int64)}, 0.5)


# ------------------------------------------------------------ 1.4


def test_1_4_four_steps_by_hand():
    linear = [sparsity_schedule(step, 4, 0.64, "linear") for step in range(5)]
    expect_close(linear, [0, 0.16, 0.32, 0.48, 0.64], "steps 0 to 4 of 4 to 0.64, linear: a quarter each")
    cubic = [sparsity_schedule(step, 4, 0.64, "cubic") for step in range(5)]
    rule = "steps 0 to 4 of 4 to 0.64, cubic: what is still to do falls as (1 - step / steps)^3"
    expect_close(cubic, [0, 0.37, 0.56, 0.63, 0.64], rule)


def test_1_4_half_way_by_hand():
    """Half way to 0.8: linear 0.4; cubic 0.8 * (1 - (1/2)^3) = 0.7."""
    expect_close(sparsity_schedule(5, 10, 0.8), 0.4, "half way the linear schedule has done half")
    expect_close(
        sparsity_schedule(5, 10, 0.8, "cubic"), 0.7, "half way the cubic schedule has done 7/8: fast first"
    )


def test_1_4_rounds_nothing():
    expect_close(sparsity_schedule(1, 3, 0.5), 1 / 6, "no digits are rounded off: a third of 0.5 is 1/6")
    expect_close(sparsity_schedule(1, 3, 0.5, "cubic"), 19 / 54, "no digits are rounded off: 19/27 of 0.5")


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_1_4_starts_at_exactly_zero_and_ends_at_exactly_final(kind):
    """Exactly: ten additions of 0.09 give 0.8999999999999999, which would leave weights unpruned."""
    for final in (0.9, 0.1, 0.7, 1.0, 0.0):
        for steps in (1, 3, 10, 49):
            expect_equal(sparsity_schedule(0, steps, final, kind), 0, "step 0 gives exactly 0")
            last = sparsity_schedule(steps, steps, final, kind)
            expect_equal(last, final, "the last step gives exactly `final`: divide step / steps first")


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_1_4_never_falls(kind):
    values = [sparsity_schedule(step, 49, 0.7, kind) for step in range(50)]
    expect_equal(values, sorted(values), "the sparsity never falls from step to step")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((11, 10, 0.9), 11),
        ((-1, 10, 0.9), -1),
        ((0, 0, 0.9), 0),
        ((1, 10, 1.1), 1.1),
        ((1, 10, 0.9, "square"), "square"),
    ],
)
def test_1_4_refuses_steps_outside_the_schedule(arguments, named):
    with refused(naming=named):
        sparsity_schedule(*arguments)


# ------------------------------------------------------------ 1.5


class Tower(nn.Module):
    """Two layers in blocks, their weights 1 to 4 and 10 to 40; around them 0.5, not to be pruned."""

    def __init__(self, layer=nn.Linear):
        super().__init__()
        self.embedding, self.head = nn.Embedding(4, 2), nn.Linear(2, 4)
        self.blocks = nn.ModuleList([layer(2, 2), layer(2, 2)])
        for parameter in self.parameters():
            parameter.data.fill_(0.5)
        self.blocks[0].weight.data.copy_(torch.tensor([[1.0, -2.0], [3.0, 4.0]]))
        self.blocks[1].weight.data.copy_(torch.tensor([[10.0, -20.0], [30.0, 40.0]]))


def zeros(model):
    """How many of the eight weights in the blocks are zero."""
    return sum(int((layer.weight == 0).sum()) for layer in model.blocks)


def weights_in_blocks(model):
    return [layer.weight.tolist() for layer in model.blocks]


def nothing(model):
    """A fine-tuning, or an evaluation, that does nothing."""


def push(model):
    """A fine-tuning that moves every parameter away from zero."""
    for parameter in model.parameters():
        parameter.data.add_(0.3)


def test_1_5_records_each_step(device):
    scores = iter([7.0, 5.0, 6.0])
    records = iterative_pruning(Tower().to(device), nothing, lambda model: next(scores), 0.75, 3)
    expect_equal(
        [record["step"] for record in records],
        [1, 2, 3],
        "one record a step, and the steps count from 1 to `steps`",
    )
    reached = [record["sparsity"] for record in records]
    expect_close(reached, [0.25, 0.5, 0.75], "the sparsity is the linear schedule's, a share of all weights")
    expect_equal([record["score"] for record in records], [7, 5, 6], "the score is what evaluate returns")


def test_1_5_prunes_the_layers_in_the_blocks_in_place(device):
    model = Tower().to(device)
    iterative_pruning(model, nothing, nothing, 0.5, 1)
    around = {"embedding": model.embedding.weight, "head": model.head.weight, "biases": model.blocks[0].bias}
    changed = [name for name, values in around.items() if (values != 0.5).any()]
    expect_equal(changed, [], "only the weights of the layers in the blocks are pruned")
    expect_equal(zeros(model), 4, "the model that was passed in loses half of its eight weights, in place")


def test_1_5_ranks_globally(device):
    model = Tower().to(device)
    iterative_pruning(model, nothing, nothing, 0.5, 2)
    rule = "one ranking over all layers: the layer of small weights goes first"
    expect_equal(weights_in_blocks(model), [[[0, 0], [0, 0]], [[10, -20], [30, 40]]], rule)


def test_1_5_reaches_the_sparsity_of_each_step(device):
    """Three steps to 0.75: two, four and six of eight weights."""
    model, counted = Tower().to(device), []
    iterative_pruning(model, nothing, lambda model: counted.append(zeros(model)), 0.75, 3)
    rule = "each step prunes only up to its own sparsity, and zeros that are there already count"
    expect_equal(counted, [2, 4, 6], rule)


def test_1_5_prunes_then_fine_tunes_then_evaluates(device):
    order = []
    iterative_pruning(
        Tower().to(device),
        lambda model: order.append(f"tune {zeros(model)}"),
        lambda model: order.append(f"score {zeros(model)}"),
        0.5,
        2,
    )
    rule = "each step prunes, then fine-tunes, then evaluates"
    expect_equal(order, ["tune 2", "score 2", "tune 4", "score 4"], rule)


def test_1_5_fine_tuning_revives_no_pruned_weight(device):
    counted = []
    iterative_pruning(Tower().to(device), push, lambda model: counted.append(zeros(model)), 0.75, 3)
    expect_equal(counted, [2, 4, 6], "a pruned weight stays zero while fine-tuning moves all weights")


def test_1_5_each_step_ranks_the_weights_as_fine_tuning_left_them(device):
    """Fine-tuning adds 100 to the first layer: in the second step its 103 and 104 stay, and 10 and 20 go."""
    model = Tower().to(device)

    def lift(model):
        for parameter in model.blocks[0].parameters():
            parameter.data.add_(100.0)

    iterative_pruning(model, lift, nothing, 0.5, 2)
    rule = "each step ranks the weights as fine-tuning left them"
    expect_close(weights_in_blocks(model), [[[0, 0], [203, 204]], [[0, 0], [30, 40]]], rule)


def test_1_5_the_masks_stay_on_the_model(device):
    model = Tower().to(device)
    iterative_pruning(model, nothing, nothing, 0.75, 3)
    push(model)
    expect_equal(zeros(model), 6, "the masks stay on the model after the last step: the caller bakes them")


def test_1_5_prunes_conv1d_layers_too(device):
    from transformers.pytorch_utils import Conv1D  # here, because this import takes a second

    model = Tower(Conv1D).to(device)
    iterative_pruning(model, nothing, nothing, 0.5, 1)
    expect_equal(zeros(model), 4, "GPT-2's Conv1D is pruned as well: `linear_layers` finds it")


def test_1_5_refuses_no_step_no_layer_and_an_impossible_sparsity(device):
    with refused(naming=0):
        iterative_pruning(Tower().to(device), nothing, nothing, 0.9, 0)
    with refused(naming=1.5):
        iterative_pruning(Tower().to(device), nothing, nothing, 1.5, 10)
    with refused(rule="a model without a Linear layer in blocks is refused"):
        iterative_pruning(nn.Linear(2, 2, device=device), nothing, nothing, 0.5, 2)


# ------------------------------------------------------------ 1.6


def test_1_6_the_articles_example(device):
    mask = nm_mask(torch.tensor([[0.1, 0.5, 0.2, 0.8]], device=device))
    assert mask.dtype == torch.bool, "a mask must be bool"
    expect_equal(list(mask.shape), [1, 4], "the mask has the shape of the scores")
    expect_equal(mask, [[False, True, False, True]], "the two highest of four stay, and True means kept")


def test_1_6_the_highest_stay_wherever_they_stand(device):
    mask = nm_mask(torch.tensor([[0.3, 0.8, 0.1, 0.5]], device=device))
    rule = "the highest scores stay wherever they stand, and argsort gives places, not ranks"
    expect_equal(mask, [[False, True, False, True]], rule)


def test_1_6_n_counts_the_kept_ones(device):
    scores = torch.tensor([[0.1, 0.5, 0.2, 0.8]], device=device)
    rule = "the n of n:m counts what is kept, not what is pruned"
    expect_equal(nm_mask(scores, 1, 4), [[False, False, False, True]], rule)
    expect_equal(nm_mask(scores, 3, 4), [[False, True, True, True]], rule)
    expect_equal(nm_mask(scores, 4, 4), [[True, True, True, True]], "4:4 keeps all")


def test_1_6_every_group_of_m_chooses_for_itself(device):
    scores = torch.tensor([[1.0, 2, 3, 4, 5, 6]], device=device)
    rule = "every group of m neighbours keeps its own n highest"
    expect_equal(nm_mask(scores, 1, 2), [[False, True, False, True, False, True]], rule)
    expect_equal(nm_mask(scores, 2, 3), [[False, True, True, False, True, True]], rule)


def test_1_6_groups_run_along_the_inputs_by_hand(device):
    """Each row keeps its second and fourth. Down the columns, the last two rows would be kept."""
    rows = [[0.0, 8.0, 1.0, 9.0], [2.0, 10.0, 3.0, 11.0], [4.0, 12.0, 5.0, 13.0], [6.0, 14.0, 7.0, 15.0]]
    mask = nm_mask(torch.tensor(rows, device=device))
    rule = "groups run along the last dimension, the inputs of a layer"
    expect_equal(mask, [[False, True, False, True]] * 4, rule)


def test_1_6_scores_may_be_negative(device):
    mask = nm_mask(torch.tensor([[-3.0, 1.0, -2.0, 0.0]], device=device))
    expect_equal(mask, [[False, True, False, True]], "the highest scores stay, signs and all: 0 is above -3")


def test_1_6_ties_prune_the_lowest_index_first(device):
    """As in 1.1. `>=` the second highest would keep all of them."""
    mask = nm_mask(torch.tensor([[2.0, 1.0, 1.0, 1.0]], device=device))
    expect_equal(int(mask.sum()), 2, "exactly n of every m stay, also among equal scores")
    expect_equal(mask, [[True, False, False, True]], "of equal scores the lowest index is pruned first")


def test_1_6_ties_in_a_wide_group_go_in_order_too(device):
    mask = nm_mask(torch.ones(2, 64, device=device), 20, 32)
    expected = torch.tensor([[False] * 12 + [True] * 20] * 4, device=device).view(2, 64)
    expect_equal(mask, expected, "many equal scores go in order too, as a stable sort puts them")


@pytest.mark.parametrize(("n", "m"), [(2, 4), (3, 4), (4, 8)])
def test_1_6_keeps_exactly_n_of_every_m_whatever_the_shape(n, m, device):
    scores = torch.randn(5, 3, 16, device=device).abs().bfloat16()  # bf16 has many ties
    mask = nm_mask(scores, n, m)
    expect_equal(list(mask.shape), [5, 3, 16], "the mask has the shape of the scores")
    kept = mask.reshape(-1, m).sum(1)  # [groups]
    expect_equal(kept.tolist(), [n] * len(kept), f"every {m} neighbours keep {n}")


def test_1_6_groups_follow_the_rows_whatever_the_strides(device):
    scores = torch.arange(16.0, device=device).view(8, 2).T  # [2, 8], its rows lie scattered in memory
    rule = "groups follow the rows, not the memory: a transposed tensor is stored column by column"
    expect_equal(nm_mask(scores), [[False, False, True, True] * 2] * 2, rule)


def test_1_6_takes_a_parameter_and_leaves_it_as_it_was(device):
    scores = nn.Parameter(torch.randn(4, 8, device=device))
    before = scores.detach().clone()
    mask = nm_mask(scores)
    assert mask.device == scores.device, "the mask must lie on the scores' device"
    expect_equal(scores, before, "the scores that were passed in stay as they were")


@pytest.mark.parametrize(("columns", "n", "m", "named"), [(6, 2, 4, 6), (8, 5, 4, 5), (8, 0, 4, 0)])
def test_1_6_refuses_what_is_no_pattern(columns, n, m, named, device):
    with refused(naming=named):
        nm_mask(torch.ones(2, columns, device=device), n, m)


def test_1_6_refuses_nan_and_integers(device):
    with refused(rule="NaN has no rank"):
        nm_mask(torch.tensor([[1.0, math.nan, 2.0, 3.0]], device=device))
    with refused(rule="scores are floating point"):
        nm_mask(torch.ones(2, 4, dtype=torch.int64, device=device))


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

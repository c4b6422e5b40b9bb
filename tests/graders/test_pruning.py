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
    rule = "without a kind the sparsity is the linear schedule's, a share of all weights"
    expect_close(reached, [0.25, 0.5, 0.75], rule)
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


def test_1_5_the_kind_chooses_the_schedule_of_the_records(device):
    """Four steps to 0.64, cubic: 0.64 times 37/64, 56/64, 63/64 and 1."""
    records = iterative_pruning(Tower().to(device), nothing, nothing, 0.64, 4, "cubic")
    rule = "the sparsity of a step is that of `sparsity_schedule` of the given kind"
    expect_close([record["sparsity"] for record in records], [0.37, 0.56, 0.63, 0.64], rule)


def test_1_5_the_kind_chooses_how_many_weights_go_at_each_step(device):
    """Of eight weights 0.37, 0.56, 0.63 and 0.64 are 2.96, 4.48, 5.04 and 5.12; linear gives 1, 3, 4, 5."""
    model, counted = Tower().to(device), []
    iterative_pruning(model, nothing, lambda model: counted.append(zeros(model)), 0.64, 4, kind="cubic")
    expect_equal(counted, [3, 4, 5, 5], "the cubic schedule prunes most of the weights in its first steps")


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


def test_1_5_refuses_no_step_no_layer_an_impossible_sparsity_and_an_unknown_kind(device):
    with refused(naming=0):
        iterative_pruning(Tower().to(device), nothing, nothing, 0.9, 0)
    with refused(naming=1.5):
        iterative_pruning(Tower().to(device), nothing, nothing, 1.5, 10)
    with refused(rule="a model without a Linear layer in blocks is refused"):
        iterative_pruning(nn.Linear(2, 2, device=device), nothing, nothing, 0.5, 2)
    with refused(naming="square"):
        iterative_pruning(Tower().to(device), nothing, nothing, 0.5, 2, "square")


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


def test_1_8_inputs_of_a_bf16_model_are_squared_in_fp32(device):
    """bf16 has 8 binary digits: the square of 17 would be 288 instead of 289."""
    norms = input_norms(Chain([[17.0]], nn.Linear(1, 1)).to(device).bfloat16(), texts(device, [0]))
    expect_close(norms["blocks.0"], [17.0], "inputs become fp32 before they are squared", rel=1e-4)


def test_1_8_a_bf16_model_is_summed_in_fp32(device):
    """bf16 has 8 binary digits: 257 times 9 would be 2320 instead of 2313."""
    model = three_and_minus_four(device).bfloat16()
    norms = input_norms(model, texts(device, *[[0] * 257] * 4))
    expected = 3 * math.sqrt(4 * 257)
    rule = "inputs become fp32 before their squares are added up"
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
    expect_equal(mask, [expected], "2:4 keeps the two highest |weight| * norm of every four")
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
    rule = "the columns to the right make up for what is pruned, by a row of the upper factor U"
    expect_close(pruned, [[0.0, 3.5]], rule, rel=1e-4)
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

"""Given: walking through a model."""

import contextlib
import copy

import pytest
import torch
from torch import nn

from minicompress.lab.calibration import (
    block_states,
    input_covariances,
    layer_inputs,
    walk_blocks,
    walk_layers,
    watch_inputs,
)
from minicompress.lab.modules import linear_layers
from minicompress.lab.shelf import Shelf


class Block(nn.Module):
    """Two layers: one reads all of the input, the other its first half."""

    def __init__(self):
        super().__init__()
        self.whole, self.part = nn.Linear(4, 4), nn.Linear(2, 4)

    def forward(self, x):
        return self.whole(x) + self.part(x[..., :2])


class Chain(nn.Module):
    """An embedding and three blocks in a row."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 4)
        self.blocks = nn.ModuleList([Block(), Block(), Block()])

    def forward(self, input_ids, **_):
        states = self.embedding(input_ids)
        for block in self.blocks:
            states = block(states)
        return states


@pytest.fixture
def batches(tokens):
    """Two batches, the second with padding on the right and on the left."""
    mask = torch.ones_like(tokens[:2])
    mask[0, 7:] = 0
    mask[1, :3] = 0
    return [{"input_ids": tokens[2:]}, {"input_ids": tokens[:2], "attention_mask": mask}]


def inputs_of_the_whole_model(model, batches):
    """The same by one plain run of the whole model: name -> [tokens, in]."""
    inputs = {}
    for batch in batches:
        mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
        with torch.no_grad(), watch_inputs(linear_layers(model)) as seen:
            model(**batch)
        for name, x in seen:
            inputs.setdefault(name, []).append(x[mask])
    return {name: torch.cat(pieces) for name, pieces in inputs.items()}


def collected(pairs):
    """(name, x) pairs as name -> [tokens, in]."""
    inputs = {}
    for name, x in pairs:
        inputs.setdefault(name, []).append(x)
    return {name: torch.cat(pieces) for name, pieces in inputs.items()}


def count_runs(model):
    """A list of one number a block that counts how often its layer `whole` runs."""
    runs = [0] * len(model.blocks)

    def count(number):
        runs[number] += 1

    for number, block in enumerate(model.blocks):
        block.whole.register_forward_pre_hook(lambda *_, number=number: count(number))
    return runs


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_layer_inputs_are_those_of_a_run_of_the_whole_model_without_padding(kind, batches, request):
    model = request.getfixturevalue(kind)
    expected = inputs_of_the_whole_model(model, batches)
    inputs = collected(layer_inputs(model, batches))
    assert set(inputs) == set(expected) == set(linear_layers(model))
    assert all(torch.allclose(inputs[name], expected[name], atol=1e-5) for name in expected)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_walk_that_changes_nothing_gives_the_same_inputs(kind, batches, request):
    model = request.getfixturevalue(kind)
    walked = collected(pair for block in walk_blocks(model, batches) for pair in block.inputs())
    expected = collected(layer_inputs(model, batches))
    assert all(torch.equal(walked[name], expected[name]) for name in expected)


def test_what_is_done_to_a_block_shows_in_the_inputs_of_the_next(llama, batches):
    changed = copy.deepcopy(llama)
    changed.model.layers[0].mlp.down_proj.weight.data.zero_()
    expected = collected(layer_inputs(changed, batches))
    walk = walk_blocks(llama, batches)
    next(walk).layers["model.layers.0.mlp.down_proj"].weight.data.zero_()
    inputs = collected(next(walk).inputs())
    assert all(torch.equal(x, expected[name]) for name, x in inputs.items())


def test_reading_the_inputs_of_all_layers_is_one_forward_pass(batches):
    model = Chain()
    runs = count_runs(model)
    list(layer_inputs(model, batches))
    list(block_states(model, batches))
    assert runs == [2 * len(batches)] * 3


def test_a_walk_is_two_forward_passes_and_one_for_the_last_block(batches):
    model = Chain()
    runs = count_runs(model)
    for block in walk_blocks(model, batches):
        list(block.inputs())
    assert runs == [2 * len(batches), 2 * len(batches), len(batches)]


def test_block_states_are_what_goes_into_a_block_and_comes_out_of_it(batches):
    model = Chain()
    states = list(block_states(model, batches))
    assert [number for number, _, _ in states] == [0, 1, 2, 0, 1, 2]
    for number, x, y in states:
        assert torch.allclose(model.blocks[number](x), y, atol=1e-6)
    assert torch.equal(states[0][2], states[1][1]), "the output of block 0 is the input of block 1"
    assert [len(x) for _, x, _ in states] == [3 * 12] * 3 + [7 + 9] * 3, "padding is left out"


@pytest.mark.parametrize("read", [layer_inputs, block_states, walk_blocks])
def test_a_walk_that_is_left_early_leaves_nothing_behind(read, gpt2, batches):
    gpt2.train()
    gpt2.lm_head.eval()
    walk = read(gpt2, batches)  # never finished, and still there when we look
    item = next(walk)
    if read is walk_blocks:
        next(item.inputs())
    assert torch.is_grad_enabled()
    assert gpt2.training and gpt2.transformer.h[0].attn.training and not gpt2.lm_head.training
    modules = list(gpt2.modules())
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in modules)
    assert not any("forward" in vars(module) for module in modules)


def test_a_wrapped_forward_is_put_back(batches):
    model = Chain()
    own = model.blocks[1].forward
    wrapped = model.blocks[1].forward = lambda x: own(x)
    list(layer_inputs(model, batches))
    assert vars(model.blocks[1])["forward"] is wrapped and "forward" not in vars(model.blocks[0])


def test_inputs_are_detached_and_made_in_eval_mode(gpt2, batches):
    gpt2.train()
    first, second = (collected(layer_inputs(gpt2, batches)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first), "dropout is off"
    assert not any(x.requires_grad for x in first.values())


def test_a_block_that_the_walk_has_left_is_refused(batches):
    blocks = list(walk_blocks(Chain(), batches))
    with pytest.raises(ValueError, match="this Block is not ahead"):
        next(blocks[0].inputs())


def test_layers_that_read_the_same_input_come_together(llama, gpt2, tokens):
    for model, expected in (
        (llama, [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["gate_proj", "up_proj"], ["down_proj"]]),
        (gpt2, [["c_attn"], ["c_proj"], ["c_fc"], ["c_proj"]]),
    ):
        for block in walk_blocks(model, [{"input_ids": tokens}]):
            groups = [names for names, _ in block.shared_inputs()]
            assert [[name.rpartition(".")[2] for name in names] for names in groups] == expected
            assert sorted(name for names in groups for name in names) == sorted(block.layers)


def test_from_the_second_batch_on_a_reading_run_ends_before_the_last_layer(llama, batches):
    """Nothing reads what that layer computes."""
    block = next(walk_blocks(llama, batches))
    ran = []
    last = block.layers["model.layers.0.mlp.down_proj"]
    handle = last.register_forward_hook(lambda *_: ran.append(1))
    assert sum(name.endswith("down_proj") for name, _ in block.inputs()) == len(batches) == 2
    handle.remove()
    assert ran == [1]


def test_a_block_is_read_like_the_one_before_it(llama, batches):
    ran = []
    layer = llama.model.layers[1].mlp.down_proj
    walk = walk_blocks(llama, batches)
    list(next(walk).inputs())
    block = next(walk)
    handle = layer.register_forward_hook(lambda *_: ran.append(1))
    assert len(list(block.inputs())) == len(batches) * len(block.layers)
    handle.remove()
    assert ran == []


def test_a_block_whose_layers_run_in_another_order_is_read_whole(tokens):
    class Turned(Block):
        def forward(self, x):
            part = self.part(x[..., :2])
            return part + self.whole(x)

    model = Chain()
    model.blocks = nn.ModuleList([Block(), Turned(), Block()])
    for block in walk_blocks(model, [{"input_ids": tokens}] * 2):
        names = [name.rpartition(".")[2] for name, _ in block.inputs()]
        assert sorted(names) == ["part", "part", "whole", "whole"]


def test_a_layer_that_runs_twice_in_a_block_is_read_twice(tokens):
    """So no run of such a block is cut short."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            return self.inner(self.inner(x))

    model = Chain()
    model.blocks = nn.ModuleList([Twice()])
    batches = [{"input_ids": tokens}] * 3
    block = next(walk_blocks(model, batches))
    assert [name for name, _ in block.inputs()] == ["blocks.0.inner"] * 6


def test_a_part_of_a_tensor_is_another_input_than_the_whole(tokens):
    """Both begin at the same address."""
    block = next(walk_blocks(Chain(), [{"input_ids": tokens}]))
    assert [names for names, _ in block.shared_inputs()] == [("blocks.0.whole",), ("blocks.0.part",)]


def test_covariances_are_sums_over_all_real_tokens(llama, batches):
    expected = {name: x.double().T @ x.double() for name, x in layer_inputs(llama, batches[:1])}
    for name, x in layer_inputs(llama, batches[1:]):
        expected[name] += x.double().T @ x.double()
    sums = input_covariances(llama, batches)
    assert all(torch.allclose(sums[name], expected[name]) for name in expected)
    assert all(total.dtype == torch.float64 for total in sums.values())


# ---------------------------------------------------------------- a shelf


class Recording(Shelf):
    """Begins with the second block, and writes down what it is asked for."""

    def __init__(self):
        self.asked = []

    def begin(self, travellers):
        self.asked.append(f"begin {len(travellers)}")
        for traveller in travellers:
            traveller.hidden = torch.zeros_like(traveller.hidden)
        return 1

    @contextlib.contextmanager
    def holding(self, number, travellers):
        self.asked.append(f"bring {number}")
        yield
        self.asked.append(f"keep {number}")


def test_a_walk_asks_the_models_shelf_for_each_block_and_begins_where_it_says(batches):
    model = Chain()
    model.shelf = Recording()
    seen = [list(block.layers) for block in walk_blocks(model, batches)]
    assert seen == [[f"blocks.{n}.whole", f"blocks.{n}.part"] for n in (1, 2)]
    assert model.shelf.asked == ["begin 2", "bring 1", "keep 1", "bring 2", "keep 2"]


def test_a_walk_goes_on_from_the_shelfs_hidden_states(batches):
    model = Chain()
    model.shelf = Recording()
    _, x = next(next(walk_blocks(model, batches)).inputs())
    assert not x.any()


def test_a_block_that_the_caller_leaves_half_way_is_not_kept(batches):
    model = Chain()
    model.shelf = Recording()
    walk = walk_blocks(model, batches)
    next(walk)
    walk.close()
    assert model.shelf.asked == ["begin 2", "bring 1"]


def test_a_walk_without_a_text_gives_the_layers_of_each_block():
    model = Chain()
    assert [list(layers) for layers in walk_layers(model)] == [
        [f"blocks.{n}.whole", f"blocks.{n}.part"] for n in range(3)
    ]
    model.shelf = Recording()
    assert len(list(walk_layers(model))) == 2
    assert model.shelf.asked == ["begin 0", "bring 1", "keep 1", "bring 2", "keep 2"]

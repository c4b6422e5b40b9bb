"""Objects as data, and back: what a worker gets, and what a judge takes from it."""

import collections
import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from minicompress.classroom.build import Builder
from minicompress.classroom.graph import Exports, Handle, Table
from minicompress.classroom.names import Names
from minicompress.classroom.views import ELEMENTS
from minicompress.classroom.worker import Worker


class Side:
    """One side of a wire: what it writes can be read by another one."""

    def __init__(self, first: int, most: float = ELEMENTS):
        self.most = most
        self.exports = Exports()
        self.table = Table(Names(set()), self.exports, Path("/nowhere"), first)

    def write(self, thing: object) -> tuple[dict, list[bytes]]:
        header, blobs = self.table.write(thing)
        return json.loads(json.dumps(header)), blobs

    def read(self, header: dict, blobs: list[bytes]) -> object:
        handle = lambda key, using, text: Handle(key, text)  # noqa: E731
        return Builder(self.table, handle, None, blobs, self.most).read(header)


@pytest.fixture
def judge():
    return Side(0)


@pytest.fixture
def worker():
    return Side(1, Worker.most_elements)


@pytest.fixture
def there(judge, worker):
    """Hand something to the worker."""
    return lambda thing: worker.read(*judge.write(thing))


@pytest.fixture
def back(judge, worker):
    """Let the worker answer with something."""
    return lambda thing: judge.read(*worker.write(thing))


PLAIN = [
    None, True, 3, 2**70, 0.1, float("inf"), "é", b"\x00", (1, (2,)), torch.Size([2]), torch.bfloat16,
    torch.device("cpu"), slice(1, None), range(3), ..., Path("a/b"), {"a": [1, {2}]}, frozenset({1}),
    collections.OrderedDict(b=1, a=2), collections.defaultdict(list, a=[1]), nn.Linear, nn.functional.relu,
]  # fmt: skip


@pytest.mark.parametrize("thing", PLAIN, ids=lambda thing: repr(thing).partition(" at 0x")[0])
def test_plain_data_arrive_as_they_are(thing, there):
    assert there(thing) == thing and type(there(thing)) is type(thing)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.bool, torch.int8, torch.float64])
def test_a_tensor_keeps_dtype_shape_and_strides(dtype, there):
    tensor = torch.arange(12).view(3, 4).to(dtype).T
    arrived = there(tensor)
    assert torch.equal(arrived, tensor)
    assert (arrived.dtype, arrived.stride()) == (dtype, tensor.stride())


def test_tensors_that_share_memory_share_it_there(there):
    tensor = torch.zeros(4)
    whole, part = there((tensor, tensor[1:3]))
    part.fill_(7)
    assert whole.tolist() == [0, 7, 7, 0]


def test_what_is_one_object_here_is_one_object_there(there):
    inner = [1]
    first, second = there([inner, inner])
    assert first is second


def test_a_list_may_hold_itself(there):
    circle = []
    circle.append(circle)
    arrived = there(circle)
    assert arrived[0] is arrived


def test_a_change_there_changes_the_very_object_here(there, back):
    tensor, names = torch.zeros(2), ["a"]
    theirs = there((tensor, names))
    theirs[0].add_(1)
    theirs[1].append("b")
    assert back(None) is None
    assert tensor.tolist() == [1, 1] and names == ["a", "b"]


def test_what_has_not_changed_is_not_sent_again(judge, worker):
    tensor = torch.zeros(2)
    worker.read(*judge.write([tensor]))
    header, blobs = worker.write("done")
    assert header["nodes"] == [] and blobs == []


def test_a_module_arrives_with_its_modes_and_gradients(there):
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)).eval()
    model[0].bias.requires_grad_(False)
    model(torch.ones(1, 2)).sum().backward()
    arrived = there(model)
    assert not arrived.training and not arrived[0].bias.requires_grad
    assert torch.equal(arrived[0].weight.grad, model[0].weight.grad)
    assert torch.equal(arrived(torch.ones(1, 2)), model(torch.ones(1, 2)))


def test_an_optimizer_arrives_with_the_very_parameters_of_its_model(there):
    model = nn.Linear(2, 2)
    theirs, optimizer = there((model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)))
    theirs(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert not torch.equal(theirs.weight, model.weight)


def test_a_parametrized_layer_is_one_there_and_a_plain_one_again_afterwards(there, back):
    layer = parametrizations.weight_norm(nn.Linear(2, 3))
    theirs = there(layer)
    assert torch.equal(theirs.weight, layer.weight)
    nn.utils.parametrize.remove_parametrizations(theirs, "weight")
    back(None)
    assert type(layer) is nn.Linear and sorted(layer.state_dict()) == ["bias", "weight"]


def test_a_layer_that_becomes_smaller_there_is_smaller_here(there, back):
    layer = nn.Linear(4, 4)
    weight = layer.weight
    theirs = there(layer)
    theirs.weight.data = theirs.weight.data[:2].half()
    back(None)
    assert layer.weight is weight and layer.weight.shape == (2, 4) and layer.weight.dtype == torch.float16


def test_a_function_of_ours_is_a_handle_there_and_the_same_function_when_it_comes_back(there, back):
    function = lambda: 1  # noqa: E731
    assert isinstance(there(function), Handle)
    assert back(there(function)) is function


# ------------------------------------------------------------ what a judge refuses


def changed(judge: Side, worker: Side, answer: object, change) -> object:
    """Let the judge read an answer that a hostile worker has changed."""
    header, blobs = worker.write(answer)
    change(header, blobs)
    return judge.read(header, blobs)


def tensor_node(header: dict) -> list:
    return next(description for _, description in header["nodes"] if description[0] == "tensor")


@pytest.mark.parametrize(
    ("place", "value"), [(3, [3]), (3, [10**9]), (4, [2]), (4, [-1]), (5, 1), (5, -1), (3, ["2"]), (3, [2.0])]
)
def test_a_tensor_that_reaches_beyond_its_memory_is_refused(judge, worker, place, value):
    with pytest.raises(ValueError):
        changed(
            judge, worker, torch.zeros(2), lambda header, _: tensor_node(header).__setitem__(place, value)
        )


def test_a_huge_tensor_of_little_memory_is_refused(judge, worker):
    with pytest.raises(ValueError, match="reaches"):
        judge.read(*worker.write(torch.zeros(1).expand(10**9)))


def test_the_judge_may_send_a_huge_tensor_of_little_memory(there):
    assert there(torch.zeros(1).expand(10**9)).shape == (10**9,)


def test_a_bool_that_is_neither_0_nor_1_is_refused(judge, worker):
    with pytest.raises(ValueError, match="bool"):
        changed(judge, worker, torch.ones(2).bool(), lambda _, blobs: blobs.__setitem__(0, b"\x01\x02"))


@pytest.mark.parametrize(
    "name", ["os:system", "builtins:eval", "torch:load", "torch.hub:load", "torch.nn.functional:torch.load"]
)
def test_a_function_that_the_judge_did_not_send_is_refused(judge, worker, name):
    with pytest.raises(ValueError, match="no class"):
        changed(judge, worker, 0, lambda header, _: header.update(payload=["name", name]))


def test_an_object_of_a_strange_class_is_refused(judge, worker):
    strange = [[1, ["object", ["subprocess:Popen"], [], [], []]]]
    with pytest.raises(ValueError, match="no class"):
        changed(judge, worker, 0, lambda header, _: header.update(nodes=strange, payload=["is", 1]))


def test_a_new_object_may_not_take_a_number_of_the_judge(judge, worker):
    with pytest.raises(ValueError, match="number"):
        changed(
            judge, worker, 0, lambda header, _: header.update(nodes=[[4, ["list", []]]], payload=["is", 4])
        )


def test_a_method_of_a_module_may_not_be_replaced(judge, worker):
    layer = nn.Linear(2, 2)
    theirs = worker.read(*judge.write(layer))
    vars(theirs)["state_dict"] = dict
    with pytest.raises(ValueError, match="state_dict is replaced"):
        judge.read(*worker.write(None))


def test_memory_that_changes_its_size_is_refused(judge, worker):
    tensor = torch.zeros(2)
    theirs = worker.read(*judge.write(tensor))
    theirs.untyped_storage().resize_(400)
    with pytest.raises(ValueError, match="size"):
        judge.read(*worker.write(None))


def test_a_subclass_of_a_tensor_arrives_as_a_plain_tensor(judge, worker):
    class Liar(torch.Tensor):
        def __eq__(self, other):
            return True

    lying = copy.copy(torch.zeros(2)).as_subclass(Liar)
    assert type(judge.read(*worker.write(lying))) is torch.Tensor

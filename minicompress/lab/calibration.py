"""Calibration: showing a model some text and reading what goes into its layers. The course's hooks live here.

A batch is a mapping with `input_ids` [B, T] and optionally `attention_mask` [B, T] (0 = padding).
What the iterators here yield is detached and has no padding in it. Between two items no hook is set, and the
model's modes are the caller's own: a loop may be left at any time.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn

from minicompress.lab.loops import evaluation_mode
from minicompress.lab.modules import block_list, layer_kind, linear_layers
from minicompress.lab.shelf import shelf_of

Batch = Mapping[str, torch.Tensor]


# ---------------------------------------------------------------- hooks


@contextlib.contextmanager
def watch_inputs(layers: Mapping[str, nn.Module]) -> Iterator[list[tuple[str, torch.Tensor]]]:
    """Yield a list that grows by (name, input) each time one of the layers runs, until the block ends."""
    inputs: list[tuple[str, torch.Tensor]] = []
    handles = [
        layer.register_forward_pre_hook(lambda _, args, name=name: inputs.append((name, args[0].detach())))
        for name, layer in layers.items()
    ]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def record_inputs(layers: Sequence[nn.Module]) -> Iterator[list[torch.Tensor]]:
    """Yield a list of each layer's latest input, still in the graph: a loss can be differentiated by it.

    Also in a model whose parameters are all frozen: there the graph begins at the first of these inputs.
    """
    inputs: list[torch.Tensor] = [torch.empty(0)] * len(layers)

    def record(number: int, arguments: tuple) -> tuple:
        x = arguments[0] if arguments[0].requires_grad else arguments[0].detach().requires_grad_()
        inputs[number] = x
        return (x, *arguments[1:])

    handles = [
        layer.register_forward_pre_hook(lambda _, arguments, number=number: record(number, arguments))
        for number, layer in enumerate(layers)
    ]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def forwards_replaced(blocks: Sequence[nn.Module], forward: Callable) -> Iterator[None]:
    """Let `forward(block, hidden_states, ...)` run in the place of each block's own forward."""
    own = [vars(block).get("forward") for block in blocks]  # set where another library has wrapped the block
    try:
        for block in blocks:
            block.forward = functools.partial(forward, block)
        yield
    finally:
        for block, wrapped in zip(blocks, own, strict=True):
            vars(block).pop("forward", None)  # the class's own shows again
            if wrapped is not None:
                block.forward = wrapped


class Reached(Exception):
    """A layer is about to run, and what runs it need not go on."""


@contextlib.contextmanager
def up_to(layer: nn.Module) -> Iterator[None]:
    """What runs inside ends in silence as soon as it comes to this layer, which is not computed."""

    def stop(*_: object) -> None:
        raise Reached

    handle = layer.register_forward_pre_hook(stop)
    try:
        with contextlib.suppress(Reached):
            yield
    finally:
        handle.remove()


# ---------------------------------------------------------------- batches


def real_tokens(x: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Drop padding: x [B, T, features] -> [tokens, features].

    What a layer has already flattened is left as it is.
    """
    mask = batch.get("attention_mask")
    if mask is not None and x.ndim == 3:
        return x[mask.to(x.device).bool()]
    return x.flatten(0, -2)


def check_batches(batches: Sequence[Batch]) -> None:
    """Refuse a calibration set that is empty, holds nothing but padding, or can be read only once."""
    if iter(batches) is batches:
        raise ValueError(
            f"batches must be a list of batches, which can be read again, got a {type(batches).__name__}"
        )
    sizes = [
        int(batch["attention_mask"].sum()) if "attention_mask" in batch else batch["input_ids"].numel()
        for batch in batches
    ]
    if not sum(sizes):
        raise ValueError(f"the calibration set is empty: {len(sizes)} batches with {sum(sizes)} real tokens")


def check_examples(batches: Sequence[Batch]) -> None:
    """Refuse what `check_batches` refuses, and an example that has no loss: no two real tokens in a row."""
    check_batches(batches)
    for batch in batches:
        mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
        fewest = int((mask[:, 1:] * mask[:, :-1]).sum(1).min()) if mask.shape[1] > 1 else 0
        if fewest < 1:
            raise ValueError(
                f"an example has {int(mask.sum(1).min())} real tokens: "
                "with fewer than 2 there is nothing to predict"
            )


# ---------------------------------------------------------------- walking through a model


class Passage:
    """One batch on its way through a model: `hidden` [B, T, features] goes into the block that comes next."""

    def __init__(self, model: nn.Module, blocks: Sequence[nn.Module], batch: Batch):
        """Take the batch through everything that comes before the first block.

        For this one run each block passes its input on unchanged, so it costs next to nothing.
        """
        self.batch = batch
        self._calls: dict[nn.Module, tuple] = {}  # block -> what it is called with besides the hidden states

        def record(block: nn.Module, hidden_states: torch.Tensor, *rest, **options) -> torch.Tensor:
            self._calls[block] = rest, options
            self.hidden = hidden_states
            return hidden_states

        device = next(model.parameters()).device
        body = getattr(model, "base_model", model)  # without the head
        with evaluation_mode(model), forwards_replaced(blocks, record):
            body(**{name: tensor.to(device) for name, tensor in batch.items()}, use_cache=False)

    def run(self, block: nn.Module) -> torch.Tensor:
        """Return what the block makes of the hidden states. ValueError: a block that is not ahead."""
        if block not in self._calls:
            raise ValueError(f"this {type(block).__name__} is not ahead: read it before the walk goes on")
        rest, options = self._calls[block]
        with evaluation_mode(block):
            output = block(self.hidden, *rest, **options)
        return output[0] if isinstance(output, tuple) else output

    def advance(self, block: nn.Module) -> None:
        """Go through the block: its outputs are the hidden states for the next one."""
        self.hidden = self.run(block)
        del self._calls[block]


class Block:
    """The present block of a walk: `layers`, name -> Linear layer, and an iterator over their inputs."""

    def __init__(self, block: nn.Module, layers: dict[str, nn.Module], passages: Sequence[Passage]):
        self.layers = layers
        self._block, self._passages = block, passages
        self._last: str | None = None  # the layer that runs last, once a batch has shown it

    def inputs(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Run the text through the block as it is now; yield (name, x [tokens, in]) layer by layer.

        A layer comes once a batch, and one batch's inputs are kept at a time.
        """
        for names, x in self.shared_inputs():
            for name in names:
                yield name, x

    def shared_inputs(self) -> Iterator[tuple[tuple[str, ...], torch.Tensor]]:
        """Yield each of these inputs once: (the names of all the layers that read it, x [tokens, in]).

        Q, K and V read the very same tensor, so do gate and up.
        """
        for passage in self._passages:
            yield from self._one_batch(passage)  # whose inputs are let go before the next batch runs

    def _one_batch(self, passage: Passage) -> Iterator[tuple[tuple[str, ...], torch.Tensor]]:
        readers: dict[tuple, tuple[torch.Tensor, list[str]]] = {}
        for name, x in self._run(passage):  # all of them are alive, so no two have the same place by chance
            place = x.data_ptr(), x.shape, x.stride()  # a part of a tensor can begin where the whole does
            readers.setdefault(place, (x, []))[1].append(name)
        for x, names in readers.values():
            yield tuple(names), real_tokens(x, passage.batch)

    def begin_like(self, other: "Block") -> None:
        """Expect that the layers run in the order in which they ran in a block of the same kind."""
        kinds = [[layer_kind(name) for name in block.layers] for block in (self, other)]
        if other._last is not None and kinds[0] == kinds[1]:
            self._last = list(self.layers)[list(other.layers).index(other._last)]

    def _run(self, passage: Passage) -> list[tuple[str, torch.Tensor]]:
        """Run one batch through the block, where the order is known only up to the input of the last layer.

        That layer's product is a quarter of what a Llama's block computes, and no layer reads it.
        """
        inputs = self._watch(passage, self._last)
        if self._last is not None and sorted(name for name, _ in inputs) != sorted(self.layers):
            inputs = self._watch(passage, None)  # the order is another one: nothing may be missed
        names = [name for name, _ in inputs]
        each_once = sorted(names) == sorted(self.layers)
        self._last = names[-1] if each_once else None
        return inputs

    def _watch(self, passage: Passage, last: str | None) -> list[tuple[str, torch.Tensor]]:
        """Run one batch, up to this layer or to the end; (name, input) of every layer that came."""
        with watch_inputs(self.layers) as inputs:
            with up_to(self.layers[last]) if last is not None else contextlib.nullcontext():
                passage.run(self._block)
        return inputs


def layers_by_block(model: nn.Module) -> list[tuple[nn.Module, dict[str, nn.Module]]]:
    """Return each block with its Linear layers: name -> layer, names as in the model."""
    prefix, blocks = block_list(model)
    layers = linear_layers(model)
    return [
        (block, {name: layers[name] for name in layers if f"{name}.".startswith(f"{prefix}.{number}.")})
        for number, block in enumerate(blocks)
    ]


def walk_blocks(model: nn.Module, batches: Sequence[Batch]) -> Iterator[Block]:
    """Go through the model block by block. What the caller does to one block shows in the inputs of the next.

    Only the hidden states before the present block are kept. A block runs once to let the text pass, and once
    each time its inputs are read; the last one need not let it pass. The blocks may lie on a disk
    (`lab.shelf`): the layers of one that is not the present one are then without weights.
    """
    check_batches(batches)
    blocks, shelf = layers_by_block(model), shelf_of(model)
    passages = [Passage(model, [block for block, _ in blocks], batch) for batch in batches]
    before: Block | None = None
    for number in range(shelf.begin(passages), len(blocks)):
        block, layers = blocks[number]
        present = Block(block, layers, passages)
        if before is not None:
            present.begin_like(before)
        with shelf.holding(number, passages):
            yield present
            if number + 1 < len(blocks):
                for passage in passages:
                    passage.advance(block)
        before = present


def walk_layers(model: nn.Module) -> Iterator[dict[str, nn.Module]]:
    """Go through the model block by block, without a text: yield name -> Linear layer of each block."""
    blocks, shelf = layers_by_block(model), shelf_of(model)
    for number in range(shelf.begin([]), len(blocks)):
        with shelf.holding(number, []):
            yield blocks[number][1]


def layer_inputs(model: nn.Module, batches: Sequence[Batch]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (name, x [tokens, in]) for every Linear layer inside the blocks of the model as it is.

    A layer comes once a batch. All of it is one forward pass, and one block's inputs are kept at a time.
    """
    check_batches(batches)
    blocks = layers_by_block(model)
    for batch in batches:
        passage = Passage(model, [block for block, _ in blocks], batch)
        for block, layers in blocks:
            with watch_inputs(layers) as inputs:
                passage.advance(block)
            for name, x in inputs:
                yield name, real_tokens(x, batch)


def block_states(
    model: nn.Module, batches: Sequence[Batch]
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    """Yield (number, x, y): the hidden states [tokens, features] that go into a block and come out of it.

    A block comes once a batch. All of it is one forward pass, and one block's states are kept at a time.
    """
    check_batches(batches)
    blocks = block_list(model)[1]
    for batch in batches:
        passage = Passage(model, blocks, batch)
        for number, block in enumerate(blocks):
            x = passage.hidden
            passage.advance(block)
            yield number, real_tokens(x, batch), real_tokens(passage.hidden, batch)


def input_covariances(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    """Sum x x^T over the calibration tokens for each layer inside the blocks: name -> float64 [in, in].

    The sums are not normalised, and padding does not count. One forward pass through the model as it is. All
    layers' sums are there at once, 8 in^2 bytes each; where that is too much, use `walk_blocks`.
    """
    sums: dict[str, torch.Tensor] = {}
    for name, x in layer_inputs(model, batches):
        x = x.double()  # [tokens, in]
        sums[name] = sums[name].addmm_(x.T, x) if name in sums else x.T @ x  # [in, in]
    return sums

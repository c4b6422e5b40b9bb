"""Calibration: showing a model some text and watching what goes into its layers. All hooks of the course live
here.

A batch is a mapping with `input_ids` [B, T] and optionally `attention_mask` [B, T] (0 = padding).
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn

from minicompress.lab.loops import evaluation_mode
from minicompress.lab.modules import block_list, linear_layers

Batch = Mapping[str, torch.Tensor]
See = Callable[[str, torch.Tensor], None]


@contextlib.contextmanager
def watch_inputs(layers: Mapping[str, nn.Module], see: See) -> Iterator[None]:
    """Call `see(name, x)` with the input x of each of the layers whenever it runs; the hooks go away
    afterwards.
    """
    handles = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: see(name, inputs[0].detach()))
        for name, layer in layers.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def record_inputs(layers: Sequence[nn.Module]) -> Iterator[list[torch.Tensor]]:
    """Yield a list that holds each layer's latest input, still in the graph, so that a loss can be
    differentiated by it.

    Also in a model whose parameters are all frozen: there the graph begins at the first of these inputs.
    """
    inputs: list[torch.Tensor] = [torch.empty(0)] * len(layers)

    def see(number: int, arguments: tuple) -> tuple:
        x = arguments[0] if arguments[0].requires_grad else arguments[0].detach().requires_grad_()
        inputs[number] = x
        return (x, *arguments[1:])

    handles = [
        layer.register_forward_pre_hook(lambda _, arguments, n=n: see(n, arguments))
        for n, layer in enumerate(layers)
    ]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def watch_blocks(
    blocks: Sequence[nn.Module], see: Callable[[int, torch.Tensor, torch.Tensor], None]
) -> Iterator[None]:
    """Call `see(number, x, y)` with the hidden states that go into and come out of a block whenever it runs;
    [B, T, features].
    """

    def after(number: int, arguments: tuple, options: dict, output: object) -> None:
        x = arguments[0] if arguments else options["hidden_states"]
        see(number, x.detach(), (output[0] if isinstance(output, tuple) else output).detach())

    handles = [
        block.register_forward_hook(
            lambda _, arguments, options, output, n=n: after(n, arguments, options, output), with_kwargs=True
        )
        for n, block in enumerate(blocks)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def real_tokens(x: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Drop padding: x [B, T, features] -> [tokens, features].

    What a layer has already flattened is left as it is.
    """
    mask = batch.get("attention_mask")
    if mask is not None and x.ndim == 3:
        return x[mask.to(x.device).bool()]
    return x.flatten(0, -2)


def check_batches(batches: Sequence[Batch]) -> None:
    """Refuse an empty calibration set, one that can be read only once, and one that holds nothing but
    padding.
    """
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
    """Refuse what `check_batches` refuses, and an example with fewer than two real tokens: it has no loss."""
    check_batches(batches)
    for batch in batches:
        mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
        fewest = int((mask[:, 1:] * mask[:, :-1]).sum(1).min()) if mask.shape[1] > 1 else 0
        if fewest < 1:
            raise ValueError(
                f"an example has {int(mask.sum(1).min())} real tokens: with fewer than 2 there is nothing to predict"
            )


class Walk:
    """One block on the way through a model: its Linear layers, and `show`, which runs the calibration text
    through it.
    """

    def __init__(
        self,
        block: nn.Module,
        layers: dict[str, nn.Module],
        calls: list[tuple],
        states: list[torch.Tensor],
        batches: Sequence,
    ):
        self.block, self.layers = block, layers
        self._calls, self._states, self._batches = calls, states, batches

    def show(self, see: See, names: Sequence[str] | None = None) -> None:
        """Call `see(name, x)` with the input x [tokens, in] of every layer, or of the named ones, batch by
        batch, padding left out.
        """
        layers = self.layers if names is None else {name: self.layers[name] for name in names}
        for (rest, options), states, batch in zip(self._calls, self._states, self._batches, strict=True):
            with watch_inputs(layers, lambda name, x, batch=batch: see(name, real_tokens(x, batch))):
                self.block(states, *rest, **options)

    def groups(self) -> list[list[str]]:
        """The layers' names by what they see, in running order: Q, K and V get the very same tensor, so do
        gate and up.
        """
        seen: dict[
            tuple, tuple[torch.Tensor, list[str]]
        ] = {}  # place in memory -> the input, kept so that nothing else gets its place

        def see(name: str, x: torch.Tensor) -> None:
            place = x.data_ptr(), x.shape, x.stride()  # a part of a tensor can begin where the whole does
            seen.setdefault(place, (x, []))[1].append(name)

        (rest, options), states = self._calls[0], self._states[0]
        with watch_inputs(self.layers, see):
            self.block(states, *rest, **options)
        return [names for _, names in seen.values()]

    def finish(self) -> None:
        """Replace the block's inputs by its outputs: they are the inputs of the next block."""
        for number, (rest, options) in enumerate(self._calls):
            output = self.block(self._states[number], *rest, **options)
            self._states[number] = output[0] if isinstance(output, tuple) else output


def walk_blocks(model: nn.Module, batches: Sequence[Batch]) -> Iterator[Walk]:
    """Go through the model block by block. What the caller does to one block shows in the inputs of the next.

    Only the inputs of the present block are kept: the calibration tokens' hidden states, once. Until the last
    block is done the model is in eval mode and gradients are off.
    """
    check_batches(batches)
    prefix, blocks = block_list(model)
    every = linear_layers(model)
    with evaluation_mode(model):
        calls, states = record_calls(model, blocks, batches)
        for number, block in enumerate(blocks):
            layers = {name: layer for name, layer in every.items() if name.startswith(f"{prefix}.{number}.")}
            walk = Walk(block, layers, calls[number], states, batches)
            yield walk
            if number + 1 < len(blocks):
                walk.finish()


def record_calls(
    model: nn.Module, blocks: nn.ModuleList, batches: Sequence[Batch]
) -> tuple[list[list[tuple]], list[torch.Tensor]]:
    """What each block is called with besides the hidden states, for every batch, and the first block's hidden
    states.

    For the time of recording each block passes its input on unchanged, so this costs next to nothing.
    """
    calls: list[list[tuple]] = [[] for _ in blocks]
    states: list[torch.Tensor] = []

    def recorder(number: int) -> Callable:
        def forward(hidden_states: torch.Tensor, *rest, **options) -> torch.Tensor:
            calls[number].append((rest, options))
            if number == 0:
                states.append(hidden_states)
            return hidden_states

        return forward

    device = next(model.parameters()).device
    body = getattr(model, "base_model", model)  # without the head
    own = [
        block.__dict__.get("forward") for block in blocks
    ]  # set where another library has wrapped the block
    try:
        for number, block in enumerate(blocks):
            block.forward = recorder(number)
        for batch in batches:
            body(**{name: tensor.to(device) for name, tensor in batch.items()}, use_cache=False)
    finally:
        for block, forward in zip(blocks, own, strict=True):
            del block.forward  # the class's own shows again
            if forward is not None:
                block.forward = forward
    return calls, states


def input_covariances(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    """Sum x x^T over all calibration tokens for each layer inside the blocks: name -> float64 [in, in], not
    normalised.

    All layers at once, on one pass through the model as it is, at 8 in^2 bytes a layer. Where that is too
    much, collect them block by block with `walk_blocks`. Padding does not count.
    """
    check_batches(batches)
    device, layers = next(model.parameters()).device, linear_layers(model)
    sums: dict[str, torch.Tensor] = {}
    with evaluation_mode(model):
        for batch in batches:

            def see(name: str, x: torch.Tensor, batch: Batch = batch) -> None:
                rows = real_tokens(x, batch).double()  # [tokens, in]
                sums[name] = torch.addmm(sums[name], rows.T, rows) if name in sums else rows.T @ rows

            with watch_inputs(layers, see):
                model(**{key: tensor.to(device) for key, tensor in batch.items()}, use_cache=False)
    return sums

"""A shelf on a disk: a block is read when a walk reaches it, and written when the walk has passed."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn
from tqdm import tqdm

from minicompress.disk.shards import Checkpoint, write_shard
from minicompress.disk.skeleton import fill, let_go, some_rows
from minicompress.disk.work import WorkFolder
from minicompress.lab.calibration import Batch, layers_by_block
from minicompress.lab.modules import block_list
from minicompress.lab.shelf import Shelf, Traveller

Encode = Callable[[nn.Module], dict[str, torch.Tensor]]  # a Linear layer -> what is stored for its weight


def as_it_is(layer: nn.Module) -> dict[str, torch.Tensor]:
    """Store the weight itself."""
    return {"weight": layer.weight.detach()}


class DiskShelf(Shelf):
    """The blocks of a skeleton, from one checkpoint into another. In memory they are fp32.

    Each is written under the checkpoint's own names and in its own dtypes. `encode` may put other tensors in
    the place of a Linear layer's weight: {"weight_packed": ..., ...}, which are written as they are.
    """

    def __init__(
        self,
        model: nn.Module,
        checkpoint: Checkpoint,
        names: Mapping[str, str],
        work: WorkFolder,
        batches: Sequence[Batch] = (),
        encode: Encode = as_it_is,
    ):
        """names: what `stored_names` returns. For batches what stands before the blocks is filled."""
        self.model, self.checkpoint, self.names, self.work = model, checkpoint, names, work
        self.encode = encode
        self.prefix, self.blocks = block_list(model)
        self._linear = [layers for _, layers in layers_by_block(model)]
        self._outside = self._before_the_blocks() if batches else []
        self.progress = tqdm(total=len(self.blocks), initial=work.finished(), unit="block", disable=None)
        self._fill_outside(batches)

    def _before_the_blocks(self) -> list[str]:
        """The weights of the model's body outside the blocks: embeddings and norms, no head."""
        body = f"{self.model.base_model_prefix}."
        inside = f"{self.prefix}."
        return [name for name in self.names if name.startswith(body) and not name.startswith(inside)]

    # ------------------------------------------------------------ what a walk asks for

    def begin(self, travellers: Sequence[Traveller]) -> int:
        let_go(self.model, self._outside)
        number = self.work.finished()
        if 0 < number < len(self.blocks):
            for traveller, hidden in zip(
                travellers, self.work.read_states(number, len(travellers)), strict=True
            ):
                traveller.hidden = hidden
        return number

    @contextlib.contextmanager
    def holding(self, number: int, travellers: Sequence[Traveller]) -> Iterator[None]:
        block, prefix = self.blocks[number], f"{self.prefix}.{number}."
        names = list(block.state_dict())
        self._fill(block, names, prefix)
        yield
        if number + 1 < len(self.blocks):
            self.work.write_states(number + 1, [traveller.hidden for traveller in travellers])
        write_shard(self.work.block_path(number), self._taken_out(number, names))
        self.work.forget_states(number)
        self.progress.update()

    # ------------------------------------------------------------ from the checkpoint, and to the shard

    def _fill(self, module: nn.Module, names: Sequence[str], prefix: str) -> None:
        for name in names:
            tensor = self.checkpoint.read(self.names[prefix + name])
            fill(module, {name: tensor.to(torch.float32, copy=True)})

    def _fill_outside(self, batches: Sequence[Batch]) -> None:
        """Of the embedding only the rows that the text looks up are filled."""
        embedding = self.model.get_input_embeddings()
        for name in self._outside:
            parent, _, leaf = name.rpartition(".")
            if self.model.get_submodule(parent) is embedding and leaf == "weight":
                rows = torch.cat([batch["input_ids"].flatten() for batch in batches]).unique()
                fill(self.model, {name: some_rows(self.checkpoint.read(self.names[name]), rows)})
            else:
                self._fill(self.model, [name], "")

    def _taken_out(self, number: int, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """The block's tensors as they are stored. Each leaves the block on the way: none is there twice."""
        block, prefix = self.blocks[number], f"{self.prefix}.{number}."
        tensors = {}
        for name in names:
            stored, layer = self.names[prefix + name], (prefix + name).removesuffix(".weight")
            if layer in self._linear[number] and name.endswith(".weight"):
                pieces = self.encode(self._linear[number][layer])
            else:
                pieces = {name.rpartition(".")[2]: block.state_dict()[name]}
            parent, _, leaf = stored.rpartition(".")
            for piece, tensor in pieces.items():
                dtype = self.checkpoint.places[stored].dtype if piece == leaf else tensor.dtype
                tensors[f"{parent}.{piece}"] = tensor.to(dtype)
            let_go(block, [name])
        return tensors

    def names_outside(self) -> list[str]:
        """The checkpoint's names of everything that is in no block, also of what this model does not know."""
        inside = {stored for name, stored in self.names.items() if name.startswith(f"{self.prefix}.")}
        return [stored for stored in self.checkpoint.places if stored not in inside]

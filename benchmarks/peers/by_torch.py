"""torch.nn.utils.prune, in the course's own environment; see `worker`."""

import torch
from torch import nn
from torch.nn.utils import prune

from benchmarks.peers.worker import Tool, main, plain_weights, save_half


def magnitude(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    """Half of every matrix of the blocks."""
    for layer in model.model.layers.modules():
        if isinstance(layer, nn.Linear):
            prune.l1_unstructured(layer, "weight", 0.5)
            prune.remove(layer, "weight")
    return model


if __name__ == "__main__":
    main(Tool({"magnitude": magnitude}, save_half, plain_weights, ()))

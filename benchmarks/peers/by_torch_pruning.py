"""Torch-Pruning: a tenth of the neurons of every MLP; see `worker`."""

import torch
import torch_pruning
from torch import nn

from benchmarks.peers.worker import Tool, main, plain_weights, save_half

CUT = torch_pruning.prune_linear_out_channels
GONE = 160  # of 1536: as many as the course's own function removes, a multiple of 16


def neurons(model: nn.Module, tokens: torch.Tensor) -> nn.Module:
    """The neurons with the smallest mean norm of all that belongs to them.

    Its `BasePruner` first makes a group of every channel of the model: on a model of two blocks it had not
    done so after two minutes. So the groups are asked for one by one, and the graph has no head.
    """
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    graph = torch_pruning.DependencyGraph().build_dependency(
        model.model,
        {"input_ids": tokens[:1, :8]},
        output_transform=lambda output: output.last_hidden_state.sum(),
    )
    for layer in model.model.layers:
        gate = layer.mlp.gate_proj
        every = graph.get_pruning_group(gate, CUT, idxs=list(range(gate.out_features)))
        weakest_first = importance(every).argsort(stable=True)
        gone = weakest_first[: GONE * gate.out_features // 1536].tolist()
        graph.get_pruning_group(gate, CUT, idxs=sorted(gone)).prune()
    model.config.intermediate_size = model.model.layers[0].mlp.gate_proj.out_features
    return model


if __name__ == "__main__":
    main(Tool({"neurons": neurons}, save_half, plain_weights, ("torch-pruning",)))

"""What runs in the oracles' environment (`.venv-oracles`), started by `benchmarks.structured_pruning oracle`.

`FOLDER` holds cnn.safetensors, mlp.safetensors and gone.json (layer -> channels to remove). Torch-Pruning's
DependencyGraph says what else has to go, and cuts it; the smaller tensors are written back, and the groups
are printed as one line of JSON.
"""

import json
import sys
from pathlib import Path

import torch
import torch_pruning
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from benchmarks.oracle_answer import answer
from minicompress.lab.digits import digits_cnn


class GatedMLP(nn.Module):
    """What a Llama's MLP computes."""

    def __init__(self, features: int, neurons: int):
        super().__init__()
        self.gate_proj = nn.Linear(features, neurons, bias=False)
        self.up_proj = nn.Linear(features, neurons, bias=False)
        self.down_proj = nn.Linear(neurons, features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


PRUNERS = {
    nn.Conv2d: torch_pruning.prune_conv_out_channels,
    nn.Linear: torch_pruning.prune_linear_out_channels,
}


def cut(model: nn.Module, example: torch.Tensor, gone: dict[str, list[int]]) -> list[dict]:
    """Remove output channels of the named layers and all that depends on them, in place; return what went
    where.
    """
    rows = []
    for name, channels in gone.items():
        graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=example)
        layer = model.get_submodule(name)
        group = graph.get_pruning_group(layer, PRUNERS[type(layer)], idxs=channels)
        names = {module: name for name, module in model.named_modules()}
        for step, indices in group:
            if step.target.module in names:
                row = {"cut": name, "layer": names[step.target.module], "side": step.handler.__name__}
                rows.append(row | {"channels": list(map(int, indices))})
        group.prune()
    return rows


def main(folder: Path) -> None:
    gone, groups = json.loads((folder / "gone.json").read_text()), {}
    neurons, features = load_file(folder / "mlp.safetensors")["gate_proj.weight"].shape
    cases = {
        "cnn": (digits_cnn(), torch.randn(1, 1, 8, 8)),
        "mlp": (GatedMLP(features, neurons), torch.randn(1, 4, features)),
    }
    for name, (model, example) in cases.items():
        model.load_state_dict(load_file(folder / f"{name}.safetensors"))
        groups[name] = cut(model.eval(), example, gone[name])
        tensors = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
        save_file(tensors, folder / f"{name}-oracle.safetensors")
    answer({"groups": groups}, "torch", "torch-pruning")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

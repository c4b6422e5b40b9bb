"""What runs in the oracles' environment (`.venv-oracles`), started by `benchmarks.structured_pruning oracle`.

`FOLDER` holds cnn.safetensors, mlp.safetensors and gone.json (layer -> channels to remove). Torch-Pruning's
DependencyGraph says what else has to go, and cuts it; the smaller tensors are written back, and the groups
are printed as one line of JSON.
"""

import importlib.metadata
import json
import sys
from pathlib import Path

import torch
import torch_pruning
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from minicompress.lab.digits import digits_cnn


class GatedMLP(nn.Module):
    """What a Llama's MLP computes."""

    def __init__(self, features: int, neurons: int):
        super().__init__()
        self.gate_proj, self.up_proj = (
            nn.Linear(features, neurons, bias=False),
            nn.Linear(features, neurons, bias=False),
        )
        self.down_proj = nn.Linear(neurons, features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


def cut(model: nn.Module, example: torch.Tensor, gone: dict[str, list[int]]) -> list[dict]:
    """Remove output channels of the named layers and all that depends on them, in place; return what went
    where.
    """
    found = []
    for name, channels in gone.items():
        graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=example)
        layer = model.get_submodule(name)
        kind = (
            torch_pruning.prune_conv_out_channels
            if isinstance(layer, nn.Conv2d)
            else torch_pruning.prune_linear_out_channels
        )
        group = graph.get_pruning_group(layer, kind, idxs=channels)
        names = {module: name for name, module in model.named_modules()}
        found += [
            {
                "cut": name,
                "layer": names[step.target.module],
                "side": step.handler.__name__,
                "channels": list(map(int, channels)),
            }
            for step, channels in group
            if step.target.module in names
        ]
        group.prune()
    return found


def main(folder: Path) -> None:
    gone, found = json.loads((folder / "gone.json").read_text()), {}
    mlp_tensors = load_file(folder / "mlp.safetensors")
    neurons, features = mlp_tensors["gate_proj.weight"].shape
    cases = {
        "cnn": (digits_cnn(), torch.randn(1, 1, 8, 8)),
        "mlp": (GatedMLP(features, neurons), torch.randn(1, 4, features)),
    }
    for name, (model, example) in cases.items():
        model.load_state_dict(load_file(folder / f"{name}.safetensors"))
        found[name] = cut(model.eval(), example, gone[name])
        save_file(
            {key: tensor.contiguous() for key, tensor in model.state_dict().items()},
            folder / f"{name}-oracle.safetensors",
        )
    versions = {name: importlib.metadata.version(name) for name in ("torch", "torch-pruning")}
    print(json.dumps({"environment": versions, "found": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

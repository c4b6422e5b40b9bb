"""`make parity`: pruning against llmcompressor and torch.nn.utils.prune, side by side; writes
`results/parity.json`.

`python -m benchmarks.parity masks speed` measures some parts only and keeps what the file holds of the
others.

    masks      Wanda and SparseGPT on the same weights and inputs as llmcompressor's reference functions
    speed      `wanda_prune` and `sparsegpt_prune` against llmcompressor's `oneshot`: seconds and memory
    magnitude  `magnitude_mask` against torch's `l1_unstructured`
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from safetensors.torch import load_file, save_file
from torch.nn.utils import prune
from tqdm import tqdm

from benchmarks.run import RESULTS, ROOT, SEED, write
from minicompress import pruning
from minicompress.lab import corpus
from minicompress.lab.calibration import watch_inputs
from minicompress.lab.machine import commit
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers

FOLDER = ROOT / "out" / "bench-parity"
PATTERNS = {"50%": None, "2:4": (2, 4)}
TOOLS, METHODS = ("minicompress", "oneshot"), ("wanda", "sparsegpt")
REPEATS = 3


def oracle(*words: str, **environment: str) -> dict:
    """Run a command of `oracle_llmcompressor.py` in a fresh process of the other environment; its last line
    is the answer.
    """
    own = {
        "PYTHONPATH": str(ROOT),
        "MINICOMPRESS_SOLUTIONS": "1",
        "HF_HUB_OFFLINE": "1",
        "LLM_COMPRESSOR_LOG_LEVEL": "ERROR",
    }
    command = [
        ROOT / ".venv-oracles" / "bin" / "python",
        ROOT / "benchmarks" / "oracle_llmcompressor.py",
        words[0],
        FOLDER,
        *words[1:],
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | own | environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed in .venv-oracles:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


# ---------------------------------------------------------------- the same layers


def teacher_layers() -> dict[str, torch.Tensor]:
    """Weights and real inputs of the teacher's first, middle and last block: NAME.weight, NAME.input
    [sequences, length, in].
    """
    tokens, _ = corpus.load_tokens("train", per_file=1)
    chosen = tokens[torch.randperm(len(tokens), generator=torch.Generator().manual_seed(SEED))[:16]]
    model = shipped_model("teacher")
    layers = {
        name: layer for name, layer in linear_layers(model).items() if name.split(".")[2] in ("0", "3", "5")
    }
    with torch.no_grad(), watch_inputs(layers) as inputs:
        model(input_ids=chosen)
    tensors = {f"{name}.input": x.clone() for name, x in inputs}
    return tensors | {f"{name}.weight": layer.weight.detach().clone() for name, layer in layers.items()}


def wanda_row(weight: torch.Tensor, x: torch.Tensor, theirs: torch.Tensor, pattern: tuple | None) -> dict:
    """Count the mask entries that differ, and those of them that tie with the last one pruned, to within fp32
    rounding.
    """
    norm = sum(sequence.float().pow(2).sum(0) for sequence in x).sqrt()
    mask, other = pruning.wanda_mask(weight, norm, 0.5, pattern), theirs != 0
    groups = (weight.double().abs() * norm.double()).view(
        len(weight), -1, pattern[1] if pattern else weight.shape[1]
    )
    last = groups.sort(-1).values[..., groups.shape[-1] // 2 - 1, None]
    tied = ((groups - last).abs() <= 1e-6 * last).view(weight.shape)
    differing = mask != other
    return {"differing": differing.sum().item(), "differing_but_no_tie": (differing & ~tied).sum().item()}


def sparsegpt_row(weight: torch.Tensor, x: torch.Tensor, theirs: torch.Tensor, pattern: tuple | None) -> dict:
    """Share of equal mask entries, and the layers' output errors ||X (W - W')^T||^2 in float64.

    At 50% also with as many entries pruned as theirs (see NOTES): what is left then is rounding.
    """
    tokens = x.flatten(0, 1)
    hessian = sum(sequence.float().T @ sequence.float() for sequence in x) * (2 / len(tokens))
    error = lambda pruned: ((tokens.double() @ (weight - pruned).double().T) ** 2).sum().item()  # noqa: E731
    ours = pruning.sparsegpt_weight(weight, hessian, 0.5, pattern)
    row = {
        "equal_mask_share": equal_share(ours, theirs),
        "relative_error_difference": error(ours) / error(theirs) - 1,
    }
    row |= {
        "output_error": error(ours),
        "pruned_more_by_theirs": (theirs == 0).sum().item() - (ours == 0).sum().item(),
    }
    if pattern is None:
        smallest = len(weight) * (
            weight.shape[1] % 128 or 128
        )  # entries of the last block; no block has more than twice as many
        ours = pruning.sparsegpt_weight(weight, hessian, 0.5 + 0.7 / smallest)
    return row | {
        "matched_equal_mask_share": equal_share(ours, theirs),
        "matched_error_difference": error(ours) / error(theirs) - 1,
    }


def equal_share(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return ((ours != 0) == (theirs != 0)).double().mean().item()


def masks() -> dict:
    """Both tools on 21 layers of the teacher, at 50% and at 2:4, each layer on the dense model's inputs."""
    tensors = teacher_layers()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, FOLDER / "layers.safetensors")
    environment = oracle("masks")["environment"]
    theirs, rows = load_file(FOLDER / "llmcompressor.safetensors"), []
    for name in sorted(key.removesuffix(".weight") for key in tensors if key.endswith(".weight")):
        weight, x = tensors[f"{name}.weight"], tensors[f"{name}.input"]
        for method, compare in (("wanda", wanda_row), ("sparsegpt", sparsegpt_row)):
            for label, pattern in PATTERNS.items():
                found = compare(weight, x, theirs[f"{name}.{method}.{label}"], pattern)
                rows.append(
                    {"layer": name, "method": method, "pattern": label, "entries": weight.numel()} | found
                )
    return {
        "oracle": environment,
        "tokens": x.shape[0] * x.shape[1],
        "notes": NOTES,
        "summary": summary(rows),
        "rows": rows,
    }


NOTES = (
    "llmcompressor's SparseGPT prunes every score <= sorted[k], so k + 1 entries (and all ties) of each block of 128 columns at 50%; "
    "ours prunes k; `matched` is ours with k + 1. Their Wanda prunes int(columns * sparsity) of a row, as ours does. "
    "At 2:4 their topk leaves the order of ties open; ours prunes the lowest index."
)


def total_error(rows: list[dict]) -> float:
    """The relative difference of the errors of all layers together."""
    others = sum(row["output_error"] / (1 + row["relative_error_difference"]) for row in rows)
    return sum(row["output_error"] for row in rows) / others - 1


def summary(rows: list[dict]) -> dict:
    """The totals that the goals speak of: Wanda identical but for ties; SparseGPT 99.9% alike, errors within
    0.1%.
    """
    result = {}
    for label in PATTERNS:
        ours, theirs = (
            [row for row in rows if row["method"] == method and row["pattern"] == label] for method in METHODS
        )
        entries = sum(row["entries"] for row in theirs)
        result[f"wanda {label}"] = {
            key: sum(row[key] for row in ours) for key in ("entries", "differing", "differing_but_no_tie")
        }
        result[f"sparsegpt {label}"] = {
            "entries": entries,
            "equal_mask_share": sum(row["equal_mask_share"] * row["entries"] for row in theirs) / entries,
            "lowest_equal_mask_share": min(row["equal_mask_share"] for row in theirs),
            "relative_error_difference": total_error(theirs),
            "relative_error_difference_lowest": min(row["relative_error_difference"] for row in theirs),
            "relative_error_difference_highest": max(row["relative_error_difference"] for row in theirs),
            "matched_lowest_equal_mask_share": min(row["matched_equal_mask_share"] for row in theirs),
            "matched_largest_error_difference": max(abs(row["matched_error_difference"]) for row in theirs),
        }
    return result


# ---------------------------------------------------------------- a whole model


def equal_zeros(method: str) -> float:
    """Share of the whole model's mask entries on which the last runs of both tools agree."""
    ours, theirs = (load_file(FOLDER / f"{tool}-{method}.safetensors") for tool in TOOLS)
    return sum((ours[name] == theirs[name]).sum().item() for name in ours) / sum(
        mask.numel() for mask in ours.values()
    )


def speed() -> dict:
    """Alternating runs in fresh processes of one environment, then one of each in which freed memory goes
    back at once.
    """
    tokens = torch.randint(8192, (16, 256), generator=torch.Generator().manual_seed(SEED))
    save_file({"tokens": tokens}, FOLDER / "tokens.safetensors")
    runs = {(method, tool): [] for method in METHODS for tool in TOOLS}
    for method, tool in tqdm(
        [pair for method in METHODS for pair in [(method, tool) for tool in TOOLS] * REPEATS], desc="speed"
    ):
        runs[method, tool].append(oracle("prune", tool, method))
    last = runs["wanda", "minicompress"][-1]
    result = {key: last[key] for key in ("parameters", "block_bytes", "calibration_bytes", "threads")} | {
        "oracle": last["environment"],
        "sparsity": 0.5,
        "calibration": list(tokens.shape),
        "memory_bar_bytes": last["block_bytes"] + last["calibration_bytes"],
        "memory_notes": MEMORY_NOTES,
    }
    for method in METHODS:
        for tool in TOOLS:
            found = runs[method, tool]
            result[f"{method} {tool}"] = {
                "seconds": statistics.median(run["seconds"] for run in found),
                "seconds_all": [run["seconds"] for run in found],
                "extra_bytes": statistics.median(run["extra_bytes"] for run in found),
                "extra_bytes_in_use": oracle("prune", tool, method, MALLOC_MMAP_THRESHOLD_="65536")[
                    "extra_bytes"
                ],
            }
        ours, theirs = (result[f"{method} {tool}"]["seconds"] for tool in TOOLS)
        result[f"{method} seconds_ratio"], result[f"{method} equal_mask_share"] = (
            ours / theirs,
            equal_zeros(method),
        )
    return result


MEMORY_NOTES = (
    "extra_bytes: peak resident memory above what was resident before the call, with the C library's usual way of keeping freed memory; "
    "extra_bytes_in_use: the same where every tensor above 64 KB goes back to the system when freed, so nearly what is in use at the peak. "
    "calibration_bytes: the hidden states that enter a block, for all calibration tokens. Both hold temporaries beside these: a batch's "
    "activations inside the block; for Wanda, scores and ranks of a layer; for SparseGPT, a Hessian [in, in] for each "
    "distinct input of a block's layers (28 MB a block, the largest of them 21 MB) and the copies that its Cholesky factors take."
)


# ---------------------------------------------------------------- one matrix


def seconds(call: Callable) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def magnitude(shapes: tuple = ((4096, 4096), (32_000, 4096)), repeats: int = 5) -> dict:
    """Making the mask, alternately: `magnitude_mask`, and what `l1_unstructured` calls for it.

    The larger matrix has 131M elements.
    """
    result = {}
    for shape in shapes:
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
        calls = {
            "minicompress": lambda weight=weight: pruning.magnitude_mask(weight, 0.5),
            "l1_unstructured": lambda weight=weight: prune.L1Unstructured(0.5).compute_mask(
                weight, torch.ones_like(weight)
            ),
        }
        equal = torch.equal(calls["minicompress"](), calls["l1_unstructured"]().bool())  # the warm-up
        taken = {name: [] for name in calls}
        for _ in tqdm(range(repeats), desc=f"magnitude {shape}"):
            for name, call in calls.items():
                taken[name].append(seconds(call))
        medians = {name: statistics.median(times) for name, times in taken.items()}
        ratio = medians["minicompress"] / medians["l1_unstructured"]
        found = {
            "elements": weight.numel(),
            "same_mask": equal,
            "ratio": ratio,
            "seconds": medians,
            "seconds_all": taken,
        }
        result["x".join(map(str, shape))] = found
    return result


def main(parts: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    every, path = {"masks": masks, "speed": speed, "magnitude": magnitude}, RESULTS / "parity.json"
    for part in parts or every:
        before = json.loads(path.read_text()) if path.exists() else {}
        found = {part: {"commit": commit()} | every[part]()}
        write("parity", {name: before[name] for name in every if name in before} | found)


if __name__ == "__main__":
    main(sys.argv[1:])

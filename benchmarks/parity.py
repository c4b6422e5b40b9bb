"""`make parity`: pruning against llmcompressor and torch.nn.utils.prune, side by side; writes
`results/parity.json`.

`python -m benchmarks.parity masks speed` measures some parts only and keeps what the file holds of the
others.

    masks      Wanda and SparseGPT on the same weights and inputs as llmcompressor's reference functions
    speed      `wanda_prune` and `sparsegpt_prune` against llmcompressor's `oneshot`: seconds and memory
    magnitude  `magnitude_mask` against torch's `l1_unstructured`
"""

import statistics

import torch
from safetensors.torch import load_file, save_file
from torch.nn.utils import prune
from tqdm import tqdm

from benchmarks import common
from benchmarks.clocks import in_turns
from benchmarks.common import SEED
from minicompress import pruning
from minicompress.lab import corpus
from minicompress.lab.calibration import watch_inputs
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers
from minicompress.lab.paths import OUT

FOLDER = OUT / "bench-parity"
PATTERNS = {"50%": None, "2:4": (2, 4)}
TOOLS, METHODS = ("minicompress", "oneshot"), ("wanda", "sparsegpt")
REPEATS = 3


def oracle(command: str, *words: str, **environment: str) -> dict:
    """Run a command of `oracle_llmcompressor.py` in FOLDER; see there."""
    return common.run_oracle("llmcompressor", command, FOLDER, *words, **environment)


# ---------------------------------------------------------------- the same layers


def teacher_layers(blocks: tuple[str, ...] = ("0", "3", "5")) -> dict[str, torch.Tensor]:
    """Weights and real inputs of the teacher's first, middle and last block: NAME.weight, NAME.input
    [sequences, length, in].
    """
    tokens, _ = corpus.load_tokens("train", per_file=1)
    order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(SEED))
    model = shipped_model("teacher")
    every = linear_layers(model).items()
    layers = {name: layer for name, layer in every if name.split(".")[2] in blocks}
    with torch.no_grad(), watch_inputs(layers) as inputs:
        model(input_ids=tokens[order[:16]])
    tensors = {f"{name}.input": x.clone() for name, x in inputs}
    return tensors | {f"{name}.weight": layer.weight.detach().clone() for name, layer in layers.items()}


def wanda_row(weight: torch.Tensor, x: torch.Tensor, theirs: torch.Tensor, pattern: tuple | None) -> dict:
    """Count the mask entries that differ, and those of them that tie with the last one pruned, to within fp32
    rounding.
    """
    norm = sum(sequence.float().pow(2).sum(0) for sequence in x).sqrt()
    differing = pruning.wanda_mask(weight, norm, 0.5, pattern) != (theirs != 0)
    scores = weight.double().abs() * norm.double()
    size = pattern[1] if pattern else weight.shape[1]
    groups = scores.view(len(weight), -1, size)  # [out, groups, group size]
    last = groups.sort(-1).values[..., size // 2 - 1, None]
    tied = ((groups - last).abs() <= 1e-6 * last).view(weight.shape)
    return {"differing": differing.sum().item(), "differing_but_no_tie": (differing & ~tied).sum().item()}


def sparsegpt_row(weight: torch.Tensor, x: torch.Tensor, theirs: torch.Tensor, pattern: tuple | None) -> dict:
    """Share of equal mask entries, and the layers' output errors ||X (W - W')^T||^2 in float64.

    At 50% also with as many entries pruned as theirs (see NOTES): what is left then is rounding.
    """
    tokens = x.flatten(0, 1)  # [tokens, in]
    hessian = sum(sequence.float().T @ sequence.float() for sequence in x) * (2 / len(tokens))
    error = lambda pruned: ((tokens.double() @ (weight - pruned).double().T) ** 2).sum().item()  # noqa: E731
    ours = matched = pruning.sparsegpt_weight(weight, hessian, 0.5, pattern)
    if pattern is None:
        matched = pruning.sparsegpt_weight(weight, hessian, one_more_a_block(weight))
    return {
        "equal_mask_share": equal_share(ours, theirs),
        "relative_error_difference": error(ours) / error(theirs) - 1,
        "output_error": error(ours),
        "pruned_more_by_theirs": (theirs == 0).sum().item() - (ours == 0).sum().item(),
        "matched_equal_mask_share": equal_share(matched, theirs),
        "matched_error_difference": error(matched) / error(theirs) - 1,
    }


def one_more_a_block(weight: torch.Tensor, block_size: int = 128) -> float:
    """The sparsity just over one half at which one entry more goes from every block of columns.

    The last block has the fewest entries; no block has more than twice as many.
    """
    rows, columns = weight.shape
    return 0.5 + 0.7 / (rows * (columns % block_size or block_size))


def equal_share(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return ((ours != 0) == (theirs != 0)).double().mean().item()


COMPARISONS = {"wanda": wanda_row, "sparsegpt": sparsegpt_row}


def masks() -> dict:
    """Both tools on 21 layers of the teacher, at 50% and at 2:4, each layer on the dense model's inputs."""
    tensors = teacher_layers()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, FOLDER / "layers.safetensors")
    environment = oracle("masks")["environment"]
    theirs, rows = load_file(FOLDER / "llmcompressor.safetensors"), []
    for name in sorted(key.removesuffix(".weight") for key in tensors if key.endswith(".weight")):
        weight, x = tensors[f"{name}.weight"], tensors[f"{name}.input"]
        for method, compare in COMPARISONS.items():
            for label, pattern in PATTERNS.items():
                row = {"layer": name, "method": method, "pattern": label, "entries": weight.numel()}
                rows.append(row | compare(weight, x, theirs[f"{name}.{method}.{label}"], pattern))
    return {
        "oracle": environment,
        "tokens": x.shape[0] * x.shape[1],
        "notes": NOTES,
        "summary": summary(rows),
        "rows": rows,
    }


NOTES = (
    "llmcompressor's SparseGPT prunes every score <= sorted[k], so k + 1 entries (and all ties) of each "
    "block of 128 columns at 50%; ours prunes k; `matched` is ours with k + 1. Their Wanda prunes "
    "int(columns * sparsity) of a row, as ours does. At 2:4 their topk leaves the order of ties open; ours "
    "prunes the lowest index."
)


def total_error(rows: list[dict]) -> float:
    """The relative difference of the errors of all layers together."""
    others = sum(row["output_error"] / (1 + row["relative_error_difference"]) for row in rows)
    return sum(row["output_error"] for row in rows) / others - 1


def wanda_summary(rows: list[dict]) -> dict:
    keys = ("entries", "differing", "differing_but_no_tie")
    return {key: sum(row[key] for row in rows) for key in keys}


def sparsegpt_summary(rows: list[dict]) -> dict:
    entries = sum(row["entries"] for row in rows)
    column = lambda key: [row[key] for row in rows]  # noqa: E731
    return {
        "entries": entries,
        "equal_mask_share": sum(row["equal_mask_share"] * row["entries"] for row in rows) / entries,
        "lowest_equal_mask_share": min(column("equal_mask_share")),
        "relative_error_difference": total_error(rows),
        "relative_error_difference_lowest": min(column("relative_error_difference")),
        "relative_error_difference_highest": max(column("relative_error_difference")),
        "matched_lowest_equal_mask_share": min(column("matched_equal_mask_share")),
        "matched_largest_error_difference": max(map(abs, column("matched_error_difference"))),
    }


SUMMARIES = {"wanda": wanda_summary, "sparsegpt": sparsegpt_summary}


def summary(rows: list[dict]) -> dict:
    """The totals that the goals speak of: Wanda identical but for ties; SparseGPT 99.9% alike, errors within
    0.1%.
    """
    return {
        f"{method} {label}": total(
            [row for row in rows if row["method"] == method and row["pattern"] == label]
        )
        for label in PATTERNS
        for method, total in SUMMARIES.items()
    }


# ---------------------------------------------------------------- a whole model


def equal_zeros(method: str) -> float:
    """Share of the whole model's mask entries on which the last runs of both tools agree."""
    ours, theirs = (load_file(FOLDER / f"{tool}-{method}.safetensors") for tool in TOOLS)
    equal = sum((ours[name] == theirs[name]).sum().item() for name in ours)
    return equal / sum(mask.numel() for mask in ours.values())


def speed_row(method: str, tool: str, runs: list[dict]) -> dict:
    """Medians of the runs, and the memory of one more in which freed memory goes back at once."""
    alone = oracle("prune", tool, method, MALLOC_MMAP_THRESHOLD_="65536")
    return {
        "seconds": statistics.median(run["seconds"] for run in runs),
        "seconds_all": [run["seconds"] for run in runs],
        "extra_bytes": statistics.median(run["extra_bytes"] for run in runs),
        "extra_bytes_in_use": alone["extra_bytes"],
    }


def speed() -> dict:
    """Alternating runs in fresh processes of one environment, then one of each in which freed memory goes
    back at once.
    """
    tokens = torch.randint(8192, (16, 256), generator=torch.Generator().manual_seed(SEED))
    save_file({"tokens": tokens}, FOLDER / "tokens.safetensors")
    turns = [(method, tool) for method in METHODS for _ in range(REPEATS) for tool in TOOLS]
    runs = {turn: [] for turn in turns}
    for method, tool in tqdm(turns, desc="speed"):
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
            result[f"{method} {tool}"] = speed_row(method, tool, runs[method, tool])
        ours, theirs = (result[f"{method} {tool}"]["seconds"] for tool in TOOLS)
        result[f"{method} seconds_ratio"] = ours / theirs
        result[f"{method} equal_mask_share"] = equal_zeros(method)
    return result


MEMORY_NOTES = (
    "extra_bytes: peak resident memory above what was resident before the call, with the C library's usual "
    "way of keeping freed memory; extra_bytes_in_use: the same where every tensor above 64 KB goes back to "
    "the system when freed, so nearly what is in use at the peak. calibration_bytes: the hidden states that "
    "enter a block, for all calibration tokens. Both hold temporaries beside these: a batch's activations "
    "inside the block; for Wanda, scores and ranks of a layer; for SparseGPT, a Hessian [in, in] for each "
    "distinct input of a block's layers (28 MB a block, the largest of them 21 MB) and the copies that its "
    "Cholesky factors take."
)


# ---------------------------------------------------------------- one matrix


def magnitude_row(weight: torch.Tensor, rounds: int) -> dict:
    """Are the masks the same, and how long does each tool take to make one?"""
    ones = torch.ones_like(weight)
    calls = {
        "minicompress": lambda: pruning.magnitude_mask(weight, 0.5),
        "l1_unstructured": lambda: prune.L1Unstructured(0.5).compute_mask(weight, ones),
    }
    equal = torch.equal(calls["minicompress"](), calls["l1_unstructured"]().bool())
    taken = in_turns(calls, rounds)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return {
        "elements": weight.numel(),
        "same_mask": equal,
        "ratio": medians["minicompress"] / medians["l1_unstructured"],
        "seconds": medians,
        "seconds_all": taken,
    }


def magnitude(shapes: tuple = ((4096, 4096), (32_000, 4096)), rounds: int = 5) -> dict:
    """Making the mask, alternately: `magnitude_mask`, and what `l1_unstructured` calls for it.

    The larger matrix has 131M elements.
    """
    matrix = lambda shape: torch.randn(shape, generator=torch.Generator().manual_seed(SEED))  # noqa: E731
    return {
        "x".join(map(str, shape)): magnitude_row(matrix(shape), rounds)
        for shape in tqdm(shapes, desc="magnitude")
    }


PARTS = {"masks": masks, "speed": speed, "magnitude": magnitude}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    common.command("parity", PARTS)  # not `main`: its times and bytes are those of a plain program

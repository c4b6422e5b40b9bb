"""The figures of notebook 02: `python -m benchmarks.structured_pruning [PART ...]`.

    oracle    which slices go, and what is left, beside Torch-Pruning 1.6.1 (`make parity`)
    speed     tokens/s, bytes and FLOPs of the teacher without neurons and heads, beside a mask; an MLP alone
    quality   one-shot perplexity of the teacher against neurons, heads and blocks removed (validation)
    recipe    unstructured and structured pruning in both orders and each alone, at equal bytes (validation;
              the test files are read once, for the arm that is the best one there)
    recovery  the teacher without most neurons, trained on labels or on its old self's probabilities
              (validation)

Writes `results/structured_pruning.json`. Context 256 everywhere. Parts that are not asked for keep what was
measured before. The arms of `recipe` stand in `recipe_arms.py`.
"""

import copy
import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from benchmarks import common
from benchmarks.clocks import in_turns
from benchmarks.common import SEED
from benchmarks.lessons import (
    CALIBRATION,
    CONTEXT,
    calibration_batches,
    label_loss,
    learn,
    training_batches,
    validation_facts,
    validation_tokens,
)
from benchmarks.recipe_arms import ARMS, UNPRUNED, Arm, Budget, smallest_target, stored_bytes, zeros_in
from minicompress import distillation, metrics, pruning, structured_pruning
from minicompress.lab import corpus
from minicompress.lab.calibration import record_inputs
from minicompress.lab.digits import cnn_accuracy, digits, digits_cnn, train_cnn
from minicompress.lab.loops import next_token_loss
from minicompress.lab.machine import commit
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import attention_modules, linear_layers, mlp_modules
from minicompress.lab.paths import OUT
from minicompress.structured_pruning import channel_importance, prune_mlp_neurons, prune_neurons
from minicompress.train.shapes import SHAPES, new_model

REMOVED = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
BATCH = 16
FOLDER = OUT / "bench-structured"

# ---------------------------------------------------------------- the oracle


def weaker_half(weight: torch.Tensor) -> tuple[list[int], torch.Tensor]:
    """The less important half of a weight's output channels, and the others: sorted."""
    order = channel_importance(weight).argsort(stable=True)
    gone, keep = order[: len(order) // 2], order[len(order) // 2 :]
    return sorted(gone.tolist()), keep.sort().values


def save_state(model: nn.Module, path: Path) -> None:
    save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, path)


def oracle_row(ours: nn.Module, theirs: dict[str, torch.Tensor], groups: list[dict]) -> dict:
    """Which tensors are equal, and what Torch-Pruning removed where."""
    own = ours.state_dict()
    equal = [name in theirs and torch.equal(own[name], theirs[name]) for name in own]
    return {
        "tensors": len(own),
        "equal_tensors": sum(equal),
        "same_names": sorted(own) == sorted(theirs),
        "groups": [group | {"channels": len(group["channels"])} for group in groups],
    }


def oracle() -> dict:
    """The trained CNN at half its channels, and the teacher's first MLP at half its neurons, cut by both
    tools.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    images, labels, held_images, held_labels = digits(SEED)
    torch.manual_seed(SEED)
    cnn, mlp = train_cnn(digits_cnn(), images, labels, seed=SEED), mlp_modules(shipped_model("teacher"))[0]
    weak_neurons, keep = weaker_half(mlp.gate_proj.weight)
    weak_channels = {name: weaker_half(cnn.get_submodule(name).weight)[0] for name in ("0", "3")}
    gone = {"cnn": weak_channels, "mlp": {"gate_proj": weak_neurons}}
    (FOLDER / "gone.json").write_text(json.dumps(gone))
    for name, model in (("cnn", cnn), ("mlp", mlp)):
        save_state(model, FOLDER / f"{name}.safetensors")
    answer = common.run_oracle("torch_pruning", FOLDER)
    ours = {"cnn": structured_pruning.prune_conv_chain(cnn, 0.5), "mlp": copy.deepcopy(mlp)}
    prune_mlp_neurons(ours["mlp"], keep)
    result = {
        name: oracle_row(model, load_file(FOLDER / f"{name}-oracle.safetensors"), answer["groups"][name])
        for name, model in ours.items()
    }
    result["cnn"]["accuracy"] = {
        "full": cnn_accuracy(cnn, held_images, held_labels),
        "half the channels": cnn_accuracy(ours["cnn"], held_images, held_labels),
    }
    return {"oracle": answer["environment"]} | result


# ---------------------------------------------------------------- ways to remove


def flops_per_token(model: nn.Module) -> int:
    """Multiplications and additions of one token's forward pass at this context: Linear layers, head,
    attention over all positions.
    """
    matrices = [layer.weight.numel() for layer in linear_layers(model).values()]
    matrices.append(model.get_output_embeddings().weight.numel())
    attention = sum(4 * CONTEXT * attention.o_proj.in_features for attention in attention_modules(model))
    return 2 * sum(matrices) + attention


def mlp_linears(mlp: nn.Module) -> list[nn.Module]:
    return [mlp.gate_proj, mlp.up_proj, mlp.down_proj]


def zero_smallest(layers: Iterable[nn.Module], sparsity: float) -> None:
    """Set the smallest weights of every layer to zero, in place."""
    for layer in layers:
        layer.weight.data.masked_fill_(~pruning.magnitude_mask(layer.weight, sparsity), 0)


def kept_neurons(removed: float, neurons: int) -> int:
    """A multiple of 16: matrix products work in tiles, and a ragged last tile costs as much as a full one."""
    return round(neurons * (1 - removed) / 16) * 16


def without_neurons(model: nn.Module, removed: float) -> nn.Module:
    """A copy that has lost that share of its neurons."""
    return prune_neurons(copy.deepcopy(model), kept_neurons(removed, model.config.intermediate_size))


def masked(model: nn.Module, removed: float) -> nn.Module:
    """A copy with that share of zeros in the blocks."""
    model = copy.deepcopy(model)
    zero_smallest(linear_layers(model).values(), removed)
    return model


def without_heads(model: nn.Module, per_group: int, scores: torch.Tensor) -> nn.Module:
    """Remove the `per_group` heads with the lowest scores of every KV group, in place; scores [layers,
    heads].
    """
    for attention, of_layer in zip(attention_modules(model), scores, strict=True):
        groups = of_layer.view(-1, attention.num_key_value_groups)  # [KV heads, query heads of each]
        order = groups.argsort(dim=1, stable=True)[:, per_group:].sort(1).values
        keep = order + torch.arange(len(groups))[:, None] * attention.num_key_value_groups
        structured_pruning.prune_attention_heads(attention, keep.flatten())
    return model


# ---------------------------------------------------------------- speed


def mlp_speed(repeats: int = 15) -> dict:
    """One MLP of the teacher at 16 x 256 tokens: seconds against neurons kept, a mask of the same sparsity
    beside each.
    """
    teacher = shipped_model("teacher")
    mlp, x = mlp_modules(teacher)[2], torch.randn(BATCH, CONTEXT, teacher.config.hidden_size)
    full, smaller, zeros = mlp.gate_proj.out_features, {}, {}
    for kept in (kept_neurons(removed, full) for removed in REMOVED):
        smaller[kept], zeros[kept] = copy.deepcopy(mlp), copy.deepcopy(mlp)
        prune_mlp_neurons(smaller[kept], torch.arange(kept))
        zero_smallest(mlp_linears(zeros[kept]), 1 - kept / full)
    calls = {}
    for kept in smaller:
        calls[f"structured {kept}"] = partial(smaller[kept], x)
        calls[f"masked {kept}"] = partial(zeros[kept], x)
    with torch.no_grad():
        taken = {name: statistics.median(seconds) for name, seconds in in_turns(calls, repeats).items()}
    rows = [mlp_row(removed, full, taken) for removed in REMOVED]
    lowest = min(row["share_of_promise"] for row in rows)
    return {"neurons": full, "repeats": repeats, "rows": rows, "lowest_share_of_promise": lowest}


def mlp_row(removed: float, full: int, taken: dict[str, float]) -> dict:
    """What the neurons kept promise, and what they and the mask give."""
    kept = kept_neurons(removed, full)
    promised, speedup = full / kept, taken[f"structured {full}"] / taken[f"structured {kept}"]
    return {
        "removed": removed,
        "kept": kept,
        "promised": promised,
        "speedup": speedup,
        "share_of_promise": speedup / promised,
        "masked_speedup": taken[f"structured {full}"] / taken[f"masked {kept}"],
        "seconds": taken[f"structured {kept}"],
    }


def models_without(dense: nn.Module) -> dict[tuple[str, float], nn.Module]:
    """(what is removed, share) -> model."""
    heads, depth = dense.config.num_attention_heads, dense.config.num_hidden_layers
    scores = torch.arange(float(heads)).repeat(depth, 1)  # which heads go does not matter here
    models = {}
    for removed in REMOVED:
        models["neurons", removed] = without_neurons(dense, removed)
        models["mask", removed] = masked(dense, removed)
    for per_group, removed in enumerate((0.0, 0.2, 0.4, 0.6)):  # of five heads a KV group
        models["heads", removed] = without_heads(copy.deepcopy(dense), per_group, scores)
        both = without_neurons(dense, removed)
        models["neurons and heads", removed] = without_heads(both, per_group, scores)
    return models


def model_speed(repeats: int = 4) -> list[dict]:
    """The whole teacher without neurons, without heads, without both, and masked."""
    dense = shipped_model("teacher")
    generator = torch.Generator().manual_seed(SEED)
    tokens = torch.randint(dense.config.vocab_size, (BATCH, CONTEXT), generator=generator)
    models = models_without(dense)
    calls = {name: partial(model, input_ids=tokens, use_cache=False) for name, model in models.items()}
    with torch.no_grad():
        taken = {name: statistics.median(seconds) for name, seconds in in_turns(calls, repeats).items()}
    unchanged = statistics.median(seconds for (_, removed), seconds in taken.items() if not removed)
    rows = []
    for (what, removed), model in models.items():
        flops, seconds = flops_per_token(model), taken[what, removed]
        rows.append({
            "what": what,
            "removed": removed,
            "tokens_per_second": tokens.numel() / seconds,
            "bytes_fp16": metrics.model_bytes(model) // 2,
            "flops_per_token": flops,
            "speedup": unchanged / seconds,
            "promised": flops_per_token(dense) / flops,
        })  # fmt: skip
    return rows


def speed() -> dict:
    """One MLP, and the whole teacher. The notebook quotes the commit with the times."""
    facts = {"commit": commit(), "batch": BATCH, "context": CONTEXT, "threads": torch.get_num_threads()}
    return facts | {"mlp": mlp_speed(), "model": model_speed()}


# ---------------------------------------------------------------- quality


def perplexity(model: nn.Module) -> float:
    return metrics.perplexity(model, validation_tokens())


def signed_importance(model: nn.Module, batches: list[dict]) -> torch.Tensor:
    """The article's sum of gradient x activation, signs and all, over the examples; [layers, heads]."""
    count = model.config.num_attention_heads
    total, projections = 0.0, [attention.o_proj for attention in attention_modules(model)]
    for batch in batches:
        with record_inputs(projections) as inputs:
            loss = next_token_loss(model, batch["input_ids"]) * len(batch["input_ids"])
        gradients = torch.autograd.grad(loss, inputs)
        by_head = lambda x: x.unflatten(-1, (count, -1)).sum((0, 1, 3))  # noqa: E731  [heads]
        total += torch.stack([by_head(x.detach() * g) for x, g in zip(inputs, gradients, strict=True)])
    return total


def head_orders(dense: nn.Module, importance: torch.Tensor, batches: list[dict]) -> dict[str, torch.Tensor]:
    """Name -> scores [layers, heads] by which heads may go, the lowest first."""

    def random(seed: int) -> torch.Tensor:
        return torch.rand(importance.shape, generator=torch.Generator().manual_seed(seed))

    return {
        "importance": importance,
        "signed sum": signed_importance(dense, batches),
        "the reverse": -importance,
        **{f"random {seed}": random(seed) for seed in range(3)},
    }


def random_neurons(model: nn.Module, kept: int) -> nn.Module:
    """A copy that keeps random neurons, other ones in every block."""
    generator, model = torch.Generator().manual_seed(SEED), copy.deepcopy(model)
    for mlp in mlp_modules(model):
        order = torch.randperm(mlp.gate_proj.out_features, generator=generator)
        prune_mlp_neurons(mlp, order[:kept].sort().values)
    return model


def masked_mlps(model: nn.Module, sparsity: float) -> nn.Module:
    """A copy with that share of zeros in its MLPs."""
    model = copy.deepcopy(model)
    zero_smallest([layer for mlp in mlp_modules(model) for layer in mlp_linears(mlp)], sparsity)
    return model


def neuron_curves(dense: nn.Module) -> dict:
    """Perplexity against neurons kept: the most important ones, random ones, and a mask of the same share."""
    full = dense.config.intermediate_size
    every = [kept_neurons(removed, full) for removed in REMOVED]
    ways = {
        "norms": lambda kept: prune_neurons(copy.deepcopy(dense), kept),
        "random": lambda kept: random_neurons(dense, kept),
        "mask": lambda kept: masked_mlps(dense, 1 - kept / full),
    }
    curves = {
        name: [perplexity(remove(kept)) for kept in tqdm(every, desc=f"neurons: {name}")]
        for name, remove in ways.items()
    }
    return {"kept": every} | curves


def without_block(dense: nn.Module, block: int) -> nn.Module:
    """A copy without one block."""
    model, depth = copy.deepcopy(dense), dense.config.num_hidden_layers
    structured_pruning.drop_blocks(model, torch.tensor([other for other in range(depth) if other != block]))
    return model


def quality() -> dict:
    """What one-shot removal costs, and whether the importance knows what may go: against random choices and
    the reverse.
    """
    batches, dense = calibration_batches(), shipped_model("teacher")
    importance = structured_pruning.head_importance(dense, batches)
    orders = head_orders(dense, importance, batches)
    fewer = lambda n, scores: perplexity(without_heads(copy.deepcopy(dense), n, scores))  # noqa: E731
    blocks = range(dense.config.num_hidden_layers)
    return {
        "held_out_tokens": validation_facts()["held_out_tokens"],
        "dense": perplexity(dense),
        "calibration_sequences": CALIBRATION,
        "head_importance": importance.tolist(),
        "heads": {
            name: [fewer(per_group, scores) for per_group in (1, 2, 3)]
            for name, scores in tqdm(orders.items(), desc="heads")
        },
        "neurons": neuron_curves(dense),
        "blocks": {
            "influence": structured_pruning.block_influence(dense, batches).tolist(),
            "perplexity_without": [perplexity(without_block(dense, block)) for block in blocks],
        },
    }


# ---------------------------------------------------------------- training


def trial(arm: Arm, seed: int, budget: Budget) -> tuple[dict, nn.Module]:
    """What an arm makes of the student with one seed's batches: its row, and the model itself."""
    model = shipped_model("student")
    arm(model, budget)
    pruning.bake_masks(model)
    row = {
        "seed": seed,
        "perplexity": perplexity(model),
        "bytes": stored_bytes(model),
        "neurons": mlp_modules(model)[0].gate_proj.out_features,
        "zeros": zeros_in(model),
    }
    return row, model


def best_arm(arms: Mapping[str, list[dict]]) -> str:
    """The arm with the lowest mean perplexity over its seeds, among those that prune."""
    mean = {name: statistics.fmean(row["perplexity"] for row in rows) for name, rows in arms.items()}
    return min((name for name in arms if name != UNPRUNED), key=mean.__getitem__)


def once_on_test(start: nn.Module, arm: str, models: list[nn.Module]) -> dict:
    """The test files' only use: what the arm chosen on validation files reaches, a model a seed, and what
    the student had before.
    """
    tokens, _ = corpus.load_tokens("test", CONTEXT, per_file=2)
    return {
        "arm": arm,
        "held_out_tokens": tokens[:, 1:].numel(),
        "untrained": metrics.perplexity(start, tokens),
        "perplexity": [metrics.perplexity(model, tokens) for model in models],
    }


def recipe(updates: int = 100, rows: int = 8, rate: float = 1e-3, seeds: int = 3) -> dict:
    """Both orders and each kind alone, from the student, at equal bytes and equal training."""
    start = shipped_model("student")
    target = smallest_target(start)

    def budget(seed: int) -> Budget:
        return Budget(target, training_batches(updates, rows, np.random.default_rng(seed)), rate)

    trials = {
        name: [trial(arm, seed, budget(seed)) for seed in tqdm(range(seeds), desc=name)]
        for name, arm in ARMS.items()
    }
    arms = {name: [row for row, _ in runs] for name, runs in trials.items()}
    best = best_arm(arms)
    return {
        "updates": updates,
        "rows": rows,
        "rate": rate,
        "target_bytes": target,
        "dense_bytes": stored_bytes(start),
        "files": "validation",
        "held_out_tokens": validation_facts()["held_out_tokens"],
        "untrained": perplexity(start),
        "arms": arms,
        "test": once_on_test(start, best, [model for _, model in trials[best]]),
    }


class Way(NamedTuple):
    """A start and a way to learn."""

    start: Callable[[nn.Module, int, int], nn.Module]  # (teacher, neurons, seed) -> student
    learn: Callable  # (student, teacher, batches, optimizer)
    rate: float
    seeds: int


def cut_teacher(teacher: nn.Module, neurons: int, seed: int) -> nn.Module:
    return prune_neurons(copy.deepcopy(teacher), neurons)


def random_start(teacher: nn.Module, neurons: int, seed: int) -> nn.Module:
    return new_model(SHAPES["teacher"] | {"intermediate_size": neurons}, seed)


def on_labels(student: nn.Module, teacher: nn.Module, batches: list[dict], optimizer: object) -> None:
    learn(student, batches, label_loss, optimizer)


def on_logits(student: nn.Module, teacher: nn.Module, batches: list[dict], optimizer: object) -> None:
    distillation.distill(student, teacher, batches, optimizer, T=1.0, alpha=1.0)


WAYS = {
    "labels alone": Way(cut_teacher, on_labels, 3e-4, 2),
    "the teacher's logits alone": Way(cut_teacher, on_logits, 3e-4, 2),
    # One seed is enough to see how far away it is.
    "labels, from random weights": Way(random_start, on_labels, 3e-3, 1),
}


def recovery_curve(
    way: Way, seed: int, neurons: int, points: Sequence[int], batches: list[dict]
) -> list[float]:
    """Perplexity after each number of updates in `points`, which begin with 0."""
    teacher = shipped_model("teacher")
    model = way.start(teacher, neurons, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=way.rate, betas=(0.9, 0.95), weight_decay=0.0)
    scores = [perplexity(model)]
    for begin, end in pairwise(points):
        way.learn(model, teacher, tqdm(batches[begin:end], desc="recovery"), optimizer)
        scores.append(perplexity(model))
    return scores


def recovery(points: tuple[int, ...] = (0, 6, 12, 24, 48), rows: int = 4, left: int = 224) -> dict:
    """The teacher without three quarters of its neurons, on the same batches: labels alone, or the full
    teacher's logits alone.
    """
    teacher = shipped_model("teacher")
    lessons_of = lambda seed: training_batches(points[-1], rows, np.random.default_rng(seed))  # noqa: E731
    curves = {
        name: [recovery_curve(way, seed, left, points, lessons_of(seed)) for seed in range(way.seeds)]
        for name, way in WAYS.items()
    }
    return {
        "neurons": [teacher.config.intermediate_size, left],
        "rows": rows,
        "rate": WAYS["labels alone"].rate,
        "updates": list(points),
        "tokens": [point * rows * CONTEXT for point in points],
        "files": "validation",
        "held_out_tokens": validation_facts()["held_out_tokens"],
        "dense": perplexity(teacher),
        "ways": curves,
    }


PARTS = {"oracle": oracle, "speed": speed, "quality": quality, "recipe": recipe, "recovery": recovery}

if __name__ == "__main__":
    common.main("structured_pruning", PARTS)

"""The figures of notebook 02: `python -m benchmarks.structured_pruning
[oracle|speed|quality|recipe|recovery]`.

Writes `results/structured_pruning.json`. Parts that are not asked for keep what was measured before. Context
256 everywhere.

    oracle    which slices go, and what is left: Torch-Pruning 1.6.1 in `.venv-oracles` against our functions
    speed     tokens/s, bytes and FLOPs of the teacher without neurons and heads, beside a mask; its MLPs alone, side by side
    quality   one-shot perplexity of the teacher against neurons, heads and blocks removed (validation)
    recipe    the article's order of unstructured and structured pruning, its reverse, and each alone, at equal bytes (test)
    recovery  the teacher without three quarters of its neurons, trained on labels or on the full teacher's probabilities (test)
"""

import copy
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from benchmarks.pruning import calibration_batches
from benchmarks.run import RESULTS, ROOT, SEED, write
from minicompress import distillation, metrics, pruning, structured_pruning
from minicompress.lab import corpus
from minicompress.lab.digits import cnn_accuracy, digits, digits_cnn, train_cnn
from minicompress.lab.machine import commit, keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import attention_modules, linear_layers, mlp_modules
from minicompress.run import NEURONS, keep_zeros, prune_neurons
from minicompress.train import TEACHER, new_model, next_token_loss

REMOVED = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
BATCH, CONTEXT = 16, 256


# ---------------------------------------------------------------- the oracle


def oracle() -> dict:
    """The trained CNN at half its channels, and the teacher's first MLP at half its neurons, cut by both
    tools.
    """
    folder = ROOT / "out" / "bench-structured"
    folder.mkdir(parents=True, exist_ok=True)
    images, labels, held_images, held_labels = digits(SEED)
    torch.manual_seed(SEED)
    cnn, mlp = train_cnn(digits_cnn(), images, labels, seed=SEED), mlp_modules(shipped_model("teacher"))[0]
    ours = {"cnn": structured_pruning.prune_conv_chain(cnn, 0.5), "mlp": copy.deepcopy(mlp)}
    gone = {"cnn": {}, "mlp": {}}
    for name in ("0", "3"):
        weakest = structured_pruning.channel_importance(cnn.get_submodule(name).weight).argsort(stable=True)
        gone["cnn"][name] = sorted(weakest[: len(weakest) // 2].tolist())
    neurons = structured_pruning.channel_importance(mlp.gate_proj.weight).argsort(stable=True)
    gone["mlp"]["gate_proj"] = sorted(neurons[: len(neurons) // 2].tolist())
    structured_pruning.prune_mlp_neurons(ours["mlp"], neurons[len(neurons) // 2 :].sort().values)
    for name, model in (("cnn", cnn), ("mlp", mlp)):
        save_file(
            {key: tensor.contiguous() for key, tensor in model.state_dict().items()},
            folder / f"{name}.safetensors",
        )
    (folder / "gone.json").write_text(json.dumps(gone))
    command = [
        ROOT / ".venv-oracles" / "bin" / "python",
        ROOT / "benchmarks" / "oracle_torch_pruning.py",
        folder,
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"Torch-Pruning failed in .venv-oracles:\n{done.stderr[-3000:]}")
    answer, result = json.loads(done.stdout.splitlines()[-1]), {}
    for name, model in ours.items():
        theirs = load_file(folder / f"{name}-oracle.safetensors")
        own = model.state_dict()
        equal = {key: key in theirs and torch.equal(own[key], theirs[key]) for key in own}
        groups = [
            {"cut": g["cut"], "layer": g["layer"], "side": g["side"], "channels": len(g["channels"])}
            for g in answer["found"][name]
        ]
        result[name] = {
            "tensors": len(own),
            "equal_tensors": sum(equal.values()),
            "same_names": sorted(own) == sorted(theirs),
            "groups": groups,
        }
    result["cnn"]["accuracy"] = {
        "full": cnn_accuracy(cnn, held_images, held_labels),
        "half the channels": cnn_accuracy(ours["cnn"], held_images, held_labels),
    }
    return {"oracle": answer["environment"]} | result


# ---------------------------------------------------------------- speed


def flops_per_token(model: torch.nn.Module) -> int:
    """Multiplications and additions of one token's forward pass at this context: Linear layers, head,
    attention over all positions.
    """
    matrices = [layer.weight.numel() for layer in linear_layers(model).values()] + [
        model.get_output_embeddings().weight.numel()
    ]
    attention = sum(4 * CONTEXT * attention.o_proj.in_features for attention in attention_modules(model))
    return 2 * sum(matrices) + attention


def side_by_side(calls: dict[str, Callable], repeats: int) -> dict[str, list[float]]:
    """Seconds of every call, round after round, so that a disturbance hits all of them; the first round is
    not counted.
    """
    taken = {name: [] for name in calls}
    for number in range(repeats + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if number:
                taken[name].append(time.perf_counter() - started)
    return taken


def masked(module: torch.nn.Module, sparsity: float) -> torch.nn.Module:
    """A copy with the smallest weights of every Linear set to zero."""
    module = copy.deepcopy(module)
    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear) and layer.weight.shape[0] != 2048:  # not the head
            layer.weight.data.masked_fill_(~pruning.magnitude_mask(layer.weight, sparsity), 0)
    return module


def kept_neurons(removed: float, neurons: int) -> int:
    """A multiple of 16: matrix products work in tiles, and a ragged last tile costs as much as a full one."""
    return round(neurons * (1 - removed) / 16) * 16


def without_heads(model: torch.nn.Module, per_group: int, scores: torch.Tensor) -> torch.nn.Module:
    """Remove the `per_group` heads with the lowest scores of every KV group, in place; scores [layers,
    heads].
    """
    for attention, of_layer in zip(attention_modules(model), scores, strict=True):
        groups = of_layer.view(-1, attention.num_key_value_groups)  # [KV heads, query heads of each]
        order = groups.argsort(dim=1, stable=True)[:, per_group:].sort(1).values
        keep = order + torch.arange(len(groups))[:, None] * attention.num_key_value_groups
        structured_pruning.prune_attention_heads(attention, keep.flatten())
    return model


def mlp_speed(repeats: int = 15) -> dict:
    """One MLP of the teacher at 16 x 256 tokens: seconds against neurons kept, a mask of the same sparsity
    beside each.
    """
    teacher = shipped_model("teacher")
    mlp, x, rows = mlp_modules(teacher)[2], torch.randn(BATCH, CONTEXT, TEACHER["hidden_size"]), []
    full = mlp.gate_proj.out_features
    calls = {}
    for removed in REMOVED:
        kept = kept_neurons(removed, full)
        smaller = copy.deepcopy(mlp)
        structured_pruning.prune_mlp_neurons(smaller, torch.arange(kept))
        calls[f"structured {kept}"] = lambda smaller=smaller: smaller(x)
        zeros = masked(mlp, 1 - kept / full)
        calls[f"masked {kept}"] = lambda zeros=zeros: zeros(x)
    with torch.no_grad():
        taken = {name: statistics.median(seconds) for name, seconds in side_by_side(calls, repeats).items()}
    for removed in REMOVED:
        kept = kept_neurons(removed, full)
        promised, speedup = full / kept, taken[f"structured {full}"] / taken[f"structured {kept}"]
        rows.append(
            {
                "removed": removed,
                "kept": kept,
                "promised": promised,
                "speedup": speedup,
                "share_of_promise": speedup / promised,
            }
            | {
                "masked_speedup": taken[f"structured {full}"] / taken[f"masked {kept}"],
                "seconds": taken[f"structured {kept}"],
            }
        )
    lowest = min(row["share_of_promise"] for row in rows)
    return {"neurons": full, "repeats": repeats, "rows": rows, "lowest_share_of_promise": lowest}


def model_speed(repeats: int = 4) -> list[dict]:
    """The whole teacher without neurons, without heads, without both, and masked."""
    dense, models = shipped_model("teacher"), {}
    tokens = torch.randint(2048, (BATCH, CONTEXT), generator=torch.Generator().manual_seed(SEED))
    scores = torch.arange(10.0).repeat(6, 1)  # which heads go does not matter here
    for removed in REMOVED:
        models["neurons", removed] = prune_neurons(
            copy.deepcopy(dense), kept_neurons(removed, TEACHER["intermediate_size"])
        )
        models["mask", removed] = masked(dense, removed)
    for per_group, removed in enumerate((0.0, 0.2, 0.4, 0.6)):
        models["heads", removed] = without_heads(copy.deepcopy(dense), per_group, scores)
        both = prune_neurons(copy.deepcopy(dense), kept_neurons(removed, TEACHER["intermediate_size"]))
        models["neurons and heads", removed] = without_heads(both, per_group, scores)
    with torch.no_grad():
        calls = {
            name: lambda model=model: model(input_ids=tokens, use_cache=False)
            for name, model in models.items()
        }
        taken = side_by_side(calls, repeats)
    rows, first = [], flops_per_token(dense)
    unchanged = statistics.median(
        statistics.median(seconds) for (_, removed), seconds in taken.items() if not removed
    )
    for (what, removed), model in models.items():
        seconds = statistics.median(taken[what, removed])
        flops = first if what == "mask" else flops_per_token(model)
        rows.append(
            {
                "what": what,
                "removed": removed,
                "tokens_per_second": tokens.numel() / seconds,
                "bytes_fp16": metrics.model_bytes(model) // 2,
            }
            | {"flops_per_token": flops, "speedup": unchanged / seconds, "promised": first / flops}
        )
    return rows


def speed() -> dict:
    return {
        "batch": BATCH,
        "context": CONTEXT,
        "threads": torch.get_num_threads(),
        "mlp": mlp_speed(),
        "model": model_speed(),
    }


# ---------------------------------------------------------------- quality


def signed_importance(model: torch.nn.Module, batches: list[dict]) -> torch.Tensor:
    """The article's sum of gradient x activation, signs and all, over the examples; [layers, heads]."""
    from minicompress.lab.calibration import record_inputs

    total, projections = 0.0, [attention.o_proj for attention in attention_modules(model)]
    for batch in batches:
        with record_inputs(projections) as inputs:
            loss = next_token_loss(model, batch["input_ids"]) * len(batch["input_ids"])
        gradients = torch.autograd.grad(loss, inputs)
        heads = lambda x: x.unflatten(-1, (TEACHER["num_attention_heads"], -1)).sum((0, 1, 3))  # noqa: E731
        total += torch.stack([heads(x.detach() * g) for x, g in zip(inputs, gradients, strict=True)])
    return total


def quality() -> dict:
    """What one-shot removal costs, and whether the importance knows what may go: against random choices and
    the reverse.
    """
    held_out, _ = corpus.load_tokens("validation", per_file=1)
    batches, dense = calibration_batches(64), shipped_model("teacher")
    perplexity = lambda model: metrics.perplexity(model, held_out)  # noqa: E731
    result = {
        "held_out_tokens": held_out[:, 1:].numel(),
        "dense": perplexity(dense),
        "calibration_sequences": 64,
    }
    importance = structured_pruning.head_importance(dense, batches)
    orders = {
        "importance": importance,
        "signed sum": signed_importance(dense, batches),
        "the reverse": -importance,
    }
    orders |= {
        f"random {seed}": torch.rand(importance.shape, generator=torch.Generator().manual_seed(seed))
        for seed in range(3)
    }
    result["head_importance"] = importance.tolist()
    result["heads"] = {
        name: [perplexity(without_heads(copy.deepcopy(dense), per_group, scores)) for per_group in (1, 2, 3)]
        for name, scores in tqdm(orders.items(), desc="heads")
    }
    result["neurons"] = {
        "kept": [kept_neurons(removed, 896) for removed in REMOVED],
        "norms": [],
        "random": [],
        "mask": [],
    }
    for kept in tqdm(result["neurons"]["kept"], desc="neurons"):
        generator = torch.Generator().manual_seed(SEED)
        result["neurons"]["norms"].append(perplexity(prune_neurons(copy.deepcopy(dense), kept)))
        model = copy.deepcopy(dense)
        for mlp in mlp_modules(model):
            structured_pruning.prune_mlp_neurons(
                mlp, torch.randperm(896, generator=generator)[:kept].sort().values
            )
        result["neurons"]["random"].append(perplexity(model))
        model = copy.deepcopy(dense)
        for mlp in mlp_modules(model):
            for layer in (mlp.gate_proj, mlp.up_proj, mlp.down_proj):
                layer.weight.data.masked_fill_(~pruning.magnitude_mask(layer.weight, 1 - kept / 896), 0)
        result["neurons"]["mask"].append(perplexity(model))
    influence, alone = structured_pruning.block_influence(dense, batches), []
    for block in range(6):
        model = copy.deepcopy(dense)
        structured_pruning.drop_blocks(model, torch.tensor([other for other in range(6) if other != block]))
        alone.append(perplexity(model))
    return result | {"blocks": {"influence": influence.tolist(), "perplexity_without": alone}}


# ---------------------------------------------------------------- training


def lessons(updates: int, rows: int, seed: int) -> list[dict]:
    """The same random training batches for everyone with this seed."""
    train, _ = corpus.load_tokens("train")
    generator = np.random.default_rng(seed)
    return [
        {"input_ids": train[torch.from_numpy(generator.integers(len(train), size=rows))]}
        for _ in range(updates)
    ]


def train_on_labels(model: torch.nn.Module, batches: list[dict], rate: float) -> None:
    """AdamW on the next tokens, the rate falling linearly to zero, in place."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    model.train()
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / len(batches))
        optimizer.zero_grad()
        next_token_loss(model, batch["input_ids"]).backward()
        optimizer.step()
    model.eval()


def stored_bytes(model: torch.nn.Module) -> int:
    """fp16 bytes of all tensors; a matrix inside the blocks as a bitmask and its non-zeros where that is
    smaller.
    """
    total = sum(parameter.numel() * 2 for parameter in model.parameters())
    for layer in linear_layers(model).values():
        zeros = 1 - int(layer.weight.count_nonzero()) / layer.weight.numel()
        dense, sparse = (
            pruning.storage_bytes(layer.weight.shape, zeros, 16, form) for form in ("dense", "bitmask")
        )
        total -= dense - min(dense, sparse)
    return total


def mask_globally(model: torch.nn.Module, sparsity: float) -> None:
    layers = linear_layers(model)
    for name, mask in pruning.global_magnitude_masks(
        {name: layer.weight for name, layer in layers.items()}, sparsity
    ).items():
        pruning.apply_mask(layers[name], mask)


def sparsity_for(model: torch.nn.Module, target: int) -> float:
    """The global sparsity at which the model takes `target` bytes: 16 bits a non-zero and 1 bit a weight."""
    weights = sum(layer.weight.numel() for layer in linear_layers(model).values())
    others = sum(parameter.numel() for parameter in model.parameters()) - weights
    return 1 - (target - 2 * others - weights / 8) / (2 * weights)


def neurons_for(model: torch.nn.Module, target: int) -> int:
    """The most neurons a layer with which the model takes at most `target` bytes, chosen by their norms."""
    neurons = mlp_modules(model)[0].gate_proj.out_features
    while stored_bytes(prune_neurons(copy.deepcopy(model), neurons)) > target:
        neurons -= 1
    return neurons


def sparsity_before(model: torch.nn.Module, target: int) -> float:
    """The global sparsity of the whole model that leaves just over `target` bytes once the neurons are gone."""
    low, high = 0.0, 1.0
    for _ in range(12):
        middle, pruned = (low + high) / 2, copy.deepcopy(model)
        mask_globally(pruned, middle)
        pruning.bake_masks(pruned)
        low, high = (
            (middle, high) if stored_bytes(prune_neurons(pruned, NEURONS)) > 1.002 * target else (low, middle)
        )
    return low


def recipe_arm(arm: str, target: int, sparsity: float, batches: list[dict], rate: float) -> torch.nn.Module:
    """One way from the dense student to `target` bytes, with the same batches altogether."""
    model, half = shipped_model("student"), len(batches) // 2
    if arm == "dense":
        train_on_labels(model, batches, rate)
    elif (
        arm == "unstructured, then structured"
    ):  # the article's order, to the same neurons and zeros as its reverse
        mask_globally(model, sparsity_before(model, target))
        train_on_labels(model, batches[:half], rate)
        pruning.bake_masks(model)
        prune_neurons(model, NEURONS)
        keep_zeros(model)
        mask_globally(model, sparsity_for(model, target))  # the last per mille
        train_on_labels(model, batches[half:], rate)
    elif arm == "unstructured, then structured, fewer zeros":  # half of the bytes each
        mask_globally(model, sparsity)
        train_on_labels(model, batches[:half], rate)
        pruning.bake_masks(model)
        prune_neurons(model, neurons_for(model, target))
        keep_zeros(model)
        train_on_labels(model, batches[half:], rate)
    elif arm == "structured, then unstructured":
        prune_neurons(model, NEURONS)
        train_on_labels(model, batches[:half], rate)
        mask_globally(model, sparsity_for(model, target))
        train_on_labels(model, batches[half:], rate)
    elif arm == "structured alone":
        first = neurons_for(
            model, (target + stored_bytes(model)) // 2
        )  # half of the bytes first, as the others do
        prune_neurons(model, first)
        train_on_labels(model, batches[:half], rate)
        prune_neurons(model, neurons_for(model, target))
        train_on_labels(model, batches[half:], rate)
    else:
        mask_globally(model, sparsity_for(model, target) / 2)
        train_on_labels(model, batches[:half], rate)
        pruning.bake_masks(model)
        mask_globally(model, sparsity_for(model, target))
        train_on_labels(model, batches[half:], rate)
    pruning.bake_masks(model)
    return model


ARMS = (
    "unstructured, then structured", "structured, then unstructured", "unstructured, then structured, fewer zeros",
    "structured alone", "unstructured alone", "dense",
)  # fmt: skip


def recipe(updates: int = 100, rows: int = 8, rate: float = 1e-3, seeds: int = 3) -> dict:
    """Both orders and each kind alone, the student, equal bytes and equal training; perplexity of every seed."""
    held_out, _ = corpus.load_tokens("test", per_file=2)
    start = shipped_model("student")
    smaller = prune_neurons(copy.deepcopy(start), NEURONS)
    mask_globally(smaller, 0.4)
    pruning.bake_masks(smaller)
    target = stored_bytes(smaller)
    result = {
        "updates": updates, "rows": rows, "rate": rate, "target_bytes": target, "dense_bytes": stored_bytes(start),
        "held_out_tokens": held_out[:, 1:].numel(), "untrained": metrics.perplexity(start, held_out), "arms": {},
    }  # fmt: skip
    for arm in ARMS:
        runs = []
        for seed in tqdm(range(seeds), desc=arm):
            model = recipe_arm(
                arm, target, sparsity_for(start, target) / 2, lessons(updates, rows, seed), rate
            )
            neurons = mlp_modules(model)[0].gate_proj.out_features
            zeros = 1 - sum(
                int(layer.weight.count_nonzero()) for layer in linear_layers(model).values()
            ) / sum(layer.weight.numel() for layer in linear_layers(model).values())
            row = {
                "seed": seed,
                "perplexity": metrics.perplexity(model, held_out),
                "bytes": stored_bytes(model),
            }
            runs.append(row | {"neurons": neurons, "zeros": zeros})
        result["arms"][arm] = runs
    return result


def recovery(updates: int = 48, rows: int = 4, rate: float = 3e-4, seeds: int = 2, left: int = 224) -> dict:
    """The teacher without three quarters of its neurons, on the same batches: labels alone, or the full
    teacher's logits alone.
    """
    held_out, _ = corpus.load_tokens("test", per_file=1)
    teacher, points = shipped_model("teacher"), [0, 6, 12, 24, updates]
    ways = {"labels alone": 0.0, "the teacher's logits alone": 1.0, "labels, from random weights": 0.0}
    result = {
        "neurons": [896, left], "rows": rows, "rate": rate, "updates": points, "tokens": [point * rows * CONTEXT for point in points],
        "held_out_tokens": held_out[:, 1:].numel(), "dense": metrics.perplexity(teacher, held_out), "ways": {name: [] for name in ways},
    }  # fmt: skip
    for seed in range(seeds):
        batches = lessons(updates, rows, seed)
        for name, alpha in ways.items():
            model = prune_neurons(copy.deepcopy(teacher), left)
            if "random" in name:
                if seed:  # one is enough to see how far away it is
                    continue
                model = new_model(TEACHER | {"intermediate_size": left}, seed)
            optimizer = torch.optim.AdamW(
                model.parameters(),
                lr=rate if "random" not in name else 3e-3,
                betas=(0.9, 0.95),
                weight_decay=0.0,
            )
            scores = [metrics.perplexity(model, held_out)]
            for start, end in zip(points[:-1], points[1:], strict=True):
                if alpha:
                    distillation.distill(
                        model, teacher, tqdm(batches[start:end], desc=name), optimizer, T=1.0, alpha=alpha
                    )
                else:
                    for batch in tqdm(batches[start:end], desc=name):
                        optimizer.zero_grad()
                        next_token_loss(model.train(), batch["input_ids"]).backward()
                        optimizer.step()
                scores.append(metrics.perplexity(model, held_out))
            result["ways"][name].append(scores)
    return result


def main(parts: list[str]) -> None:
    keep_freed_memory()
    place = RESULTS / "structured_pruning.json"
    every = {"oracle": oracle, "speed": speed, "quality": quality, "recipe": recipe, "recovery": recovery}
    for part in parts or every:
        found = {"commit": commit()} | every[part]()
        before = json.loads(place.read_text()) if place.is_file() else {}
        write("structured_pruning", {name: before[name] for name in every if name in before} | {part: found})


if __name__ == "__main__":
    main(sys.argv[1:])

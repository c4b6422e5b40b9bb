"""What notebook 05 cannot measure live: `python -m benchmarks.combined
[singles|combinations|speeds|order|tasks|runtime]`.

    singles       the map's single methods on the teacher, swept over their strength: accuracy kept against real file bytes
    combinations  the map's combinations: two or three methods in one shot, and the shipped files
    speeds        forward passes of one model a method, against the teacher's
    order         the same stages in another order, at equal updates
    tasks         the second task, code summarization, before and after
    runtime       a file in a fresh process: load time, resident memory, and tokens/s of generation, against the teacher's

Writes `results/combined.json`. The map and the orders are measured on validation files, tasks on test files.
Parts that are not asked for keep what was measured before.
"""

import copy
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from benchmarks.distillation import task_score
from benchmarks.pruning import calibration_batches
from benchmarks.quantization import against, in_int8
from benchmarks.run import RESULTS, ROOT, SEED, write
from minicompress import low_rank, pipeline, pruning, run
from minicompress.lab import corpus, summaries
from minicompress.lab.calibration import input_covariances
from minicompress.lab.evaluation import bootstrap_ratio, sequence_hits
from minicompress.lab.machine import commit, hardware, keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers
from minicompress.lab.qat import bake_fake_quantize
from minicompress.lab.ranks import uniform_ranks
from minicompress.train import put_on_grids

UPDATES, ROWS, RATE = 100, 8, 3e-4  # of the tuning that a single method gets
MADE = ROOT / "out" / "bench-combined"


def teacher_bytes() -> int:
    return (run.ASSETS / "teacher" / "model.safetensors").stat().st_size


# ---------------------------------------------------------------- the map


def tune(
    model: nn.Module,
    teacher: nn.Module,
    what: str,
    updates: int = UPDATES,
    rate: float = RATE,
    seed: int = SEED,
) -> nn.Module:
    """Train on the teacher's logits, T = 1, and the labels; in place."""
    return run.teach(model, teacher, corpus.load_tokens("train")[0], updates, ROWS, seed, rate, what)


def on_grid(model: nn.Module, grid: str) -> nn.Module:
    """Let blocks, embedding and head live on a grid from now on, in place."""
    put_on_grids(model, grid, grid)
    return model


def single_methods(teacher: nn.Module) -> list[tuple[str, str, Callable[[], nn.Module]]]:
    """(method, strength, maker) of every point that uses one method only, on the teacher; `tuned` ones get
    UPDATES updates.
    """
    batches = calibration_batches(64)
    covariances = input_covariances(teacher, batches)
    shapes = {name: tuple(layer.weight.shape) for name, layer in linear_layers(teacher).items()}

    def quantized(bits: int, group: int | None) -> nn.Module:
        return pipeline.quantize_model(copy.deepcopy(teacher), bits, bits, group)

    def ternary() -> nn.Module:
        model = tune(on_grid(copy.deepcopy(teacher), "ternary"), teacher, "ternary")
        bake_fake_quantize(model)
        return pipeline.quantize_model(model, 2, 2)

    def pruned(sparsity: float, pattern: tuple[int, int] | None = None) -> nn.Module:
        model = copy.deepcopy(teacher)
        pruning.wanda_prune(model, batches, sparsity, pattern)
        return model

    def tuned_zeros(sparsity: float) -> nn.Module:
        model = pruned(sparsity)
        run.keep_zeros(model)
        return tune(model, teacher, f"{sparsity:.0%} zeros")

    def factorized(share: float) -> nn.Module:
        model = copy.deepcopy(teacher)
        low_rank.factorize(model, uniform_ranks(shapes, share), covariances)
        return model

    narrow = lambda neurons: run.prune_neurons(copy.deepcopy(teacher), neurons)  # noqa: E731
    points = [
        ("quantization", f"{bits} bits, groups of 32", lambda b=bits: quantized(b, 32))
        for bits in (8, 6, 5, 4, 3, 2)
    ]
    points += [("quantization, trained on the grid", "ternary", ternary)]
    points += [
        ("pruning (Wanda)", f"{s:.0%} zeros", lambda s=s: pruned(s)) for s in (0.3, 0.5, 0.6, 0.7, 0.8)
    ]
    points += [("pruning (Wanda)", "2:4", lambda: pruned(0.5, (2, 4)))]
    points += [("pruning (Wanda), tuned", f"{s:.0%} zeros", lambda s=s: tuned_zeros(s)) for s in (0.7, 0.9)]
    points += [("MLP neurons", f"{n} of 896 kept", lambda n=n: narrow(n)) for n in (672, 448, 224)]
    points += [
        ("MLP neurons, tuned", f"{n} of 896 kept", lambda n=n: tune(narrow(n), teacher, f"{n} neurons"))
        for n in (448, 112)
    ]
    points += [
        ("low rank (whitened)", f"{s:.0%} of the blocks", lambda s=s: factorized(s))
        for s in (0.9, 0.7, 0.5, 0.3)
    ]
    points += [
        (
            "low rank (whitened), tuned",
            f"{s:.0%} of the blocks",
            lambda s=s: tune(factorized(s), teacher, f"{s:.0%}"),
        )
        for s in (0.5, 0.2)
    ]
    points += [
        ("distillation", name, lambda name=name: shipped_model(name)) for name in ("medium", "student")
    ]
    return points


def one_shot_combinations(teacher: nn.Module) -> list[tuple[str, str, Callable[[], nn.Module]]]:
    """Two or three methods, none of them followed by training: on the teacher, and on the distilled students."""
    batches = calibration_batches(64)
    shapes = {name: tuple(layer.weight.shape) for name, layer in linear_layers(teacher).items()}

    def zeros_and_bits(sparsity: float, bits: int) -> nn.Module:
        model = copy.deepcopy(teacher)
        pruning.wanda_prune(model, batches, sparsity)
        return pipeline.quantize_model(model, bits, bits, 32)

    def narrow_and_bits(model: nn.Module, neurons: int, bits: int) -> nn.Module:
        return pipeline.quantize_model(run.prune_neurons(model, neurons), bits, bits)

    def ranks_and_bits(share: float, bits: int) -> nn.Module:
        model = copy.deepcopy(teacher)
        low_rank.factorize(model, uniform_ranks(shapes, share), input_covariances(teacher, batches))
        return pipeline.quantize_model(model, bits, bits)

    points = [
        ("pruned and quantized", f"{s:.0%} zeros, {b} bits", lambda s=s, b=b: zeros_and_bits(s, b))
        for s in (0.3, 0.5)
        for b in (8, 4)
    ]
    narrow = lambda neurons: narrow_and_bits(copy.deepcopy(teacher), neurons, 4)  # noqa: E731
    points += [
        ("pruned and quantized", f"{n} of 896 neurons, 4 bits", lambda n=n: narrow(n)) for n in (672, 448)
    ]
    points += [
        ("low rank and quantized", f"{s:.0%} of the blocks, 4 bits", lambda s=s: ranks_and_bits(s, 4))
        for s in (0.9, 0.5)
    ]
    for name in ("medium", "student"):
        for bits in (8, 6, 5, 4, 3):
            made = lambda name=name, bits=bits: pipeline.quantize_model(shipped_model(name), bits, bits)  # noqa: E731
            points.append(("distilled and quantized", f"{name}, {bits} bits", made))
    trio = lambda: narrow_and_bits(shipped_model("medium"), 272, 5)  # noqa: E731
    return points + [("distilled, pruned and quantized", "medium, 272 of 312 neurons, 5 bits", trio)]


def shipped_files() -> list[tuple[str, str, Path]]:
    """(method, name, file) of what is shipped in one file."""
    trained = "distilled, pruned, trained on the grid"
    method = {
        "tiny": "distillation",
        "small-clip4": "distilled, trained on the grid",
        "student-labels": "no teacher: a student on labels alone",
    }
    files = sorted(
        [*(run.ASSETS / "frontier").glob("*.safetensors"), *(run.ASSETS / "baselines").glob("*.safetensors")]
    )
    found = [(method.get(path.stem, trained), path.stem, path) for path in files]
    return found + [
        (
            trained,
            "the pipeline's artefact",
            ROOT / json.loads((RESULTS / "ledger.json").read_text())["artefact"],
        )
    ]


class Scale:
    """What every point of the map is measured against: the teacher's hits on two sequences of every
    validation file.
    """

    def __init__(self):
        self.tokens, self.files = corpus.load_tokens("validation", 256, per_file=2)
        self.reference = sequence_hits(shipped_model("teacher"), self.tokens)

    def point(self, method: str, strength: str, path: Path) -> dict:
        """One file: its bytes, and the share of the teacher's top-1 accuracy that the reloaded model keeps."""
        hits = sequence_hits(pipeline.load_compressed(path), self.tokens)
        found = {
            "method": method, "strength": strength, "file_bytes": path.stat().st_size, "ratio": teacher_bytes() / path.stat().st_size,
            "accuracy_kept": hits.sum().item() / self.reference.sum().item(),
            "interval": list(bootstrap_ratio(hits, self.reference, self.files)),
        }  # fmt: skip
        print(json.dumps(found), flush=True)
        return found

    def points(self, makers: list[tuple[str, str, Callable[[], nn.Module]]]) -> dict:
        """Make, save, reload and measure one model after the other."""
        MADE.mkdir(parents=True, exist_ok=True)
        path, rows = MADE / "point.safetensors", []
        for method, strength, make in tqdm(makers, desc="map"):
            pipeline.save_compressed(make(), path)
            rows.append(self.point(method, strength, path))
        return {"held_out_tokens": self.tokens[:, 1:].numel(), "points": rows}


def singles() -> dict:
    """The map's single methods."""
    tuning = {"updates": UPDATES, "rows": ROWS, "rate": RATE, "calibration_sequences": 64}
    return {"tuning": tuning} | Scale().points(single_methods(shipped_model("teacher")))


def combinations() -> dict:
    """The map's combinations, and the shipped files beside them."""
    scale = Scale()
    found = scale.points(one_shot_combinations(shipped_model("teacher")))
    return found | {"points": found["points"] + [scale.point(*file) for file in shipped_files()]}


def speeds() -> dict:
    """Forward passes of 4 x 256 tokens beside the teacher's, in turns: CPU seconds on one thread, so other
    programs do not count.
    """
    torch.set_num_threads(1)
    teacher, tokens = shipped_model("teacher"), corpus.load_tokens("validation", 256, per_file=1)[0][:4]
    shapes = {name: tuple(layer.weight.shape) for name, layer in linear_layers(teacher).items()}
    models = {
        "int8, integer kernels": in_int8(teacher),
        "50% zeros": copy.deepcopy(teacher),
        "low rank, half the parameters": copy.deepcopy(teacher),
    }
    for layer in linear_layers(models["50% zeros"]).values():
        layer.weight.data.masked_fill_(~pruning.magnitude_mask(layer.weight.detach(), 0.5), 0)
    low_rank.factorize(models["low rank, half the parameters"], uniform_ranks(shapes, 0.5))
    models["448 of 896 neurons"] = run.prune_neurons(copy.deepcopy(teacher), 448)
    models |= {name: shipped_model(name) for name in ("half", "medium", "student")}
    calls = {
        name: lambda model=model: model(input_ids=tokens, use_cache=False) for name, model in models.items()
    }
    found = against(lambda: teacher(input_ids=tokens, use_cache=False), calls, 1)
    return {"batch": list(tokens.shape), "threads": 1, "hardware": hardware()} | {"models": found}


# ---------------------------------------------------------------- the order of the stages


def order(updates: int = 150, seeds: int = 2, rate: float = 1e-3) -> dict:
    """The shipped student to 208 neurons and 3 bits, `2 * updates` updates in every order; the medium model
    is the live teacher.
    """
    teacher, held_out = shipped_model("medium"), corpus.load_tokens("validation", 256, per_file=2)[0]
    arms: dict[str, list[Callable[[nn.Module, int], nn.Module]]] = {}
    prune = lambda model, seed: run.prune_neurons(model, run.NEURONS)  # noqa: E731
    train = lambda model, seed: tune(model, teacher, "tuning", updates, rate, seed)  # noqa: E731
    grid = lambda model, seed: on_grid(model, "clip3")  # noqa: E731

    def off(model: nn.Module, seed: int) -> nn.Module:
        """Leave the grid with the weights on it: pruning neurons needs plain matrices."""
        bake_fake_quantize(model)
        return model

    arms["prune, train, to 3 bits, train"] = [prune, train, grid, train]
    arms["to 3 bits, train, prune, train"] = [grid, train, off, prune, grid, train]
    arms["prune and to 3 bits at once, train twice as long"] = [prune, grid, train, train]
    arms["prune, train twice as long, to 3 bits in one shot"] = [prune, train, train, grid]
    arms["to 3 bits, train twice as long, prune in one shot"] = [grid, train, train, off, prune, grid]
    result = {
        "updates": 2 * updates,
        "rows": ROWS,
        "rate": rate,
        "held_out_tokens": held_out[:, 1:].numel(),
        "arms": {},
    }
    dense = sequence_hits(shipped_model("teacher"), held_out).sum().item()
    for name, steps in arms.items():
        for seed in range(seeds):
            model = shipped_model("student")
            for number, step in enumerate(steps):
                model = step(model, 10 * seed + number)
            bake_fake_quantize(model)
            hits = sequence_hits(pipeline.quantize_model(model, 3, 3), held_out).sum().item()
            result["arms"].setdefault(name, []).append({"seed": seed, "accuracy_kept": hits / dense})
            print(name, result["arms"][name][-1], flush=True)
    return result


# ---------------------------------------------------------------- the second task


def tasks(examples: int = 5, longest: int = 24) -> dict:
    """Summarization by the teacher and by what was made of it: token accuracy and ROUGE-L on the test files'
    functions.
    """
    held_out = summaries.load_pairs("test")
    wanted = [corpus.load_tokenizer().decode(answer) for _, answer in held_out]
    names = [summaries.name_as_summary(prompt) for prompt, _ in held_out]
    files = {
        name: path
        for _, name, path in shipped_files()
        if name not in ("small-clip4", "student-labels", "tiny")
    }
    models = {name: lambda name=name: shipped_model(name) for name in ("teacher", "medium", "student")}
    models |= {name: lambda path=path: pipeline.load_compressed(path) for name, path in files.items()}
    result = {
        "held_out_pairs": len(held_out),
        "name_as_summary": statistics.mean(summaries.rouge_l(names, wanted)),
        "models": {},
    }
    result |= {
        "functions": [corpus.load_tokenizer().decode(prompt) for prompt, _ in held_out[:examples]],
        "wanted": wanted[:examples],
    }
    for name, make in tqdm(models.items(), desc="tasks"):
        result["models"][name] = task_score(make(), held_out, examples, longest)
    return result


# ---------------------------------------------------------------- it runs small


def runtime(repeats: int = 5) -> dict:
    """Teacher and artefact in turns, each time in a fresh process on one thread; medians, and medians of the
    ratios of neighbours.
    """
    MADE.mkdir(parents=True, exist_ok=True)
    teacher_file, artefact = (
        MADE / "teacher.safetensors",
        ROOT / json.loads((RESULTS / "ledger.json").read_text())["artefact"],
    )
    pipeline.save_compressed(shipped_model("teacher"), teacher_file)
    pairs = [
        (run.measure_alone(teacher_file, True), run.measure_alone(artefact, True))
        for _ in tqdm(range(repeats), desc="runtime")
    ]
    result = {
        "repeats": repeats,
        "file_bytes": {"teacher": teacher_file.stat().st_size, "artefact": artefact.stat().st_size},
    }
    for place, name in enumerate(("teacher", "artefact")):
        result[name] = {key: statistics.median(pair[place][key] for pair in pairs) for key in pairs[0][0]}
    result["ratios"] = {
        key: statistics.median(small[key] / large[key] for large, small in pairs) for key in pairs[0][0]
    }
    return result


PARTS = {
    "singles": singles,
    "combinations": combinations,
    "speeds": speeds,
    "order": order,
    "tasks": tasks,
    "runtime": runtime,
}


def main(parts: list[str]) -> None:
    keep_freed_memory()
    for part in parts or PARTS:
        found = {part: {"commit": commit()} | PARTS[part]()}
        path = RESULTS / "combined.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        write("combined", {name: before[name] for name in PARTS if name in before} | found)


if __name__ == "__main__":
    main(sys.argv[1:])

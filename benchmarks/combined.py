"""What notebook 06 cannot measure live: `python -m benchmarks.combined [PART ...]`.

    singles       the map's single methods on the teacher: accuracy kept against file bytes
    combinations  the map's combinations: two or three methods in one shot, and the shipped files
    speeds        forward passes of one model a method, against the teacher's
    order         the same stages in another order, at equal updates
    tasks         the second task, code summarization, before and after
    runtime       a file in a fresh process: load time, resident memory and tokens/s, against the teacher's

Writes `results/combined.json`. The map and the orders are measured on validation files, tasks on test files.
Parts that are not asked for keep what was measured before. The map's points stand in `map_points.py`.
"""

import copy
import json
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import nn
from tqdm import tqdm

from benchmarks import common
from benchmarks.clocks import against, one_thread
from benchmarks.lessons import CALIBRATION, CONTEXT
from benchmarks.map_points import (
    RATE,
    ROWS,
    UPDATES,
    Point,
    map_files,
    on_grid,
    one_shot_combinations,
    single_methods,
    tune,
)
from benchmarks.quantization import in_int8
from benchmarks.scores import artefact, shipped_files, task_score, task_text, teacher_bytes
from minicompress import low_rank, pipeline, pruning
from minicompress.job.measure import measure_alone
from minicompress.job.recipes import NEURONS
from minicompress.lab import corpus, summaries
from minicompress.lab.evaluation import accuracy_kept, next_token_scores
from minicompress.lab.machine import hardware
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers
from minicompress.lab.paths import OUT
from minicompress.lab.qat import bake_fake_quantize
from minicompress.lab.ranks import uniform_ranks
from minicompress.lab.updates import updates_of
from minicompress.structured_pruning import prune_neurons

MADE = OUT / "bench-combined"

# ---------------------------------------------------------------- the map


class Scale:
    """What every point of the map is measured against: the teacher's hits on two sequences of every
    validation file.
    """

    def __init__(self):
        self.tokens, self.files = corpus.load_tokens("validation", CONTEXT, per_file=2)
        self.reference = next_token_scores(shipped_model("teacher"), self.tokens).hits

    def facts(self) -> dict:
        return {"held_out_tokens": self.tokens[:, 1:].numel()}

    def row(self, method: str, strength: str, path: Path, updates: int) -> dict:
        """One file: its bytes, the share of the teacher's accuracy that the reloaded model keeps, and the
        updates of training behind it.
        """
        hits = next_token_scores(pipeline.load_compressed(path), self.tokens).hits
        kept, size = accuracy_kept(hits, self.reference, self.files), path.stat().st_size
        row = {"method": method, "strength": strength, "file_bytes": size, "ratio": teacher_bytes() / size}
        row |= {"accuracy_kept": kept["accuracy_kept"], "interval": kept["accuracy_kept_interval"]}
        row |= {"updates": updates}
        print(json.dumps(row), flush=True)
        return row

    def rows(self, points: list[Point]) -> list[dict]:
        """Make, save, reload and measure one model after the other."""
        MADE.mkdir(parents=True, exist_ok=True)
        path, rows = MADE / "point.safetensors", []
        for point in tqdm(points, desc="map"):
            pipeline.save_compressed(point.make(), path)
            rows.append(self.row(point.method, point.strength, path, point.updates))
        return rows


def singles() -> dict:
    """The map's single methods."""
    tuning = {"updates": UPDATES, "rows": ROWS, "rate": RATE, "calibration_sequences": CALIBRATION}
    scale = Scale()
    points = scale.rows(single_methods(shipped_model("teacher")))
    return {"tuning": tuning} | scale.facts() | {"points": points}


def combinations() -> dict:
    """The map's combinations, and the shipped files beside them."""
    scale = Scale()
    points = scale.rows(one_shot_combinations(shipped_model("teacher")))
    points += [scale.row(*file, updates_of(file[1])) for file in map_files()]
    return scale.facts() | {"points": points}


# ---------------------------------------------------------------- speed


def with_half_zeros(teacher: nn.Module) -> nn.Module:
    model = copy.deepcopy(teacher)
    for layer in linear_layers(model).values():
        layer.weight.data.masked_fill_(~pruning.magnitude_mask(layer.weight.detach(), 0.5), 0)
    return model


def at_half_ranks(teacher: nn.Module) -> nn.Module:
    model = copy.deepcopy(teacher)
    shapes = {name: tuple(layer.weight.shape) for name, layer in linear_layers(teacher).items()}
    low_rank.factorize(model, uniform_ranks(shapes, 0.5))
    return model


@one_thread()
def speeds() -> dict:
    """Forward passes of 4 x 256 tokens beside the teacher's, in turns: CPU seconds on one thread, so other
    programs do not count.
    """
    teacher, tokens = shipped_model("teacher"), corpus.load_tokens("validation", CONTEXT, per_file=1)[0][:4]
    models = {
        "int8, integer kernels": in_int8(teacher),
        "50% zeros": with_half_zeros(teacher),
        "low rank, half the parameters": at_half_ranks(teacher),
        "448 of 896 neurons": prune_neurons(copy.deepcopy(teacher), 448),
    }
    models |= {name: shipped_model(name) for name in ("half", "medium", "student")}
    call = lambda model: partial(model, input_ids=tokens, use_cache=False)  # noqa: E731
    taken = against(call(teacher), {name: call(model) for name, model in models.items()}, times=1)
    return {"batch": list(tokens.shape), "threads": 1, "hardware": hardware(), "models": taken}


# ---------------------------------------------------------------- the order of the stages

Stage = Callable[[nn.Module, int], nn.Module]  # (model, seed) -> model


def fewer_neurons(model: nn.Module, seed: int) -> nn.Module:
    return prune_neurons(model, NEURONS)


def onto_grid(model: nn.Module, seed: int) -> nn.Module:
    return on_grid(model, "clip3")


def off_grid(model: nn.Module, seed: int) -> nn.Module:
    """Leave the grid with the weights on it: pruning neurons needs plain matrices."""
    bake_fake_quantize(model)
    return model


def orders(train: Stage) -> dict[str, list[Stage]]:
    """Name -> stages. Every order trains twice."""
    prune, grid, off = fewer_neurons, onto_grid, off_grid
    return {
        "prune, train, to 3 bits, train": [prune, train, grid, train],
        "to 3 bits, train, prune, train": [grid, train, off, prune, grid, train],
        "prune and to 3 bits at once, train twice as long": [prune, grid, train, train],
        "prune, train twice as long, to 3 bits in one shot": [prune, train, train, grid],
        "to 3 bits, train twice as long, prune in one shot": [grid, train, train, off, prune, grid],
    }


def staged(stages: list[Stage], seed: int) -> nn.Module:
    """The shipped student after all the stages, as a 3-bit model."""
    model = shipped_model("student")
    for number, stage in enumerate(stages):
        model = stage(model, 10 * seed + number)
    bake_fake_quantize(model)
    return pipeline.quantize_model(model, 3, 3)


def order(updates: int = 150, seeds: int = 2, rate: float = 1e-3) -> dict:
    """The shipped student to 208 neurons and 3 bits, `2 * updates` updates in every order; the medium model
    is the live teacher.
    """
    teacher, held_out = shipped_model("medium"), corpus.load_tokens("validation", CONTEXT, per_file=2)[0]
    dense = next_token_scores(shipped_model("teacher"), held_out).top1_accuracy

    def train(model: nn.Module, seed: int) -> nn.Module:
        return tune(model, teacher, "tuning", updates, rate, seed)

    def row(stages: list[Stage], seed: int) -> dict:
        accuracy = next_token_scores(staged(stages, seed), held_out).top1_accuracy
        return {"seed": seed, "accuracy_kept": accuracy / dense}

    arms = {name: [row(stages, seed) for seed in range(seeds)] for name, stages in orders(train).items()}
    settings = {"updates": 2 * updates, "rows": ROWS, "rate": rate}
    return settings | {"held_out_tokens": held_out[:, 1:].numel(), "arms": arms}


# ---------------------------------------------------------------- the second task


def tasks(examples: int = 5, longest: int = 24) -> dict:
    """Summarization by the teacher and by what was made of it: token accuracy and ROUGE-L on the test files'
    functions.
    """
    held_out = summaries.load_pairs("test")
    made = {name: partial(shipped_model, name) for name in ("teacher", "medium", "student")}
    files = {path.stem: path for path in shipped_files("frontier")} | {"the pipeline's artefact": artefact()}
    made |= {name: partial(pipeline.load_compressed, path) for name, path in files.items()}
    models = {}
    for name, make in tqdm(made.items(), desc="tasks"):
        models[name] = task_score(make(), held_out, examples, longest)
    return task_text(held_out, examples) | {"models": models}


# ---------------------------------------------------------------- it runs small


def runtime(repeats: int = 5) -> dict:
    """Teacher and artefact in turns, each time in a fresh process on one thread; medians, and medians of the
    ratios of neighbours.
    """
    MADE.mkdir(parents=True, exist_ok=True)
    files = {"teacher": MADE / "teacher.safetensors", "artefact": artefact()}
    pipeline.save_compressed(shipped_model("teacher"), files["teacher"])
    turns = [
        {name: measure_alone(path, generation=True) for name, path in files.items()}
        for _ in tqdm(range(repeats), desc="runtime")
    ]
    keys = turns[0]["teacher"]

    def middle(name: str, key: str) -> float:
        return statistics.median(turn[name][key] for turn in turns)

    def ratio(key: str) -> float:
        return statistics.median(turn["artefact"][key] / turn["teacher"][key] for turn in turns)

    sizes = {name: path.stat().st_size for name, path in files.items()}
    result = {"repeats": repeats, "file_bytes": sizes}
    result |= {name: {key: middle(name, key) for key in keys} for name in files}
    return result | {"ratios": {key: ratio(key) for key in keys}}


PARTS = {
    "singles": singles,
    "combinations": combinations,
    "speeds": speeds,
    "order": order,
    "tasks": tasks,
    "runtime": runtime,
}

if __name__ == "__main__":
    common.main("combined", PARTS)

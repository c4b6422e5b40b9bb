"""The points of notebook 06's map: every way in which a model becomes small, and how strongly."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import nn

from benchmarks.common import SEED
from benchmarks.lessons import CONTEXT, calibration_batches
from benchmarks.scores import artefact, shipped_files
from minicompress import low_rank, pipeline, pruning
from minicompress.job.stages import Schedule, keep_zeros, teach
from minicompress.lab import corpus
from minicompress.lab.calibration import input_covariances
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers
from minicompress.lab.qat import bake_fake_quantize, put_on_grids
from minicompress.lab.ranks import uniform_ranks
from minicompress.lab.updates import updates_of
from minicompress.structured_pruning import prune_neurons

UPDATES, ROWS, RATE = 100, 8, 3e-4  # of the tuning that a single method gets


class Point(NamedTuple):
    """A method, how strongly it is used, what makes the model, and the updates of training behind it."""

    method: str
    strength: str
    make: Callable[[], nn.Module]
    updates: int = 0


def tune(
    model: nn.Module,
    teacher: nn.Module,
    title: str,
    updates: int = UPDATES,
    rate: float = RATE,
    seed: int = SEED,
) -> nn.Module:
    """Train on the teacher's logits, T = 1, and the labels; in place."""
    tokens, _ = corpus.load_tokens("train", CONTEXT)
    return teach(model, teacher, tokens, Schedule(updates, rate, ROWS), seed, title)


def on_grid(model: nn.Module, grid: str) -> nn.Module:
    """Let blocks, embedding and head live on a grid from now on, in place."""
    put_on_grids(model, grid, grid)
    return model


class Maker:
    """Makes small models from one teacher; what it is given stays as it is."""

    def __init__(self, teacher: nn.Module):
        self.teacher, self.batches = teacher, calibration_batches()
        self.shapes = {name: tuple(layer.weight.shape) for name, layer in linear_layers(teacher).items()}
        self.covariances = input_covariances(teacher, self.batches)

    def quantized(self, bits: int, group_size: int | None) -> nn.Module:
        return pipeline.quantize_model(copy.deepcopy(self.teacher), bits, bits, group_size)

    def ternary(self) -> nn.Module:
        model = self.tuned(on_grid(copy.deepcopy(self.teacher), "ternary"))
        bake_fake_quantize(model)
        return pipeline.quantize_model(model, 2, 2)

    def pruned(self, sparsity: float, pattern: tuple[int, int] | None = None) -> nn.Module:
        model = copy.deepcopy(self.teacher)
        pruning.wanda_prune(model, self.batches, sparsity, pattern)
        return model

    def narrow(self, neurons: int) -> nn.Module:
        return prune_neurons(copy.deepcopy(self.teacher), neurons)

    def factorized(self, share: float) -> nn.Module:
        model = copy.deepcopy(self.teacher)
        low_rank.factorize(model, uniform_ranks(self.shapes, share), self.covariances)
        return model

    def tuned(self, model: nn.Module) -> nn.Module:
        """Tune a model on the teacher, in place."""
        return tune(model, self.teacher, "tuning")

    def tuned_zeros(self, sparsity: float) -> nn.Module:
        model = self.pruned(sparsity)
        keep_zeros(model)
        return self.tuned(model)


def single_methods(teacher: nn.Module) -> list[Point]:
    """Every point that uses one method only, on the teacher; `tuned` ones get UPDATES updates."""
    make = Maker(teacher)
    zeros, neurons, blocks = "{:.0%} zeros".format, "{} of 896 kept".format, "{:.0%} of the blocks".format
    sweeps = [  # method, strengths, how a strength is named, what makes the model
        ("quantization", (8, 6, 5, 4, 3, 2), "{} bits, groups of 32".format, lambda b: make.quantized(b, 32)),
        ("quantization, trained on the grid", ("ternary",), str, lambda _: make.ternary()),
        ("pruning (Wanda)", (0.3, 0.5, 0.6, 0.7, 0.8), zeros, make.pruned),
        ("pruning (Wanda)", ((2, 4),), "{0[0]}:{0[1]}".format, lambda pattern: make.pruned(0.5, pattern)),
        ("pruning (Wanda), tuned", (0.7, 0.9), zeros, make.tuned_zeros),
        ("MLP neurons", (672, 448, 224), neurons, make.narrow),
        ("MLP neurons, tuned", (448, 112), neurons, lambda n: make.tuned(make.narrow(n))),
        ("low rank (whitened)", (0.9, 0.7, 0.5, 0.3), blocks, make.factorized),
        ("low rank (whitened), tuned", (0.5, 0.2), blocks, lambda s: make.tuned(make.factorized(s))),
        ("distillation", ("medium", "student"), str, shipped_model),
    ]
    return [
        Point(method, named(x), lambda made=made, x=x: made(x), updates_of_method(method, named(x)))
        for method, strengths, named, made in sweeps
        for x in strengths
    ]


def updates_of_method(method: str, strength: str) -> int:
    """UPDATES for what is tuned, those of the shipped model for distillation, else none."""
    if method == "distillation":
        return updates_of(strength)
    return UPDATES if method.endswith(("tuned", "trained on the grid")) else 0


def one_shot_combinations(teacher: nn.Module) -> list[Point]:
    """Two or three methods, none followed by training: on the teacher, and on the distilled students."""
    make = Maker(teacher)
    bits = pipeline.quantize_model
    points = [
        Point(
            "pruned and quantized",
            f"{s:.0%} zeros, {b} bits",
            lambda s=s, b=b: bits(make.pruned(s), b, b, 32),
        )
        for s in (0.3, 0.5)
        for b in (8, 4)
    ]
    points += [
        Point("pruned and quantized", f"{n} of 896 neurons, 4 bits", lambda n=n: bits(make.narrow(n), 4, 4))
        for n in (672, 448)
    ]
    points += [
        Point(
            "low rank and quantized",
            f"{s:.0%} of the blocks, 4 bits",
            lambda s=s: bits(make.factorized(s), 4, 4),
        )
        for s in (0.9, 0.5)
    ]
    points += [
        Point(
            "distilled and quantized",
            f"{name}, {b} bits",
            lambda name=name, b=b: bits(shipped_model(name), b, b),
            updates_of(name),
        )
        for name in ("medium", "student")
        for b in (8, 6, 5, 4, 3)
    ]
    trio = lambda: bits(prune_neurons(shipped_model("medium"), 272), 5, 5)  # noqa: E731
    strength = "medium, 272 of 312 neurons, 5 bits"
    return [*points, Point("distilled, pruned and quantized", strength, trio, updates_of("medium"))]


METHODS = {  # of the shipped files that are not made like the artefact
    "tiny": "distillation",
    "small-clip4": "distilled, trained on the grid",
    "student-labels": "no teacher: a student on labels alone",
}
AS_THE_ARTEFACT = "distilled, pruned, trained on the grid"


def map_files() -> list[tuple[str, str, Path]]:
    """(method, name, file) of what is shipped in one file, and of the pipeline's artefact."""
    files = sorted([*shipped_files("frontier"), *shipped_files("baselines")])
    rows = [(METHODS.get(path.stem, AS_THE_ARTEFACT), path.stem, path) for path in files]
    return [*rows, (AS_THE_ARTEFACT, "the pipeline's artefact", artefact())]

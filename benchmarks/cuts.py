"""What live training is worth in the job: `python -m benchmarks.cuts [PART ...]` writes `results/cuts.json`.

    continuing  accuracy kept after a few live updates, on from the long shipped training
    live        accuracy kept when a cut is trained live alone: the shipped training's cut, and others

Everything is measured on validation files, as the settings of `minicompress.job.recipes` are chosen there.
A row's file is not saved: the model lies on the 3-bit grid that its file would hold.
"""

import torch
from torch import nn
from tqdm import tqdm

from benchmarks import common
from benchmarks.lessons import CONTEXT
from minicompress.job.recipes import CONTINUED, FULL, NEURONS
from minicompress.job.stages import Schedule, teach_on_grid
from minicompress.lab import corpus
from minicompress.lab.evaluation import accuracy_kept, next_token_scores
from minicompress.lab.models import load_folder, shipped_model
from minicompress.lab.modules import mlp_modules
from minicompress.structured_pruning import prune_mlp_neurons, prune_neurons

CONTINUING = [Schedule(0, 1e-4), Schedule(50, 1e-4), Schedule(50, 2e-5)]  # on from the shipped training


def by_norms() -> nn.Module:
    """The cut that the shipped training began with."""
    return prune_neurons(shipped_model("student"), NEURONS)


def first_neurons() -> nn.Module:
    """A cut that asks nothing about the neurons."""
    model = shipped_model("student")
    for mlp in mlp_modules(model):
        prune_mlp_neurons(mlp, torch.arange(NEURONS))
    model.config.intermediate_size = NEURONS
    return model


CUTS = {"by norms, as shipped": by_norms, "the first ones": first_neurons}


class Scale:
    """Four sequences of every validation file, and what the teacher predicts there."""

    def __init__(self):
        self.teacher, self.train = shipped_model("teacher"), corpus.load_tokens("train", CONTEXT)[0]
        self.tokens, self.files = corpus.load_tokens("validation", CONTEXT, per_file=4)
        self.reference = next_token_scores(self.teacher, self.tokens).hits

    def row(self, model: nn.Module, schedule: Schedule) -> dict:
        """Train on the grid, then score."""
        model = teach_on_grid(model, self.teacher, self.train, schedule, common.SEED)
        hits = next_token_scores(model, self.tokens).hits
        return {"updates": schedule.updates, "rate": schedule.rate} | accuracy_kept(
            hits, self.reference, self.files
        )


def continuing() -> dict:
    """On from the shipped training."""
    scale = Scale()
    rows = [scale.row(load_folder(CONTINUED), schedule) for schedule in tqdm(CONTINUING, desc="continuing")]
    return {"held_out_tokens": scale.tokens[:, 1:].numel(), "rows": rows}


def live() -> dict:
    """Each cut trained live alone, and what that loses against going on from the shipped training."""
    scale = Scale()
    rows = [{"cut": name} | scale.row(cut(), FULL.own_cut) for name, cut in CUTS.items()]
    shipped = scale.row(load_folder(CONTINUED), FULL.continuing)
    lost = shipped["accuracy_kept"] - rows[0]["accuracy_kept"]
    return {"rows": rows, "shipped": shipped, "points_lost": 100 * lost}


PARTS = {"continuing": continuing, "live": live}


if __name__ == "__main__":
    common.main("cuts", PARTS)

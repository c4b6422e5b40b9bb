"""How a compressed LLM is measured, and the file that keeps each row as soon as it is there."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from benchmarks.common import origin
from minicompress.job.decode import dequantize_model
from minicompress.lab import models, plain_text
from minicompress.lab.evaluation import accuracy_kept, next_tokens, perplexity_interval
from minicompress.lab.files import write_json
from minicompress.lab.presets import Preset
from minicompress.pipeline import predicted_bytes
from minicompress.pruning import bake_masks

TEXTS = {"English": plain_text.english, "code": plain_text.code}
CONTEXT = 512  # tokens of a sequence
TESTED = 33  # sequences of each text: 16,863 predicted tokens


class Recipe(NamedTuple):
    """One way to compress: what a row says of it, and the function that makes the model, given a dense one.

    pattern: what goes or what is kept, "2:4", "neurons", "4 bits, rows". sparsity: the share of the blocks'
    weights that is zero or gone. calibration: what the method has read, if it reads anything.
    """

    method: str
    pattern: str
    sparsity: float | None
    make: Callable[[nn.Module], nn.Module]
    calibration: str | None = None

    def facts(self) -> dict:
        return {name: value for name, value in self._asdict().items() if name != "make"}


class HeldOut(NamedTuple):
    """Test sequences of one text, and the number of the document that each comes from."""

    tokens: torch.Tensor  # int64 [sequences, CONTEXT]
    documents: torch.Tensor  # int64 [sequences]


class Rows:
    """A results file: what it holds already is not measured again, and what is added is written at once."""

    def __init__(self, path: Path):
        self.path = path
        self.content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def has(self, row: dict) -> bool:
        return any(row.items() <= old.items() for old in self.content.get("rows", []))

    def add(self, **found: object) -> None:
        """Put these in the place of what stands under the same keys; lists of rows grow."""
        rows = self.content.get("rows", []) + list(found.pop("rows", []))
        self.content = origin() | self.content | origin() | found | {"rows": rows}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, self.content)


class Bench:
    """A dense model and the texts it is measured on."""

    def __init__(self, source: str, preset: Preset, tested: int = TESTED):
        self.source, self.preset = source, preset
        self.dense = self.fresh()
        self.text = models.load_text(source, self.dense.config.vocab_size)
        self.held_out = {
            name: HeldOut(*plain_text.sequences(documents("test"), self.text.encode, CONTEXT, tested))
            for name, documents in TEXTS.items()
        }

    def fresh(self) -> nn.Module:
        """The dense model, read from its file."""
        return models.load(self.source, self.preset.dtype).to(self.preset.device)

    def calibration(self, sequences: int, names: Sequence[str] = tuple(TEXTS)) -> list[dict]:
        """Calibration sequences, equally many of each text, in the preset's batches."""
        share = sequences // len(names)
        most = max(2, sequences // 8)  # of one document
        parts = [
            plain_text.sequences(TEXTS[name]("calibration"), self.text.encode, CONTEXT, share, most)[0]
            for name in names
        ]
        return [{"input_ids": rows} for rows in torch.cat(parts).split(self.preset.rows)]

    def lessons(self, updates: int, rows: int = 2, length: int = 256) -> list[dict]:
        """Training batches from the calibration documents, English and code in turn; they repeat themselves
        when there are more updates than text.
        """
        share = updates * rows // len(TEXTS)
        parts = []
        for documents in TEXTS.values():
            few = plain_text.sequences(
                documents("calibration"), self.text.encode, length, min(share, 120), 64
            )
            parts.append(few[0][torch.arange(share) % len(few[0])])
        mixed = torch.stack(parts, 1).flatten(0, 1)  # [share, 2, length] -> [updates * rows, length]
        return [{"input_ids": batch.to(self.preset.device)} for batch in mixed.split(rows)]

    def measure(self, rows: Rows, part: str, recipes: Iterable[Recipe]) -> None:
        """Measure the recipes of a part that have no rows yet, on every text."""
        reference = self.dense_hits(rows)
        for recipe in recipes:
            named = {"part": part} | recipe.facts()
            if not rows.has(named):
                found = [named | row for row in self.rows_of(recipe, reference)]
                rows.add(rows=found)
                print(part, recipe.method, recipe.pattern, *[f"{row['perplexity']:.2f}" for row in found])

    def dense_hits(self, rows: Rows) -> dict[str, list[int]]:
        """The dense model's correct predictions, text -> of each sequence; measured once."""
        if "dense_hits" not in rows.content:
            hits = {text: self.predictions(self.dense, text)[1].tolist() for text in TEXTS}
            rows.add(model=self.source, preset=self.preset.machine, dense_hits=hits)
        return rows.content["dense_hits"]

    def rows_of(self, recipe: Recipe, reference: dict[str, list[int]]) -> list[dict]:
        """Make the model of a recipe; its scores on each text, and its size."""
        model = recipe.make(self.fresh())
        bake_masks(model)
        size = {"file_bytes": predicted_bytes(model)}
        model = dequantize_model(model)  # the same function; else every batch would turn the integers back
        return [self.scores(model, text, reference[text]) | size for text in TEXTS]

    def predictions(self, model: nn.Module, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        return next_tokens(model, self.held_out[text].tokens, self.preset.rows)

    def scores(self, model: nn.Module, text: str, reference: list[int]) -> dict:
        """The columns of a row that say how good a model is on one text."""
        tokens, documents = self.held_out[text]
        losses, hits = self.predictions(model, text)
        predicted = tokens.shape[1] - 1  # of each sequence
        return {
            "text": text,
            "tokens": len(tokens) * predicted,
            "context": tokens.shape[1],
            "perplexity": (losses.sum() / (len(tokens) * predicted)).exp().item(),
            "interval": perplexity_interval(losses, predicted, documents),
            "top1_accuracy": hits.sum().item() / (len(tokens) * predicted),
        } | accuracy_kept(hits, torch.tensor(reference), documents)

"""Scores on the held-out tokens, measured once for each model: a resumed run finds them again.

The teacher's stand beside its card in `assets/teacher/held_out.json`. They hold for one set of weights and
one set of tokens, so they are looked up by digest; with another Python's standard library they are measured
anew.
"""

import json
from pathlib import Path

import torch
from torch import nn

from minicompress.lab.digests import tensor_digest, weights_digest
from minicompress.lab.evaluation import Scores, next_token_scores
from minicompress.lab.files import write_json


class ScoreBook:
    """Weights' digest -> scores on `tokens`. New ones are written to `own`; `shipped` is only read."""

    def __init__(self, tokens: torch.Tensor, own: Path, shipped: Path | None = None):
        self.tokens, self.own = tokens, own
        self.digest = tensor_digest(tokens)
        self.shipped, self.measured = self._read(shipped), self._read(own)

    def __getitem__(self, weights: str) -> Scores:
        return (self.shipped | self.measured)[weights]

    def look_up(self, model: nn.Module) -> str:
        """The digest of the model's weights; from now on the book holds its scores."""
        weights = weights_digest(model)
        if weights not in self.shipped and weights not in self.measured:
            self.measured[weights] = next_token_scores(model, self.tokens)
            self.write(self.own, self.measured)
        return weights

    def source(self, weights: str) -> str:
        """Where the scores come from, for a ledger row."""
        return "shipped" if weights in self.shipped and weights not in self.measured else "measured"

    def write(self, path: Path, scores: dict[str, Scores]) -> None:
        """Write scores on these tokens to a file, all or nothing."""
        rows = {weights: score._asdict() | {"hits": score.hits.tolist()} for weights, score in scores.items()}
        write_json(path, {"tokens": self.digest, "scores": rows})

    def _read(self, path: Path | None) -> dict[str, Scores]:
        """What a file says of these very tokens; nothing when it is damaged or about others."""
        try:
            found = json.loads(path.read_text(encoding="utf-8")) if path else {}
            if found.get("tokens") != self.digest:
                return {}
            return {
                weights: Scores(row["perplexity"], row["top1_accuracy"], torch.tensor(row["hits"]))
                for weights, row in found["scores"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

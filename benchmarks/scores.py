"""The figures that several benchmarks quote of a model or of a file."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.common import SEED
from minicompress import distillation, metrics
from minicompress.lab import corpus, paths, summaries
from minicompress.lab.evaluation import Scores, accuracy_kept, next_token_scores
from minicompress.lab.modules import parameter_count

# ---------------------------------------------------------------- bytes


def size_of(model: nn.Module) -> dict:
    """Parameters, and bytes in fp16."""
    return {"parameters": parameter_count(model), "fp16_bytes": metrics.model_bytes(model) // 2}


def teacher_bytes() -> int:
    """The bytes of the teacher's file in the ledger: what every ratio is counted from."""
    return paths.results("ledger")["stages"][0]["file_bytes"]


def artefact() -> Path:
    """The last file of the pipeline, as `benchmarks.ledger` left it. ValueError: it is not there."""
    path = paths.ROOT / paths.results("ledger")["artefact"]
    if not path.is_file():
        raise ValueError(f"there is no {paths.shown(path)}: run `python -m benchmarks.ledger` first")
    return path


def shipped_files(folder: str) -> list[Path]:
    """The compressed files in `assets/<folder>`, by name."""
    return sorted((paths.ASSETS / folder).glob("*.safetensors"))


# ---------------------------------------------------------------- next tokens


def figures(scores: Scores) -> dict:
    """The two figures of one pass, as results files name them."""
    return {"perplexity": scores.perplexity, "top1_accuracy": scores.top1_accuracy}


def quality(model: nn.Module, tokens: torch.Tensor) -> dict:
    """Perplexity and top-1 accuracy."""
    return figures(next_token_scores(model, tokens))


def quality_kept(
    model: nn.Module, tokens: torch.Tensor, files: torch.Tensor, reference: torch.Tensor
) -> dict:
    """The same, and the share of the reference's hits that is kept, with its interval over files."""
    scores = next_token_scores(model, tokens)
    return figures(scores) | accuracy_kept(scores.hits, reference, files)


# ---------------------------------------------------------------- code summarization


def task_text(pairs: Sequence[summaries.Pair], examples: int) -> dict:
    """The first few functions with the summaries wanted, and how far their names alone would get."""
    decode = corpus.load_tokenizer().decode
    wanted = [decode(answer) for _, answer in pairs]
    names = [summaries.name_as_summary(prompt) for prompt, _ in pairs]
    return {
        "held_out_pairs": len(pairs),
        "name_as_summary": statistics.mean(summaries.rouge_l(names, wanted)),
        "functions": [decode(prompt) for prompt, _ in pairs[:examples]],
        "wanted": wanted[:examples],
    }


def task_score(model: nn.Module, pairs: Sequence[summaries.Pair], examples: int, longest: int) -> dict:
    """Token accuracy on the true answers, ROUGE-L of greedily written ones, and the first of these."""
    written = [
        text
        for batch in summaries.prompt_batches(pairs, 64)
        for text in summaries.texts_of(distillation.on_the_fly_batch(model, batch, longest))
    ]
    wanted = [corpus.load_tokenizer().decode(answer) for _, answer in pairs]
    values = summaries.rouge_l(written, wanted)
    draws = np.random.default_rng(SEED).choice(values, (2000, len(values))).mean(1)
    return {
        "token_accuracy": summaries.answer_accuracy(model, pairs),
        "rouge_l": statistics.mean(values),
        "rouge_l_interval": np.percentile(draws, [2.5, 97.5]).tolist(),
        "examples": written[:examples],
    }

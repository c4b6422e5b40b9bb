"""How much of the teacher is kept, and how sure that is."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from minicompress.lab.loops import evaluation_mode


class Scores(NamedTuple):
    """What one pass over held-out tokens tells of a model."""

    perplexity: float
    top1_accuracy: float
    hits: torch.Tensor  # int64 [sequences]: the correctly predicted next tokens of each


def next_tokens(
    model: torch.nn.Module, tokens: torch.Tensor, batch_size: int = 16
) -> tuple[torch.Tensor, torch.Tensor]:
    """Predict every next token of each sequence once: (losses, hits).

    losses: float64 [sequences], the sum of its tokens' negative log-likelihoods, in nats. hits: int64
    [sequences], how many of them were ranked first. tokens: int64 [sequences, length].
    """
    device, losses, hits = next(iter(model.state_dict().values())).device, [], []
    with evaluation_mode(model):
        for rows in tokens.to(device).split(batch_size):
            logits, targets = model(input_ids=rows, use_cache=False).logits[:, :-1].float(), rows[:, 1:]
            nll = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")  # [B*(T-1)]
            losses.append(nll.double().view(targets.shape).sum(1).cpu())  # [B, T-1] -> [B]
            hits.append((logits.argmax(-1) == targets).sum(1).cpu())
    return torch.cat(losses), torch.cat(hits)


def nats_and_bytes(
    model: torch.nn.Module, ids: Sequence[list[int]], decode: Callable[[list[int]], str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The negative log-likelihood of each text behind its first token, and the bytes that were predicted.

    nats / ln 2 / bytes are the bits a byte: what models with different tokenizers can be compared by.
    ids: the tokens of each text, at least two, of any lengths. Returns float64 [texts], in nats, and int64
    [texts], bytes of UTF-8.
    """
    nats = [next_tokens(model, torch.tensor([row]))[0] for row in ids]
    sizes = [len(decode(row[1:]).encode()) for row in ids]
    return torch.cat(nats), torch.tensor(sizes)


def next_token_scores(model: torch.nn.Module, tokens: torch.Tensor, batch_size: int = 16) -> Scores:
    """Perplexity, top-1 accuracy and the hits of each sequence from one forward pass.

    The first two are what `metrics.perplexity` and `metrics.top1_accuracy` say, which take a pass each.
    tokens: int64 [sequences, length].
    """
    losses, hits = next_tokens(model, tokens, batch_size)
    count = tokens[:, 1:].numel()
    return Scores(math.exp(losses.sum().item() / count), hits.sum().item() / count, hits)


def perplexity_interval(losses: torch.Tensor, predicted: int, file_ids: torch.Tensor) -> list[float]:
    """95% bootstrap interval of the perplexity, over files as in `bootstrap_ratio`.

    losses: float64 [sequences], the sum of each sequence's losses over its `predicted` tokens.
    """
    low, high = bootstrap_ratio(losses, torch.full_like(losses, predicted), file_ids)
    return [math.exp(low), math.exp(high)]


def accuracy_kept(hits: torch.Tensor, reference: torch.Tensor, file_ids: torch.Tensor) -> dict:
    """A model's hits over the reference's, and the 95% interval over files, as a ledger names them."""
    return {
        "accuracy_kept": hits.sum().item() / max(reference.sum().item(), 1),
        "accuracy_kept_interval": list(bootstrap_ratio(hits, reference, file_ids)),
    }


def bootstrap_ratio(
    hits: torch.Tensor, reference: torch.Tensor, file_ids: torch.Tensor, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95% bootstrap interval of sum(hits) / sum(reference), resampling whole files (sequences of a file go
    together).

    With fewer than five files the sequences themselves are resampled: the interval then says nothing about
    other files.
    hits, reference: int64 [sequences] for the same sequences; file_ids: int64 [sequences].
    """
    _, index = file_ids.unique(return_inverse=True)
    if int(index.max()) + 1 < 5:
        index = torch.arange(len(hits))
    files = int(index.max()) + 1
    per_file = torch.zeros(2, files, dtype=torch.float64)
    per_file[0].index_add_(0, index, hits.double())
    per_file[1].index_add_(0, index, reference.double())
    draws = np.random.default_rng(seed).integers(files, size=(resamples, files))
    sums = per_file.numpy()[:, draws].sum(-1)  # [2, resamples]
    low, high = np.percentile(sums[0] / np.maximum(sums[1], 1), [2.5, 97.5])
    return float(low), float(high)

"""How much of the teacher is kept, and how sure that is."""

import numpy as np
import torch

from minicompress.lab.loops import evaluation_mode


def sequence_hits(model: torch.nn.Module, tokens: torch.Tensor, batch_size: int = 16) -> torch.Tensor:
    """Count the correctly predicted next tokens of each sequence: int64 [sequences]."""
    device, hits = next(iter(model.state_dict().values())).device, []
    with evaluation_mode(model):
        for rows in tokens.to(device).split(batch_size):
            hits.append((model(input_ids=rows).logits[:, :-1].argmax(-1) == rows[:, 1:]).sum(1).cpu())
    return torch.cat(hits)


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

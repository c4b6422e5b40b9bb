"""Given: one pass, and intervals over files."""

import pytest
import torch

from minicompress.lab.evaluation import bootstrap_ratio, next_token_scores


def test_hits_sum_to_the_accuracy_and_the_interval_contains_the_ratio(llama, tokens):
    hits = next_token_scores(llama, tokens).hits
    assert hits.shape == (5,) and hits.max() <= 11
    reference, files = torch.full((40,), 10), torch.arange(40) // 4
    kept = torch.randint(5, 10, (40,))
    low, high = bootstrap_ratio(kept, reference, files)
    assert low < kept.sum() / 400 < high and bootstrap_ratio(reference, reference, files) == (1.0, 1.0)


def test_files_not_sequences_are_resampled():
    """Within a file all sequences agree: the interval must not shrink when each file is cut into more
    sequences.
    """
    per_file = torch.tensor([2, 9, 4, 7, 5])
    wide = bootstrap_ratio(per_file, torch.full((5,), 10), torch.arange(5))
    many = bootstrap_ratio(
        per_file.repeat_interleave(50), torch.full((250,), 10), torch.arange(5).repeat_interleave(50)
    )
    assert many == pytest.approx(wide)

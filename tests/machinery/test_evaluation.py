"""Given: one pass, and intervals over files."""

import math

import pytest
import torch

from minicompress import metrics
from minicompress.lab.evaluation import bootstrap_ratio, next_token_scores, next_tokens, perplexity_interval


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


def test_the_losses_and_hits_of_sequences_add_up_to_the_model_s_scores(llama, tokens):
    losses, hits = next_tokens(llama, tokens, batch_size=2)
    assert losses.shape == hits.shape == (5,)
    assert math.exp(losses.sum() / (5 * 11)) == pytest.approx(metrics.perplexity(llama, tokens))
    assert hits.sum().item() / (5 * 11) == pytest.approx(metrics.top1_accuracy(llama, tokens))


def test_equal_losses_have_an_interval_of_no_width():
    losses = torch.full((6,), 10 * math.log(3), dtype=torch.float64)
    assert perplexity_interval(losses, 10, torch.arange(6)) == pytest.approx([3, 3])


def test_the_interval_of_a_perplexity_lies_around_it():
    losses = torch.tensor([1.0, 2, 3, 4, 5, 6], dtype=torch.float64)
    low, high = perplexity_interval(losses, 2, torch.arange(6))
    assert low < math.exp(losses.sum() / 12) < high

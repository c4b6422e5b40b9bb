"""Given: counting baselines."""

import pytest
import torch

from minicompress.lab import ngrams


def test_counting_baselines_by_hand():
    """Train 0 1 0 1: after 0 always comes 1.

    Unigram says 0 (lowest of the most frequent), hits the middle of 1 0 1.
    """
    train_tokens, held_out = torch.tensor([[0, 1, 0, 1]]), torch.tensor([[1, 0, 1]])
    assert ngrams.ngram_baseline(train_tokens, held_out, 1, 2)["top1_accuracy"] == 0.5
    assert ngrams.ngram_baseline(train_tokens, held_out, 2, 2)["top1_accuracy"] == 1.0
    assert ngrams.ngram_baseline(train_tokens, held_out, 1, 2)["perplexity"] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("tokens", "circles"),
    [
        ([1, 2, 1, 2, 1, 2, 1, 2], True),  # 1 2 1 2 from three places
        ([1, 2, 1, 2, 1, 2, 1], False),  # from two
        ([7] * 6, True),  # 7 7 7 7 from three places
        ([7] * 5, False),
        ([1, 2, 3], False),
        ([], False),
    ],
)
def test_a_text_goes_in_circles_when_four_tokens_in_a_row_stand_in_it_three_times(tokens, circles):
    assert ngrams.goes_in_circles(tokens) == circles

"""Given: code summarization."""

import pytest

from minicompress.lab import summaries


def test_summarization_batches_are_padded_and_hold_no_answers_where_none_belong():
    pairs = [([5, 6, 1], [9, 0]), ([7, 1], [8, 4, 0])]
    (prompts,) = summaries.prompt_batches(pairs, 2)
    assert prompts["input_ids"].tolist() == [[5, 6, 1], [0, 7, 1]] and prompts["attention_mask"].tolist() == [
        [1, 1, 1],
        [0, 1, 1],
    ]
    assert set(prompts) == {"input_ids", "attention_mask"}, "no ground truth"
    (batch,) = summaries.labelled_batches(pairs, 2)
    assert batch["input_ids"].tolist() == [[5, 6, 1, 9, 0], [7, 1, 8, 4, 0]]
    assert batch["labels"].tolist() == [[-100, -100, -100, 9, 0], [-100, -100, 8, 4, 0]]


def test_rouge_and_the_name_as_a_summary():
    """Longest common subsequence "return file": precision 2/3, recall 2/2, F1 0.8."""
    assert summaries.rouge_l(["Return the file."], ["return file"]) == [pytest.approx(0.8)]
    tokenizer = summaries.corpus.load_tokenizer()
    assert (
        summaries.name_as_summary(tokenizer.encode("async def read_lines(path):\n    def f(): pass").ids)
        == "read lines"
    )


def test_pairs_of_different_splits_do_not_meet():
    train, test = (
        {tuple(prompt) for prompt, _ in summaries.load_pairs(split)} for split in ("train", "test")
    )
    assert len(train) > 1000 and len(test) > 100 and len(train & test) < 0.02 * len(test)

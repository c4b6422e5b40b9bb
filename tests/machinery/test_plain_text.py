"""English and code in whole documents, calibration and test apart."""

import pytest
import torch

from minicompress.lab import plain_text

count_letters = lambda text: [ord(letter) for letter in text]  # noqa: E731


@pytest.mark.parametrize("documents", [plain_text.english, plain_text.code])
def test_no_document_is_in_both_splits(documents):
    calibration, test = documents("calibration"), documents("test")
    assert calibration and test and not calibration.keys() & test.keys()


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match="unknown split 'train': choose one of calibration, test"):
        plain_text.english("train")


def test_sequences_are_whole_and_come_from_the_start_of_each_document():
    tokens, owners = plain_text.sequences({"a": "abcdefgh", "b": "xyz"}, count_letters, 3, 2)
    assert tokens.tolist() == [[97, 98, 99], [100, 101, 102]] or tokens[0].tolist() == [120, 121, 122]
    assert tokens.dtype == torch.int64 and len(owners) == 2


def test_at_most_so_many_sequences_come_from_one_document():
    documents = {name: 100 * name for name in "abcd"}
    _, owners = plain_text.sequences(documents, count_letters, 10, 8, per_document=2)
    assert owners.bincount().tolist() == [2, 2, 2, 2]


def test_the_order_is_the_same_whatever_the_order_of_the_documents():
    documents = {name: 10 * name for name in "abcd"}
    backwards = dict(reversed(documents.items()))
    first, second = (plain_text.sequences(found, count_letters, 10, 4)[0] for found in (documents, backwards))
    assert torch.equal(first, second)


def test_too_little_text_is_said_with_numbers():
    with pytest.raises(ValueError, match="the 1 documents give 1 sequences of 3 tokens, 2 are wanted"):
        plain_text.sequences({"a": "abcde"}, count_letters, 3, 2)

"""Given: masking, DistilBERT's weights from BERT's, heads that look at neighbours."""

import copy

import pytest
import torch
import torch.nn.functional as F
from transformers import BertConfig, BertForMaskedLM

from minicompress.lab import bert


@pytest.fixture
def small_bert():
    """A random BERT of 4 layers in eval mode, its norms, biases and token types moved away from 1 and 0."""
    model = bert.new_bert(
        dict(hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4), length=64
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def test_masking_hides_what_the_labels_hold_and_depends_on_the_seed_alone():
    tokens = torch.randint(2048, (64, 128))
    inputs, labels = bert.mask_tokens(tokens, seed=3)
    chosen = labels != -100
    assert torch.equal(inputs[~chosen], tokens[~chosen]) and torch.equal(labels[chosen], tokens[chosen])
    hidden, kept = (
        (inputs[chosen] == bert.MASK).double().mean(),
        (inputs[chosen] == tokens[chosen]).double().mean(),
    )
    assert 0.13 < chosen.double().mean() < 0.17 and 0.75 < hidden < 0.85 and 0.07 < kept < 0.13
    again, other = bert.mask_tokens(tokens, seed=3), bert.mask_tokens(tokens, seed=4)
    assert torch.equal(inputs, again[0]) and not torch.equal(inputs, other[0])


def test_a_distilbert_with_all_layers_computes_what_the_bert_does(small_bert):
    """Also without token types, which are added to the positions."""
    tokens = torch.randint(2049, (3, 20))
    student = bert.distilbert_from_bert(small_bert, range(4)).eval()
    torch.testing.assert_close(
        student(input_ids=tokens).logits, small_bert(input_ids=tokens).logits, rtol=1e-4, atol=1e-4
    )


def test_a_distilbert_takes_the_layers_asked_for_and_shares_nothing(small_bert):
    student, before = bert.distilbert_from_bert(small_bert, [1, 3]), copy.deepcopy(small_bert.state_dict())
    assert student.config.n_layers == 2 and len(student.distilbert.transformer.layer) == 2
    ours, theirs = (
        student.distilbert.transformer.layer[1].ffn.lin1.weight,
        small_bert.bert.encoder.layer[3].intermediate.dense.weight,
    )
    assert torch.equal(ours, theirs)
    assert student.vocab_projector.weight is student.distilbert.embeddings.word_embeddings.weight, (
        "tied embeddings stay tied"
    )
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in small_bert.state_dict().items())


def test_borrowed_embeddings_keep_who_is_like_whom(small_bert):
    """All directions fit where the width is the same: the angles between tokens stay, but for the common
    part.
    """
    source = torch.randn(2048, 32) @ torch.randn(32, 32)
    bert.borrow_embeddings(small_bert, source + 5)
    ours, theirs = small_bert.bert.embeddings.word_embeddings.weight[:2048], source - source.mean(0)
    torch.testing.assert_close(
        F.cosine_similarity(ours[:-1], ours[1:]),
        F.cosine_similarity(theirs[:-1], theirs[1:]),
        rtol=1e-3,
        atol=1e-3,
    )
    assert ours.std().item() == pytest.approx(0.06, rel=0.01)


def test_masked_accuracy_of_a_model_that_always_says_7():
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=2049, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
        )
    )
    with torch.no_grad():
        model.cls.predictions.bias[7] = 1000.0
    tokens = torch.randint(6, 8, (40, 50))
    score = bert.masked_score(model, tokens)
    labels = bert.mask_tokens(tokens, 0)[1]
    assert score["masked_accuracy"] == pytest.approx(
        (labels == 7).sum().item() / (labels != -100).sum().item()
    )
    assert score["masked_tokens"] == (labels != -100).sum()


def test_a_head_that_looks_at_a_neighbour_gives_it_the_most_attention():
    """In the middle of a sequence of random tokens; the first and last tokens have no neighbour that far on
    one side.
    """
    model = bert.new_bert(bert.SHAPE | dict(num_hidden_layers=1), length=64).eval()
    model.set_attn_implementation("eager")  # only this one returns the attention
    offsets = (-3, -2, -1, 1, 2, 3)
    bert.look_at_neighbours(model, offsets)
    with torch.no_grad():
        attention = model(input_ids=torch.randint(2048, (16, 40)), output_attentions=True).attentions[
            0
        ]  # [B, heads, T, T]
    middle = torch.arange(5, 35)
    for head, offset in enumerate(offsets):
        seen = {d: attention[:, head, middle, middle + d].mean().item() for d in range(-4, 5)}
        assert max(seen, key=seen.get) == offset and seen[offset] > 0.3, (
            f"head {head}: attention by distance {seen}"
        )


def test_every_head_needs_an_offset():
    model = bert.new_bert(
        dict(hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4), length=16
    )
    with pytest.raises(ValueError, match="4 heads, got 2"):
        bert.look_at_neighbours(model, (-1, 1))

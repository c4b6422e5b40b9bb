"""Given: the table of shapes."""

import pytest

from minicompress.lab import bert
from minicompress.train.shapes import SHAPES, describe_shape, new_model, renewed

PARAMETERS = {
    "teacher": 7_295_040,
    "half": 3_639_552,
    "medium": 939_136,
    "student": 519_840,
    "small": 315_968,
    "tiny": 88_736,
    "eighth": 939_136,
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_the_size_that_it_is_known_for(name):
    assert sum(parameter.numel() for parameter in new_model(SHAPES[name]).parameters()) == PARAMETERS[name]


def test_a_new_model_depends_on_its_seed_alone():
    embeddings = [new_model(SHAPES["tiny"], seed).get_input_embeddings().weight for seed in (3, 3, 4)]
    assert embeddings[0].equal(embeddings[1]) and not embeddings[0].equal(embeddings[2])


def test_a_renewed_model_has_the_shape_and_other_weights():
    model = new_model(SHAPES["tiny"], 1)
    other = renewed(model, 2)
    assert describe_shape(model.config) == describe_shape(other.config)
    assert not model.get_input_embeddings().weight.equal(other.get_input_embeddings().weight)


def test_a_distilbert_is_described_in_the_words_of_the_others():
    teacher = bert.new_bert(bert.SHAPE | {"num_hidden_layers": 2})
    shape = describe_shape(bert.distilbert_from_bert(teacher, [0]).config)
    expected = {"family": "distilbert", "hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 1}
    assert expected.items() <= shape.items() and shape["num_attention_heads"] == 6

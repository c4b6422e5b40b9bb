"""The shapes of the Llamas in this course, by name, and a new model of one."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PretrainedConfig, PreTrainedModel

from minicompress.lab.corpus import END, load_tokenizer

SIZES = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"
)  # fmt: skip
SHAPES = {
    name: dict(zip(SIZES, sizes, strict=True))
    for name, sizes in {
        "teacher": (320, 896, 6, 10, 2),
        "half": (256, 800, 4, 8, 2),
        "medium": (128, 312, 4, 4, 2),
        "student": (96, 288, 3, 3, 1),
        "small": (64, 176, 4, 4, 2),
        "tiny": (32, 88, 2, 2, 1),
        "eighth": (128, 312, 4, 4, 2),  # of the teacher's size, as medium
    }.items()
}
TEACHER, STUDENT = SHAPES["teacher"], SHAPES["student"]


def new_model(shape: dict, seed: int = 0) -> LlamaForCausalLM:
    """Build a randomly initialised Llama for the shipped tokenizer, fp32, tied embeddings.

    shape: one of SHAPES, or sizes of your own under the same names.
    """
    torch.manual_seed(seed)
    tokenizer = load_tokenizer()
    end = tokenizer.token_to_id(END)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        **shape,
    )
    return LlamaForCausalLM(config)


def renewed(model: PreTrainedModel, seed: int = 0) -> PreTrainedModel:
    """A model of the same architecture with new random weights."""
    torch.manual_seed(seed)
    return type(model)(model.config)


def describe_shape(config: PretrainedConfig) -> dict:
    """What a record says of a model's shape; a DistilBERT's names are put into the others' words."""
    feed_forward = getattr(config, "intermediate_size", None) or config.hidden_dim
    return {
        "family": config.model_type,
        "hidden_size": config.hidden_size,
        "intermediate_size": feed_forward,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": getattr(config, "num_key_value_heads", None),
        "tied_embeddings": config.tie_word_embeddings,
        "vocabulary": config.vocab_size,
    }

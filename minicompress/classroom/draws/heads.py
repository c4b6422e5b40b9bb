"""Draws for the part of chapter 2 that is about transformers: heads and blocks."""

import importlib
from random import Random

import torch
from torch import nn

from minicompress.classroom.draws import models
from minicompress.classroom.draws.tensors import selection


def transformer(rng: Random) -> nn.Module:
    vocabulary = rng.randint(5, 13)
    kind = rng.choice(("Llama", "Qwen2", "GPT-2"))
    model = models.gpt2(rng, vocabulary) if kind == "GPT-2" else models.llama(rng, vocabulary, kind)
    return models.in_any_modes(rng, model)


def blocks_of(model: nn.Module) -> nn.ModuleList:
    return model.transformer.h if hasattr(model, "transformer") else model.model.layers


def attention_of(block: nn.Module) -> nn.Module:
    return block.attn if hasattr(block, "attn") else block.self_attn


def counts_of(model: nn.Module) -> tuple[int, int]:
    """(query heads, KV heads)."""
    heads = model.config.num_attention_heads
    return heads, getattr(model.config, "num_key_value_heads", heads)


# ------------------------------------------------------------ 2.5


def partly_frozen(rng: Random) -> tuple:
    """The text is not known by heart: differences of gradients that are nearly 0 would be rounding alone."""
    measure = importlib.import_module("minicompress.structured_pruning").head_importance

    def draw() -> tuple:
        model, batches = models.model_and_batches(rng)
        for parameter in model.parameters():
            parameter.requires_grad_(rng.random() < 0.7)
        return model, batches

    return models.until(draw, lambda model, batches: float(measure(model, batches).amax()) > 0.01)


def bad_examples(rng: Random) -> list[tuple]:
    model, batches = models.model_and_batches(rng)
    return [
        *models.bad_batches(rng),
        (model, [*batches, {"input_ids": torch.zeros(2, 1, dtype=torch.int64)}]),
    ]


# ------------------------------------------------------------ 2.6


def heads_to_keep(rng: Random, heads: int, kv_heads: int) -> torch.Tensor:
    """Equally many query heads of some of the KV heads."""
    groups = heads // kv_heads
    each = rng.randint(1, groups)
    chosen = rng.sample(range(kv_heads), rng.randint(1, kv_heads))
    kept = [kv * groups + head for kv in chosen for head in rng.sample(range(groups), each)]
    return torch.tensor(sorted(kept))


def attention_and_heads(rng: Random) -> tuple:
    model = transformer(rng)
    return attention_of(rng.choice(list(blocks_of(model)))), heads_to_keep(rng, *counts_of(model))


def bad_heads(rng: Random) -> list[tuple]:
    """No selection, and one that leaves the KV heads with different numbers of query heads."""
    model = transformer(rng)
    heads, wrong = counts_of(model)[0], [[], [-1], [0, 0]]
    attention = attention_of(blocks_of(model)[0])
    keeps = [(attention, torch.tensor(keep, dtype=torch.int64)) for keep in [*wrong, [heads]]]
    while (counts := counts_of(uneven := models.llama(rng, 7))) not in ((4, 2), (6, 2)):
        pass
    keep = torch.arange(1 + counts[0] // counts[1])  # all of the first group, and one head of the second
    return [*keeps, (attention_of(blocks_of(uneven)[0]), keep)]


def answer_of_attention(_: None, attention: nn.Module, __: torch.Tensor) -> tuple:
    names = ("num_key_value_groups",) if hasattr(attention, "q_proj") else ("num_heads", "split_size")
    return [getattr(attention, name) for name in names], dict(attention.state_dict())


def pruned_alike(rng: Random) -> tuple:
    """All blocks have lost the same numbers of heads and neurons; the configuration says nothing of it."""
    return models.until(lambda: (transformer(rng),), lambda model: prune(rng, blocks_of(model), model))


def prune(rng: Random, blocks: list[nn.Module], model: nn.Module) -> bool:
    """Prune heads and neurons of some blocks; say whether a configuration could express the sizes."""
    chapter = importlib.import_module("minicompress.structured_pruning")
    heads, kv_heads = counts_of(model)
    keep = torch.arange(heads) if hasattr(model, "transformer") else heads_to_keep(rng, heads, kv_heads)
    neurons = selection(rng, model.config.n_inner if heads_stay(model) else model.config.intermediate_size)
    for block in blocks:
        chapter.prune_attention_heads(attention_of(block), keep)
        chapter.prune_mlp_neurons(block.mlp, neurons)
    return model.config.hidden_size % len(keep) == 0


def heads_stay(model: nn.Module) -> bool:
    """A GPT-2 that loses heads cannot be saved."""
    return hasattr(model, "transformer")


def pruned_unlike(rng: Random) -> list[tuple]:
    """One block alone has lost neurons."""
    model = models.llama(rng, 7)
    chapter = importlib.import_module("minicompress.structured_pruning")
    chapter.prune_mlp_neurons(model.model.layers[-1].mlp, torch.arange(model.config.intermediate_size - 1))
    return [(model,)]


SIZES = ("num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size", "n_inner")


def answer_of_config(_: None, model: nn.Module) -> dict:
    return {name: getattr(model.config, name, None) for name in SIZES}


# ------------------------------------------------------------ 2.7


def blocks_to_keep(rng: Random) -> tuple:
    model = transformer(rng)
    return model, selection(rng, model.config.num_hidden_layers)


def bad_blocks(rng: Random) -> list[tuple]:
    model = transformer(rng)
    wrong = [[], [-1], [0, 0], [1, 0], [model.config.num_hidden_layers]]
    return [(model, torch.tensor(keep, dtype=torch.int64)) for keep in wrong]


def answer_of_blocks(_: None, model: nn.Module, __: torch.Tensor) -> tuple:
    return models.blocks_and_depth(model), dict(model.state_dict())

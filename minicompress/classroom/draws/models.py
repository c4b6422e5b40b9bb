"""Tiny language models of random sizes, texts for them, and what became of a model.

transformers is imported where a model is made: the draws of pure functions need torch alone.
"""

from collections.abc import Callable
from random import Random

import torch
from torch import nn

SAFE = 1e-4  # how far apart two scores lie, at least, where a function has to choose one of them


def llama(rng: Random, vocabulary: int, family: str = "Llama") -> nn.Module:
    """A Llama, or a Qwen2: that has biases, and no `head_dim` in its configuration."""
    import transformers

    kv_heads = rng.choice((1, 2))
    heads = kv_heads * rng.choice((1, 2, 3))
    head_dim = rng.choice((2, 4))
    blocks = rng.randint(2, 3)
    own = {"head_dim": head_dim} if family == "Llama" else {"layer_types": attention_kinds(rng, blocks)}
    config = getattr(transformers, f"{family}Config")(
        vocab_size=vocabulary, hidden_size=heads * head_dim, num_attention_heads=heads,
        num_key_value_heads=kv_heads, intermediate_size=rng.randint(2, 9), num_hidden_layers=blocks,
        max_position_embeddings=64, tie_word_embeddings=rng.random() < 0.5, initializer_range=0.4,
        bos_token_id=0, eos_token_id=0, pad_token_id=0, **own,
    )  # fmt: skip
    return stirred(getattr(transformers, f"{family}ForCausalLM")(config))


def attention_kinds(rng: Random, blocks: int) -> list[str]:
    return [rng.choice(("full_attention", "sliding_attention")) for _ in range(blocks)]


def gpt2(rng: Random, vocabulary: int, dropout: float = 0.1) -> nn.Module:
    """A GPT-2: Conv1D layers, learned positions, dropout in training mode."""
    from transformers import GPT2Config, GPT2LMHeadModel

    heads = rng.randint(1, 3)
    config = GPT2Config(
        vocab_size=vocabulary, n_embd=heads * rng.choice((2, 4)), n_head=heads, n_layer=rng.randint(2, 3),
        n_positions=48, n_inner=rng.randint(2, 9), initializer_range=0.4, bos_token_id=0, eos_token_id=0,
        resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout,
    )  # fmt: skip
    return stirred(GPT2LMHeadModel(config))


def stirred(model: nn.Module) -> nn.Module:
    """No norm is all 1 and no bias 0, and no token is sure: no loss is nearly 0. In eval mode."""
    norm = model.transformer.ln_f if hasattr(model, "transformer") else model.model.norm
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
        for parameter in norm.parameters():
            parameter.mul_(0.5)
    return model.eval()


def any_model(rng: Random, vocabulary: int = 0) -> nn.Module:
    """One of them, each of its modules in some mode."""
    make = rng.choice((llama, llama, gpt2))
    model = make(rng, vocabulary or rng.randint(5, 13))
    return in_any_modes(rng, model)


def in_any_modes(rng: Random, model: nn.Module) -> nn.Module:
    share = rng.choice((0.0, 1.0, 0.5))
    for module in model.modules():
        module.training = rng.random() < share
    return model


def token_rows(vocabulary: int, rows: int, length: int) -> torch.Tensor:
    return torch.randint(vocabulary, (rows, length))


def batches(rng: Random, vocabulary: int, longer: int = 0) -> list[dict[str, torch.Tensor]]:
    """Batches of texts, most of them with padding on the right; every text has two real tokens."""
    found = []
    for _ in range(rng.randint(1, 3)):
        rows, length = rng.randint(1, 4) + longer, rng.randint(3, 8) + longer
        batch = {"input_ids": token_rows(vocabulary, rows, length)}
        if rng.random() < 0.7:
            mask = torch.ones(rows, length, dtype=torch.int64)
            for row in mask:
                row[rng.randint(2, length) :] = 0
            batch["attention_mask"] = mask
        found.append(batch)
    return found


def model_and_batches(rng: Random) -> tuple:
    model = any_model(rng)
    return model, batches(rng, model.config.vocab_size)


def bad_batches(rng: Random) -> list[tuple]:
    """No text, and nothing but padding."""
    model, (batch, *_) = model_and_batches(rng)
    nothing = batch | {"attention_mask": torch.zeros_like(batch["input_ids"])}
    return [(model, []), (model, [nothing])]


def clear(logits: torch.Tensor) -> bool:
    """Whether one token is ranked first at each position, [..., V]: no rounding decides."""
    first, second = logits.topk(2).values.unbind(-1)
    return bool((first - second > SAFE).all())


def until(draw: Callable[[], tuple], good: Callable[..., bool]) -> tuple:
    """Draw arguments until they are good."""
    while not good(*(arguments := draw())):
        pass
    return arguments


# ------------------------------------------------------------ what is compared


def rounded(number: object) -> object:
    """A number as a tensor, which is compared but for rounding; anything else as it is."""
    return torch.tensor(number, dtype=torch.float64) if type(number) is float else number


def modes(model: nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def left_as_it_was(model: nn.Module) -> tuple:
    """Modes, hooks, gradients and weights of a model that was only read."""
    grads = [parameter.grad is None for parameter in model.parameters()]
    return modes(model), hooks(model), grads, dict(model.state_dict())


def answer_of_reading(result: object, model: nn.Module, *_: object) -> tuple:
    """The result for a model, which stays as it was."""
    return rounded(result), left_as_it_was(model)


def blocks_and_depth(model: nn.Module) -> tuple:
    """Which layer each module says that it is, and how many the configuration counts."""
    numbers = [module.layer_idx for module in model.modules() if hasattr(module, "layer_idx")]
    kinds = getattr(model.config, "layer_types", None)
    return numbers, model.config.num_hidden_layers, kinds

"""Tiny random checkpoints of the architectures that `minicompress compress` is tested on, and a run of it."""

from collections.abc import Mapping
from pathlib import Path

import torch

from minicompress.disk.compress import Request, Result, compress_model
from minicompress.disk.methods import method
from minicompress.disk.shards import Checkpoint
from minicompress.disk.skeleton import skeleton

VOCABULARY, BLOCKS = 50, 3
SPECIAL = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
GATED = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    **SPECIAL,
}
GPT2 = {"vocab_size": VOCABULARY, "n_embd": 16, "n_layer": BLOCKS, "n_head": 2, "n_positions": 32, **SPECIAL}
OPT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "word_embed_proj_dim": 16,
    "ffn_dim": 32,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "max_position_embeddings": 32,
    **SPECIAL,
}
CONFIGS = {
    "llama": ("LlamaConfig", GATED),
    "qwen3": ("Qwen3Config", GATED | {"head_dim": 8, "tie_word_embeddings": True}),
    "mistral": ("MistralConfig", GATED | {"sliding_window": 4}),
    "gemma": ("GemmaConfig", GATED | {"head_dim": 8, "num_key_value_heads": 1}),
    "gpt2": ("GPT2Config", GPT2),
    "opt": ("OPTConfig", OPT),
    "phi": ("PhiConfig", GATED | {"num_key_value_heads": 4, "partial_rotary_factor": 0.5}),
}
HEADLESS = ("gpt2", "opt")  # saved as many on the hub are: without the head, under names without a prefix


def saved(
    name: str, folder: Path, dtype: torch.dtype = torch.bfloat16, shard: str = "8KB", **changes
) -> Path:
    """Write a random checkpoint in several shards, no parameter 0 or 1 by rule; its folder."""
    import transformers

    kind, values = CONFIGS[name]
    torch.manual_seed(0)
    config = getattr(transformers, kind)(**values | changes)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    part = model.base_model if name in HEADLESS else model
    part.to(dtype).save_pretrained(folder, max_shard_size=shard)
    return folder


def batches(count: int = 2, length: int = 12) -> list[dict]:
    """Random calibration tokens, one sequence a batch."""
    generator = torch.Generator().manual_seed(1)
    return [{"input_ids": torch.randint(VOCABULARY, (1, length), generator=generator)} for _ in range(count)]


def compressed(folder: Path, out: Path, name: str, options: Mapping[str, object] | None = None) -> Result:
    """Run a method from disk to disk; calibrated ones on `batches()`."""
    chosen, checkpoint = method(name), Checkpoint(folder)
    settings, model = chosen.settings(options or {}), skeleton(checkpoint)
    chosen.check(model, **settings)
    request = Request(str(folder), name, out, options or {})
    return compress_model(model, checkpoint, request, settings, batches() if chosen.calibrated else [])


def loaded(folder: Path, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """The checkpoint as transformers loads it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()

"""Given: generation from a small file, as fast as it gets in plain PyTorch on a CPU at batch 1.

The library's bookkeeping around every layer is left out (`greedy`). Integers either become fp32 matrices
again, once, at load (`dequantize_model`): the file stays small, resident memory does not, and is reported. Or
they stay integers, and torch's own kernels compute with them (`minicompress.lab.kernels`), where these can.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from minicompress.lab.kernels import fast_linear
from minicompress.lab.modules import set_submodule
from minicompress.quantization import QuantizedEmbedding, QuantizedLinear, QuantizedTensor, dequantize

# Beginnings that show what a model writes.
PROMPTS = (
    "def read_lines(path):\n    with open(path) as",
    "class Stack:\n    def __init__(self):\n        self.",
    "    def close(self):\n        if self.",
    "import os\n\ndef main():\n    parser = argparse.",
    "    for name in names:\n        if name not in",
)


def dequantize_model(model: nn.Module) -> nn.Module:
    """Replace every quantized module by an fp32 Linear or Embedding of the same function, in place; tied ones
    stay tied.
    """
    weights: dict[int, nn.Parameter] = {}
    for name, module in list(model.named_modules()):
        if isinstance(module, QuantizedLinear | QuantizedEmbedding):
            key = module.values.data_ptr()
            if key not in weights:
                q = QuantizedTensor(module.values, module.scale, module.bits, module.group_size)
                weights[key] = nn.Parameter(dequantize(q), requires_grad=False)
            rows, columns = module.values.shape
            if isinstance(module, QuantizedEmbedding):
                new = nn.Embedding(rows, columns, device="meta")
            else:
                new = nn.Linear(columns, rows, bias=module.bias is not None, device="meta")
                if module.bias is not None:
                    new.bias = nn.Parameter(module.bias, requires_grad=False)
            new.weight = weights[key]
            set_submodule(model, name, new)
    return model


def side_by_side(layers: Sequence[nn.Module]) -> Callable[[torch.Tensor], torch.Tensor]:
    """One product in the place of several Linear layers without bias that read the same input: their outputs
    side by side.

    Quantized layers of one kind go to the kernel that takes their integers. Where there is none, and for all
    other layers, it is one dense product.
    """
    if all(isinstance(layer, QuantizedLinear) for layer in layers):
        if len({(layer.bits, layer.group_size) for layer in layers}) == 1:
            values = torch.cat([layer.values for layer in layers]) if len(layers) > 1 else layers[0].values
            scale = torch.cat([layer.scale for layer in layers])
            try:
                return fast_linear(values, scale, layers[0].bits)
            except ValueError:  # no kernel takes them
                pass
    weights = [dense_weight(layer) for layer in layers]
    weight = torch.cat(weights) if len(weights) > 1 else weights[0]  # of one a copy would be a waste
    return lambda x: F.linear(x, weight)


def dense_weight(layer: nn.Module) -> torch.Tensor:
    """The weight of a Linear layer [out, in]; integers times their scale."""
    if isinstance(layer, QuantizedLinear):
        return dequantize(QuantizedTensor(layer.values, layer.scale, layer.bits, layer.group_size))
    return layer.weight


class LlamaDecoder:
    """A Llama's matrices, a cache of keys and values, and the function from new tokens to the next token's
    logits.

    `step(ids)` with int64 [T] returns [V], the logits after the last of the T tokens; the tokens before are
    in the cache.
    ValueError: another kind of model, or one with biases.
    """

    def __init__(self, model: nn.Module, longest: int):
        config = model.config
        if config.model_type != "llama" or any(
            isinstance(layer, nn.Linear | QuantizedLinear) and layer.bias is not None
            for layer in model.modules()
        ):
            raise ValueError(f"only Llamas without biases are decoded here, got a {config.model_type!r}")
        body, norm = model.model, model.model.norm.weight
        first = body.layers[0].self_attn
        self.eps, self.head_dim = config.rms_norm_eps, first.head_dim
        self.heads, self.kv_heads = (
            layer.out_features // self.head_dim for layer in (first.q_proj, first.k_proj)
        )
        self.embedding, self.norm, self.head = body.embed_tokens, norm, side_by_side([model.lm_head])
        self.layers = [self.matrices(layer) for layer in body.layers]
        # [longest, head_dim] each
        self.cos, self.sin = (table[0] for table in body.rotary_emb(norm, torch.arange(longest)[None]))
        self.cache = norm.new_zeros(len(self.layers), 2, self.kv_heads, longest, self.head_dim)
        self.length = 0

    @staticmethod
    def matrices(layer: nn.Module) -> tuple:
        """What a block computes with, in the order of use: norms' weights and products."""
        attention, mlp = layer.self_attn, layer.mlp
        return (
            layer.input_layernorm.weight,
            side_by_side([attention.q_proj, attention.k_proj, attention.v_proj]),
            side_by_side([attention.o_proj]),
            layer.post_attention_layernorm.weight,
            side_by_side([mlp.gate_proj, mlp.up_proj]),
            side_by_side([mlp.down_proj]),
        )

    def step(self, ids: torch.Tensor) -> torch.Tensor:
        start, end = self.length, self.length + len(ids)
        cos, sin, half = self.cos[start:end], self.sin[start:end], self.head_dim // 2
        x = self.embedding(ids)  # [T, hidden]
        for (norm1, qkv, out, norm2, gate_up, down), cache in zip(self.layers, self.cache, strict=True):
            heads = qkv(F.rms_norm(x, x.shape[-1:], norm1, self.eps))
            # [T, (heads + 2 * kv_heads) * head_dim] -> [heads + 2 * kv_heads, T, head_dim]
            heads = heads.view(len(ids), -1, self.head_dim).transpose(0, 1)
            turned, value = heads[: -self.kv_heads], heads[-self.kv_heads :]  # queries and keys; values
            turned = turned * cos + torch.cat([-turned[..., half:], turned[..., :half]], -1) * sin  # RoPE
            cache[0, :, start:end], cache[1, :, start:end] = turned[self.heads :], value
            mixed = F.scaled_dot_product_attention(
                turned[None, : self.heads],
                cache[None, 0, :, :end],
                cache[None, 1, :, :end],
                is_causal=len(ids) > 1,
                enable_gqa=True,
            )  # [1, heads, T, head_dim]
            x = x + out(mixed[0].transpose(0, 1).flatten(1))  # [T, heads * head_dim] -> [T, hidden]
            gate, up = gate_up(F.rms_norm(x, x.shape[-1:], norm2, self.eps)).chunk(2, -1)  # [T, neurons]
            x = x + down(F.silu(gate) * up)
        self.length = end
        return self.head(F.rms_norm(x[-1], x.shape[-1:], self.norm, self.eps))


def greedy(model: nn.Module, prompt: list[int], new_tokens: int) -> list[int]:
    """The likeliest continuation, token by token with a KV cache: the new tokens, without stopping at an end
    mark.

    model: a Llama, dense, or with quantized layers, whose integers `side_by_side` gives to the kernels.
    ValueError: an empty prompt, or another kind of model.
    """
    if not prompt:
        raise ValueError("the prompt is empty: give at least one token")
    with torch.inference_mode():
        decoder, written = LlamaDecoder(model, len(prompt) + new_tokens), []
        ids = torch.tensor(prompt)
        for _ in range(new_tokens):
            ids = decoder.step(ids).argmax(-1, keepdim=True)  # [1]
            written.append(ids)
        return torch.cat(written).tolist() if written else []


def complete(model: torch.nn.Module, prompt: list[int], new_tokens: int = 32) -> list[int]:
    """Greedy completion with a KV cache; returns the new tokens."""
    ids = torch.tensor([prompt], device=next(iter(model.state_dict().values())).device)
    with torch.no_grad():
        answer = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new_tokens,
            do_sample=False,
            pad_token_id=0,
        )
    return answer[0, len(prompt) :].tolist()

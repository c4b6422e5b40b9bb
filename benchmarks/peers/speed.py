"""Tokens a second at batch 1, in the course's own environment: SmolLM2 dense, and on torch's integer kernels.

`python -m benchmarks.peers.speed METHOD MODEL PROMPT NEW REPEATS THREADS`: PROMPT and NEW are numbers of
tokens. The last line of the output is one JSON object.
"""

import statistics
import sys
import time
import traceback
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.oracle_answer import answer, one_line
from minicompress.job.decode import LlamaDecoder
from minicompress.lab import models
from minicompress.lab.kernels import with_fast_layers
from minicompress.pipeline import quantize_model

EMBEDDING_BITS = 8  # as in the GGUF file, whose embedding is Q8_0


def dense(dtype: torch.dtype) -> Callable[[str], nn.Module]:
    return lambda source: models.load(source, dtype)


def rounded(bits: int, group_size: int | None) -> Callable[[str], nn.Module]:
    return lambda source: quantize_model(models.load(source), bits, EMBEDDING_BITS, group_size)


MODELS = {
    "dense fp32": dense(torch.float32),
    "dense bf16": dense(torch.bfloat16),
    "int8 kernel": rounded(8, None),
    "int4 kernel": rounded(4, 32),
}


# ---------------------------------------------------------------- the two loops


@torch.inference_mode()
def lean_run(decoder: LlamaDecoder, prompt: list[int], new: int) -> tuple[float, float, list[int]]:
    """Seconds for the prompt, seconds for the tokens after the first, and all of them."""
    decoder.length = 0
    started = time.perf_counter()
    written = [decoder.step(torch.tensor(prompt)).argmax(-1, keepdim=True)]
    read = time.perf_counter()
    for _ in range(new - 1):
        written.append(decoder.step(written[-1]).argmax(-1, keepdim=True))
    return read - started, time.perf_counter() - read, torch.cat(written).tolist()


@torch.inference_mode()
def generate_run(model: nn.Module, prompt: list[int], new: int) -> tuple[float, float, list[int]]:
    """The same by the library's `generate`: once for one token, once for all."""
    ids = torch.tensor([prompt])
    settings = {"attention_mask": torch.ones_like(ids), "do_sample": False}
    settings |= {"eos_token_id": -1, "pad_token_id": 0}  # without stopping at an end mark
    started = time.perf_counter()
    model.generate(ids, max_new_tokens=1, **settings)
    read = time.perf_counter()
    written = model.generate(ids, max_new_tokens=new, **settings)
    rest = time.perf_counter() - read - (read - started)
    return read - started, rest, written[0, len(prompt) :].tolist()


@torch.inference_mode()
def product_seconds(decoder: LlamaDecoder, rounds: int = 20) -> float:
    """Median seconds of one token's matrix products alone, without all that stands between them."""
    like = decoder.norm
    x = torch.randn(1, len(like)).to(like.dtype)  # [1, hidden]
    mixed = torch.randn(1, decoder.heads * decoder.head_dim).to(like.dtype)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _, qkv, out, _, gate_up, down in decoder.layers:
            qkv(x), out(mixed)
            down(gate_up(x).chunk(2, -1)[0])
        decoder.head(x)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


# ---------------------------------------------------------------- the command


def measured(method: str, source: str, length: int, new: int, repeats: int, threads: int) -> dict:
    """Both loops, after a first run of each that is not counted."""
    torch.set_num_threads(threads)
    model, prompt = MODELS[method](source), list(range(1000, 1000 + length))
    decoder = LlamaDecoder(model, length + new)
    runs = [lean_run(decoder, prompt, new) for _ in range(repeats + 1)][1:]
    products = product_seconds(decoder)
    with_fast_layers(model)
    library = [generate_run(model, prompt, new) for _ in range(repeats + 1)][1:]
    speeds = lambda runs: [(new - 1) / rest for _, rest, _ in runs]  # noqa: E731
    return {
        "prompt_seconds": [first for first, _, _ in runs],
        "tokens_per_second": speeds(runs),
        "generate_tokens_per_second": speeds(library),
        "product_seconds_per_token": products,
        "written": runs[-1][2][:8],
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    method, source, *numbers = sys.argv[1:]
    try:
        result = measured(method, source, *map(int, numbers))
    except Exception as error:
        traceback.print_exc()
        result = {"error": one_line(error)}
    answer(result, "torch", "transformers")


if __name__ == "__main__":
    main()

"""What a compressed file costs to run, measured in a fresh process so that nothing else counts."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from minicompress import metrics, pipeline
from minicompress.job import decode
from minicompress.lab import corpus
from minicompress.lab.machine import peak_memory_bytes


def measure_alone(path: Path, generation: bool = False) -> dict:
    """Measure one file in a fresh process: full forward passes, or generation (`minicompress measure`)."""
    command = [sys.executable, "-m", "minicompress.cli", "measure", str(path)]
    done = subprocess.run(
        command + ["--generation"] * generation, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"measuring {path.name} failed: {last}")
    return json.loads(done.stdout)


def measure_file(path: Path) -> dict:
    """Throughput on 8 x 256 random tokens, and the process's peak resident memory."""
    before, started = peak_memory_bytes(), time.perf_counter()
    model = pipeline.load_compressed(path)
    seconds = time.perf_counter() - started
    length = min(256, getattr(model.config, "max_position_embeddings", 256))
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(model.config.vocab_size, (8, length), generator=generator)
    return {
        "tokens_per_second": metrics.throughput(model, tokens),
        "peak_memory_bytes": peak_memory_bytes(),
        "memory_before_load_bytes": before,
        "load_seconds": seconds,
    }


def measure_generation(path: Path, new_tokens: int = 128, repeats: int = 3) -> dict:
    """Greedy generation at batch 1 with a KV cache, on one thread.

    Weights are dequantized once, after loading. Tokens/s of the lean decoder (`minicompress.job.decode`) and
    of the library's `generate`, the same model in both: the median of `repeats` after a warm-up.
    ValueError: not a Llama for the shipped tokenizer.
    """
    # The library's code is no part of what a file costs, so it is imported before the first reading.
    from transformers.models.llama import modeling_llama  # noqa: F401

    torch.set_num_threads(1)
    resident = psutil.Process().memory_info
    before, started = resident().rss, time.perf_counter()
    model = pipeline.load_compressed(path)
    loaded, seconds = resident().rss, time.perf_counter() - started
    decode.dequantize_model(model)
    ready, prompt = resident().rss, corpus.load_tokenizer().encode(decode.PROMPTS[0]).ids

    def speed(write: Callable[[int], list[int]]) -> float:
        write(8)
        times = []
        for _ in range(repeats):
            begun = time.perf_counter()
            write(new_tokens)
            times.append(time.perf_counter() - begun)
        return new_tokens / sorted(times)[repeats // 2]

    return {
        "load_seconds": seconds,
        "memory_before_load_bytes": before,
        "resident_after_load_bytes": loaded - before,
        "resident_dequantized_bytes": ready - before,
        "tokens_per_second": speed(lambda count: decode.greedy(model, prompt, count)),
        "generate_tokens_per_second": speed(lambda count: decode.complete(model, prompt, count)),
        "resident_at_the_end_bytes": resident().rss,
    }

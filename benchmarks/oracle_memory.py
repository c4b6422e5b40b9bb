"""What llmcompressor's `oneshot` takes to prune a checkpoint and save it, in its own environment: started by
`benchmarks.memory` as `SOURCE METHOD OUT SAMPLES LENGTH`, ends with one line of JSON.
"""

import sys
import time
from pathlib import Path

import torch

from benchmarks.oracle_answer import answer
from benchmarks.oracle_llmcompressor import oneshot_pruner
from benchmarks.resident import resident


def main(source: Path, method: str, out: Path, samples: int, length: int) -> dict:
    """Load, prune half of every matrix, save. The text is drawn at random: only its size counts here."""
    from transformers import AutoModelForCausalLM

    started = time.perf_counter()
    tokens = torch.randint(2048, (samples, length), generator=torch.Generator().manual_seed(0))
    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto").eval()
    oneshot_pruner(method)(model, tokens)
    model.save_pretrained(out)
    return {"peak_bytes": resident("VmHWM"), "seconds": time.perf_counter() - started}


if __name__ == "__main__":
    source, method, out, samples, length = sys.argv[1:]
    packages = ("torch", "transformers", "llmcompressor")
    answer(main(Path(source), method, Path(out), int(samples), int(length)), *packages)

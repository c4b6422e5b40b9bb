"""llama.cpp on the very GGUF file that SmolLM2 comes as, through llama-cpp-python; see `speed`.

`python -m benchmarks.peers.by_llama_cpp METHOD FILE PROMPT NEW REPEATS THREADS`: PROMPT and NEW are numbers
of tokens, METHOD is not used. The last line of the output is one JSON object.
"""

import sys
import time

import llama_cpp
import numpy as np

from benchmarks.oracle_answer import answer, one_line


def likeliest(model: llama_cpp.Llama) -> int:
    """The token with the largest logit; they are read where they lie, not copied."""
    logits = llama_cpp.llama_get_logits(model._ctx.ctx)
    return int(np.argmax(np.ctypeslib.as_array(logits, shape=(model.n_vocab(),))))


def one_run(model: llama_cpp.Llama, prompt: list[int], new: int) -> tuple[float, float, list[int]]:
    """Seconds for the prompt, seconds for the tokens after the first, and all of them."""
    model.reset()
    started = time.perf_counter()
    model.eval(prompt)
    written = [likeliest(model)]
    read = time.perf_counter()
    for _ in range(new - 1):
        model.eval(written[-1:])
        written.append(likeliest(model))
    return read - started, time.perf_counter() - read, written


def main() -> None:
    file, (length, new, repeats, threads) = sys.argv[2], map(int, sys.argv[3:])
    try:
        model = llama_cpp.Llama(
            file, n_ctx=length + new, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        prompt = list(range(1000, 1000 + length))
        runs = [one_run(model, prompt, new) for _ in range(repeats + 1)][1:]  # the first one warms up
        result = {
            "prompt_seconds": [first for first, _, _ in runs],
            "tokens_per_second": [(new - 1) / rest for _, rest, _ in runs],
            "written": runs[-1][2][:8],
            "threads": threads,
        }
    except Exception as error:
        result = {"error": one_line(error)}
    answer(result, "llama-cpp-python", "numpy")


if __name__ == "__main__":
    main()

"""Given: an example of what runs an exported model elsewhere: onnxruntime and NumPy, no torch.

from minicompress.interop.onnx_complete import greedy
greedy("out/onnx/model.onnx", prompt=[17, 4, 99], new_tokens=20)
"""

from pathlib import Path

import numpy as np


def greedy(file: str | Path, prompt: list[int], new_tokens: int) -> list[int]:
    """The likeliest continuation, token by token: the new tokens, without stopping at an end mark.

    The prompt is read at once; after that each step reads one token and the cache of all before. ValueError:
    an empty prompt.
    """
    import onnxruntime

    if not prompt:
        raise ValueError("the prompt is empty: give at least one token")
    session = onnxruntime.InferenceSession(file)
    pasts = [put for put in session.get_inputs() if put.name.startswith("past_key_values")]
    cache = {put.name: np.zeros((1, put.shape[1], 0, put.shape[3]), np.float32) for put in pasts}
    ids, length, written = prompt, 0, []
    while len(written) < new_tokens:
        fed = {
            "input_ids": np.array([ids]),  # [1, new]
            "attention_mask": np.ones((1, length + len(ids)), np.int64),
            "position_ids": np.arange(length, length + len(ids))[None],
        }
        logits, *presents = session.run(None, fed | cache)
        cache = dict(zip(cache, presents, strict=True))
        length, ids = length + len(ids), [int(logits[0, -1].argmax())]
        written += ids
    return written

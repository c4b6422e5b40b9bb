"""What leaves for other libraries: bytes, how far the logits are from ours, what a forward pass costs.

Every row holds `file_bytes` beside `fp16_bytes` (the model's weights, tied ones once), the largest difference
of the logits as a share of the largest logit, and CPU seconds for TOKENS tokens on one thread, the least of
three. Needs the extras (`make extras`) and SmolLM2 (`make llm`).
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks import common
from minicompress.interop import compressed_tensors, onnx
from minicompress.job.decode import dequantize_model
from minicompress.lab import models
from minicompress.lab.modules import parameter_count, set_submodule
from minicompress.lab.paths import ASSETS
from minicompress.pipeline import load_compressed
from minicompress.quantization import QuantizedLinear

TOKENS, STEPS = 64, 8
SOURCES = {
    "student": lambda: models.shipped_model("student"),
    "student-slim.safetensors": lambda: load_compressed(ASSETS / "frontier" / "student-slim.safetensors"),
    "smollm2": lambda: models.load("smollm2"),
}
PACKED = [("student", 4, 32), ("student", 8, None), ("smollm2", 4, 32), ("smollm2", 8, None)]


def tokens(model: nn.Module) -> torch.Tensor:
    """int64 [1, TOKENS + STEPS], random ones."""
    generator = torch.Generator().manual_seed(common.SEED)
    return torch.randint(model.config.vocab_size, (1, TOKENS + STEPS), generator=generator)


def cpu_seconds(run: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of this process, the least of several runs."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return round(min(taken), 4)


def difference(got: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference as a share of the largest wanted number."""
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def packed(source: str, bits: int, group: int | None) -> dict:
    """A compressed-tensors folder, read by transformers, beside our own dequantized model."""
    from transformers import AutoModelForCausalLM

    model = SOURCES[source]()
    ids = tokens(model)[:, :TOKENS]
    row = {"model": source, "bits": bits, "group": group, "fp16_bytes": 2 * parameter_count(model)}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        compressed_tensors.save(model, Path(folder) / "out", bits, group)
        row["file_bytes"] = (Path(folder) / "out" / "model.safetensors").stat().st_size
        for name, layer in compressed_tensors.packable_layers(model).items():
            q = compressed_tensors.integers(layer, bits, group)
            set_submodule(model, name, QuantizedLinear(q._replace(scale=q.scale.half().float()), layer.bias))
        ours = dequantize_model(model)
        wanted = ours(input_ids=ids).logits
        row["seconds_ours"] = cpu_seconds(lambda: ours(input_ids=ids))
        theirs = AutoModelForCausalLM.from_pretrained(Path(folder) / "out", dtype=torch.float32).eval()
        row["seconds_first"] = cpu_seconds(lambda: theirs(input_ids=ids), times=1)
        row["seconds_after"] = cpu_seconds(lambda: theirs(input_ids=ids))
        got = theirs(input_ids=ids).logits
    return row | {"equal": torch.equal(got, wanted), "difference": difference(got.numpy(), wanted.numpy())}


def exported(source: str) -> dict:
    """An ONNX file in onnxruntime beside our model: a prompt at once, then steps of one token."""
    import onnxruntime

    model = SOURCES[source]()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / "out")
        file = Path(folder) / "out" / onnx.FILE
        row = {"model": source, "file_bytes": file.stat().st_size}
        session = onnxruntime.InferenceSession(file, options)
    if not any(map(compressed_tensors.is_quantized, model.modules())):
        row["fp16_bytes"] = 2 * parameter_count(model)
    model, ids = dequantize_model(model), tokens(model)
    with torch.inference_mode():
        wanted = model(input_ids=ids).logits[0].numpy()
        row["seconds_ours"] = cpu_seconds(lambda: model(input_ids=ids[:, :TOKENS]))
    got = np.concatenate([logits[0] for logits in pieces(session, ids.numpy())])  # [TOKENS + STEPS, V]
    row["seconds_onnxruntime"] = cpu_seconds(lambda: next(pieces(session, ids.numpy())))
    return row | {"difference": difference(got, wanted)}


def pieces(session, ids: np.ndarray):
    """Logits [1, new, V] of the first TOKENS tokens, then of each one more."""
    pasts = [put for put in session.get_inputs() if put.name.startswith("past")]
    cache = {put.name: np.zeros((1, put.shape[1], 0, put.shape[3]), np.float32) for put in pasts}
    for start, end in [(0, TOKENS), *((end - 1, end) for end in range(TOKENS + 1, TOKENS + STEPS + 1))]:
        fed = {"input_ids": ids[:, start:end], "position_ids": np.arange(start, end)[None]}
        logits, *presents = session.run(None, fed | cache | {"attention_mask": np.ones((1, end), np.int64)})
        cache = dict(zip(cache, presents, strict=True))
        yield logits


PARTS = {
    "compressed_tensors": lambda: {"rows": [packed(*row) for row in PACKED]},
    "onnx": lambda: {"rows": [exported(source) for source in SOURCES]},
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    common.main("interop", PARTS, lambda: {"tokens": TOKENS, "threads": 1})

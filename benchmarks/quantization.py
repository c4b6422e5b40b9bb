"""The quantization figures of notebook 05: `python -m benchmarks.quantization [bits|int8|oracle]`.

    bits    perplexity and top-1 accuracy of teacher and student at 8, 6, 4, 3, 2 bits, one scale a tensor, a row, a group
    int8    one layer and the whole teacher in fp32, with torch's int8 kernels, and with our dequantize-and-multiply
    oracle  the integers and scales of torchao and compressed-tensors beside ours (needs `make parity`'s environment)

Writes `results/quantization.json`. Quality is that of validation files at context 256. Parts that are not
asked for keep what was measured before.
"""

import copy
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from benchmarks.run import RESULTS, ROOT, SEED, write
from minicompress import metrics, pipeline
from minicompress.lab import corpus
from minicompress.lab.evaluation import sequence_hits
from minicompress.lab.machine import commit, hardware, keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers
from minicompress.quantization import QuantizedLinear, dequantize, quantize_symmetric

BITS = (8, 6, 4, 3, 2)
SCALES = {
    "teacher": ("tensor", "row", 64, 32, 16),
    "student": ("tensor", "row", 32, 16),
}  # a number is a group size


def per_tensor(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """The weight on the grid of one scale for the whole matrix: as one long row."""
    return dequantize(quantize_symmetric(weight.reshape(1, -1), bits)).view_as(weight)  # [1, out * in]


def scored(model: torch.nn.Module, tokens: torch.Tensor) -> dict:
    hits = sequence_hits(model, tokens).sum().item()
    return {"perplexity": metrics.perplexity(model, tokens), "top1_accuracy": hits / tokens[:, 1:].numel()}


def bits() -> dict:
    """Everything at the same number of bits: blocks, embedding and head.

    Embedding and head keep one scale a row throughout.
    """
    tokens = corpus.load_tokens("validation", 256, per_file=1)[0]
    result = {"held_out_tokens": tokens[:, 1:].numel(), "models": {}}
    for name, scales in SCALES.items():
        model = shipped_model(name)
        rows = [
            {"bits": 16, "scales": "none", "tensor_bytes": pipeline.predicted_bytes(model)}
            | scored(model, tokens)
        ]
        for width, scale in tqdm([(width, scale) for width in BITS for scale in scales], desc=name):
            made = shipped_model(name)
            with torch.no_grad():
                for layer in linear_layers(made).values() if scale == "tensor" else ():
                    layer.weight.copy_(per_tensor(layer.weight, width))
            if (
                scale == "tensor"
            ):  # the blocks lie on their grids; the file of such a model would need one scale a matrix
                made.set_input_embeddings(
                    pipeline.quantize_model(shipped_model(name), width, width).get_input_embeddings()
                )
                made.lm_head = QuantizedLinear.from_linear(made.lm_head, width)
                size = None
            else:
                made = pipeline.quantize_model(made, width, width, None if scale == "row" else scale)
                size = pipeline.predicted_bytes(made)
            rows.append({"bits": width, "scales": scale, "tensor_bytes": size} | scored(made, tokens))
        result["models"][name] = rows
    return result


# ---------------------------------------------------------------- int8 that is really faster


def in_int8(model: torch.nn.Module) -> torch.nn.Module:
    """A copy with torch's dynamic int8 Linear layers: weights int8 a row, activations rounded to int8 at each
    call, integer products.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that this function will move to torchao
        weight = torch.ao.quantization.default_per_channel_weight_observer
        how = torch.ao.quantization.QConfig(torch.ao.quantization.default_dynamic_quant_observer, weight)
        return torch.ao.quantization.quantize_dynamic(
            copy.deepcopy(model), {torch.nn.Linear: how}, dtype=torch.qint8
        )


def clock(run: Callable, times: int) -> Callable[[], float]:
    """A function that measures the CPU seconds of one call of `run`, after a warm-up."""

    def seconds() -> float:
        with torch.inference_mode():
            run()
            started = time.process_time()
            for _ in range(times):
                run()
            return (time.process_time() - started) / times

    return seconds


def against(base: Callable, rivals: dict[str, Callable], times: int, repeats: int = 11) -> dict:
    """Each rival beside `base`, measured in turns: median CPU seconds of both, and the median of the ratios
    of neighbours.
    """
    result = {}
    for name, rival in rivals.items():
        pairs = [(clock(base, times)(), clock(rival, times)()) for _ in range(repeats)]
        result[name] = {
            "seconds_fp32": statistics.median(first for first, _ in pairs),
            "seconds": statistics.median(second for _, second in pairs),
            "speedup": statistics.median(first / second for first, second in pairs),
        }
    return result


def int8() -> dict:
    """CPU seconds on one thread: they do not count the time that other programs on the machine take."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    layer = torch.nn.Sequential(torch.nn.Linear(2048, 2048, bias=False))
    layers = {
        "integer kernels": in_int8(layer),
        "dequantize and multiply": QuantizedLinear.from_linear(layer[0], 8),
    }
    result = {"threads": 1, "engine": torch.backends.quantized.engine, "layer": [], "model": []}
    for rows in (1, 16, 128):
        x = torch.randn(rows, 2048)
        calls = {name: lambda made=made, x=x: made(x) for name, made in layers.items()}
        result["layer"].append(
            {"shape": [2048, 2048], "rows": rows}
            | against(lambda x=x: layer(x), calls, 20 if rows < 128 else 4)
        )
    teacher, held_out = shipped_model("teacher"), corpus.load_tokens("validation", 256, per_file=1)[0]
    models = {
        "integer kernels": in_int8(teacher),
        "dequantize and multiply": pipeline.quantize_model(shipped_model("teacher"), 8, 8),
    }
    for batch, length in ((1, 1), (1, 256), (8, 256)):
        call = lambda model, x=held_out[:batch, :length]: lambda: model(input_ids=x, use_cache=False)  # noqa: E731
        calls = {name: call(made) for name, made in models.items()}
        result["model"].append(
            {"batch": batch, "length": length} | against(call(teacher), calls, 20 if length == 1 else 1)
        )
    result["quality"] = {name: scored(made, held_out) for name, made in ({"fp32": teacher} | models).items()}
    return result | {"held_out_tokens": held_out[:, 1:].numel(), "hardware": hardware()}


# ---------------------------------------------------------------- torchao and compressed-tensors


def oracle() -> dict:
    """Both libraries divide absmax by 127.5 (or 7.5) and use -128 (-8) as well; ours divides by 127 (7) and
    is symmetric.

    With their divisor in our formula the integers must be theirs, where a library multiplies by the
    reciprocal of the scale those of a product instead of a division. The squared error of both grids is
    compared.
    """
    folder = ROOT / "out" / "bench-quantization"
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: layer.weight.detach().contiguous()
        for name, layer in linear_layers(shipped_model("teacher")).items()
        if ".3." in name
    }
    save_file(weights, folder / "weights.safetensors")
    command = [
        ROOT / ".venv-oracles" / "bin" / "python",
        ROOT / "benchmarks" / "oracle_quantization.py",
        folder / "weights.safetensors",
    ]
    done = subprocess.run(
        command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=True
    )
    theirs, rows = load_file(folder / "oracle.safetensors"), []
    for library in ("torchao", "compressed-tensors"):
        for width, group in ((8, None), (4, 32)):
            q, top = 2 ** (width - 1), 0.0
            same, reciprocal, count, our_error, their_error = 0, 0, 0, 0.0, 0.0
            for name, weight in weights.items():
                values, scale = (theirs[f"{library}.{width}.{name}.{kind}"] for kind in ("values", "scale"))
                ours = quantize_symmetric(weight, width, group)
                divisor = ours.scale * (q - 1) / scale  # [out, groups]: what they divide absmax by
                top = max(top, (divisor - (q - 0.5)).abs().max().item())
                groups = weight.view(len(weight), scale.shape[1], -1)  # [out, groups, group size]
                on_theirs = (groups / scale[..., None]).round().clamp(-q, q - 1).view_as(weight)
                by_reciprocal = (groups * (1 / scale[..., None])).round().clamp(-q, q - 1).view_as(weight)
                same, count = same + (on_theirs == values).sum().item(), count + weight.numel()
                reciprocal += (by_reciprocal == values).sum().item()
                our_error += (weight - dequantize(ours)).square().sum().item()
                their_error += (groups - values.view_as(groups) * scale[..., None]).square().sum().item()
            rows.append({
                "library": library, "bits": width, "group": group, "divisor": q - 0.5, "largest_divisor_difference": top,
                "equal_integers": same, "equal_integers_by_reciprocal": reciprocal,
                "integers": count, "squared_error_ours_over_theirs": our_error / their_error,
            })  # fmt: skip
    return {"oracle": json.loads(done.stdout.splitlines()[-1]), "rows": rows}


PARTS = {"bits": bits, "int8": int8, "oracle": oracle}


def main(parts: list[str]) -> None:
    keep_freed_memory()
    for part in parts or PARTS:
        found = {part: {"commit": commit()} | PARTS[part]()}
        path = RESULTS / "quantization.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        write("quantization", {name: before[name] for name in PARTS if name in before} | found)


if __name__ == "__main__":
    main(sys.argv[1:])

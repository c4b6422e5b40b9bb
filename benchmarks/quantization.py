"""The quantization figures of notebook 05: `python -m benchmarks.quantization [PART ...]`.

    bits    perplexity and top-1 accuracy of two models at 8 to 2 bits, one scale a tensor, a row or a group
    int8    one layer and the whole teacher in fp32, with torch's int8 kernels, and with our QuantizedLinear
    oracle  the integers and scales of torchao and compressed-tensors beside ours (`make parity`)

Writes `results/quantization.json`. Quality is that of validation files at context 256. Parts that are not
asked for keep what was measured before.
"""

import copy
import warnings
from collections.abc import Callable
from functools import partial

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from benchmarks import common
from benchmarks.clocks import against, one_thread
from benchmarks.lessons import validation_facts, validation_tokens
from benchmarks.scores import quality
from minicompress import pipeline
from minicompress.lab.machine import hardware
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers
from minicompress.lab.paths import OUT
from minicompress.quantization import QuantizedLinear, dequantize, quantize_symmetric

BITS = (8, 6, 4, 3, 2)

# ---------------------------------------------------------------- bits and scales


def per_tensor(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """The weight on the grid of one scale for the whole matrix: as one long row."""
    return dequantize(quantize_symmetric(weight.reshape(1, -1), bits)).view_as(weight)  # [1, out * in]


@torch.no_grad()
def a_scale_per_tensor(name: str, bits: int) -> nn.Module:
    """The blocks' weights lie on their grids in fp32; embedding and head are quantized a row."""
    model, by_row = shipped_model(name), pipeline.quantize_model(shipped_model(name), bits, bits)
    for layer in linear_layers(model).values():
        layer.weight.copy_(per_tensor(layer.weight, bits))
    head = QuantizedLinear.from_linear(model.lm_head, bits)
    model.set_input_embeddings(by_row.get_input_embeddings())
    model.lm_head = head
    return model


def a_scale_per_group(name: str, bits: int, group_size: int | None) -> nn.Module:
    """The blocks with one scale a group of inputs; a row is one group where there is no size."""
    return pipeline.quantize_model(shipped_model(name), bits, bits, group_size)


# What a scale is for, as the results call it: a tensor, a row, or that many inputs of a row.
SCALES: dict[str | int, Callable[[str, int], nn.Module]] = {
    "tensor": a_scale_per_tensor,
    "row": partial(a_scale_per_group, group_size=None),
    **{size: partial(a_scale_per_group, group_size=size) for size in (64, 32, 16)},
}
USED = {"teacher": ("tensor", "row", 64, 32, 16), "student": ("tensor", "row", 32, 16)}
NO_FILE = ("tensor",)  # the format stores a scale a row or a group, so such a model has no size of its own


def bits_row(name: str, bits: int, scale: str | int) -> dict:
    """Size and quality of one model at one width."""
    model = common.choose(SCALES, scale, "scale")(name, bits)
    size = None if scale in NO_FILE else pipeline.predicted_bytes(model)
    return {"bits": bits, "scales": scale, "tensor_bytes": size} | quality(model, validation_tokens())


def bits() -> dict:
    """Everything at the same number of bits: blocks, embedding and head.

    Embedding and head keep one scale a row throughout.
    """
    models = {}
    for name, scales in USED.items():
        model = shipped_model(name)
        dense = {"bits": 16, "scales": "none", "tensor_bytes": pipeline.predicted_bytes(model)}
        cells = [(width, scale) for width in BITS for scale in scales]
        models[name] = [dense | quality(model, validation_tokens())]
        models[name] += [bits_row(name, *cell) for cell in tqdm(cells, desc=name)]
    return {"held_out_tokens": validation_facts()["held_out_tokens"], "models": models}


# ---------------------------------------------------------------- int8 that is really faster


def in_int8(model: nn.Module) -> nn.Module:
    """A copy with torch's dynamic int8 Linear layers: weights int8 a row, activations rounded to int8 at each
    call, integer products.
    """
    kinds = torch.ao.quantization
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that this function will move to torchao
        observers = kinds.default_dynamic_quant_observer, kinds.default_per_channel_weight_observer
        settings = {nn.Linear: kinds.QConfig(*observers)}
        return kinds.quantize_dynamic(copy.deepcopy(model), settings, dtype=torch.qint8)


def layer_rows(size: int = 2048) -> list[dict]:
    """One layer, for one token and for more."""
    layer = nn.Sequential(nn.Linear(size, size, bias=False))
    rivals = {
        "integer kernels": in_int8(layer),
        "dequantize and multiply": QuantizedLinear.from_linear(layer[0], 8),
    }
    result = []
    for rows, times in ((1, 20), (16, 20), (128, 4)):
        x = torch.randn(rows, size)
        calls = {name: lambda made=made, x=x: made(x) for name, made in rivals.items()}
        row = {"shape": [size, size], "rows": rows}
        result.append(row | against(lambda x=x: layer(x), calls, times))
    return result


def model_rows(teacher: nn.Module, rivals: dict[str, nn.Module]) -> list[dict]:
    """The whole teacher, for one token and for more."""
    result = []
    for batch, length, times in ((1, 1, 20), (1, 256, 1), (8, 256, 1)):
        x = validation_tokens()[:batch, :length]
        call = lambda model, x=x: lambda: model(input_ids=x, use_cache=False)  # noqa: E731
        row = {"batch": batch, "length": length}
        calls = {name: call(model) for name, model in rivals.items()}
        result.append(row | against(call(teacher), calls, times))
    return result


@one_thread()
def int8() -> dict:
    """CPU seconds on one thread: they do not count the time that other programs on the machine take."""
    layer = layer_rows()
    teacher = shipped_model("teacher")
    rivals = {
        "integer kernels": in_int8(teacher),
        "dequantize and multiply": a_scale_per_group("teacher", 8, None),
    }
    models = {"fp32": teacher} | rivals
    return {
        "threads": 1,
        "engine": torch.backends.quantized.engine,
        "layer": layer,
        "model": model_rows(teacher, rivals),
        "quality": {name: quality(model, validation_tokens()) for name, model in models.items()},
        "held_out_tokens": validation_facts()["held_out_tokens"],
        "hardware": hardware(),
    }


# ---------------------------------------------------------------- torchao and compressed-tensors


def compare(
    weight: torch.Tensor, values: torch.Tensor, scale: torch.Tensor, bits: int, group: int | None
) -> dict:
    """Our integers beside theirs for one matrix; values [out, in], scale [out, groups].

    `top` is how far what they divide absmax by lies from what we expect them to.
    """
    largest, ours = 2 ** (bits - 1), quantize_symmetric(weight, bits, group)
    divisor = ours.scale * (largest - 1) / scale  # [out, groups]
    groups = weight.view(len(weight), scale.shape[1], -1)  # [out, groups, group size]
    on_grid = lambda x: x.round().clamp(-largest, largest - 1).view_as(weight)  # noqa: E731
    divided, multiplied = on_grid(groups / scale[..., None]), on_grid(groups * (1 / scale[..., None]))
    restored = values.view_as(groups) * scale[..., None]  # [out, groups, group size]
    return {
        "top": (divisor - (largest - 0.5)).abs().max().item(),
        "equal": (divided == values).sum().item(),
        "equal_by_reciprocal": (multiplied == values).sum().item(),
        "our_error": (weight - dequantize(ours)).square().sum().item(),
        "their_error": (groups - restored).square().sum().item(),
    }


def oracle_row(library: str, bits: int, group: int | None, weights: dict, theirs: dict) -> dict:
    """All matrices together, for one library and one width."""
    key = f"{library}.{bits}"
    compared = [
        compare(weight, theirs[f"{key}.{name}.values"], theirs[f"{key}.{name}.scale"], bits, group)
        for name, weight in weights.items()
    ]
    total = lambda figure: sum(row[figure] for row in compared)  # noqa: E731
    return {
        "library": library,
        "bits": bits,
        "group": group,
        "divisor": 2 ** (bits - 1) - 0.5,
        "largest_divisor_difference": max(row["top"] for row in compared),
        "equal_integers": total("equal"),
        "equal_integers_by_reciprocal": total("equal_by_reciprocal"),
        "integers": sum(weight.numel() for weight in weights.values()),
        "squared_error_ours_over_theirs": total("our_error") / total("their_error"),
    }


def oracle(block: int = 3) -> dict:
    """Both libraries divide absmax by 127.5 (or 7.5) and use -128 (-8) as well; ours divides by 127 (7) and
    is symmetric.

    With their divisor in our formula the integers must be theirs, where a library multiplies by the
    reciprocal of the scale those of a product instead of a division. The squared error of both grids is
    compared.
    """
    folder = OUT / "bench-quantization"
    folder.mkdir(parents=True, exist_ok=True)
    layers = linear_layers(shipped_model("teacher")).items()
    weights = {name: layer.weight.detach().contiguous() for name, layer in layers if f".{block}." in name}
    save_file(weights, folder / "weights.safetensors")
    answer = common.run_oracle("quantization", folder / "weights.safetensors")
    theirs = load_file(folder / "oracle.safetensors")
    rows = [
        oracle_row(library, bits, group, weights, theirs)
        for library in ("torchao", "compressed-tensors")
        for bits, group in ((8, None), (4, 32))
    ]
    return {"oracle": answer["environment"], "rows": rows}


PARTS = {"bits": bits, "int8": int8, "oracle": oracle}

if __name__ == "__main__":
    common.main("quantization", PARTS)

"""Notebook 05: one file out, and the ledger of every stage on the way.

A compressed model is one safetensors file. Each weight matrix stands there in its cheapest exact encoding
(`minicompress.lab.encodings`), named by it: `model.layers.0.mlp.up_proj.int3` instead of `...weight`. Scales,
norms and everything else are fp16. The one metadata entry holds the configuration and a checksum.
"""

import copy
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from minicompress.lab import encodings
from minicompress.lab.files import atomic_write
from minicompress.lab.modules import as_linear, is_conv1d, linear_layers, set_submodule
from minicompress.low_rank import LowRankLinear
from minicompress.pruning import bake_masks
from minicompress.quantization import QuantizedEmbedding, QuantizedLinear, QuantizedTensor, quantize_symmetric

FORMAT = "minicompress 1"


def quantize_model(
    model: nn.Module, bits: int, embedding_bits: int, group_size: int | None = None
) -> nn.Module:
    """Replace the Linear layers inside the blocks, the embedding and the head by quantized ones, in place.

    A head that is tied to the embedding stays tied: both hold the same integers. GPT-2's Conv1D is stored
    transposed, so it becomes a QuantizedLinear of its transpose. Layers whose input `group_size` does not
    divide get one scale a row.
    """
    bake_masks(model)
    for name, layer in linear_layers(model).items():
        layer = as_linear(layer)
        fitting = group_size if group_size and layer.in_features % group_size == 0 else None
        set_submodule(model, name, QuantizedLinear.from_linear(layer, bits, fitting))
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    q = quantize_symmetric(embedding.weight, embedding_bits)
    tied = head.weight is embedding.weight
    model.set_input_embeddings(QuantizedEmbedding(q))
    model.set_output_embeddings(
        QuantizedLinear(q, head.bias) if tied else QuantizedLinear.from_linear(head, embedding_bits)
    )
    return model


def storage_plan(model: nn.Module) -> list[tuple[str, str, torch.Tensor]]:
    """Decide how each tensor is stored, tied tensors once: rows of (name, encoding, tensor)."""
    quantized = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, QuantizedLinear | QuantizedEmbedding)
    }
    rows, seen = [], set()
    for name, tensor in model.state_dict().items():
        owner, _, kind = name.rpartition(".")
        identity = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if identity in seen or (kind in ("values", "scale") and is_tied_head(model, quantized.get(owner))):
            continue
        seen.add(identity)
        if tensor.is_floating_point() and tensor.abs().max() > torch.finfo(torch.float16).max:
            raise ValueError(
                f"{name} holds {tensor.abs().max().item():g}, beyond fp16's largest number, 65504"
            )
        if owner in quantized and kind == "values":
            rows.append((name, encodings.cheapest_encoding(tensor, quantized[owner].bits), tensor))
        elif tensor.is_floating_point():
            rows.append((name, encodings.cheapest_half(tensor), tensor.half()))
        else:
            rows.append((name, "raw", tensor))
    return rows


def is_tied_head(model: nn.Module, module: nn.Module | None) -> bool:
    """Tell whether a quantized module is the head that repeats the quantized embedding: its integers are
    stored once.
    """
    return module is not None and module is model.get_output_embeddings() and model.config.tie_word_embeddings


def stored_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Name -> tensor as it will stand in the file.

    An encoded matrix is named by its encoding instead of `values`.
    """
    tensors = {}
    for name, encoding, tensor in storage_plan(model):
        if encoding == "half-bitmask":
            kept = tensor.flatten() != 0
            tensors |= {
                f"{name}.bits": encodings.pack_bits(kept, 1),
                f"{name}.nonzeros": tensor.flatten()[kept],
            }
        elif encoding in ("half", "raw"):
            tensors[name] = tensor
        else:
            tensors[f"{name.removesuffix('values')}{encoding}"] = encodings.encode(tensor, encoding)
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


def predicted_bytes(model: nn.Module) -> int:
    """Predict the tensor bytes of the file from shapes, bit widths and counts of non-zeros, by the formulas
    alone.
    """
    return sum(
        tensor.numel() * tensor.element_size()
        if encoding == "raw"
        else encodings.encoded_bytes(encoding, tensor.numel(), int(tensor.count_nonzero()))
        for _, encoding, tensor in storage_plan(model)
    )


def save_compressed(model: nn.Module, path: str | Path) -> None:
    """Write the model to one safetensors file, all or nothing. Masks are baked in first (the model is
    modified in that).

    The same model gives the same bytes: one metadata entry, "minicompress", holds sorted JSON with the keys
    format, config (`model.config.to_diff_dict()`, what differs from the defaults, without the keys
    transformers_version, dtype and _name_or_path) and sha256 (see `checksum`). ValueError: a number that fp16
    cannot hold.
    """
    ### BEGIN SOLUTION
    bake_masks(model)
    tensors = stored_tensors(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    header = {"format": FORMAT, "config": config, "sha256": checksum(config, tensors)}
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(
            save(tensors, {"minicompress": json.dumps(header, sort_keys=True, separators=(",", ":"))})
        )
    ### END SOLUTION


def load_compressed(path: str | Path) -> nn.Module:
    """Read a file that `save_compressed` wrote; the model comes in fp32 (integers stay int8), in eval mode,
    on the CPU.

    Round the model in memory to what is stored, and its logits are equal to those of the model read here.
    Nothing is unpickled.
    ValueError: no such file, a truncated or corrupted one, one that another program wrote, or one whose
    tensors do not fit its configuration, for which `build_model` raises KeyError, TypeError, AttributeError,
    RuntimeError, IndexError or StrictDataclassError.
    """
    ### BEGIN SOLUTION
    header, tensors = read_file(Path(path))
    try:
        return build_model(header["config"], tensors)
    except (KeyError, TypeError, AttributeError, RuntimeError, IndexError, StrictDataclassError) as error:
        raise ValueError(f"the tensors in {path} do not fit its configuration: {error}") from error
    ### END SOLUTION


def build_model(config: dict, tensors: dict[str, torch.Tensor]) -> nn.Module:
    """Make the model that the configuration describes and put every stored tensor into its place."""
    with (
        torch.random.fork_rng()
    ):  # the initial weights are thrown away; leave the caller's random state alone
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config)).float().eval()
    install_low_rank(model, tensors)
    missing = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    shapes = dict(missing)
    for name, tensor in tensors.items():
        owner, _, kind = name.rpartition(".")
        if name in shapes:
            fill(model, name, tensor.float() if tensor.is_floating_point() else tensor)
            missing.pop(name)
        elif kind == "bits":  # before it stands a whole name: `...weight.bits`
            fill(model, owner, unpack_floats(tensor, tensors[f"{owner}.nonzeros"], shapes[owner]))
            missing.pop(owner)
        elif kind not in ("scale", "nonzeros"):
            install_quantized(model, owner, tensor, kind, tensors[f"{owner}.scale"].float())
            missing.pop(f"{owner}.weight")
    if model.config.tie_word_embeddings:
        embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
        if isinstance(embedding, QuantizedEmbedding):
            q = QuantizedTensor(embedding.values, embedding.scale, embedding.bits, embedding.group_size)
            model.set_output_embeddings(QuantizedLinear(q, head.bias))
        missing = {
            name: shape
            for name, shape in missing.items()
            if model.get_submodule(name.rpartition(".")[0]) is not model.get_output_embeddings()
        }
    if missing:
        raise KeyError(f"nothing stored for {', '.join(missing)}")
    return model.eval()  # the quantized modules, too


def install_low_rank(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Put a LowRankLinear in the place of every layer of which the file holds two factors, `...U.` and
    `...V.`.

    The configuration does not tell the ranks, the first factor [rank, in] does: by its shape, by its scales
    (one row a rank), or by its bitmask (rank * in bits, in whole bytes).
    """
    for name, tensor in tensors.items():
        owner, _, kind = name.rpartition(".U.")
        if owner and kind in ("weight", "scale", "weight.bits"):
            old = as_linear(model.get_submodule(owner))
            rank = 8 * len(tensor) // old.in_features if kind == "weight.bits" else tensor.shape[0]
            set_submodule(
                model, owner, LowRankLinear(old.in_features, old.out_features, rank, old.bias is not None)
            )


def checksum(config: dict, tensors: dict[str, torch.Tensor]) -> str:
    """sha256 over the configuration and all tensors' names, types, shapes and bytes, in sorted order."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(
            f"{name} {tensor.dtype} {list(tensor.shape)}".encode()
            + tensor.flatten().view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()


def read_file(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """Read and verify a compressed file: (header, tensors)."""
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("minicompress", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is no readable safetensors file (truncated or corrupted): {error}"
        ) from error
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path} was not written by save_compressed: its format is {header.get('format')!r}, expected {FORMAT!r}"
        )
    if header.get("sha256") != checksum(header.get("config"), tensors):
        raise ValueError(f"{path} is corrupted: its checksum does not match its contents")
    return header, tensors


def unpack_floats(bits: torch.Tensor, nonzeros: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Undo what `stored_tensors` does to floats with many zeros: fp32 of `shape`."""
    weight = torch.zeros(math.prod(shape))
    weight[encodings.unpack_bits(bits, 1, len(weight)).bool()] = nonzeros.float()
    return weight.view(shape)


def fill(model: nn.Module, name: str, value: torch.Tensor) -> None:
    """Copy a value into the parameter or buffer of that name (under both names of a tied one, since they
    share it).
    """
    place = model.state_dict(keep_vars=True)[name]
    if place.shape != value.shape:
        raise KeyError(f"{name} is {list(value.shape)}, expected {list(place.shape)}")
    with torch.no_grad():
        place.copy_(value)


def install_quantized(
    model: nn.Module, name: str, packed: torch.Tensor, encoding: str, scale: torch.Tensor
) -> None:
    """Put a quantized module in the place of the Linear, Conv1D or Embedding called `name`."""
    old = model.get_submodule(name)
    shape = tuple(old.weight.shape[::-1]) if is_conv1d(old) else tuple(old.weight.shape)
    group_size = None if scale.shape[1] == 1 else shape[1] // scale.shape[1]
    q = QuantizedTensor(
        encodings.decode(packed, encoding, shape), scale, encodings.bits_of(encoding), group_size
    )
    bias = getattr(old, "bias", None)
    set_submodule(
        model,
        name,
        QuantizedEmbedding(q)
        if isinstance(old, nn.Embedding)
        else QuantizedLinear(q, None if bias is None else bias.detach()),
    )


def file_bytes(path: Path) -> tuple[int, int, int]:
    """Measure a safetensors file: (tensor bytes, header bytes, file bytes); the header includes its 8-byte
    length.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = 8 + int.from_bytes(file.read(8), "little")
    return size - header, header, size


def compress(
    teacher: nn.Module,
    student: nn.Module,
    stages: Sequence[tuple[str, Callable[[nn.Module], nn.Module]]],
    evaluate: Callable[[nn.Module], dict],
    out: str | Path,
) -> list[dict]:
    """Run the stages one after the other, each saved, reloaded and measured; return the ledger, one record a
    stage.

    The first record is the teacher, saved in fp16. Each stage gets the *reloaded* model of the stage before
    (the first a copy of `student`), so a record describes exactly what its file holds. Stage number 1,
    "pruned", leaves `out/1-pruned.safetensors` and its record `out/1-pruned.json`. A stage that left both is
    not run again, whatever produced them: give another folder, or empty it, for a fresh start. `out` is made
    where it is missing, with its parents.

    A record is what `measure` returns (name, artefact, which is a file name in `out`, parameters, nonzeros,
    tensor_bytes_predicted, tensor_bytes_measured, header_bytes, file_bytes, and whatever `evaluate(model)`
    returned) and the
    ratio: the teacher's file_bytes over this one's. ValueError: no stage, or two stages of one name.
    """
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    ### BEGIN SOLUTION
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            with atomic_write(record_path) as temporary:
                temporary.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger
    ### END SOLUTION


def measure(name: str, model: nn.Module, path: Path, evaluate: Callable[[nn.Module], dict]) -> dict:
    """Save one stage, reload it, and record what the file weighs and what the reloaded model does."""
    bake_masks(model)
    predicted = predicted_bytes(model)
    save_compressed(model, path)
    reloaded = load_compressed(path)
    measured, header, size = file_bytes(path)
    tensors = {
        tensor.untyped_storage().data_ptr(): tensor
        for key, tensor in reloaded.state_dict().items()
        if not key.endswith(".scale")
    }
    return {
        "name": name, "artefact": path.name,
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "nonzeros": sum(int(tensor.count_nonzero()) for tensor in tensors.values()),
        "tensor_bytes_predicted": predicted, "tensor_bytes_measured": measured,
        "header_bytes": header, "file_bytes": size,
    } | evaluate(reloaded)  # fmt: skip

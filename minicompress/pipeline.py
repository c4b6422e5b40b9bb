"""Notebook 06: one file out, and the ledger of every stage on the way.

A compressed model is one safetensors file. A weight stands there in its cheapest exact encoding
(`minicompress.lab.encodings`) under the name of its layer, `model.layers.0.mlp.up_proj`. Scales, norms and
everything else are fp16 under their own names. The one metadata entry holds the configuration, a manifest
that says how each encoded layer is stored, and a checksum.
"""

import copy
import hashlib
import json
import reprlib
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM

from minicompress.lab.encodings import ENCODINGS, cheapest, decode, encode
from minicompress.lab.files import atomic_write, write_json
from minicompress.lab.modules import as_linear, linear_layers, set_submodule
from minicompress.low_rank import LowRankLinear
from minicompress.pruning import bake_masks
from minicompress.quantization import QuantizedEmbedding, QuantizedLinear, QuantizedTensor, quantize_symmetric

FORMAT = "minicompress 2"


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


# ---------------------------------------------------------------- what stands in the file


class Stored(NamedTuple):
    """One tensor of the file before it is encoded, int8 or fp16; integers have a group size (None: a row)."""

    name: str
    tensor: torch.Tensor
    encoding: str = "fp16"
    group_size: int | None = None


def storage_plan(model: nn.Module) -> list[Stored]:
    """Decide how each tensor is stored; a tied head is left out.

    ValueError: a number that fp16 cannot hold, a tied head that differs from the embedding.
    """
    state, tied, plan = model.state_dict(), tied_names(model), []
    modules = dict(model.named_modules(remove_duplicate=False))
    for name, tensor in state.items():
        layer, _, part = name.rpartition(".")
        if name in tied:
            if not torch.equal(tensor, state[tied[name]]):
                raise ValueError(f"the configuration ties {name} to {tied[name]}, but the two differ")
        elif part == "values" and is_quantized(modules[layer]):
            bits, group_size = modules[layer].bits, modules[layer].group_size
            plan.append(Stored(layer, tensor, cheapest(tensor, bits), group_size))
        else:
            tensor = to_fp16(name, tensor)
            encoding = cheapest(tensor, 16) if part == "weight" else "fp16"
            plan.append(Stored(name if encoding == "fp16" else layer, tensor, encoding))
    return plan


def tied_names(model: nn.Module) -> dict[str, str]:
    """Tensor of the head -> tensor of the embedding that it repeats, where the configuration ties the two."""
    if not model.config.tie_word_embeddings:
        return {}
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    names = {module: name for name, module in model.named_modules()}
    shared = head.state_dict().keys() & embedding.state_dict().keys()
    return {f"{names[head]}.{part}": f"{names[embedding]}.{part}" for part in shared}


def is_quantized(module: nn.Module) -> bool:
    """Tell whether a module holds integers and a scale."""
    return isinstance(module, QuantizedLinear | QuantizedEmbedding)


def to_fp16(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Round to fp16. ValueError: an integer tensor, a number beyond fp16's largest."""
    if not tensor.is_floating_point():
        only = "only floats and quantized layers can be stored (masks are baked in first)"
        raise ValueError(f"{name} is {tensor.dtype}: {only}")
    if tensor.abs().max() > torch.finfo(torch.float16).max:
        raise ValueError(f"{name} holds {tensor.abs().max().item():g}, beyond fp16's largest number, 65504")
    return tensor.half()


def stored_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Name -> tensor as it will stand in the file, uint8 [bytes] or fp16."""
    encoded = {row.name: encode(row.tensor, row.encoding) for row in storage_plan(model)}
    return {name: tensor.cpu().contiguous() for name, tensor in encoded.items()}


def manifest_of(model: nn.Module) -> dict[str, dict]:
    """What the configuration does not tell about the layers.

    "encoded": layer -> [encoding, shape of its weight], and the group size as a third where there are groups.
    "low_rank": layer -> rank. The two factors of a low-rank layer are layers of their own.
    """
    encoded, low_rank = {}, {}
    for name, tensor, encoding, group_size in storage_plan(model):
        if encoding != "fp16":
            groups = [] if group_size is None else [group_size]
            encoded[name] = [encoding, list(tensor.shape), *groups]
    for name, module in model.named_modules():
        if isinstance(module, LowRankLinear):
            low_rank[name] = module.rank
    return {"encoded": encoded, "low_rank": low_rank}


def predicted_bytes(model: nn.Module) -> int:
    """Predict the tensor bytes of the file from the shapes and the counts of non-zeros alone."""
    return sum(
        ENCODINGS[row.encoding].size(row.tensor.numel(), int(row.tensor.count_nonzero()))
        for row in storage_plan(model)
    )


def save_compressed(model: nn.Module, path: str | Path) -> None:
    """Write the model to one safetensors file, from which `load_compressed` makes the same function again.

    The tensors are `stored_tensors`. One metadata entry, "minicompress", holds sorted JSON with four keys:
    format (`FORMAT`), config (`model.config.to_diff_dict()`, what differs from the defaults, without the keys
    transformers_version, dtype and _name_or_path), manifest (`manifest_of`) and sha256, a `checksum` by which
    a reader notices any change of anything else in the file. The same model gives the same bytes.

    A masked layer is stored as the plain layer that computes the same; the model is modified in that, and in
    nothing else. All or nothing: whatever fails, and whenever, the old file stays as it was until the new one
    is complete and renamed over it, and no other file is left. ValueError: as in `storage_plan`.
    """
    raise NotImplementedError("Exercise 6.1 save_compressed")


def checksum(header: dict, tensors: dict[str, torch.Tensor]) -> str:
    """sha256 over the header and all tensors' names, types, shapes and bytes, in sorted order."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_file(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """Read what `save_compressed` wrote, believing none of it: (header, tensors as they are stored).

    The header comes without its sha256. Anybody may have written the file, and it may have been cut off or
    changed on the way. So each of these is a ValueError: no file at this path, no safetensors file, no such
    entry in it or one that is no JSON object (however deep its brackets are), another format than `FORMAT`,
    no sha256 or the wrong one. Nothing is unpickled.
    """
    raise NotImplementedError("Exercise 6.1 read_file")


def load_compressed(path: str | Path) -> nn.Module:
    """Read a file that `save_compressed` wrote: the model in fp32 (integers stay int8), in eval mode, on the
    CPU.

    Round the model in memory to what is stored, and its logits are equal to those of the model read here.
    ValueError: what `read_file` or `build_model` refuses.
    """
    raise NotImplementedError("Exercise 6.1 load_compressed")


# ---------------------------------------------------------------- from the file to the model


def build_model(header: dict, tensors: dict[str, torch.Tensor]) -> nn.Module:
    """Make the model that the header describes and put every stored tensor into its place.

    The model is built twice. The first one, on the meta device, takes no memory: every name and shape of it
    is compared with what is stored. ValueError: configuration, manifest and tensors do not fit together.
    """
    config, manifest = header.get("config"), checked_manifest(header.get("manifest"))
    state = decoded_state(manifest["encoded"], tensors)
    try:
        check_counts(config, len(tensors))
        with torch.random.fork_rng():  # the caller's random state stays as it is
            with torch.device("meta"):
                check_state(new_model(config, manifest), state)
            model = new_model(config, manifest)
        model.load_state_dict(state, strict=False)  # a tied head is not stored
    except Exception as error:  # the library refuses a configuration with many types of error
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 200)
        raise ValueError(f"configuration, manifest and tensors do not fit together ({reason})") from error
    return model.eval()


def checked_manifest(manifest: object) -> dict[str, dict]:
    """Return a manifest that has the form which `manifest_of` describes. ValueError: another one."""
    match manifest:
        case {"encoded": dict(encoded), "low_rank": dict(low_rank), **others} if not others:
            pass
        case _:
            raise ValueError(f"a manifest holds 'encoded' and 'low_rank', not {reprlib.repr(manifest)}")
    for layer, line in encoded.items():
        if not is_line(line):
            said = f"{reprlib.repr(line)} of {layer!r}"
            raise ValueError(f"a layer has a known encoding, a shape and perhaps a group size, not {said}")
    if not are_sizes(low_rank.values()):
        raise ValueError(f"ranks must be positive integers, not {reprlib.repr(low_rank)}")
    return manifest


def is_line(line: object) -> bool:
    """Tell whether this is [encoding, shape] or [encoding, shape, group size]."""
    match line:
        case [str(encoding), [_, *_] as shape, *groups]:
            return encoding in ENCODINGS and len(groups) <= 1 and are_sizes([*shape, *groups])
    return False


def are_sizes(values: Iterable) -> bool:
    """Tell whether all are positive integers (True is none, although Python counts it as one)."""
    return all(type(value) is int and value > 0 for value in values)


def decoded_state(encoded: dict[str, list], tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Name in the model's state dict -> int8 or fp32 tensor; the size of the file bounds their memory."""
    state, rest = {}, dict(tensors)
    for layer, (encoding, shape, *_) in encoded.items():
        if layer not in rest:
            raise ValueError(f"the manifest describes {layer!r}, but no such tensor is stored")
        part = "values" if ENCODINGS[encoding].is_integer else "weight"
        state[f"{layer}.{part}"] = decoded(layer, rest.pop(layer), encoding, shape)
    state |= {name: decoded(name, tensor, "fp16", tensor.shape) for name, tensor in rest.items()}
    if len(state) < len(tensors):
        raise ValueError("a weight is stored twice, under its layer's name and under its own")
    return state


def decoded(name: str, tensor: torch.Tensor, encoding: str, shape: Sequence[int]) -> torch.Tensor:
    """Decode one stored tensor, fp16 to fp32. ValueError names the tensor."""
    try:
        values = decode(tensor, encoding, shape)
    except ValueError as error:
        raise ValueError(f"{name!r} is {error}") from error
    return values.float() if values.is_floating_point() else values


def check_counts(config: dict, most: int) -> None:
    """Refuse absurd numbers of what the library makes one by one: it has no time to see that nothing fits."""
    blocks = CONFIG_MAPPING[config["model_type"]].attribute_map.get("num_hidden_layers")
    for key in ("num_hidden_layers", blocks, "num_labels"):
        if config.get(key, 0) > most:
            raise ValueError(f"{key} is {config[key]}, but only {most} tensors are stored")


def check_state(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Refuse tensors that are not exactly the model's, by name and shape, apart from a tied head."""
    tied = tied_names(model)
    wanted = {name: list(tensor.shape) for name, tensor in model.state_dict().items() if name not in tied}
    stored = {name: list(tensor.shape) for name, tensor in state.items()}
    for name in sorted(wanted.keys() | stored.keys()):
        said, found = wanted.get(name, "absent"), stored.get(name, "absent")
        if said != found:
            raise ValueError(f"{name!r} is {said} in this model and {found} in the file")


def new_model(config: dict, manifest: dict[str, dict]) -> nn.Module:
    """Make a model with the layers that configuration and manifest describe; its numbers mean nothing yet."""
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config)).float()
    for name, rank in manifest["low_rank"].items():
        old = as_linear(model.get_submodule(name))
        new = LowRankLinear(old.in_features, old.out_features, rank, old.bias is not None)
        set_submodule(model, name, new)
    for name, (encoding, _, *groups) in manifest["encoded"].items():
        if ENCODINGS[encoding].is_integer:
            new = empty_quantized(model.get_submodule(name), ENCODINGS[encoding].bits, *groups)
            set_submodule(model, name, new)
    tie_quantized(model)
    return model


def empty_quantized(old: nn.Module, bits: int, group_size: int | None = None) -> nn.Module:
    """A quantized module of the size of a Linear, Conv1D or Embedding; its numbers mean nothing yet."""
    rows, columns = as_linear(old).weight.shape
    if columns % (group_size or columns):
        raise ValueError(f"groups of {group_size} do not divide {columns} inputs")
    scale = torch.empty(rows, columns // (group_size or columns))
    q = QuantizedTensor(torch.empty(rows, columns, dtype=torch.int8), scale, bits, group_size)
    if isinstance(old, nn.Embedding):
        return QuantizedEmbedding(q)
    return QuantizedLinear(q, None if old.bias is None else old.bias.detach())


def tie_quantized(model: nn.Module) -> None:
    """Let a plain head that the configuration ties to a quantized embedding share its integers, in place."""
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    if model.config.tie_word_embeddings and is_quantized(embedding) and isinstance(head, nn.Linear):
        q = QuantizedTensor(embedding.values, embedding.scale, embedding.bits, embedding.group_size)
        model.set_output_embeddings(QuantizedLinear(q, head.bias))


# ---------------------------------------------------------------- the ledger


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
    not run again, whatever produced them: give another folder, or empty it, for a fresh start. The stage
    after it gets what its file holds. A record is written after its file, and like it all or nothing
    (`write_json`). `out` is made where it is missing, with its parents. The student is not modified, and the
    teacher only in that masks are baked in.

    A record is what `measure` returns (name, artefact, which is a file name in `out`, parameters, nonzeros,
    tensor_bytes_predicted, tensor_bytes_measured, manifest_bytes, header_bytes, file_bytes, and whatever
    `evaluate(model)` returned) and the ratio: the teacher's file_bytes over this one's. ValueError: no stage,
    or two stages of one name.
    """
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    raise NotImplementedError("Exercise 6.2 compress")


def measure(name: str, model: nn.Module, path: Path, evaluate: Callable[[nn.Module], dict]) -> dict:
    """Save one stage, reload it, and record what the file weighs and what the reloaded model does."""
    bake_masks(model)
    predicted = predicted_bytes(model)
    save_compressed(model, path)
    reloaded = load_compressed(path)
    measured, header, size = file_bytes(path)
    weights = weights_of(reloaded)
    return {
        "name": name, "artefact": path.name,
        "parameters": sum(weight.numel() for weight in weights),
        "nonzeros": sum(int(weight.count_nonzero()) for weight in weights),
        "tensor_bytes_predicted": predicted, "tensor_bytes_measured": measured,
        "manifest_bytes": manifest_bytes(reloaded), "header_bytes": header, "file_bytes": size,
    } | evaluate(reloaded)  # fmt: skip


def weights_of(model: nn.Module) -> list[torch.Tensor]:
    """Every tensor of the model but the scales, tied ones once."""
    scales = {f"{name}.scale" for name, module in model.named_modules() if is_quantized(module)}
    unwanted = scales | tied_names(model).keys()
    return [tensor for name, tensor in model.state_dict().items() if name not in unwanted]


def manifest_bytes(model: nn.Module) -> int:
    """Bytes of the manifest in the header, where a string holds it: each quote stands behind a backslash."""
    text = json.dumps(manifest_of(model), separators=(",", ":"))
    return len(json.dumps(text)) - len('""')

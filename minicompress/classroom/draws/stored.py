"""Draws for chapter 6, which writes and reads files.

Where files lie is not drawn: what ends in `_in` completes the arguments when a call is made.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from minicompress.classroom.draws import models
from minicompress.lab.modules import is_conv1d

FILE = "file.safetensors"
NOT_STORED = ("transformers_version", "dtype", "_name_or_path")


def chapter(name: str = "pipeline") -> ModuleType:
    """A chapter as it is in this process by now: one of them is being judged."""
    return importlib.import_module(f"minicompress.{name}")


# ------------------------------------------------------------ 6.1


def plain_layers(model: nn.Module) -> list[nn.Module]:
    """Linear layers that can be masked: not quantized, no factors, and not the head, which may be tied."""
    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    layers += [(name, layer) for name, layer in model.named_modules() if is_conv1d(layer)]
    return [layer for name, layer in layers if name.rpartition(".")[2] not in ("U", "V", "lm_head")]


def masked(model: nn.Module, sparsity: float) -> nn.Module:
    """Mask the first layer, in place."""
    pruning = chapter("pruning")
    for layer in plain_layers(model)[:1]:
        pruning.apply_mask(layer, pruning.magnitude_mask(layer.weight.detach(), sparsity))
    return model


def compressed(rng: Random) -> tuple:
    """A model with layers of some kinds: of low rank, quantized; and the sparsity that a layer is masked to.

    The mask comes later: a copy of a masked layer breaks when the mask of the original is baked in.
    """
    model = models.any_model(rng)
    if rng.random() < 0.4:
        chapter("low_rank").convert_to_low_rank(model, rng.randint(1, 3))
    if rng.random() < 0.5:
        chapter().quantize_model(model, rng.randint(2, 8), rng.randint(2, 8), rng.choice((None, 2)))
    return model, rng.random()


def too_large(rng: Random) -> list[tuple]:
    """fp16 ends at 65504."""
    model, sparsity = compressed(rng)
    next(tensor for tensor in model.state_dict().values() if tensor.is_floating_point()).fill_(1e5)
    return [(model, sparsity)]


def path_in(arguments: tuple, folder: Path) -> tuple:
    folder.mkdir(parents=True)
    return masked(*arguments), folder / FILE


def answer_of_saving(_: None, __: nn.Module, path: Path) -> tuple:
    """What the file says and holds, and whether anything lies beside it."""
    with safe_open(path, "pt") as file:
        entries = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    return entries, tensors, sorted(found.name for found in path.parent.iterdir())


def file_content(rng: Random, **changes: object) -> tuple[bytes]:
    """The bytes of a file of a model, with some entries of its header replaced."""
    pipeline, (model, sparsity) = chapter(), compressed(rng)
    chapter("pruning").bake_masks(masked(model, sparsity))
    config = {name: value for name, value in model.config.to_diff_dict().items() if name not in NOT_STORED}
    tensors = pipeline.stored_tensors(model)
    header = {"format": pipeline.FORMAT, "config": config, "manifest": pipeline.manifest_of(model)} | changes
    header["sha256"] = pipeline.checksum(header, tensors)
    return (save(tensors, {"minicompress": json.dumps(header, sort_keys=True)}),)


def bad_files(rng: Random) -> list[tuple]:
    """Cut off, with another byte, of another format, and no file of this kind at all."""
    (content,) = file_content(rng)
    changed = bytearray(content)
    changed[-1 - rng.randrange(8)] ^= 1 << rng.randrange(8)
    broken = [content[: -rng.randint(1, 40)], bytes(changed), content[:3]]
    return [*((data,) for data in broken), file_content(rng, format=f"k{rng.randrange(99)}")]


def file_in(arguments: tuple, folder: Path) -> tuple:
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(arguments[0])
    return (folder / FILE,)


def answer_of_loading(model: nn.Module, _: Path) -> tuple:
    config = {name: value for name, value in model.config.to_diff_dict().items() if name not in NOT_STORED}
    kinds = [type(module).__name__ for module in model.modules()]
    return kinds, models.modes(model), config, dict(model.state_dict())


# ------------------------------------------------------------ 6.2


def weaker(model: nn.Module) -> nn.Module:
    """Halve what a norm multiplies with, in place."""
    with torch.no_grad():
        next(parameter for parameter in model.parameters() if parameter.ndim == 1).div_(2)
    return model


def stage(rng: Random) -> Callable[[nn.Module], nn.Module]:
    """Something that changes a model in place, and the same model always in the same way."""
    sparsity = rng.random()
    return rng.choice((weaker, lambda model: masked(model, sparsity)))


def measured(model: nn.Module) -> dict:
    return {"score": sum(float(tensor.double().sum()) for tensor in model.state_dict().values())}


def pipeline_run(rng: Random) -> tuple:
    """A teacher, a student and one or two stages; perhaps the last of them quantizes."""
    names = [f"{letter}{rng.randrange(9)}" for letter in rng.sample("abcdefgh", rng.randint(1, 2))]
    stages = [(name, stage(rng)) for name in names]
    bits = rng.randint(2, 8)
    if rng.random() < 0.5:
        stages[-1] = names[-1], lambda model: chapter().quantize_model(model, bits, bits)
    return models.any_model(rng), models.any_model(rng), stages, measured


def bad_pipelines(rng: Random) -> list[tuple]:
    teacher, student, *_ = pipeline_run(rng)
    names = ([], ["a", f"b{rng.randrange(9)}", "a"], ["teacher"])
    return [(teacher, student, [(name, weaker) for name in wrong], measured) for wrong in names]


def folder_in(arguments: tuple, folder: Path) -> tuple:
    return *arguments, folder / "some" / "where"


def answer_of_pipeline(ledger: list, teacher: nn.Module, student: nn.Module, *rest: object) -> tuple:
    """The ledger, the records on the disk, the names of all files, and the models, which stay as they are."""
    files = sorted(rest[-1].iterdir())
    records = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.suffix == ".json"]
    names = [file.name for file in files]
    return ledger, records, names, dict(teacher.state_dict()), dict(student.state_dict())

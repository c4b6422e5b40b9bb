"""What is written beside the blocks' shards: the rest of the model, the index, copies, the card."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from minicompress.disk.shards import INDEX, KEPT, Checkpoint, read_header, write_shard
from minicompress.disk.work import RECORD, WorkFolder
from minicompress.lab.files import atomic_write, write_json

# What a model needs beside its weights. No Python files: nobody's code is passed on.
COPIED = (
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "spiece.model",
    "*.tiktoken",
    "chat_template*",
    "LICENSE*",
    "NOTICE*",
)


@contextlib.contextmanager
def space_needed(work: WorkFolder) -> Iterator[None]:
    """Say in a sentence which file could not be written, and that nothing is lost."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # said already
            raise
        name = Path(error.filename or work.path).name.removeprefix(".")
        raise OSError(f"cannot write {name} into {work.path}: {error.strerror}. {KEPT}") from error


def write_rest(checkpoint: Checkpoint, work: WorkFolder, names: Sequence[str]) -> None:
    """Write the shard of everything outside the blocks, tensor for tensor as it was."""
    if not work.rest_path().is_file():
        write_shard(work.rest_path(), {name: checkpoint.read(name) for name in names})


def write_index(work: WorkFolder) -> None:
    """Write which shard holds which tensor, and the bytes of all of them."""
    shards = [work.block_path(number).name for number in range(work.blocks + 1)]
    places = {name: place for shard in shards for name, place in read_header(work.path, shard)}
    content = {
        "metadata": {"total_size": sum(place.nbytes for place in places.values())},
        "weight_map": {name: places[name].shard for name in sorted(places)},
    }
    write_json(work.path / INDEX, content)


def copy_files(checkpoint: Checkpoint, work: WorkFolder, quantization: Mapping[str, object]) -> None:
    """Copy the tokenizer's and generation's files; the config too, with `quantization` where there is any."""
    found = {path for pattern in COPIED for path in checkpoint.folder.glob(pattern) if path.is_file()}
    for source in sorted(found):
        with atomic_write(work.path / source.name) as temporary:
            shutil.copyfile(source, temporary)
    config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    if quantization:
        config["quantization_config"] = dict(quantization)
    write_json(work.path / "config.json", config)


def share_of_zeros(work: WorkFolder, weights: Sequence[str]) -> float:
    """The share of zeros in the weights of these names as they are stored now, read one by one."""
    made, zeros, numbers = Checkpoint(work.path), 0, 0
    for name in weights:
        weight = made.read(name)
        zeros += int((weight == 0).sum())
        numbers += weight.numel()
    return zeros / numbers


def write_card(
    work: WorkFolder, record: Mapping[str, object], sentences: Sequence[str], zeros: float | None
) -> None:
    """Write README.md: what was done, with what settings, and what the files hold now."""
    counted = [] if zeros is None else [f"- zeros in the stored matrices of the blocks: {zeros:.2%}"]
    lines = [
        f"# {record['model']}, {record['method']}",
        "",
        f"Made from {record['model']} by `minicompress compress`: the method {record['method']} changed the "
        "Linear layers inside the blocks, one block at a time, in fp32. Everything else is as it was.",
        "",
        *(f"- {name}: {value}" for name, value in record["settings"].items()),
        f"- calibration: {record['text']}",
        *counted,
        "",
        *sentences,
        "",
        f"`{RECORD}` holds what decided this result: settings, and digests of checkpoint, text and code.",
    ]
    with atomic_write(work.path / "README.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

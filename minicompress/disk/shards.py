"""Checkpoints on disk: safetensors files ("shards"), and an index: which of them holds which tensor."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from minicompress.lab.files import atomic_write

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
KEPT = "The finished blocks are kept: when there is room, the same command goes on from them"


class Place(NamedTuple):
    """Where a tensor lies, and what it is, as the header of its shard says."""

    shard: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    nbytes: int


class Checkpoint:
    """A folder with one safetensors file, or several and their index. Making one reads the headers only.

    `places`: name -> Place of every tensor. A shard is open only while one tensor is read from it: its mapped
    pages would count as memory of this process.

    ValueError: no such file, a shard that is missing or damaged, an index that names a tensor which its shard
    lacks. The message names it.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        index = read_index(self.folder)
        self.shards = sorted(set(index.values())) if index else [WHOLE]
        for shard in self.shards:
            if not (self.folder / shard).is_file():
                count = sum(named == shard for named in index.values())
                raise ValueError(f"the shard {shard}, with {count} tensors, is missing in {self.folder}")
        self.places = {
            name: place for shard in self.shards for name, place in read_header(self.folder, shard)
        }
        for name, shard in index.items():
            if name not in self.places or self.places[name].shard != shard:
                raise ValueError(f"{INDEX} says that {name} lies in {shard}, but it does not")

    def read(self, name: str) -> torch.Tensor:
        """Read one tensor, in its own dtype. It is mapped, not copied: let it go soon.

        ValueError: a shard that has become unreadable.
        """
        shard = self.places[name].shard
        with opened(self.folder, shard) as file:
            return file.get_tensor(name)

    def nbytes(self) -> int:
        """The bytes of all tensors."""
        return sum(place.nbytes for place in self.places.values())

    def identity(self) -> dict[str, str]:
        """For every shard its size, the time of its last change, and the digest of its header.

        They change with the contents, but reading them takes no time; a full digest would read all weights.
        """
        headers = {shard: hashlib.sha256() for shard in self.shards}
        for name, place in sorted(self.places.items()):
            headers[place.shard].update(f"{name} {place.dtype} {place.shape}\n".encode())
        facts = {shard: (self.folder / shard).stat() for shard in self.shards}
        return {
            shard: f"{facts[shard].st_size} bytes, {facts[shard].st_mtime_ns} ns, {digest.hexdigest()[:16]}"
            for shard, digest in headers.items()
        }


def read_index(folder: Path) -> dict[str, str]:
    """Tensor -> shard, as the index says; empty where one file holds everything.

    ValueError: there is neither.
    """
    if (folder / INDEX).is_file():
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
            return {str(name): str(shard) for name, shard in index.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{folder / INDEX} is damaged: it is no index of tensors") from error
    if not (folder / WHOLE).is_file():
        raise ValueError(
            f"{folder} holds no safetensors checkpoint: {WHOLE} or {INDEX} is needed (pickled and GGUF "
            "weights are not read here)"
        )
    return {}


def opened(folder: Path, shard: str) -> safe_open:
    """Open a shard to read from. ValueError: it is damaged or cut short."""
    try:
        return safe_open(folder / shard, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ValueError(f"the shard {folder / shard} is damaged or cut short: {error}") from error


def read_header(folder: Path, shard: str) -> Iterator[tuple[str, Place]]:
    """Name and Place of every tensor in a shard, whose size is compared with what its header says."""
    with opened(folder, shard) as file:
        for name in file.keys():  # noqa: SIM118 - not a mapping
            tensor = file.get_tensor(name)  # mapped: none of its bytes is read
            yield name, Place(shard, tensor.dtype, tuple(tensor.shape), tensor.nbytes)


def write_shard(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors as a safetensors file, all or nothing.

    OSError: it cannot be written, on a full disk for example; the message says why and what to do.
    """
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    size = sum(tensor.nbytes for tensor in tensors.values())
    try:
        with atomic_write(path) as temporary:
            save_file(tensors, temporary, metadata={"format": "pt"})
    except (SafetensorError, OSError) as error:
        reason = str(error).rpartition("I/O error: ")[2]
        raise OSError(
            f"cannot write {path.name}, {size / 1e6:.1f} MB, into {path.parent}: {reason}. {KEPT}"
        ) from error

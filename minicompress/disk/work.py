"""The folder in which a run works until everything is there: `.NAME.partial` beside the one asked for.

It holds the record of what is being done (`compression.json`), a shard for each block that is finished, and
the hidden states behind the last of them. Each file is written under another name first, the hidden states
before the shard: a run that is killed at any moment goes on with the first block that has no shard.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from minicompress.disk.shards import write_shard
from minicompress.lab.files import write_json

RECORD = "compression.json"


class WorkFolder:
    """Make the work folder for `out`, or go on in it. `record` is all that decides the result.

    blocks: how many the model has.
    ValueError: `out` exists, or a run with another record has finished blocks there; the message names what
    differs and the folder. A work folder without a finished block is begun anew.
    """

    def __init__(self, out: Path, record: Mapping[str, object], blocks: int):
        self.out, self.blocks = Path(out), blocks
        self.path = self.out.with_name(f".{self.out.name}.partial")
        if self.out.exists():
            raise ValueError(f"{self.out} exists already: give --out a new folder, or remove that one")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_another(record)
            for path in self.path.glob(".*.tmp"):  # what a killed run had begun to write
                path.unlink()
            write_json(self.path / RECORD, record)
        except OSError as error:
            raise ValueError(f"cannot write to the folder {self.path}: {error.strerror}") from error

    @contextlib.contextmanager
    def removed_unless_begun(self) -> Iterator[None]:
        """Take the folder away after a failure before the first block was finished: it is of no use."""
        try:
            yield
        except BaseException:
            if not self.finished():
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    def _refuse_another(self, record: Mapping[str, object]) -> None:
        if not self.finished():
            return
        try:
            earlier = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            earlier = {}
        wanted = json.loads(json.dumps(record))
        differing = [key for key in {**wanted, **earlier} if wanted.get(key) != earlier.get(key)]
        if differing:
            raise ValueError(
                f"an interrupted run for {self.out} had another {', '.join(differing)}: "
                f"give that command again, or remove {self.path} to begin anew"
            )

    # ------------------------------------------------------------ shards

    def block_path(self, number: int) -> Path:
        """The shard of block `number`, counted from 0; the rest of the model has the last one."""
        return self.path / f"model-{number + 1:05}-of-{self.blocks + 1:05}.safetensors"

    def rest_path(self) -> Path:
        """The shard of what stands outside the blocks."""
        return self.block_path(self.blocks)

    def finished(self) -> int:
        """How many blocks have their shards."""
        return next((n for n in range(self.blocks) if not self.block_path(n).is_file()), self.blocks)

    def move_in_place(self) -> None:
        """Give the finished folder its name, without the hidden states that a killed run may have left."""
        for path in self.path.glob("hidden-*.safetensors"):
            path.unlink()
        self.path.rename(self.out)

    # ------------------------------------------------------------ hidden states

    def _states(self, number: int) -> Path:
        return self.path / f"hidden-{number:05}.safetensors"

    def write_states(self, number: int, states: Sequence[torch.Tensor]) -> None:
        """Keep the hidden states that go into block `number`, one tensor [B, T, features] a batch."""
        if states:
            write_shard(self._states(number), {str(i): hidden for i, hidden in enumerate(states)})

    def read_states(self, number: int, count: int) -> list[torch.Tensor]:
        """The hidden states that go into block `number`. ValueError: they are gone."""
        if not count:
            return []
        if not self._states(number).is_file():
            raise ValueError(f"{self._states(number)} is missing: remove {self.path} to begin anew")
        states = load_file(self._states(number))
        return [states[str(i)].clone() for i in range(count)]

    def forget_states(self, number: int) -> None:
        """Remove the hidden states that went into block `number`, which is finished."""
        self._states(number).unlink(missing_ok=True)

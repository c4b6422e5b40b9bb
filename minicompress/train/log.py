"""The log of a training: one line of JSON every few updates."""

import json
from pathlib import Path

from minicompress.lab.files import atomic_write

FILE = "log.jsonl"


class Log:
    """Collects the losses of updates and writes their mean.

    log = Log(folder, updates=0)
    log.add(6.9)
    log.write(update=1, rate_share=0.1, seconds=2.5, scores={})
    """

    def __init__(self, folder: Path, updates: int):
        self.path, self.losses = folder / FILE, []
        forget_after(self.path, updates)

    def add(self, loss: float) -> None:
        self.losses.append(loss)

    def write(self, update: int, rate_share: float, seconds: float, scores: dict) -> None:
        """Append one line: the mean loss since the last line, and what else there is to say."""
        line = {
            "step": update,
            "loss": round(sum(self.losses) / len(self.losses), 6),
            "rate_share": round(rate_share, 4),
            "seconds": round(seconds, 1),
        }
        self.losses.clear()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | scores) + "\n")


def forget_after(path: Path, updates: int) -> None:
    """Drop the lines that lie after the checkpoint, because those updates will be done again.

    A last line that a kill cut short goes too.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= updates]
    with atomic_write(path) as temporary:
        temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

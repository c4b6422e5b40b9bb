"""The environments of other tools: `.venv-peers/NAME`, made from NAME.lock beside this file where missing."""

import subprocess
import sys
from pathlib import Path

from minicompress.lab import paths

LOCKS = Path(__file__).parent
FOLDER = paths.ROOT / ".venv-peers"
OWN = "minicompress"  # the environment that this program runs in


def names() -> list[str]:
    """Every environment that there is a lock file for."""
    return sorted(file.stem for file in LOCKS.glob("*.lock"))


def lines(name: str) -> list[str]:
    """The pinned packages of an environment. ValueError: there is no such lock file."""
    if name not in names():
        raise ValueError(f"unknown environment {name!r}: choose one of {', '.join(names())}")
    return (LOCKS / f"{name}.lock").read_text(encoding="utf-8").split()


def steps(name: str) -> list[list[str]]:
    """What is installed one after the other: torch first and alone, so that its CPU build is found."""
    torch_first = [line for line in lines(name) if line.startswith("torch==")]
    return [torch_first, lines(name)] if torch_first else [lines(name)]


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made now if it is missing or its lock file has changed.

    RuntimeError: it cannot be made; the message is pip's.
    """
    if name == OWN:
        return Path(sys.executable)
    folder, pinned = FOLDER / name, "\n".join(lines(name))
    ready = folder / "ready"  # holds the packages that were installed
    if not ready.is_file() or ready.read_text(encoding="utf-8") != pinned:
        print(f"making {paths.shown(folder)} ...", flush=True)
        ask([sys.executable, "-m", "venv", str(folder)])
        for step in steps(name):
            ask([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *step])
        ready.write_text(pinned, encoding="utf-8")
    return folder / "bin" / "python"


def ask(command: list[str]) -> None:
    """Run a command. RuntimeError: it failed; the message is the last line that it wrote."""
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{' '.join(command[:4])} ... failed: {last}")

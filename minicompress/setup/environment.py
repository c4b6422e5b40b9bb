"""The environments in `.venv` and `.venv-oracles`: where they lie, what makes them, when they are ready.

An environment is ready when its file `ready` is there and no older than what it was made from. That file is
removed before the first step and written after the last one, so a failure leaves no half-made environment
that passes for a whole one.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from minicompress.lab.paths import ROOT

TORCH = "torch==2.13.0"  # installed first and alone, from its own index where one is given
TORCH_INDEX = "MINICOMPRESS_TORCH_INDEX"
OLDEST, TOO_NEW = (3, 11), (3, 14)  # pyproject.toml's requires-python
AGAIN = "python -m minicompress setup"


class SetupError(Exception):
    """The environment cannot be made; the message says why and what helps. `code` ends the process."""

    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a folder of the repository."""

    folder: Path
    made_from: tuple[Path, ...]  # its lock file first; it is made again when one of these has changed

    @property
    def python(self) -> Path:
        """Its interpreter, there or not."""
        inside = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
        return self.folder.joinpath(*inside)

    @property
    def stamp(self) -> Path:
        """The file that says it is ready."""
        return self.folder / "ready"

    def is_ready(self) -> bool:
        """Tell whether it was made to the end, and from the files as they are now."""
        return self.python.is_file() and is_newer(self.stamp, self.made_from)

    def runs_this(self) -> bool:
        """Tell whether the running interpreter is its own."""
        return Path(sys.prefix).resolve() == self.folder.resolve()


LEARNERS = Environment(ROOT / ".venv", (ROOT / "requirements.lock", ROOT / "pyproject.toml"))
ORACLES = Environment(ROOT / ".venv-oracles", (ROOT / "benchmarks" / "oracles.lock",))


def say(line: str) -> None:
    """Print a line at once, before what the next process prints."""
    print(line, flush=True)


def is_newer(stamp: Path, sources: Sequence[Path]) -> bool:
    """Tell whether a stamp is there and no older than its sources, as make compares them."""
    return stamp.is_file() and all(stamp.stat().st_mtime >= path.stat().st_mtime for path in sources)


# ---------------------------------------------------------------- steps


@dataclass(frozen=True)
class Step:
    """One process, and what helps when it fails."""

    does: str
    words: list[str]
    remedy: str


def pip(environment: Environment, *words: str) -> list[str]:
    """A `pip install` of an environment's own."""
    return [str(environment.python), "-m", "pip", "install", "-q", *words]


def steps(environment: Environment, torch_index: str = "") -> list[Step]:
    """What makes an environment, in order. torch_index: the address that pip takes torch from, or nothing."""
    index = ["-i", torch_index] if torch_index else []  # the reader's own address: none is written here
    lock = environment.made_from[0]
    network = "check the network connection and the space on the disk"
    made = [
        Step(
            f"making {environment.folder.name}",
            [sys.executable, "-m", "venv", str(environment.folder)],
            "install Python's venv module (Debian and Ubuntu: the package python3-venv), or another Python",
        ),
        Step(f"installing {TORCH}", pip(environment, TORCH, *index), f"{network}, and {TORCH_INDEX} if set"),
        Step(f"installing {lock.name}", pip(environment, "-r", str(lock)), network),
    ]
    if environment is LEARNERS:
        words = ("--no-deps", "--no-build-isolation", "-e", str(ROOT))
        made.append(Step("installing minicompress", pip(environment, *words), "check that you may write"))
    return made[1:] if environment.runs_this() else made  # a running interpreter cannot be written over


def make(
    environment: Environment,
    torch_index: str = "",
    run: Callable[[list[str]], int] | None = None,
) -> None:
    """Make an environment, or make it again.

    torch_index: where pip takes torch from; default: what MINICOMPRESS_TORCH_INDEX says, else where it takes
    everything from. run: what runs a step's words and returns their exit code.
    SetupError: this Python does not fit, or a step failed (its own message stands above) or was interrupted.
    """
    refuse_unfit_python()
    refuse_another_python(environment)
    environment.stamp.unlink(missing_ok=True)
    todo = steps(environment, torch_index or os.environ.get(TORCH_INDEX, ""))
    for number, step in enumerate(todo, 1):
        say(f"setup: {number} of {len(todo)}, {step.does} ...")
        try:
            code = (run or in_the_repository)(step.words)
        except KeyboardInterrupt:
            raise SetupError("interrupted; the same command goes on", 130) from None
        except OSError as error:
            raise SetupError(f"{step.does} failed ({error}): {step.remedy}; then {AGAIN}") from None
        if code:
            raise SetupError(f"{step.does} failed (see above): {step.remedy}; then {AGAIN}")
    environment.stamp.touch()


def in_the_repository(words: list[str]) -> int:
    """Run one step; its exit code. What it says goes to the terminal."""
    return subprocess.run(words, cwd=ROOT, check=False).returncode


# ---------------------------------------------------------------- which Python


def course_is_installed_here() -> bool:
    """Tell whether the running interpreter, of conda or a container, has the course among its packages."""
    places = [sysconfig.get_path("purelib")]
    return any(True for _ in importlib.metadata.distributions(name="minicompress", path=places))


def unfit_python() -> str:
    """Why the running Python cannot run the course; nothing when it can."""
    found = "{}.{}.{}".format(*sys.version_info[:3])
    if not OLDEST <= tuple(sys.version_info[:2]) < TOO_NEW:
        return f"this is Python {found}; the course needs 3.11, 3.12 or 3.13"
    if sys.maxsize <= 2**32:
        return f"this is a 32-bit Python {found}; torch needs a 64-bit one"
    return ""


def refuse_unfit_python() -> None:
    """SetupError: the running Python cannot run the course."""
    if unfit_python():
        raise SetupError(f"{unfit_python()}: start the same command with one of these, say python3.12")


def refuse_another_python(environment: Environment) -> None:
    """SetupError: the folder holds an environment of another Python, which would mix with this."""
    if environment.python.is_symlink() and not environment.python.exists():
        raise SetupError(
            f"the Python of {environment.folder.name} is gone, or it was made on another system: "
            f"delete the folder {environment.folder.name}"
        )
    there, here = version_of(environment), "{}.{}".format(*sys.version_info[:2])
    if there and there != here:
        raise SetupError(
            f"{environment.folder.name} was made with Python {there}, and this is {here}: "
            f"delete the folder {environment.folder.name}, or use python{there}"
        )


def version_of(environment: Environment) -> str:
    """The Python version of an environment, say 3.12; nothing where no environment is."""
    file = environment.folder / "pyvenv.cfg"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    settings = dict(line.split(" = ", 1) for line in lines if " = " in line)
    return ".".join(settings.get("version", "").split(".")[:2])

"""`python -m minicompress COMMAND`: everything that make does, on any system; make itself calls it.

Every other command is the one of `minicompress COMMAND`, run by the course's own interpreter.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from minicompress.lab.paths import ROOT
from minicompress.setup.environment import (
    LEARNERS,
    ORACLES,
    TORCH_INDEX,
    SetupError,
    course_is_installed_here,
    is_newer,
    make,
    pip,
    refuse_unfit_python,
    say,
)

REFERENCE = {"MINICOMPRESS_SOLUTIONS": "1"}
# What tests do to a learner's progress stays in a file of their own. One thread a process: two threads in
# each of two processes would wait for each other.
TESTING = REFERENCE | {
    "OMP_NUM_THREADS": "1",
    "MINICOMPRESS_PROGRESS": str(ROOT / ".minicompress" / "tests.json"),
    "PYTHONUTF8": "1",  # a redirected Windows shell is not UTF-8 by itself
}
# A file stays in one process: its tests share fixtures, and a notebook's cells their kernel.
PYTEST = ("-m", "pytest", "--dist", "loadfile")
# The notebooks in other languages have the same code (tests/machinery/test_translations.py).
NBVAL = (
    "--nbval-lax",
    "--nbval-current-env",
    "--nbval-cell-timeout=600",
    "--ignore-glob=notebooks/??/*",
    "notebooks",
)
EXTRAS, SITE = ROOT / "requirements-extras.lock", ROOT / "requirements-site.lock"
CLI = ("-m", "minicompress.cli")


# ---------------------------------------------------------------- processes


def call(
    words: Sequence[str | Path], settings: dict[str, str] | None = None, folder: Path | None = None
) -> int:
    """Run a process to its end; its exit code (128 + n when signal n ended it).

    An interrupt reaches it by itself: it ends as it likes (JupyterLab asks first), and is waited for.
    """
    process = subprocess.Popen([str(word) for word in words], env=os.environ | (settings or {}), cwd=folder)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue
        return code if code >= 0 else 128 - code


def interpreter() -> Path:
    """The course's interpreter: this one where the course is installed, else `.venv`'s, made if need be.

    SetupError: it cannot be made.
    """
    if course_is_installed_here() and not LEARNERS.runs_this():
        refuse_unfit_python()
        return Path(sys.executable)
    if not LEARNERS.is_ready():
        make(LEARNERS)
    return LEARNERS.python


# ---------------------------------------------------------------- commands


def setup(words: list[str]) -> int:
    """Make .venv: torch, the packages of requirements.lock, the course itself."""
    options = parser("setup", setup)
    options.add_argument(
        "--torch-index",
        metavar="URL",
        default="",
        help=f"where pip takes torch from, say an index of CPU builds; else ${TORCH_INDEX}",
    )
    index = options.parse_args(words).torch_index
    if LEARNERS.is_ready():
        say(f"{LEARNERS.folder.name} is ready. To make it anew, delete that folder first.")
        return 0
    make(LEARNERS, index)
    say("Ready. Next: python -m minicompress lab")
    return 0


def lab(words: list[str]) -> int:
    """JupyterLab: the notebook beside the file to write; --chapter 01 for another chapter."""
    return call([interpreter(), *CLI, "lab", *words])


def run(words: list[str]) -> int:
    """Compress the shipped teacher 80x, with the reference unless MINICOMPRESS_SOLUTIONS says otherwise."""
    return call([interpreter(), *CLI, "run", *words], REFERENCE | dict(os.environ))


def test(words: list[str]) -> int:
    """Everything that CI runs: ruff, pytest, the notebooks."""
    options = parser("test", test)
    options.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default 2)")
    workers, python = options.parse_args(words).workers, interpreter()
    for lock in (EXTRAS, SITE) if (ROOT / "tests" / "machinery").is_dir() else ():
        if install_beside(python, lock):
            say(f"The packages of {lock.name} are not here: their tests are skipped.")
    if call([python, *CLI, "llm"]):
        say("No SmolLM2 here: the tests of its chapter are skipped.")
    return in_turn([[python, *words] for words in test_runs(workers)], TESTING)


def test_runs(workers: int) -> list[list[str]]:
    """What `test` runs. A student's copy has no solutions, and runs no notebook as a whole."""
    graders = [*PYTEST, "-n", str(workers)]
    notebooks = [[*graders, *NBVAL]] if (ROOT / "solutions").is_dir() else []
    return [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."], graders, *notebooks]


def llm(words: list[str]) -> int:
    """SmolLM2-135M for the chapter on a real LLM: 93 MB, converted once."""
    return call([interpreter(), *CLI, "llm", *words])


def extras(words: list[str]) -> int:
    """Packages for export, sliders and a Dask cluster."""
    parser("extras", extras).parse_args(words)
    return install_beside(interpreter(), EXTRAS)


def site(words: list[str]) -> int:
    """The reading site in out/site: notebooks, guides, a reference of the API."""
    python = interpreter()
    return install_beside(python, SITE) or in_turn([[python, "-m", "website", *words]], REFERENCE)


def install_beside(python: Path, lock: Path) -> int:
    """Install what a lock file pins and nothing else; the exit code.

    It stands apart from requirements.lock, whose packages are the text that the teacher learned from.
    """
    stamp = LEARNERS.folder / lock.stem.removeprefix("requirements-")
    own = python == LEARNERS.python
    if own and is_newer(stamp, (LEARNERS.stamp, lock)):
        return 0
    code = call([python, *pip(LEARNERS, "-q", "--no-deps", "-r", str(lock))[1:]])
    if own and not code:
        stamp.touch()
    return code


def bench(words: list[str]) -> int:
    """Every figure quoted, measured again (hours)."""
    return measured(words, ["-m", "benchmarks", "bench"])


def peers(words: list[str]) -> int:
    """SmolLM2 beside other tools, each in an environment of its own."""
    return measured(words, ["-m", "benchmarks.peers"], ["-m", "benchmarks.readme"])


def measured(words: list[str], *benchmarks: list[str]) -> int:
    """Run benchmarks that need SmolLM2."""
    python = interpreter()
    runs = [[*CLI, "llm"], *benchmarks[:-1], [*benchmarks[-1], *words]]
    return in_turn([[python, *run] for run in runs], REFERENCE)


def parity(words: list[str]) -> int:
    """The reference beside llmcompressor, Torch-Pruning, TRL, torchao and compressed-tensors."""
    python = interpreter()
    oracles([])
    return in_turn([[python, "-m", "benchmarks", "parity", *words]], REFERENCE)


def oracles(words: list[str]) -> int:
    """Make .venv-oracles, the environment of these tools."""
    parser("oracles", oracles).parse_args(words)
    if not ORACLES.is_ready():
        make(ORACLES)
    return 0


def doctor(words: list[str]) -> int:
    """Say what is missing on this machine, and what helps."""
    parser("doctor", doctor).parse_args(words)
    ready = LEARNERS.python.is_file() and not course_is_installed_here()
    return call([LEARNERS.python if ready else sys.executable, "-m", "minicompress.setup.doctor"])


def in_turn(runs: Sequence[Sequence[str | Path]], settings: dict[str, str]) -> int:
    """Run processes in the repository in turn, up to the first that fails; its exit code, or 0."""
    return next((code for words in runs if (code := call(words, settings, ROOT))), 0)


# ---------------------------------------------------------------- the command line

Command = Callable[[list], int]  # from the words behind its name to an exit code
COMMANDS: dict[str, Command] = {
    function.__name__: function
    for function in (setup, doctor, lab, run, test, llm, extras, site, bench, peers, parity, oracles)
}


def parser(name: str, command: Command) -> argparse.ArgumentParser:
    """The options of a command, which its docstring describes."""
    return argparse.ArgumentParser(prog=f"python -m minicompress {name}", description=command.__doc__)


def main(words: list[str]) -> int:
    """Run a command; its exit code. What cannot be done ends in one sentence, without a traceback."""
    if not words or words[0] in ("-h", "--help"):
        say(overview())
        return 0 if words else 2
    command = COMMANDS.get(words[0])
    try:
        return command(words[1:]) if command else call([interpreter(), *CLI, *words])
    except SetupError as error:
        print(f"minicompress: {error}", file=sys.stderr)
        return error.code
    except OSError as error:  # an interpreter that cannot be started, say
        print(f"minicompress: {error}; `python -m minicompress doctor` may know more", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("minicompress: interrupted", file=sys.stderr)
        return 130


def overview() -> str:
    """The commands, one a line."""
    lines = [f"  {name:8} {command.__doc__.splitlines()[0]}" for name, command in COMMANDS.items()]
    more = "Every other command is that of `minicompress`: check, hint, progress, list, complete, ..."
    return "\n".join(["python -m minicompress COMMAND", "", *lines, "", more])

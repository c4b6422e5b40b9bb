"""What the doctor looks at on the machine and among the course's own files, one function a check."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from minicompress.lab.paths import ASSETS, ROOT, cache_folder
from minicompress.setup.environment import AGAIN, TORCH_INDEX
from minicompress.setup.findings import Finding, State, failed, note, ok
from minicompress.setup.python_checks import environment, some

GB = 1e9
LEAST_MEMORY, ENOUGH_MEMORY = 2 * GB, 4 * GB  # one model and one check at a time; a notebook beside them
# .venv takes 2.0 GB with a CPU build of torch, 5.4 GB with a CUDA build; pip keeps its downloads beside it.
DISK_FOR_CPU, DISK_FOR_CUDA, DISK_AFTER = 4 * GB, 8 * GB, 1 * GB
FEWEST_SOURCES = 100  # files beside ast.py; Python 3.11 to 3.13 have 150 to 170


def memory() -> Finding:
    """The memory of this machine, and what of it is free."""
    try:
        import psutil
    except ImportError:
        return note("psutil, which knows, is not installed", f"Run `{AGAIN}`.")
    found = psutil.virtual_memory()
    said = f"{found.total / GB:.1f} GB, of which {found.available / GB:.1f} GB are free"
    if found.total < LEAST_MEMORY:
        return failed(said, f"The course needs {LEAST_MEMORY / GB:.0f} GB: use a larger machine.")
    if found.total < ENOUGH_MEMORY:
        return note(said, "The chapter on a real LLM may not fit: leave it out, or use a larger machine.")
    if found.available < LEAST_MEMORY:
        return note(said, "Close other programs before you run a notebook as a whole.")
    return ok(said)


def disk() -> Finding:
    """The space that is left where the course lies."""
    free = shutil.disk_usage(ROOT).free
    needed = DISK_AFTER if environment().state is State.OK else disk_for_setup()
    said = f"{free / GB:.1f} GB are free"
    if free < needed:
        return failed(said, f"Make room for {needed / GB:.0f} GB on the disk of this folder.")
    return ok(said)


def disk_for_setup() -> float:
    """Bytes that `setup` needs: on Linux pip finds a torch for CUDA, unless another index is given."""
    cuda = sys.platform == "linux" and not os.environ.get(TORCH_INDEX)
    return DISK_FOR_CUDA if cuda else DISK_FOR_CPU


def repository() -> Finding:
    """Whether files can be written beside the learner's own ones."""
    for folder in (ROOT, ROOT / "minicompress"):
        problem = unwritable(folder)
        if problem:
            return failed(f"cannot write in {folder}: {problem}", "Copy the course to a folder of your own.")
    return ok(f"{ROOT} can be written to")


def cache() -> Finding:
    """Whether token arrays and converted models can be kept, and where."""
    try:
        folder = cache_folder()
    except OSError as error:
        return failed(f"cannot be made: {error}", "Set MINICOMPRESS_CACHE to a folder that you may write to.")
    problem = unwritable(folder)
    if problem:
        return failed(f"cannot write in {folder}: {problem}", "Set MINICOMPRESS_CACHE to another folder.")
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return ok(f"{folder}, {held / 1e6:,.0f} MB")


def unwritable(folder: Path) -> str:
    """Why no file can be made in a folder; nothing when one can."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            return ""
    except OSError as error:
        return error.strerror or str(error)


# ---------------------------------------------------------------- what the course works on


def corpus() -> Finding:
    """The standard library as source files: the text of every measurement."""
    folder = Path(sysconfig.get_path("stdlib"))
    sources = len(list(folder.glob("*.py")))
    if sources < FEWEST_SOURCES:
        remedy = f"Install a full Python (not an embedded or zipped one), delete .venv and run `{AGAIN}`."
        return failed(f"{sources} source files of the standard library in {folder}", remedy)
    return ok(f"the standard library's sources in {folder}")


def models() -> Finding:
    """The shipped models and the tokenizer."""
    wanted = [path.with_name("model.safetensors") for path in sorted(ASSETS.glob("*/config.json"))]
    wanted += [ASSETS / "tokenizer.json", ASSETS / "teacher" / "config.json"]
    missing = [path.relative_to(ROOT).as_posix() for path in wanted if not path.is_file()]
    if missing:
        return failed(f"not there: {some(missing)}", "Bring them back with `git checkout -- assets`.")
    return ok("teacher, students and tokenizer")


def smollm2() -> Finding:
    """SmolLM2-135M, for the chapter on a real LLM."""
    place = Path(os.environ.get("MINICOMPRESS_CACHE") or Path.home() / ".cache" / "minicompress")
    if not (place / "smollm2-135m" / "card.json").is_file():
        return note("not on this machine", "For the last chapter: `python -m minicompress llm` (93 MB).")
    return ok("converted")

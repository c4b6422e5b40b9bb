"""What the doctor looks at in Python and its packages, one function a check.

Nothing heavy is imported: torch is asked in a process of its own, since a broken one may end the process.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

from minicompress.lab.paths import ROOT
from minicompress.setup.environment import AGAIN, LEARNERS, TORCH, course_is_installed_here, unfit_python
from minicompress.setup.findings import Finding, failed, note, ok

OLDEST_TORCH = (2, 9)  # pyproject.toml's


def python() -> Finding:
    """The version of Python."""
    if unfit_python():
        return failed(
            unfit_python(), f"Install Python 3.12 and run `python3.12 -m {AGAIN.split(' -m ')[1]}`."
        )
    return ok("{}.{}.{}".format(*sys.version_info[:3]))


def environment() -> Finding:
    """Whether this is an interpreter that the course was installed in."""
    if LEARNERS.runs_this():
        if not LEARNERS.stamp.is_file():
            return failed(".venv was not made to the end", f"Run `{AGAIN}` again.")
        if not LEARNERS.is_ready():
            return note(".venv is older than requirements.lock or pyproject.toml", f"Run `{AGAIN}` again.")
        return ok(".venv")
    if course_is_installed_here():
        return ok(f"the course is installed in {sys.prefix}")
    return failed(f"the course is not installed in {sys.prefix}", f"Run `{AGAIN}`.")


def packages() -> Finding:
    """The packages that the course imports, and the versions that requirements.lock pins."""
    pinned, needed = pins(ROOT / "requirements.lock"), dependencies()
    missing = [name for name in {**pinned, **needed} if installed(name) is None and name != "torch"]
    imported = [name for name in missing if name in needed]
    if imported:
        return failed(f"not installed: {some(imported)}", f"Run `{AGAIN}` again.")
    if missing:
        return note(f"not installed: {some(missing)}", f"Run `{AGAIN}` for JupyterLab and the tests' tools.")
    other = [f"{name} {installed(name)} (not {pinned[name]})" for name in differing(pinned)]
    if other:
        return note(f"other versions than the lock file's: {some(other)}", f"`{AGAIN}` installs these.")
    return ok(f"{len(pinned)} packages, as requirements.lock pins them")


def extras() -> Finding:
    """The packages for export, sliders and a Dask cluster."""
    missing = [name for name in pins(ROOT / "requirements-extras.lock") if installed(name) is None]
    if missing:
        return note(
            f"not installed: {some(missing)}", "For export and sliders: `python -m minicompress extras`."
        )
    return ok("installed")


def ipywidgets() -> Finding:
    """Whether sliders move."""
    if installed("ipywidgets") is None:
        return note(
            "not installed: sliders are still pictures", "`python -m minicompress extras` installs it."
        )
    return ok(installed("ipywidgets"))


def pins(path: Path) -> dict[str, str]:
    """Name -> version of the lines of a lock file that hold on every system."""
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return dict(line.split("==") for line in lines if "==" in line and ";" not in line)


def dependencies() -> dict[str, str]:
    """Name -> requirement of what pyproject.toml requires."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = json.loads(re.search(r"^dependencies = (\[.*\])", text, re.M)[1])
    return {re.match(r"[\w.-]+", line)[0]: line for line in lines}


def installed(name: str) -> str | None:
    """The installed version of a package; None when it is not there."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def differing(pinned: dict[str, str]) -> list[str]:
    """The packages that have another version than the pinned one; +cpu and the like do not count."""
    return [name for name, version in pinned.items() if installed(name).split("+")[0] != version]


def some(names: list[str]) -> str:
    """Three names, and how many more there are."""
    return ", ".join(names[:3]) + f" and {len(names) - 3} more" * (len(names) > 3)


# ---------------------------------------------------------------- torch

ASK_TORCH = """
import json, torch
mps = torch.backends.mps.is_available()
gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "Apple's GPU (mps)" if mps else ""
capability = torch.backends.cpu.get_cpu_capability()
threads = torch.get_num_threads()
print(json.dumps({"version": torch.__version__, "threads": threads, "capability": capability, "gpu": gpu}))
"""


@functools.cache
def torch_facts() -> dict[str, object]:
    """What torch says of itself, asked in another process; {"error": why} when it cannot be imported."""
    words = [sys.executable, "-c", ASK_TORCH]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"its process ended with code {done.returncode}"])[-1]
        return {"error": last}
    return json.loads(done.stdout.splitlines()[-1])


def torch() -> Finding:
    """Whether torch can be imported, and which one it is."""
    facts = torch_facts()
    if "error" in facts:
        return failed(f"cannot be imported: {facts['error']}", f"Delete the folder .venv and run `{AGAIN}`.")
    version = str(facts["version"])
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_TORCH:
        return failed(f"{version} is too old", f"Run `{AGAIN}`, which installs {TORCH}.")
    said = f"{version}, {facts['threads']} threads, {facts['capability']}"
    if version.split("+")[0] != TORCH.split("==")[1]:
        return note(said, f"The figures of the course come from {TORCH}.")
    return ok(said)


def gpu() -> Finding:
    """A GPU, which nothing needs."""
    if "error" in torch_facts():
        return note("torch cannot be asked", "See the line of torch.")
    return ok(str(torch_facts()["gpu"]) or "none, and none is needed")

"""Small facts about, and settings of, the machine that the code runs on."""

import contextlib
import ctypes
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import psutil
import torch

from minicompress.lab.paths import ROOT

# Names and numbers of <malloc.h>.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -2, -3, -4


def keep_freed_memory() -> None:
    """Ask the C library to reuse freed memory instead of returning it to the kernel.

    A training step allocates and frees the same large tensors again and again; with glibc's defaults each one
    is a fresh mapping whose pages must be faulted in. Measured here on two CPU cores: a 10M model trains 1.7x
    faster. Does nothing where the C library is not glibc.
    """
    _mallopt({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 256 * 2**20})


def return_freed_memory() -> None:
    """Ask the C library to return freed tensors to the kernel at once; the opposite of `keep_freed_memory`.

    glibc keeps freed memory below a threshold that grows, up to 32 MB, with what is freed. A walk through a
    large model then holds pieces of many blocks: measured here with Wanda on 110M parameters, a peak of 712
    MB instead of 489. Does nothing where the C library is not glibc.
    """
    _mallopt({M_MMAP_THRESHOLD: 65_536})


def _mallopt(settings: dict[int, int]) -> None:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    for setting, value in settings.items():
        mallopt(setting, value)


def best_device() -> torch.device:
    """Return the GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether bf16 matrix products are faster than fp32 ones: any recent GPU, or a CPU with AMX tiles.

    AVX-512 alone is not enough: on a Xeon that has avx512_bf16 but no AMX, bf16 was measured at 0.6x of fp32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its queued work; a CPU has no queue."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory_bytes() -> int:
    """Return the largest resident memory that this process has had so far, as this system keeps it.

    Linux keeps it in /proc (`getrusage` there would also count the parent that this process was started
    from), Windows where psutil finds it, macOS in `getrusage`, in bytes.
    """
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return memory.peak_wset
    try:
        import resource  # not on Windows
    except ImportError:
        return memory.rss  # what is resident now is the best that can be said
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def hardware() -> dict:
    """Describe the machine for a results file, without naming it."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": cpu, "cores": os.cpu_count(), "threads": torch.get_num_threads(), "gpu": gpu}


def versions() -> dict:
    """Versions of what a result depends on."""
    import safetensors
    import tokenizers
    import transformers

    modules = {
        "torch": torch,
        "transformers": transformers,
        "tokenizers": tokenizers,
        "safetensors": safetensors,
    }
    return {"python": platform.python_version()} | {
        name: module.__version__ for name, module in modules.items()
    }


def commit() -> str:
    """Return the repository's commit, with a + when the working tree differs from it, or 'unknown'."""
    try:
        return git("rev-parse", "--short=12", "HEAD") + "+" * bool(git("status", "--porcelain", "-uno"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def git(*words: str) -> str:
    """What a git command prints about the repository."""
    options = {"cwd": ROOT, "capture_output": True, "encoding": "utf-8", "check": True}
    return subprocess.run(["git", *words], **options).stdout.strip()

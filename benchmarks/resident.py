"""Resident memory of a process on Linux, for scripts in any environment."""

import ctypes
from pathlib import Path


def resident(field: str) -> int:
    """`VmRSS`, what is resident now, or `VmHWM`, the most that was since `forget_peak`, in bytes (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def forget_peak() -> None:
    """Give freed memory back, so that using it again counts, and start the peak anew."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")

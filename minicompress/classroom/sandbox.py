"""What keeps a worker from reading, writing, calling and growing. Each layer says whether it is in force.

`enter` runs in the worker itself, after torch is imported and before anything of a learner's is there. None
of it can be taken back.
"""

import contextlib
import ctypes
import os
import struct
import sys
from pathlib import Path

from minicompress.classroom import landlock, seccomp

CLONE_NEWNET = 0x40000000
CAPABILITIES = 0x20080522  # the version of the form in which the kernel is told
FIRST_USER = 1_900_000_000  # numbers from here on belong to nobody
FILE_BYTES = 64_000_000
THREADS, OPEN_FILES = 64, 256
SYSTEM = ("/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/dev/null", "/dev/urandom", "/etc/ld.so.cache")
SYSTEM += ("/sys/devices/system/cpu", "/proc/cpuinfo")  # torch asks what kind of processor it is


def enter(folder: Path, seconds: int, memory: int) -> dict[str, bool]:
    """Give up all but what a worker needs: its folder, and Python. Layer -> whether it is in force."""
    layers = {"network namespace": no_network(), "limits": limit(seconds, memory)}
    layers["another user"] = become_nobody(folder)
    layers["no privileges"] = without_privileges()
    single = threads() == 1  # the others would go on without the next two
    layers["landlock"] = single and landlock.restrict(readable(), [folder])
    layers["seccomp"] = single and seccomp.restrict()
    return layers


def readable() -> list[Path]:
    """Python, its packages, and the system's libraries."""
    own = [*sys.path[1:], sys.prefix, sys.base_prefix] if sys.base_prefix != "/usr" else sys.path[1:]
    return [Path(path) for path in (*own, *SYSTEM)]


def limit(seconds: int, memory: int) -> bool:
    """Limits of the system: computing, memory, the size of a file, threads. Windows has none."""
    try:
        import resource
    except ImportError:
        return False
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_DATA: memory,  # RLIMIT_AS would count what torch merely reserves
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NPROC: THREADS,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in wanted.items():
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # a system that does not know this limit
            resource.setrlimit(what, (most, most))
    return resource.getrlimit(resource.RLIMIT_CPU)[1] != resource.RLIM_INFINITY


def no_network() -> bool:
    """Leave the network, where root may: then not even UDP is left."""
    return sys.platform == "linux" and ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0


def become_nobody(folder: Path) -> bool:
    """Root becomes a user who owns nothing but the folder, if that user can still read Python."""
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(open_to_all, readable())):
        return False
    user = FIRST_USER + os.getpid()
    for place in (folder, *folder.rglob("*")):
        os.chown(place, user, user)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    return os.access(folder, os.W_OK)


def without_privileges() -> bool:
    """Give up whatever root may do beyond its own files. True for a user who has no privileges anyway."""
    if sys.platform != "linux":
        return hasattr(os, "geteuid") and os.geteuid() != 0
    header = struct.pack("Ii", CAPABILITIES, 0)
    return ctypes.CDLL(None).capset(header, bytes(24)) == 0


def open_to_all(path: Path) -> bool:
    """Whether everyone may read a file or folder, and enter all that it stands in."""
    path = path.resolve()
    if not path.exists():
        return True
    return bool(path.stat().st_mode & 0o004) and all(parent.stat().st_mode & 0o001 for parent in path.parents)


def threads() -> int:
    """How many threads this process has; 0 where nobody tells."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 0

"""Landlock, by which a Linux process gives up what it may read, write and connect to, for good.

Kernel 5.13 and later, no privilege needed. See the kernel's documentation, userspace-api/landlock.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE, ADD, RESTRICT = 444, 445, 446  # the system calls' numbers, the same on every machine
PR_SET_NO_NEW_PRIVS = 38
READ = 1 << 2 | 1 << 3 | 1  # files, folders, and running files
RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # version -> how many kinds of access to files it knows
BIND_AND_CONNECT, SIGNALS_AND_SOCKETS = 0b11, 0b11
FILE_RIGHTS = 1 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # those that make sense for a single file


def version() -> int:
    """Which version of Landlock the kernel has; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, ctypes.CDLL(None).syscall(CREATE, None, ctypes.c_size_t(0), 1))


def restrict(reading: Iterable[Path], writing: Iterable[Path]) -> bool:
    """Let this thread, and what it starts, reach nothing but this, and no TCP. Whether that is in force.

    With version 6, it can neither signal other processes nor reach abstract sockets of theirs.
    """
    if not (known := version()):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    everything = (1 << max(count for least, count in RIGHTS.items() if least <= known)) - 1
    attributes = [
        everything,
        *([BIND_AND_CONNECT] if known >= 4 else []),
        *([SIGNALS_AND_SOCKETS] if known >= 6 else []),
    ]
    packed = struct.pack(f"={len(attributes)}Q", *attributes)
    rules = libc.syscall(CREATE, packed, ctypes.c_size_t(len(packed)), 0)
    if rules < 0:
        return False
    for paths, rights in ((reading, READ), (writing, everything)):
        for path in paths:
            allow(libc, rules, path, rights & everything)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = libc.syscall(RESTRICT, rules, 0) == 0
    os.close(rules)
    return done


def allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    """Add one file, or a folder with all that is in it. What is not there needs no rule."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rule = struct.pack("=Qi", rights if path.is_dir() else rights & FILE_RIGHTS, place)
    libc.syscall(ADD, rules, 1, rule, 0)
    os.close(place)

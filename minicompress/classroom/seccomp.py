"""Seccomp: a Linux process gives up system calls for good. Here: new processes, programs, sockets,
signals, and the rights of files.

No privilege is needed. The filter is a small program of the kernel's classic BPF, see its documentation,
userspace-api/seccomp_filter.
"""

import ctypes
import errno
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # where they stand in what the filter is given
CLONE_THREAD = 0x10000
FCHMODAT2 = 452

# name of the machine -> (how the kernel calls it, number of `clone`, numbers of the calls that are refused)
MACHINES = {
    "x86_64": (
        0xC000003E,
        56,
        # fork vfork execve execveat | socket socketpair connect bind | kill tkill tgkill and their queues
        (57, 58, 59, 322, 41, 53, 42, 49, 62, 200, 234, 129, 297)
        # ptrace process_vm_* pidfd_* | unshare setns mount umount pivot_root chroot
        + (101, 310, 311, 424, 434, 438, 272, 308, 165, 166, 155, 161)
        # bpf keys perf userfaultfd io_uring | System V and POSIX queues and memory
        + (321, 248, 249, 250, 298, 323, 425, 426, 427, 29, 64, 68, 240)
        # chmod chown utime setxattr removexattr (Landlock lets them pass) | limits, priority, affinity
        + (90, 91, 268, 92, 93, 94, 260, 132, 235, 261, 280, 188, 189, 190, 197, 198, 199)
        + (FCHMODAT2, 160, 302, 141, 203),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        (221, 281, 198, 199, 203, 200, 129, 130, 131, 138, 240)
        + (117, 270, 271, 424, 434, 438, 97, 268, 40, 39, 41, 51)
        + (280, 217, 218, 219, 241, 282, 425, 426, 427, 194, 190, 186, 180)
        + (52, 53, 54, 55, 88, 5, 6, 7, 14, 15, 16, FCHMODAT2, 164, 261, 140, 122),
    ),
}
CLONE3 = 435  # its flags stand in memory, where a filter cannot look: libraries then use `clone`


def restrict() -> bool:
    """Refuse these calls from now on, in this thread and what it starts. Whether that is in force."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return False
    program = filter_for(*MACHINES[platform.machine()])
    memory = ctypes.create_string_buffer(program)
    # struct sock_fprog: how many instructions, and where they stand
    pointer = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return libc.prctl(PR_SET_SECCOMP, FILTER, pointer, 0, 0) == 0


def filter_for(architecture: int, clone: int, refused: tuple[int, ...]) -> bytes:
    """The program: each instruction is an operation, where to go on if it holds and if not, and a number."""
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, REFUSE | errno.EPERM),  # another machine's calls have other numbers
        (LOAD, 0, 0, NUMBER),
        (ANY_BIT, 0, 1, 0x40000000),  # x32: the same calls under other numbers
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
    ]
    for number in refused:
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    lines += [
        (EQUAL, 0, 3, clone),  # threads are allowed
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 1, 0, CLONE_THREAD),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)

"""Timing: in turns, so that a disturbance hits all alike, and in CPU seconds."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping

import torch

Call = Callable[[], object]
Clock = Callable[[Call], float]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread; afterwards as many as before. Also a decorator."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def wall_seconds(call: Call) -> float:
    """Seconds of one call on the clock on the wall."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def cpu_seconds(call: Call, times: int = 1) -> float:
    """CPU seconds of a call, the mean of `times` in a row.

    On one thread they are what a quiet machine's clock would show, whatever else runs beside it.
    ValueError: torch uses several threads, whose seconds would add up.
    """
    if (threads := torch.get_num_threads()) != 1:
        raise ValueError(f"CPU seconds mean something on one thread only, and torch uses {threads}")
    started = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - started) / times


def warm_cpu_seconds(call: Call, times: int = 1) -> float:
    """CPU seconds of a call right after another one."""
    call()
    return cpu_seconds(call, times)


def in_turns(calls: Mapping[str, Call], rounds: int, clock: Clock = wall_seconds) -> dict[str, list[float]]:
    """Seconds of every call, round after round, after a first round that is not counted."""
    for call in calls.values():
        call()
    taken = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(clock(call))
    return taken


@torch.inference_mode()
def against(base: Call, rivals: Mapping[str, Call], times: int, rounds: int = 11) -> dict[str, dict]:
    """Each rival beside `base`, in turns: the median CPU seconds of both, and the median of the ratios of
    neighbours.
    """
    result = {}
    for name, rival in rivals.items():
        clock = lambda call: warm_cpu_seconds(call, times)  # noqa: E731
        pairs = [(clock(base), clock(rival)) for _ in range(rounds)]
        result[name] = {
            "seconds_fp32": statistics.median(first for first, _ in pairs),
            "seconds": statistics.median(second for _, second in pairs),
            "speedup": statistics.median(first / second for first, second in pairs),
        }
    return result

"""Which exercises fit into a course of a given length, from the minutes of course.toml.

    plan = choose(160, ("0.1", "1.1", "1.9"))      # in 160 minutes; the most wanted first
    plan.tasks, plan.reference                     # what is written, and which modules are the reference's
    day = schedule(plan, 210, opening=15, pauses=(15,), closing=20)
    shares(plan.tasks, 6)                          # six weeks of about equal work

An exercise costs its own minutes, and TOLD more: what is said before it, and the figure after it.
"""

import functools
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from minicompress.grading.course import Exercise, exercise, exercises
from minicompress.lab.paths import CHAPTERS, ROOT

TOLD = 5


@dataclass(frozen=True)
class Plan:
    """What is written, in the order of the course, and the modules that are the reference's."""

    tasks: tuple[Exercise, ...]
    reference: tuple[str, ...]

    @property
    def minutes(self) -> int:
        return work(self.tasks)

    @property
    def switch(self) -> str:
        """What stands before `make lab`; nothing where no reference is needed."""
        return f"MINICOMPRESS_SOLUTIONS={','.join(self.reference)}" if self.reference else ""


@dataclass(frozen=True)
class Slot:
    """A stretch of a day: when it begins, in minutes from the start, how long it is, and what it is for."""

    start: int
    minutes: int
    what: str | Exercise


def work(tasks: Iterable[Exercise]) -> int:
    """The minutes of some exercises, with what is said about them."""
    return sum(TOLD + task.minutes for task in tasks)


def choose(minutes: int, wanted: Sequence[str]) -> Plan:
    """Take exercises, most wanted first, as long as they fit, each with what it needs.

    What an exercise needs is chosen too, or comes from the reference. The reference stands in for whole
    modules only (MINICOMPRESS_SOLUTIONS), so it does where no exercise of the module is chosen.

    ValueError: an exercise that there is not, or minutes in which not even one of them fits.
    """
    chosen: frozenset[str] = frozenset()
    for key in wanted:
        more = with_needs(chosen | {exercise(key).id})
        if work(map(exercise, more)) <= minutes:
            chosen = more
    if not chosen:
        raise ValueError(f"{minutes} minutes are too few for any of {', '.join(wanted) or 'no exercise'}")
    tasks = tuple(task for key, task in exercises().items() if key in chosen)
    missing = {exercise(key).module for task in tasks for key in needs(task) - chosen}
    return Plan(tasks, tuple(module for module in CHAPTERS if module in missing))


def with_needs(chosen: frozenset[str]) -> frozenset[str]:
    """These exercises, and all that they need of modules in which something is chosen."""
    written = {exercise(key).module for key in chosen}
    needed = frozenset().union(*(needs(exercise(key)) for key in chosen))
    more = chosen | {key for key in needed if exercise(key).module in written}
    return more if more == chosen else with_needs(more)


def needs(task: Exercise) -> frozenset[str]:
    """The exercises that this one builds on, and those that its notebook asks for before it runs."""
    return frozenset(task.prerequisites) | (asked_by_the_notebook(task.chapter) - {task.id})


@functools.cache
def asked_by_the_notebook(chapter: str) -> frozenset[str]:
    """The exercises in the `require(...)` of a chapter's notebook."""
    (path,) = (ROOT / "notebooks").glob(f"{int(chapter):02}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    calls = re.findall(r"^require\(([^)]*)\)", code, re.M)
    return frozenset(re.findall(r'"([\d.]+)"', " ".join(calls)))


def schedule(plan: Plan, minutes: int, opening: int, pauses: Sequence[int], closing: int) -> list[Slot]:
    """A day: opening, exercises with pauses between them, closing. What is left goes to the closing.

    ValueError: the parts are longer than the day.
    """
    left = minutes - opening - sum(pauses) - closing - plan.minutes
    if left < 0:
        raise ValueError(f"the parts take {minutes - left} minutes, and there are {minutes}")
    parts: list[tuple[int, str | Exercise]] = [(opening, "opening")]
    for group, pause in itertools.zip_longest(shares(plan.tasks, len(pauses) + 1), pauses):
        parts += [(work([task]), task) for task in group]
        parts += [(pause, "pause")] if pause is not None else []
    parts.append((closing + left, "closing"))
    starts = itertools.accumulate((length for length, _ in parts), initial=0)
    return [Slot(start, length, what) for start, (length, what) in zip(starts, parts, strict=False)]


def shares(tasks: Sequence[Exercise], number: int) -> list[tuple[Exercise, ...]]:
    """Cut a list into parts so that the sum of the squares of their work is as small as it can be.

    ValueError: fewer exercises than parts.
    """
    if not 1 <= number <= len(tasks):
        raise ValueError(f"{len(tasks)} exercises cannot fill {number} parts")
    if number == 1:
        return [tuple(tasks)]
    # best[end]: (cost, where the parts before it end) of the first `end` tasks, in the parts made so far
    best = {end: (work(tasks[:end]) ** 2, ()) for end in range(1, len(tasks) + 1)}
    for _ in range(number - 1):
        best = {
            end: min(
                (cost + work(tasks[cut:end]) ** 2, (*cuts, cut))
                for cut, (cost, cuts) in best.items()
                if cut < end
            )
            for end in range(min(best) + 1, len(tasks) + 1)
        }
    cuts = [0, *best[len(tasks)][1], len(tasks)]
    return [tuple(tasks[start:end]) for start, end in itertools.pairwise(cuts)]

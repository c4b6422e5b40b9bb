"""What the graders said, and how it is shown: in a shell, and in a notebook with the tracebacks folded."""

import html
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from minicompress.grading.course import Exercise

# In a notebook: readable on white and on black, where one colour has at most a contrast of 4.5 with both.
COLOURS = {
    "bold green": "#198a3c; font-weight: bold",
    "bold red": "#d64545; font-weight: bold",
    "yellow": "#a06f00",
    "dim": "#7a7a7a",
}
PRINTED = 20  # lines of the learner's own output, at most


@dataclass
class Outcome:
    """What one grader said."""

    name: str
    passed: bool = True
    title: str = ""  # its name as words, with its parameters
    about: str = ""  # its docstring
    reason: str = ""  # one sentence
    error: str = ""  # type and first line of the exception
    message: str = ""  # all of it
    trace: str = ""
    raised_in: str = ""  # the learner's function that the exception came out of
    slip: bool = False  # a slip of the pen, which says nothing about what was thought: see `why.is_slip`
    printed: str = ""  # what the learner's code wrote to stdout meanwhile


@dataclass
class Result:
    """What the graders of one exercise said."""

    exercise: str
    outcomes: list[Outcome]

    @property
    def solved(self) -> bool:
        return bool(self.outcomes) and all(outcome.passed for outcome in self.outcomes)

    @property
    def failures(self) -> dict[str, str]:
        """Failing grader -> what it says: how a mistake shows."""
        return {outcome.name: outcome.message for outcome in self.outcomes if not outcome.passed}


@dataclass
class Report:
    """The answer to a check. `trouble` is what kept the graders from finishing."""

    exercise: Exercise
    file: str
    saved: float | None  # seconds since the epoch; None: there is no such file
    total: int = 0  # graders there are
    outcomes: list[Outcome] = field(default_factory=list)
    trouble: str = ""
    trace: str = ""  # of the trouble
    mistake: str = ""  # the misconception, where it is a known one
    note: str = ""  # what is wrong in spite of a solved exercise
    reference: str = ""  # says so when the reference was graded instead of the learner's file
    unfolded: bool = False  # whether a notebook shows the tracebacks at once

    @property
    def solved(self) -> bool:
        """Whether every grader there is ran and passed, each of them once."""
        return not self.trouble and not self.failed and self.total == len(self.ran) == len(self.outcomes) > 0

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.passed]

    @property
    def ran(self) -> set[str]:
        return {outcome.name for outcome in self.outcomes}

    @property
    def points(self) -> int:
        """All or nothing."""
        return self.exercise.points if self.solved else 0

    @property
    def reason(self) -> str:
        """One sentence: what to look at first. What failed before the trouble came is nearer to its cause."""
        if self.failed:
            return self.failed[0].reason or f"{self.failed[0].title or self.failed[0].name} fails."
        if self.trouble or self.solved:
            return self.trouble or "All graders pass."
        if not self.total:
            return "No grader ran."
        return f"Only {len(self.ran)} of {self.total} graders ran: the others were never reached."

    @property
    def score(self) -> str:
        passed = sum(outcome.passed for outcome in self.outcomes)
        graders = (
            f"{passed} of {self.total} graders {'passed before' if self.trouble else 'pass'}, "
            if self.total
            else ""
        )
        return f"{graders}{self.points} of {self.exercise.points} points"

    @property
    def checked(self) -> str:
        """Which file, and when it was saved: an edit that was not saved is the commonest confusion."""
        if self.saved is None:
            return f"looked for {self.file}"
        seconds = max(0, time.time() - self.saved)
        units = {"days": 86400, "h": 3600, "min": 60, "s": 1}
        unit = next((unit for unit, size in units.items() if seconds >= 2 * size), "s")
        clock = time.strftime("%H:%M:%S", time.localtime(self.saved))
        return f"checked {self.file}, saved {clock} ({seconds / units[unit]:.0f} {unit} ago)"

    @property
    def printed(self) -> str:
        """The end of what the learner's code printed in the first grader that failed, next to the failure."""
        lines = self.failed[0].printed.splitlines() if self.failed else []
        last = f", the last {PRINTED} of {len(lines)} lines" if len(lines) > PRINTED else ""
        return (
            "\n".join([f"Your code printed{last}:", *(f"  {line[:200]}" for line in lines[-PRINTED:])])
            if lines
            else ""
        )

    def lines(self) -> list[tuple[str, str]]:
        """(rich style, text), the reason first."""
        exercise = f"Exercise {self.exercise.id}, {self.exercise.title}"
        if self.solved and self.reference:
            return [("yellow", f"{exercise}: {self.reference}")]
        if self.solved:
            note = [("yellow", self.note)] if self.note else []
            return [
                ("bold green", f"✓ {exercise}: solved. {self.score}."),
                *note,
                *[("", f'Harder variants: more("{self.exercise.id}").')] * bool(self.exercise.variants),
                ("dim", self.checked),
            ]
        mistake = [("yellow", f"A known mistake: {self.mistake}")] if self.mistake else []
        printed = [("", self.printed)] if self.printed else []
        later = [("bold red", f"Later: {self.trouble}")] if self.failed and self.trouble else []
        return [
            ("bold red", f"✗ {self.reason}"),
            *later,
            *mistake,
            ("", f"{exercise}: {self.score}."),
            ("dim", self.checked),
            *printed,
        ]

    def details(self) -> list[tuple[str, str]]:
        """(heading, traceback) of what failed: for each grader the first of its parameters."""
        first = {outcome.name.partition("[")[0]: outcome for outcome in reversed(self.failed)}
        failed = [
            (": ".join(filter(None, (outcome.title, outcome.about))), outcome.trace)
            for outcome in reversed(first.values())
        ]
        return ([("Where it was", self.trace)] if self.trace else []) + failed

    def print(self, console: Console, traceback: bool) -> None:
        """The summary comes last, where a shell shows it."""
        for heading, trace in self.details() if traceback else []:
            console.print(Text(heading, "bold"))
            console.print(Text(f"{trace}\n"))
        for style, text in self.lines():
            console.print(Text(text, style))
        key = self.exercise.id
        further = [f"Tracebacks: minicompress check {key} --traceback"] if self.details() else []
        further += [] if self.solved else [f"A hint: minicompress hint {key}"]
        for line in [] if traceback else further:
            console.print(Text(line, "dim"))

    def __str__(self) -> str:
        return "\n".join(text for _, text in self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = [(COLOURS.get(style, "inherit"), html.escape(text)) for style, text in self.lines()]
        shown = [f'<div style="white-space: pre-wrap; color: {look}">{text}</div>' for look, text in lines]
        opening = f"<details{' open' * self.unfolded}><summary>"
        folded = [
            f"{opening}{html.escape(heading)}</summary><pre>{html.escape(trace)}</pre></details>"
            for heading, trace in self.details()
        ]
        return "\n".join(shown + folded)


def ended(text: str) -> str:
    """With a period, unless it ends in code or in a mark of its own."""
    return text if text.endswith((".", "!", "?", "`")) else f"{text}."

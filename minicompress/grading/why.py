"""Say in one sentence why a grader failed."""

import re
import traceback
from types import TracebackType

COMPARISONS = (" == ", " != ", " <= ", " >= ", " < ", " > ")


def sentence(title: str, error: BaseException, place: str) -> str:
    """The assertion's own message where it has one; otherwise the grader's name, and what was expected and what came."""
    first = first_line(error)
    if isinstance(error, NotImplementedError) and first.startswith("Exercise "):
        return f"{first.split()[-1]} is not written yet."
    if not isinstance(error, AssertionError):
        kind = re.search(r"DID NOT RAISE <class '(?:\w+\.)*(\w+)'>", first)
        found = f"expected a {kind[1]}, got none" if kind else f"{type(error).__name__}: {first}{place}"
        return f'"{title}" fails: {found.rstrip(".")}.'
    if first.startswith("Regex pattern did not match"):
        wanted, got = (re.search(rf"{word}: (.*)", str(error)) for word in ("Expected regex", "Actual message"))
        return f'"{title}" fails: expected a message with {wanted[1]}, got {got[1]}.' if wanted and got else f'"{title}" fails.'
    if first.startswith("Tensor-likes are not"):
        detail = re.search(r"Mismatched elements: .*|Greatest absolute difference: \S+", str(error))
        return f'"{title}" fails: the tensors differ{f" ({detail[0]})" if detail else ""}.'
    if not first.startswith("assert "):
        return first[:1].upper() + first[1:] + "." * (not first.endswith((".", "!", "?")))
    compared = comparison(first)
    return f'"{title}" fails: {compared}.' if compared else f'"{title}" fails.'


def first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def comparison(line: str) -> str | None:
    """`assert 3 == 4` -> "expected 4, got 3"; of several conditions joined by `and` the last one printed is the one that failed."""
    text = line.removeprefix("assert ")
    if text.startswith("(") and len(outside_brackets(text, (*COMPARISONS, " and "))) == 1:
        text = text[1:].removesuffix(")")
    parts = outside_brackets(text, (" and ",))
    sides = outside_brackets(parts[-1], COMPARISONS)
    if len(sides) != 2 or any("<" in side or not side.strip() for side in sides):  # <function ...> says nothing to a learner
        return None
    got, expected = (side.strip() if len(side.strip()) <= 120 else side.strip()[:117] + "..." for side in sides)
    return f"expected {expected}, got {got}" if f"{sides[0]} == {sides[1]}" == parts[-1] else f"{parts[-1]} does not hold"


def outside_brackets(text: str, separators: tuple[str, ...]) -> list[str]:
    """Split at the separators that stand in no bracket and no string."""
    parts, depth, quote, start, index = [], 0, "", 0, 0
    while index < len(text):
        character = text[index]
        found = next((mark for mark in separators if text.startswith(mark, index)), None) if not depth and not quote else None
        if found:
            parts.append(text[start:index])
            start = index = index + len(found)
            continue
        if quote or character in "'\"":
            quote = "" if character == quote else quote or character
        else:
            depth += (character in "([{") - (character in ")]}")
        index += 1
    return [*parts, text[start:]]


def learner_line(trace: TracebackType | None, file: str) -> str:
    """Where in the learner's file an exception came from, or nothing."""
    lines = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == file]
    return f" ({file}, line {lines[-1]})" if lines else ""

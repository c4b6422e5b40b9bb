"""Say in one sentence why a grader failed."""

import inspect
import linecache
import re
import traceback
from types import TracebackType

COMPARISONS = (" == ", " != ", " <= ", " >= ", " < ", " > ", " is not ", " is ")
NO_MASK = re.compile(r"tensors used as indices must be|operator\.invert")  # torch's words for a float mask


def sentence(title: str, error: BaseException, place: str, written: dict[str, object]) -> str:
    """The assertion's own message where it has one; otherwise the grader's name, and what was expected and
    what came.

    `place` says where in the learner's file it was raised, if there; `written` maps names to what the learner
    wrote.
    """
    first = first_line(error)
    if isinstance(error, NotImplementedError) and first.startswith("Exercise "):
        return f"{first.split()[-1]} is not written yet."
    if not isinstance(error, AssertionError):
        return ended(f'"{title}" fails: {raised(error, place, written)}')
    if first.startswith("Regex pattern did not match"):
        wanted, got = (
            re.search(rf"{word}: (.*)", str(error)) for word in ("Expected regex", "Actual message")
        )
        return (
            f'"{title}" fails: expected a message with {wanted[1]}, got {got[1]}.'
            if wanted and got
            else f'"{title}" fails.'
        )
    if first.startswith("Tensor-likes are not"):
        detail = re.search(r"Mismatched elements: .*|Greatest absolute difference: \S+", str(error))
        return f'"{title}" fails: the tensors differ{f" ({detail[0]})" if detail else ""}.'
    if str(error) and not first.startswith("assert "):
        return ended(first[:1].upper() + first[1:])
    return ended(f'"{title}" fails: {comparison(first) or condition(error)}')


def ended(text: str) -> str:
    """With a period, unless it ends in code or in a mark of its own."""
    return text if text.endswith((".", "!", "?", "`")) else f"{text}."


def raised(error: BaseException, place: str, written: dict[str, object]) -> str:
    """An exception in words, with what is usually behind it."""
    first = first_line(error)
    if kind := re.search(r"DID NOT RAISE (?:<class ')?(?:\w+\.)*(\w+)", first):
        return f"expected a {kind[1]}, got none"
    if "NoneType" in first and not place:
        due = [
            name
            for name, found in written.items()
            if inspect.isfunction(found) and found.__annotations__.get("return", "") is not None
        ]
        called = {
            name for frame, _ in traceback.walk_tb(error.__traceback__) for name in frame.f_code.co_names
        }
        if due:
            return f"{' or '.join([name for name in due if name in called] or due)} returned None: is a return missing?"
    advice = "a mask must be bool: " if NO_MASK.search(first) else ""
    return f"{advice}{type(error).__name__}: {first.rstrip('.')}{place}"


def condition(error: BaseException) -> str:
    """What does not hold, where it is no comparison, and the values it was given where pytest tells them."""
    told = str(error).replace("\\n", " ")
    if kind := re.search(r"where False = isinstance\((.*), (?:<class ')?[\w.]*?(\w+)[\W]*$", told, re.M):
        return f"expected {kind[2]}, got {shortened(kind[1])}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    code = [
        linecache.getline(frame.filename, number).strip()
        for number in range(frame.lineno, frame.end_lineno + 1)
    ]
    values = re.search(r"where \w+ = <[^>]*>\((.+)\)$", told, re.M)
    return f"{f'given {shortened(values[1])}, ' if values else ''}it should hold that `{shortened(' '.join(code).removeprefix('assert '))}`"


def shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def comparison(line: str) -> str | None:
    """`assert 3 == 4` -> "expected 4, got 3"; of several conditions joined by `and` the last one printed is
    the one that failed.
    """
    text = line.removeprefix("assert ")
    if text.startswith("(") and len(outside_brackets(text, (*COMPARISONS, " and "))) == 1:
        text = text[1:].removesuffix(")")
    parts = outside_brackets(text, (" and ",))
    sides = outside_brackets(parts[-1], COMPARISONS)
    if len(sides) != 2 or any(
        "<" in side or not side.strip() for side in sides
    ):  # <function ...> says nothing to a learner
        return None
    got, expected = map(shortened, sides)
    equal = parts[-1] in (f"{sides[0]}{same}{sides[1]}" for same in (" == ", " is "))
    return f"expected {expected}, got {got}" if equal else f"{parts[-1]} does not hold"


def outside_brackets(text: str, separators: tuple[str, ...]) -> list[str]:
    """Split at the separators that stand in no bracket and no string."""
    parts, depth, quote, start, index = [], 0, "", 0, 0
    while index < len(text):
        character = text[index]
        found = (
            next((mark for mark in separators if text.startswith(mark, index)), None)
            if not depth and not quote
            else None
        )
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

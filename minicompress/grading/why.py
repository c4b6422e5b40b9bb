"""Say in one sentence why a grader failed."""

import inspect
import linecache
import re
import traceback
from types import TracebackType
from typing import NamedTuple

NO_MASK = re.compile(r"tensors used as indices must be|operator\.invert")  # torch's words for a float mask


class Comparison(NamedTuple):
    """`left op right`, which did not hold, as pytest hands it to `pytest_assertrepr_compare`."""

    op: str
    left: object
    right: object

    def __str__(self) -> str:
        """One line, which also stands in the assertion's message."""
        return f"{in_short(self.left)} {self.op} {in_short(self.right)}"


def sentence(
    title: str,
    error: BaseException,
    place: str,
    written: dict[str, object],
    compared: Comparison | None = None,
) -> str:
    """The assertion's own message where it has one; otherwise the grader's name, and what was expected and
    what came.

    `place` says where in the learner's file it was raised, if there; `written` maps names to what the learner
    wrote; `compared` is the last comparison that pytest asked about.
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
    return ended(f'"{title}" fails: {expectation(compared, first) or condition(error)}')


def ended(text: str) -> str:
    """With a period, unless it ends in code or in a mark of its own."""
    return text if text.endswith((".", "!", "?", "`")) else f"{text}."


def raised(error: BaseException, place: str, written: dict[str, object]) -> str:
    """An exception in words, with what is usually behind it."""
    first = first_line(error)
    if awaited := re.search(r"DID NOT RAISE (?:<class ')?(?:\w+\.)*(\w+)", first):
        return f"expected a {awaited[1]}, got none"
    if "NoneType" in first and not place:
        due = [
            name
            for name, value in written.items()
            if inspect.isfunction(value) and value.__annotations__.get("return", "") is not None
        ]
        called = {
            name for frame, _ in traceback.walk_tb(error.__traceback__) for name in frame.f_code.co_names
        }
        if due:
            guilty = " or ".join([name for name in due if name in called] or due)
            return f"{guilty} returned None: is a return missing?"
    advice = "a mask must be bool: " if NO_MASK.search(first) else ""
    return f"{advice}{type(error).__name__}: {first.rstrip('.')}{place}"


def condition(error: BaseException) -> str:
    """What does not hold, where it is no comparison, and the values it was given where pytest tells them."""
    told = str(error).replace("\\n", " ")
    if types := re.search(r"where False = isinstance\((.*), (?:<class ')?[\w.]*?(\w+)[\W]*$", told, re.M):
        return f"expected {types[2]}, got {shortened(types[1])}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    code = [
        linecache.getline(frame.filename, number).strip()
        for number in range(frame.lineno, frame.end_lineno + 1)
    ]
    values = re.search(r"where \w+ = <[^>]*>\((.+)\)$", told, re.M)
    given = f"given {shortened(values[1])}, " if values else ""
    return f"{given}it should hold that `{shortened(' '.join(code).removeprefix('assert '))}`"


def shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def expectation(compared: Comparison | None, line: str) -> str | None:
    """The comparison that failed in words: `assert 3 == 4` -> "expected 4, got 3".

    `line` is the first line of the assertion's message. None when the comparison is not why the assertion
    failed (it held, or is only a part of a larger expression), and when its sides say nothing to a reader.
    """
    alone = (f"assert {compared}", f"assert ({compared})")
    if compared is None or not (line in alone or line.endswith(f" and {compared})")):
        return None
    if not (speaks(compared.left) and speaks(compared.right)):
        return None
    got, expected = shortened(in_short(compared.left)), shortened(in_short(compared.right))
    if compared.op not in ("==", "is"):
        return f"{got} {compared.op} {expected} does not hold"
    return f"expected {expected}, got {got}" if got != expected else None


def speaks(value: object) -> bool:
    """Whether its repr tells a learner something: a function's and a bare object's are only an address."""
    return not inspect.isroutine(value) and " at 0x" not in repr(value)


def in_short(value: object, most: int = 160) -> str:
    """Its repr on one line (a class by its name): pytest's own explanation cuts off after 30 characters."""
    text = value.__name__ if isinstance(value, type) else " ".join(repr(value).split())
    return text if len(text) <= most else f"{text[:most]}..."


def learner_line(trace: TracebackType | None, file: str) -> str:
    """Where in the learner's file an exception came from, or nothing."""
    lines = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == file]
    return f" ({file}, line {lines[-1]})" if lines else ""

"""Say in one sentence why a grader failed."""

import linecache
import re
import traceback
from collections.abc import Collection
from types import TracebackType
from typing import NamedTuple

from minicompress.grading.calls import Calls
from minicompress.grading.expect import NOTHING, Unexpected
from minicompress.grading.report import ended
from minicompress.grading.show import difference, shortened, shown

NO_MASK = re.compile(r"tensors used as indices must be|operator\.invert")  # torch's words for a float mask
CODE = re.compile(r"[`(]|\w*[_.\d]")  # a sentence that begins with code keeps its small letter
LONGEST = 160


class Comparison(NamedTuple):
    """`left op right`, which did not hold, as pytest hands it to `pytest_assertrepr_compare`."""

    op: str
    left: object
    right: object

    def __str__(self) -> str:
        """One line, which also stands in the assertion's message."""
        return f"{in_full(self.left)} {self.op} {in_full(self.right)}"


def sentence(
    error: BaseException,
    place: str,
    names: list[str],
    calls: Calls,
    compared: Comparison | None = None,
    unwritten: Collection[str] = (),
) -> str:
    """The rule that was broken, what was expected, what came, and from which call.

    `place` says where in the learner's file it was raised, if there; `names` are what the learner has to
    write; `compared` is the last comparison that pytest asked about; `unwritten` are those of the names that
    are stubs as yet.
    """
    first = first_line(error)
    if is_left_in(error):
        return unfinished(first, place, names, unwritten)
    if none := calls.returned_none():
        return f"{' and '.join(none)} returned None: is a `return` missing?"
    if isinstance(error, Unexpected):
        call = calls.latest() if error.got is NOTHING else calls.that_gave(error.got)
        return told(error.rule, error.evidence, call, names)
    if not isinstance(error, AssertionError):
        return told("", raised(error, place), "" if place else calls.latest(), names)
    rule, asserted = rule_and_assertion(str(error))
    evidence = expectation(compared, asserted)
    if evidence and not re.search(r"\bgot\b", rule):
        return told(rule, evidence, calls.that_gave(compared.left), names)
    return told(rule or condition(error), "", "", names)


def told(rule: str, evidence: str, call: str, names: list[str]) -> str:
    """One sentence of its parts, which may be empty."""
    if evidence and call:
        evidence = f"{evidence}, from {call}"
    text = ": ".join(filter(None, (rule.rstrip("."), evidence)))
    if not CODE.match(text) and not text.startswith(tuple(names)):
        text = text[:1].upper() + text[1:]
    return ended(text)


def is_left_in(error: BaseException) -> bool:
    """Whether it comes from the line of a stub: torch raises NotImplementedError too, with other words."""
    return isinstance(error, NotImplementedError) and re.match(r"Exercise |$", str(error)) is not None


def is_slip(error: BaseException) -> bool:
    """Whether it is about a name that is not defined, an import, or a line that is still to be written."""
    return isinstance(error, NameError | ImportError | SyntaxError) or is_left_in(error)


def unfinished(first: str, place: str, names: Collection[str], unwritten: Collection[str]) -> str:
    """What to write: a stub that was not touched, a line that was left in, or another exercise's function,
    which stands in the learner's own files where there is no reference.
    """
    name = first.split()[-1]
    if found := re.match(r"Exercise ([\d.]+) ", first):
        if name not in names:
            return f"{name} (Exercise {found[1]}) is needed here, and is not written yet."
    if place and name not in unwritten:
        return f"{place.strip(' ()')} still raises NotImplementedError."
    return f"{name} is not written yet."


def raised(error: BaseException, place: str) -> str:
    """An exception in words, with what is usually behind it."""
    first = first_line(error)
    if awaited := re.search(r"DID NOT RAISE (?:<class ')?(?:\w+\.)*(\w+)", first):
        article = "an" if awaited[1][0] in "AEIOU" else "a"
        return f"expected {article} {awaited[1]}, got none"
    advice = "a mask must be bool: " if NO_MASK.search(first) else ""
    return f"{advice}{type(error).__name__}: {shortened(first.rstrip('.'), LONGEST)}{place}"


def rule_and_assertion(text: str) -> tuple[str, str]:
    """pytest writes an assertion's own message first, then what was asserted."""
    rule, mark, asserted = text.partition("assert ")
    if not mark or (rule and not rule.endswith("\n")):
        return text.strip().partition("\n")[0], ""
    return rule.strip().partition("\n")[0], f"assert {asserted}".partition("\n")[0]


def expectation(compared: Comparison | None, line: str) -> str | None:
    """The comparison that failed in words: `assert 3 == 4` -> "expected 4, got 3".

    `line` is the first line of what was asserted. None when the comparison is not why the assertion failed
    (it held, or is only a part of a larger expression), and when its sides say nothing to a reader.
    """
    if compared is None:
        return None
    text = str(compared)  # once: writing tensors as text is slow
    if line not in (f"assert {text}", f"assert ({text})") and not line.endswith(f" and {text})"):
        return None
    got, expected = shown(compared.left), shown(compared.right)
    if not (speaks(compared.left) and speaks(compared.right)):
        return None
    if compared.op not in ("==", "is"):
        return f"{got} {compared.op} {expected} does not hold"
    return difference(compared.left, compared.right) if repr(compared.left) != repr(compared.right) else None


def speaks(value: object) -> bool:
    """Whether its repr tells a learner something: a function's and a bare object's are only an address."""
    return isinstance(value, type) or (not callable(value) and " at 0x" not in repr(value))


def condition(error: BaseException) -> str:
    """The code of what does not hold: the last resort."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    code = [
        linecache.getline(frame.filename, number).strip()
        for number in range(frame.lineno, frame.end_lineno + 1)
    ]
    asserted = shortened(" ".join(code).removeprefix("assert "), LONGEST)
    return f"it should hold that `{asserted}`"


def first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def in_full(value: object, most: int = 400) -> str:
    """Its repr on one line (a class by its name): pytest's own explanation cuts off after 30 characters."""
    text = value.__name__ if isinstance(value, type) else " ".join(repr(value).split())
    return text if len(text) <= most else f"{text[:most]}..."


def learner_line(trace: TracebackType | None, file: str) -> str:
    """Where in the learner's file an exception came from, or nothing."""
    lines = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == file]
    return f" ({file}, line {lines[-1]})" if lines else ""


def learner_function(trace: TracebackType | None, file: str) -> str:
    """The innermost of the learner's functions that an exception came through, or nothing."""
    frames = [frame.f_code for frame, _ in traceback.walk_tb(trace) if frame.f_code.co_filename == file]
    return frames[-1].co_qualname if frames else ""

"""A pytest plugin that keeps the learner's code from leaving a grader by another door than its end, and from
printing without end.
"""

import contextlib
import sys
import unittest
from collections.abc import Iterator
from typing import TextIO

import pytest

from minicompress.grading import why

PRINTED = 50_000  # characters that a grader keeps of what is printed in it
DOORS = (
    KeyboardInterrupt,
    GeneratorExit,
    SystemExit,
    unittest.SkipTest,
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
)


class Guards:
    """Every grader that ends in one of the DOORS has failed."""

    def __init__(self, file: str):
        self.file = file  # the learner's, as tracebacks call it

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self) -> Iterator[None]:
        try:
            with printing_in_short():
                return (yield)
        except DOORS as error:
            where = f"{type(error).__name__}{why.learner_line(error.__traceback__, self.file)}"
            trouble = AssertionError(f"Your code left the grader by raising {where}.")
            raise trouble.with_traceback(error.__traceback__) from None


class InShort:
    """Passes the first characters on to a stream, and says so when it leaves out the rest."""

    def __init__(self, stream: TextIO):
        self.stream, self.left = stream, PRINTED

    def write(self, text: str) -> int:
        if self.left > 0:
            self.stream.write(text[: self.left])
            self.left -= len(text)
            if self.left <= 0:
                self.stream.write(f"\n[more than {PRINTED} characters: the rest is left out]\n")
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


@contextlib.contextmanager
def printing_in_short() -> Iterator[None]:
    """Keep stdout and stderr short for a while, whatever they are."""
    out, err = InShort(sys.stdout), InShort(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield

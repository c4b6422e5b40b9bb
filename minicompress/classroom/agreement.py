"""Whether two functions agree: the learner's, which runs in the worker, and the reference."""

import contextlib
import copy
import math
import operator
import random
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import torch

from minicompress.classroom.peer import Peer
from minicompress.classroom.private import CASES, Pure
from minicompress.classroom.verdict import GraderVerdict

NAME = "private_cases"
TITLE = "agrees with the reference on inputs that only the judge knows"


class Case(NamedTuple):
    """One call, and what the reference makes of it."""

    name: str  # of the function, dotted for a method
    pure: Pure
    arguments: tuple
    expected: object
    refused: bool  # the reference raised ValueError


class Disagreement(Exception):
    """In which way two results differ, in words that tell no input."""


def draw(exercise: str, chapter: ModuleType, seed: int, folder: Path) -> list[Case]:
    """The private cases of an exercise, with what `chapter` makes of them: the reference, still whole.

    `folder` is for files of the reference's; none stays.
    """
    rng = random.Random(f"{seed} {exercise}")
    cases = []
    with torch.random.fork_rng(devices=[]), quiet():
        torch.default_generator.manual_seed(rng.getrandbits(60))
        for name, pure in CASES.get(exercise, {}).items():
            inputs = [*(pure.draw(rng) for _ in range(pure.count)), *pure.bad(rng)]
            cases += [answered(chapter, name, pure, arguments, folder) for arguments in inputs]
    return cases


def answered(chapter: ModuleType, name: str, pure: Pure, arguments: tuple, folder: Path) -> Case:
    own = folder / "reference"
    given = pure.place(copy.deepcopy(arguments), own)
    try:
        result = operator.attrgetter(name)(chapter)(*given)
    except ValueError:
        return Case(name, pure, arguments, None, True)
    else:
        return Case(name, pure, arguments, pure.view(result, *given), False)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def verdict(cases: list[Case], chapter: ModuleType, peer: Peer, folder: Path) -> GraderVerdict:
    """Compare the stand-ins in `chapter` with the reference, up to the first disagreement.

    `folder` is one that the worker has a copy of.
    The message tells no input, and nothing that the learner's code says: it could say what it was given.
    """
    message = ""
    for number, case in enumerate(cases):
        try:
            with quiet():
                check(case, chapter, folder / f"private_{number}")
        except Exception as error:
            words = str(error) if isinstance(error, Disagreement) else f"raises {type(error).__name__}"
            message = f"On an input that only the judge knows {case.name} {words}."
            break
    if peer.broken:
        message = "The process that runs your code ended, or answered too late."
    return GraderVerdict(NAME, TITLE, not message, message)


def check(case: Case, chapter: ModuleType, folder: Path) -> None:
    """Any exception: they do not agree."""
    arguments = case.pure.place(case.arguments, folder)
    try:
        result = operator.attrgetter(case.name)(chapter)(*arguments)
    except ValueError:
        if case.refused:
            return
        raise
    if case.refused:
        raise Disagreement("raises no ValueError, although the input is wrong")
    compare(case.pure.view(result, *arguments), case.expected)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def compare(got: object, expected: object) -> None:
    """Raise Disagreement unless the results are the same but for rounding."""
    if isinstance(expected, torch.Tensor):
        return compare_tensors(got, expected)
    if isinstance(expected, dict | tuple | list):
        return compare_containers(got, expected)
    kinds = (int, float) if type(expected) is float else (type(expected),)
    if type(got) not in kinds:
        raise Disagreement("gives a result of another type than the reference")
    close = math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-12) if type(expected) is float else False
    if not close and got != expected:
        raise Disagreement("gives another result than the reference")


def compare_containers(got: object, expected: dict | tuple | list) -> None:
    """A tuple may be a list; one with names has its own class."""
    kinds = (type(expected),) if type(expected) not in (tuple, list) else (tuple, list)
    if type(got) not in kinds or len(got) != len(expected):
        raise Disagreement("gives a result of another type or length than the reference")
    if isinstance(expected, dict):
        if got.keys() != expected.keys():
            raise Disagreement("gives other keys than the reference")
        got, expected = [got[key] for key in expected], list(expected.values())
    for one, other in zip(got, expected, strict=True):
        compare(one, other)


def compare_tensors(got: object, expected: torch.Tensor) -> None:
    """One dtype, or a wider one of floats. Floats may differ by 1e-4, or 1e-5 of the largest."""
    if type(got) not in (torch.Tensor, torch.nn.Parameter) or got.layout != torch.strided:
        raise Disagreement("gives a result of another type than the reference")
    if got.shape != expected.shape:
        raise Disagreement("gives a tensor of another shape than the reference")
    wider = got.is_floating_point() and torch.promote_types(got.dtype, expected.dtype) == got.dtype
    if got.dtype != expected.dtype and not (expected.is_floating_point() and wider):
        raise Disagreement("gives a tensor of another dtype than the reference")
    mine, theirs = got.detach(), expected.detach()
    if not theirs.is_floating_point():
        same = torch.equal(mine, theirs)
    else:
        mine, theirs = mine.double(), theirs.double()
        room = 1e-4 * theirs.abs() + 1e-5 * theirs.abs().amax() if theirs.numel() else 0.0
        same = bool(mine.isfinite().all()) and bool(((mine - theirs).abs() <= room).all())
    if not same:
        raise Disagreement("gives other values than the reference")

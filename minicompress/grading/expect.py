"""What the graders say a result must be. An `Unexpected` names the rule that was broken, what was expected
and what came.

    expect_equal(mask, [[False, True]], "the smallest magnitudes go")
    expect_close(loss, 0.5 * math.log(3), "the divergence is summed over the vocabulary")
    with refused(naming=-0.1):
        magnitude_mask(weight, -0.1)
"""

import contextlib
import math
import re
from collections.abc import Iterator

import torch

from minicompress.grading.show import as_numbers, difference, differing, shown

NOTHING = object()  # what came is no value


class Unexpected(AssertionError):
    """A result is not what it must be: the rule that it broke, the evidence, and the result itself."""

    def __init__(self, rule: str, evidence: str, got: object = NOTHING):
        super().__init__(f"{rule}: {evidence}" if rule else evidence)
        self.rule, self.evidence, self.got = rule, evidence, got


def expect_equal(got: object, expected: object, rule: str = "") -> None:
    """Exactly equal. A tensor may be compared with a list of its values.

    Two tensors must be of one kind (bool, integer or float) as well; which width is not asked.
    """
    if not equal(got, expected):
        raise Unexpected(rule, difference(got, expected), got)


def equal(got: object, expected: object) -> bool:
    if isinstance(got, torch.Tensor) and isinstance(expected, torch.Tensor):
        return (
            got.shape == expected.shape
            and kind(got) == kind(expected)
            and bool((got.to(expected.device) == expected).all())
        )
    if isinstance(got, torch.Tensor) and isinstance(expected, int | float | list | tuple):
        got = got.tolist()
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(equal(got[key], expected[key]) for key in expected)
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(map(equal, got, expected))
    return bool(got == expected)


def kind(tensor: torch.Tensor) -> type:
    return bool if tensor.dtype == torch.bool else float if tensor.is_floating_point() else int


def expect_close(got: object, expected: object, rule: str = "", rel: float = 1e-5, abs: float = 1e-6) -> None:
    """Equal but for rounding: |got - expected| <= abs + rel * |expected|, for numbers, tensors and lists.

    What computes in float64 is as welcome as what computes in float32.
    """
    mine, theirs = numbers(got), numbers(expected)
    if mine is None or mine.shape != theirs.shape or bool(differing(mine, theirs, rel, abs).any()):
        raise Unexpected(rule, difference(got, expected, rel, abs), got)


def numbers(value: object) -> torch.Tensor | None:
    return as_numbers([value])[0] if isinstance(value, int | float) else as_numbers(value)


@contextlib.contextmanager
def refused(naming: object = NOTHING, rule: str = "") -> Iterator[None]:
    """What happens inside must raise a ValueError, and its message must name the bad value in any form.

    Without `naming` its words are free. A NameError and its like come through as they are.
    """
    wanted = "a ValueError" if naming is NOTHING else f"a ValueError that names {shown(naming)}"
    try:
        yield
    except ValueError as error:
        if naming is not NOTHING and not named(str(error), naming):
            raise Unexpected(rule, f"expected {wanted}, got the message {str(error)!r}") from error
        return
    except (TypeError, IndexError, KeyError, RuntimeError, ArithmeticError, OSError, AssertionError) as error:
        if isinstance(error, NotImplementedError):
            raise
        first = str(error).strip().partition("\n")[0]
        raise Unexpected(rule, f"expected {wanted}, got {type(error).__name__}: {first}") from error
    raise Unexpected(rule, f"expected {wanted}, got none")


def named(message: str, value: object) -> bool:
    """Whether a message names a value, in any of the forms in which one writes it.

    0.5 is named by `.50`, NaN by `nan`, a shape (3, 4) by `[3, 4]` and by `3 x 4`, torch.int64 by `int64` and
    by `long`, a text by itself in capital or small letters.
    """
    if isinstance(value, bool | None | str):
        return str(value).casefold() in message.casefold()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value).lstrip("-") in message.casefold()
    if isinstance(value, int | float):
        return any(math.isclose(number, value, rel_tol=1e-6) for number in numbers_in(message))
    if isinstance(value, torch.dtype):
        return any(name in message for name in dtype_names(value))
    if isinstance(value, list | tuple | torch.Size):
        plain = [float(size) for size in value]
        groups = re.findall(r"[\[(][^\[\]()]*[\])]|\d+(?:\s*[x×*]\s*\d+)+", message)
        return plain in [numbers_in(group) for group in groups]
    raise TypeError(f"a message cannot be asked to name {value!r}")


def numbers_in(message: str) -> list[float]:
    return [float(text) for text in re.findall(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", message)]


def dtype_names(dtype: torch.dtype) -> set[str]:
    """int64 is also long: every name that torch has for a type."""
    return {name for name in dir(torch) if getattr(torch, name) is dtype}

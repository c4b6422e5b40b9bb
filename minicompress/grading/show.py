"""Values in few words: numbers with four digits, small tensors in full, large ones by type and shape."""

import dataclasses
import inspect

import torch

SMALL = 16  # so many numbers are shown in full
ITEMS = 6  # so many entries of a dictionary or of a list of other things
LONGEST = 60  # characters of anything else


def shown(value: object, digits: int = 4) -> str:
    """A value on one line, as a learner would write it: no addresses, no `tensor(...)`."""
    if isinstance(value, torch.Tensor):
        return shown_tensor(value.detach(), digits)
    if isinstance(value, bool | str | None):
        return shortened(repr(value))
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if hasattr(value, "expected") and type(value).__module__.startswith("_pytest"):  # pytest.approx
        return shown(value.expected, digits)
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, torch.nn.Module | torch.optim.Optimizer):
        return type(value).__name__
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if inspect.isroutine(value):
        return getattr(value, "__name__", type(value).__name__)
    return shown_container(value, digits)


def shown_tensor(tensor: torch.Tensor, digits: int) -> str:
    if tensor.is_meta or tensor.numel() > SMALL or tensor.numel() == 0:
        return f"{shown(tensor.dtype)} {list(tensor.shape)}"
    return shown(tensor.tolist(), digits)


def shown_container(value: object, digits: int) -> str:
    if isinstance(value, dict):
        pairs = [f"{shown(key)}: {shown(entry, digits)}" for key, entry in list(value.items())[:ITEMS]]
        return "{" + ", ".join([*pairs, *["..."] * (len(value) > ITEMS)]) + "}"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return shown_fields(value, value._fields, digits)
    if dataclasses.is_dataclass(value):
        return shown_fields(value, [field.name for field in dataclasses.fields(value)], digits)
    if isinstance(value, list | tuple | torch.Size | set | frozenset):
        most = SMALL if all(isinstance(entry, int | float) for entry in value) else ITEMS
        entries = [shown(entry, digits) for entry in list(value)[:most]]
        entries += [f"... {len(value)} in all"] * (len(value) > most)
        opening, closing = "()" if type(value) is tuple else "{}" if isinstance(value, set) else "[]"
        comma = "," if type(value) is tuple and len(value) == 1 else ""
        return f"{opening}{', '.join(entries)}{comma}{closing}"
    text = repr(value)
    return type(value).__name__ if " at 0x" in text else shortened(text)


def shown_fields(value: object, names: list[str], digits: int) -> str:
    fields = ", ".join(f"{name}={shown(getattr(value, name), digits)}" for name in names)
    return f"{type(value).__name__}({fields})"


def shortened(text: str, longest: int = LONGEST) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def difference(got: object, expected: object, rel: float = 0.0, abs: float = 0.0) -> str:
    """What was expected and what came: "expected 4, got 3".

    Of two large tensors or lists of one shape, the first place where they differ by more than `abs` and by
    more than `rel` times the expected value.
    """
    mine, theirs = as_numbers(got), as_numbers(expected)
    if mine is None or theirs is None or max(mine.numel(), theirs.numel()) <= SMALL:
        return both(got, expected)
    if mine.shape != theirs.shape:
        return f"expected the shape {list(theirs.shape)}, got {list(mine.shape)}"
    wrong = differing(mine, theirs, rel, abs)
    if not wrong.any():
        return both(got, expected)
    place = tuple(wrong.nonzero()[0].tolist())
    where = f"at {list(place)}, the first of {int(wrong.sum()):,} of {wrong.numel():,} places that differ"
    return f"{both(entry(got, place), entry(expected, place))} {where}"


def both(got: object, expected: object) -> str:
    """With four digits, or with as many more as it takes to see a difference."""
    for digits in (4, 7, 10, 17):
        mine, theirs = shown(got, digits), shown(expected, digits)
        if mine != theirs:
            return f"expected {theirs}, got {mine}"
    return f"expected {theirs} ({shown(type(expected))}), got {mine} ({shown(type(got))})"


def as_numbers(value: object) -> torch.Tensor | None:
    """A tensor, or a regular list of numbers, as float64; None when it is something else."""
    if hasattr(value, "expected") and type(value).__module__.startswith("_pytest"):
        value = value.expected
    if isinstance(value, torch.Tensor):
        return None if value.is_meta or value.is_complex() else value.detach().cpu().double()
    if not isinstance(value, list | tuple):
        return None
    try:
        return torch.tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return None


def differing(mine: torch.Tensor, theirs: torch.Tensor, rel: float, abs: float) -> torch.Tensor:
    """Where two tensors of one shape differ, bool; NaN equals NaN."""
    return ~torch.isclose(mine, theirs, rtol=rel, atol=abs, equal_nan=True)


def entry(value: object, place: tuple[int, ...]) -> object:
    if hasattr(value, "expected"):
        value = value.expected
    for index in place:
        value = value[index]
    return value.item() if isinstance(value, torch.Tensor) else value

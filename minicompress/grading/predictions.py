"""A guess before an experiment, and beside what was measured after it: `predict`, then `measured`."""

import itertools
import math

from minicompress.grading import journal
from minicompress.grading.course import exercise

ALLOWED = "a number, a word or a list of them"


class NoPrediction(ValueError):
    """A notebook shows one line of it instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"NoPrediction: {self}"]


def predict(exercise_id: str, guess: object = ..., /, **named: object) -> None:
    """Note what you expect of an experiment of an exercise, in the progress file; no one grades it.

    A guess is a number, a word or a list of them; several guesses have names: `predict("1.5",
    winner="one step", perplexity=80)`. Three dots are no guess yet. A later guess replaces an earlier one.
    NoPrediction, a ValueError, for what is none of these.
    """
    task = exercise(exercise_id)
    asked = together(guess, named)
    guesses = {name: checked(value) for name, value in asked.items() if value is not ...}
    if missing := [name for name in asked if name not in guesses]:
        print(f"Your turn{of(missing)}: write a guess in place of the three dots, and run this cell again.")
    if not guesses:
        return
    try:
        journal.write("predictions", task.id, journal.predictions(task.id) | guesses)
    except OSError as error:  # the notebook can go on without
        print(f"Your prediction for {task.id} could not be noted: {error}.")
    else:
        told = ", ".join(f"{name} {written(value)}".lstrip() for name, value in guesses.items())
        print(f"Noted for {task.id}: {told}.")


def measured(exercise_id: str, actual: object = ..., /, **named: object) -> None:
    """Show what was measured beside what `predict` noted under the same name, one line each.

    Takes what `predict` takes, and tensors and arrays. Where no guess was noted it says so, and goes on.
    """
    task = exercise(exercise_id)
    guesses = journal.predictions(task.id)
    for name, value in together(actual, named).items():
        value = plain(value)
        if name in guesses:
            told = f"predicted {written(guesses[name])}; measured {written(value)}"
            print(f"{task.id}{of([name])}: {told}{verdict(guesses[name], value)}.")
        else:
            print(f"{task.id}{of([name])}: measured {written(value)}; no prediction was noted.")


def together(unnamed: object, named: dict[str, object]) -> dict[str, object]:
    """All of them by name; the one without a name has the name ""."""
    return named if unnamed is ... and named else {"": unnamed} | named


def of(names: list[str]) -> str:
    """Which predictions are meant; nothing for the one without a name."""
    return f", {', '.join(filter(None, names))}" if any(names) else ""


def plain(value: object) -> object:
    """A tensor, an array or one of its numbers as Python's own number or list; anything else as it is."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def checked(guess: object) -> object:
    """A guess as the progress file holds it."""
    value = plain(guess)
    entries = value if isinstance(value, list) else [value]
    fits = [
        is_number(entry) and math.isfinite(entry) or isinstance(entry, bool | str) and str(entry).strip()
        for entry in entries
    ]
    if not entries or not all(fits):
        raise NoPrediction(f"a prediction is {ALLOWED}, got {guess!r}")
    return value


def is_number(value: object) -> bool:
    """Whether it can be too high or too low."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def written(value: object) -> str:
    """On one line: numbers with four digits."""
    if isinstance(value, list):
        return f"[{', '.join(written(entry) for entry in value)}]"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"
    return f"{value:,}" if is_number(value) else str(value)


def verdict(guess: object, actual: object) -> str:
    """How the two compare, to stand after them; nothing where they cannot be compared."""
    if is_number(guess) and is_number(actual):
        return f": {offset(guess, actual)}"
    if isinstance(guess, list) and isinstance(actual, list):
        return f": {agreement(guess, actual)}"
    if isinstance(actual, list) and same(guess, actual):
        place = next(number for number, entry in enumerate(actual, 1) if same_word(guess, entry))
        return f": place {place} of {len(actual)}"
    return ": as predicted" if same_word(guess, actual) else ""


def same(guess: object, actual: list) -> bool:
    """Whether a choice stands anywhere in a list."""
    return any(same_word(guess, entry) for entry in actual)


def same_word(guess: object, actual: object) -> bool:
    """Equal, whatever the capitals and the spaces around."""
    return str(guess).strip().casefold() == str(actual).strip().casefold()


def agreement(guess: list, actual: list) -> str:
    """Of numbers, how far each is off; of words, how many stand in their place."""
    if len(guess) != len(actual):
        return f"{len(guess)} and {len(actual)} entries"
    pairs = list(zip(guess, actual, strict=True))
    if all(map(is_number, itertools.chain(guess, actual))):
        return ", ".join(offset(*pair) for pair in pairs)
    return f"{sum(same_word(*pair) for pair in pairs)} of {len(actual)} in their place"


def offset(guess: float, actual: float) -> str:
    """How far a number is off: by a factor from 2 on, else by a difference and its share of the measured."""
    if guess == actual:
        return "exactly"
    if not math.isfinite(actual):
        return "far off"
    side = "too high" if guess > actual else "too low"
    distance = written(abs(guess - actual))
    if guess * actual <= 0:
        return f"{distance} {side}"
    ratio = max(guess / actual, actual / guess)
    if ratio >= 2:
        return f"{side} by a factor of {ratio:.2g}"
    return f"{distance} ({abs(guess - actual) / abs(actual):.1%}) {side}"

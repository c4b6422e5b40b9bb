"""Diagrams of notebook 03: teacher, student and the two losses; which logits meet which label."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from minicompress.lab import style
from minicompress.lab.diagrams.shapes import (
    BACKWARD,
    GONE,
    KEPT,
    OTHER,
    PLAIN,
    QUIET,
    arrow,
    canvas,
    cell,
    number,
    row,
    write,
)

Pair = tuple[float, float]


def teacher_and_student(
    teacher_odds: Sequence[float] = (16, 4, 1),
    student_odds: Sequence[float] = (4, 4, 1),
    label: int = 0,
    T: float = 2.0,
    alpha: float = 0.5,
) -> None:
    """Show where the two terms of the distillation loss come from, and whom the gradient reaches.

    teacher_odds, student_odds: exp(logits) of three tokens. label: the true token. ValueError: other
    numbers of tokens, odds not above 0, a label that is not there, T <= 0, alpha outside [0, 1].
    """
    teacher, student = np.asarray(teacher_odds, dtype=float), np.asarray(student_odds, dtype=float)
    if teacher.shape != (3,) or student.shape != (3,) or min(*teacher, *student) <= 0:
        raise ValueError(f"three odds above 0 for each, got {list(teacher_odds)} and {list(student_odds)}")
    if label not in (0, 1, 2) or T <= 0 or not 0 <= alpha <= 1:
        raise ValueError(f"label 0..2, T above 0 and alpha in 0..1, got {label}, {T} and {alpha}")
    p, q, plain = (odds / odds.sum() for odds in (teacher ** (1 / T), student ** (1 / T), student))
    soft, hard = float((p * np.log(p / q)).sum()), float(-np.log(plain[label]))
    total = alpha * T**2 * soft + (1 - alpha) * hard
    softened = [f"T = {number(T)}\n{_shares(shares)}" for shares in (p, q)]
    texts = [*softened, f"T = 1\n{_shares(plain)}", f"KL(teacher ‖ student)\n= {number(soft)}"]
    texts += [f"cross entropy\nof token {label}\n= {number(hard)}"]
    parts = f"{number(alpha)} · {number(T)}² · {number(soft)} + {number(1 - alpha)} · {number(hard)}"
    with canvas(style.NARROW, 5.0) as axes:
        _draw_models(axes, texts)
        cell(axes, (0.15, 4.0), (4.1, 0.42), f"loss = {parts} = {number(total)}", OTHER)
        write(axes, 0.15, 4.72, "Dashed: the gradient. It reaches the student alone.")


def _shares(shares: np.ndarray) -> str:
    return " ".join(f"{share:.2f}" for share in shares)


def _draw_models(axes: Axes, texts: Sequence[str]) -> None:
    """From the tokens at the top to the two terms, and the gradient's way back along the right edge.

    texts: of the three distributions, then of the two terms.
    """
    cell(axes, (0.15, 0.12), (4.1, 0.38), "the same tokens", PLAIN)
    cell(axes, (0.15, 0.85), (1.3, 0.55), "teacher\n(frozen)", QUIET)
    cell(axes, (1.6, 0.85), (2.65, 0.55), "student\n(learns)", KEPT)
    for x, text, look in zip((0.15, 1.6, 3.0), texts[:3], (QUIET, KEPT, KEPT), strict=True):
        cell(axes, (x, 1.75), (1.3 if x < 3 else 1.25, 0.58), text, look)
    cell(axes, (0.15, 2.75), (2.75, 0.8), texts[3], PLAIN)
    cell(axes, (3.0, 2.75), (1.25, 0.8), texts[4], PLAIN)
    for x, top, bottom in (
        *((x, 0.5, 0.85) for x in (0.8, 2.9)),
        *((x, 1.4, 1.75) for x in (0.8, 2.25, 3.62)),
        *((x, 2.33, 2.75) for x in (0.8, 2.25, 3.62)),
        *((x, 3.55, 4.0) for x in (1.52, 3.62)),
    ):
        arrow(axes, (x, top), (x, bottom))
    turns = [(4.25, 4.21), (4.43, 4.21), (4.43, 1.12)]
    axes.plot(*zip(*turns, strict=True), linestyle="--", color=style.FAINT, linewidth=1)
    arrow(axes, turns[-1], (4.25, 1.12), BACKWARD)


def label_shift(
    tokens: Sequence[str] = ("5", "6", "7", "pad"), labels: Sequence[str] | None = None, pad: str = "pad"
) -> None:
    """Show which logits meet which label: those at position t meet the label at t + 1, padding meets none.

    tokens: 2 to 7 of one row, padding on the right. labels: "-100" where nothing is learned; when None,
    every real token is a label. ValueError: other numbers of them.
    """
    labels = [("-100" if token == pad else token) for token in tokens] if labels is None else list(labels)
    _check_row(tokens, labels)
    with canvas(style.NARROW, 2.95) as axes:
        _draw_shift(axes, 0.15, tokens, labels, pad)


def prompt_and_answer(
    prompt: Sequence[str] = ("pad", "5", "6"), answer: Sequence[str] = ("7", "end"), pad: str = "pad"
) -> None:
    """Show a prompt with padding on the left, the answer, and the lesson made of both, as `label_shift` does.

    prompt, answer: 2 to 7 tokens together. ValueError: another number of them.
    """
    row_of = [*prompt, *answer]
    real = [token for token in prompt if token != pad]
    moved = len(prompt) - len(real)
    labels = ["-100"] * len(real) + list(answer) + ["-100"] * moved
    _check_row(row_of, labels)
    size, left = _cells(len(row_of))
    with canvas(style.NARROW, 3.85) as axes:
        write(axes, 0.1, 0.32, "generated")
        looks = [GONE if token == pad else PLAIN for token in prompt] + [OTHER] * len(answer)
        row(axes, (left, 0.15), size, row_of, looks)
        for place in range(moved, len(row_of)):
            start, end = (left + (column + 0.5) * size[0] for column in (place, place - moved))
            arrow(axes, (start, 0.15 + size[1]), (end, 1.05))
        _draw_shift(axes, 1.05, [*real, *answer, *[pad] * moved], labels, pad)


def _check_row(tokens: Sequence[str], labels: Sequence[str]) -> None:
    if not 2 <= len(tokens) <= 7 or len(labels) != len(tokens):
        raise ValueError(f"2 to 7 tokens and as many labels are drawn, got {len(tokens)} and {len(labels)}")


def _cells(count: int) -> tuple[Pair, float]:
    """Size of one of `count` cells, and where the first begins, right of the names of the rows."""
    return (min(0.66, 3.45 / count), 0.36), 1.05


def _draw_shift(axes: Axes, top: float, tokens: Sequence[str], labels: Sequence[str], pad: str) -> None:
    """Tokens, mask, logits and labels as four rows, and an arrow from each logits to the label it meets."""
    size, left = _cells(len(tokens))
    real = [token != pad for token in tokens]
    learned = [label != "-100" for label in labels]
    used = [*learned[1:], False]  # the last logits have no partner
    lines = {
        "input_ids": (tokens, [PLAIN if kept else GONE for kept in real]),
        "mask": ([str(int(kept)) for kept in real], [PLAIN if kept else GONE for kept in real]),
        "logits at": (
            [str(place) for place in range(len(tokens))],
            [KEPT if kept else GONE for kept in used],
        ),
        "labels": (
            [label.replace("-", "−") for label in labels],
            [OTHER if kept and place else GONE for place, kept in enumerate(learned)],
        ),
    }
    for y, (name, (texts, looks)) in zip((0, 0.45, 0.9, 1.75), lines.items(), strict=True):
        write(axes, 0.1, top + y + size[1] / 2, name)
        row(axes, (left, top + y), size, texts, looks)
    for place, kept in enumerate(used):
        if kept:
            start, end = (left + (column + 0.5) * size[0] for column in (place, place + 1))
            arrow(axes, (start, top + 0.9 + size[1]), (end, top + 1.75))
    write(axes, 0.1, top + 2.45, f"{sum(used)} labels count: logits at t, label at t + 1")

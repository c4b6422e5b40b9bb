"""Why an exercise got no points, in words that a student may read.

The judge's messages quote inputs that were drawn from the private seed. What is shown instead stands word for
word in the public graders, or is one of a few sentences without any value. What is shown word for word comes
from the public inputs.
"""

import ast
import builtins
import functools
import re
from pathlib import Path

from minicompress.classroom.parsing import parse
from minicompress.grading.course import Exercise
from minicompress.grading.report import ended

SHORTEST = 8  # characters of a rule: shorter texts of the graders are names and other values
PLAIN = re.compile(r"(?:\w+(?: and \w+)* returned None: is a `return` missing\?|\w+ is not written yet\.)")
BROKEN = {
    "Broken: no answer came in time": "It gave no answer in time.",
    "Broken: the pipe was closed": "Its process ended before it gave an answer.",
    "It did not run.": "The grader did not run.",
}
RIGHT_IN_PUBLIC = "It is right on the public inputs, those of `check`, and wrong on others."
SHOWN = 500  # characters of a sentence of the graders
CODE = re.compile(r"The judge ended with code -?\d+")


def reason(exercise: Exercise, entry: dict) -> str:
    """One sentence on an exercise of a result; empty when it is solved."""
    if entry["message"]:
        ended_early = CODE.match(entry["message"])
        return ended(ended_early[0] if ended_early else entry["message"])
    failed = [grader for grader in entry["graders"] if not grader["passed"]]
    if not failed:
        return "" if entry["graders"] else "No grader ran."
    return said(exercise, failed[0])


def said(exercise: Exercise, grader: dict) -> str:
    """What a failing grader says, without its inputs."""
    message = grader["message"]
    if rule := rule_in(exercise, message):
        return ended(f"{rule[:1].upper()}{rule[1:]}" if message.startswith(rule[:1].upper()) else rule)
    if PLAIN.fullmatch(message):
        return message
    if words := broken(message):
        return words
    if error := builtin_error(message):
        return f"It raised {error}, where the grader says: {grader['title']}."
    return f"This does not hold: {grader['title']}."


def broken(message: str) -> str:
    """What a message about the worker means; empty when it is about none."""
    return next((words for beginning, words in BROKEN.items() if message.startswith(beginning)), "")


def in_public(entry: dict) -> str:
    """What the graders say on the public inputs; empty when the answer was not tried on them."""
    public = entry["public"]
    if public is None or public["message"]:
        return ""
    return RIGHT_IN_PUBLIC if public["passed"] else broken(public["said"]) or in_short(public["said"])


def in_short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."


def misconception(entry: dict) -> str:
    """The known mistake; empty where none is known."""
    return entry["public"]["misconception"] if entry["public"] else ""


def rule_in(exercise: Exercise, message: str) -> str:
    """The rule with which a message begins, as the graders spell it; empty when there is none.

    A rule that is put together from values is none: they could be private ones.
    """
    lower = message[:1].lower() + message[1:]
    for rule in rules(exercise.graders):
        for text in (message, lower):
            if text.startswith(rule) and (text[len(rule) :] in ("", ".") or text[len(rule) :][:2] == ": "):
                return rule
    return ""


@functools.cache
def rules(graders: Path) -> list[str]:
    """The texts of a file of graders that may be rules, the longest first, without a period at the end."""
    tree = parse(graders.read_text(encoding="utf-8"))
    pieces = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    texts = {
        node.value.rstrip(".")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces
    }
    return sorted((text for text in texts if len(text) >= SHORTEST and "\n" not in text), key=len)[::-1]


def builtin_error(message: str) -> str:
    """The exception of Python's own with which a message begins, with its article."""
    name = message.partition(":")[0]
    kind = getattr(builtins, name, None) if name.isidentifier() else None
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return ""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"

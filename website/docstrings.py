"""Docstrings are plain text. As reStructuredText they keep their lists, tables and indented formulas.

Wrapped lines of a sentence are joined; a line that was ended early on purpose stays a line of its own.
"""

import re

ITEM = re.compile(r"- ")
ALIGNED = re.compile(r"\S+  +\S")  # two columns: a word, a gap, its meaning
LABEL = re.compile(r"[A-Za-z_*][\w*, ]*: ")  # "weight: [out, in]", "ValueError: no weight"
QUOTED = re.compile(r"`([^`]+)`")


def as_restructured_text(text: str) -> list[str]:
    """The lines of a plain docstring as lines of reStructuredText with the same look."""
    widest = max(map(len, text.splitlines()), default=0)
    lines = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        for part in parts(block.split("\n")):
            lines += [*rendered(part, widest), ""]
    return lines


def parts(block: list[str]) -> list[list[str]]:
    """Split a block where a list, verbatim lines or a paragraph begins."""
    kinds: list[str] = []
    for line in block:
        kinds.append(kind_of(line, kinds[-1] if kinds else ""))
    starts = [
        number
        for number, kind in enumerate(kinds)
        if number == 0 or kind != kinds[number - 1] or (kind == "item" and ITEM.match(block[number]))
    ]
    return [block[start:end] for start, end in zip(starts, [*starts[1:], len(block)], strict=True)]


def kind_of(line: str, before: str) -> str:
    """What a line belongs to, given what the line above belongs to."""
    if ITEM.match(line) or (before == "item" and line.startswith("  ")):
        return "item"
    if line.startswith((" ", "|")) or ALIGNED.match(line):
        return "verbatim"
    return "text"


def rendered(part: list[str], widest: int) -> list[str]:
    """One part in reStructuredText."""
    kind = kind_of(part[0], "")
    if kind == "verbatim":
        least = min(len(line) - len(line.lstrip()) for line in part)
        language = "python" if part[0].startswith(" ") else "text"
        return [f".. code-block:: {language}", "", *(f"   {line[least:]}" for line in part)]
    if kind == "item":
        return [f"- {marked(' '.join([part[0][2:], *map(str.strip, part[1:])]))}"]
    joined = [part[0]]
    for line in part[1:]:
        if is_ended(joined[-1].rsplit("\n")[-1], line, widest):
            joined.append(line)
        else:
            joined[-1] += f"\n{line}"
    texts = [marked(line.replace("\n", " ")) for line in joined]
    return texts if len(texts) == 1 else [f"| {text}" for text in texts]


def is_ended(line: str, following: str, widest: int) -> bool:
    """Whether a line ends here on purpose: what follows begins anew, or would have fitted easily."""
    if not line.endswith((".", ";", ":", ",")):
        return False
    begins = LABEL.match(following) or following.startswith("Returns ")
    fits = len(line) + len(following.split(" ")[0]) < widest - 20
    return bool(begins) and line.endswith((".", ";")) or fits


def marked(text: str) -> str:
    """Escape what means something in reStructuredText; what stands in backticks becomes code."""
    pieces = QUOTED.split(text)
    for number, piece in enumerate(pieces):
        pieces[number] = f"``{piece}``" if number % 2 else re.sub(r"([\\*_|`])", r"\\\1", piece)
    # Code may touch a letter or a bracket, which reStructuredText allows after an escaped space only.
    return "\\ ".join(pieces).replace("\\  ", " ").replace(" \\ ", " ")

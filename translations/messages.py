"""Markdown as messages: the text of a heading, a paragraph, an item or a table's cell is one message.

Code blocks, displayed formulas and comments are none. A number in a message is a placeholder, so that a new
measurement leaves the translation valid: "keeps 80%" is the message "keeps {0}%".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

Say = Callable[[str], str]  # a message in English -> in another language

PARSER = MarkdownIt("commonmark").enable("table")
SUMMARY = re.compile(r"(?<=<summary>)[^<]+(?=</summary>)")
# What a translation leaves as it is: code, formulas, the targets of links, addresses.
FIXED = re.compile(r"`+[^`]+`+|\$[^$\n]+\$|(?<=\]\()[^)\s]+(?=\))|https?://[^\s)>]+")
ONE = r"\d+(?:,\d{3})*(?:\.\d+)*"
# 80, 1,234, 0.5, 20-30, the 80 of 80x, a commit; not the digits of top-1, 4-bit or fp16.
NUMBER = re.compile(rf"(?<![\w.,-])(?:{ONE}(?:-{ONE})?(?!(?!x\b)\w|\.\d|,\d|-\w)|[0-9a-f]{{12}}\b)")
PLACE = re.compile(r"\{(\d+)\}")
WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Block:
    """A piece of text in a Markdown page: where it stands, and its words, wrapped lines joined."""

    first: int  # number of its first line
    end: int  # number of the line after its last
    source: str  # as it stands in its first line, up to the line's end or the cell's
    text: str


def blocks(markdown: str) -> Iterator[Block]:
    """The pieces of text of a page, in their order."""
    lines = markdown.split("\n")
    for token in PARSER.parse(without_formulas(markdown)):
        if token.type == "inline":
            is_cell = lines[token.map[0]].lstrip().startswith("|")  # in a table a bar is escaped
            wrapped = (token.content.replace("|", r"\|") if is_cell else token.content).split("\n")
            yield Block(*token.map, wrapped[0], " ".join(wrapped))
        elif token.type == "html_block":
            for number, line in enumerate(token.content.splitlines(), token.map[0]):
                for summary in SUMMARY.findall(line):
                    yield Block(number, number + 1, summary, summary)


def without_formulas(markdown: str) -> str:
    """The same lines, with comments in the place of displayed formulas: `= x` there is no heading."""
    lines, inside = [], False
    for line in markdown.split("\n"):
        marks = line.count("$$")
        is_formula = inside or line.lstrip().startswith("$$")
        inside ^= is_formula and marks % 2 == 1
        lines.append("<!-- -->" if is_formula else line)
    return "\n".join(lines)


def translated(markdown: str, say: Say) -> str:
    """The page with every message said in another language. Every text becomes one line."""
    lines: list[str | None] = list(markdown.split("\n"))
    places: dict[int, int] = {}  # line -> where in it the next cell begins
    for block in blocks(markdown):
        if not is_message(block.text):
            continue
        line = lines[block.first]
        start = line.index(block.source, places.get(block.first, 0))
        said = spoken(block.text, say)
        lines[block.first] = line[:start] + said + line[start + len(block.source) :]
        places[block.first] = start + len(said)
        lines[block.first + 1 : block.end] = [None] * (block.end - block.first - 1)
    return "\n".join(line for line in lines if line is not None)


def messages(markdown: str) -> Iterator[tuple[str, list[str]]]:
    """Each message of a page, and the numbers that stand in it."""
    return (template(block.text) for block in blocks(markdown) if is_message(block.text))


def is_message(text: str) -> bool:
    """Whether there is a word in a text besides code, formulas and addresses; a link to a file is none."""
    bare = re.sub(r"\[[\w.-]+\]\([^)]*\)", "", text)
    return bool(WORD.search(FIXED.sub("", bare)))


def template(text: str) -> tuple[str, list[str]]:
    """A text with `{0}`, `{1}` ... in the place of its numbers, and the numbers."""
    pieces, numbers = [], []

    def note(found: re.Match) -> str:
        numbers.append(found[0])
        return f"{{{len(numbers) - 1}}}"

    end = 0
    for fixed in FIXED.finditer(text):
        pieces += [NUMBER.sub(note, text[end : fixed.start()]), fixed[0]]
        end = fixed.end()
    pieces.append(NUMBER.sub(note, text[end:]))
    return "".join(pieces), numbers


def spoken(text: str, say: Say) -> str:
    """One text in another language, with its own numbers. One without a translation stays as it is."""
    message, numbers = template(text)
    said = say(message)
    if not said:
        return text
    outside = re.split(f"({FIXED.pattern})", said)
    return "".join(
        piece if FIXED.fullmatch(piece) else PLACE.sub(lambda found: numbers[int(found[1])], piece)
        for piece in outside
    )

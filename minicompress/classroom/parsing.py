"""Parse a text of ours in a process that has several threads.

CPython counts the depth of a syntax tree for all threads together, so that two that parse at a time can end
in "AST constructor recursion depth mismatch". What only one thread of a process does may call `ast.parse`.
"""

import ast
import threading

ONE_AT_A_TIME = threading.Lock()


def parse(text: str) -> ast.Module:
    """The syntax tree of a text."""
    with ONE_AT_A_TIME:
        return ast.parse(text)

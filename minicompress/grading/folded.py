"""What is unfolded by a click in a notebook, and printed elsewhere."""

import html
import re
import sys
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text


def in_notebook() -> bool:
    """Whether IPython runs this code."""
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


def prose(value: str) -> str:
    """A text as HTML; what stands between backticks is shown as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(str(value)))


def fold(summary: str, page: str) -> str:
    """HTML of which the summary, a text, is seen, and the page, HTML already, after a click."""
    return f"<details><summary>{html.escape(summary)}</summary>{page}</details>"


@dataclass
class Folded:
    """One output of a notebook that is unfolded part by part. Elsewhere, its text alone."""

    text: Text
    parts: list[tuple[str, str]]  # (what is seen, the HTML beneath it)

    def __repr__(self) -> str:
        return self.text.plain

    def _repr_html_(self) -> str:
        return "\n".join(fold(summary, page) for summary, page in self.parts)


def show(folded: Folded) -> None:
    """Show it folded in a notebook; print its whole text elsewhere, as whole lines where they are code."""
    if in_notebook():
        from IPython.display import display

        display(folded)
    else:
        Console().print(folded.text, soft_wrap=folded.text.no_wrap or False)

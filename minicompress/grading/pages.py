"""Pages of HTML that need no other file: readable in light and in dark, on a phone and on paper.

Every text goes through `text` or `prose`: what a student wrote may hold HTML.
"""

import html
from collections.abc import Iterable
from pathlib import Path

from minicompress.grading.folded import prose as prose
from minicompress.lab.files import atomic_write

# No script, no picture and no address is loaded, whatever a page holds.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #1a7f37; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --good: #57c26f; --bad: #ff8a80; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
p, ul { margin: .4rem 0; } section { border-top: 1px solid var(--line); }
p, li, td, h1, h2 { overflow-wrap: break-word; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top; }
.number { text-align: right; }
.number, td:first-child, span.good, span.bad { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .small { font-size: .9rem; opacity: .8; }
@media print {
  :root { color-scheme: only light; --good: #1a7f37; --bad: #b3261e; }
  body { max-width: none; padding: 0; }
  tr { break-inside: avoid; } h2 { break-after: avoid; }
}
"""


def text(value: object) -> str:
    """Any text as HTML that shows it as it is."""
    return html.escape(str(value))


def table(headings: Iterable[str], rows: Iterable[Iterable[str]], numbers: Iterable[int] = ()) -> str:
    """A table of cells that are HTML already; `numbers` are the columns that are aligned to the right."""
    right = set(numbers)

    def line(cells: Iterable[str], tag: str) -> str:
        opening = {True: f'<{tag} class="number">', False: f"<{tag}>"}
        parts = [f"{opening[column in right]}{cell}</{tag}>" for column, cell in enumerate(cells)]
        return f"<tr>{''.join(parts)}</tr>"

    return "\n".join(["<table>", line(headings, "th"), *(line(row, "td") for row in rows), "</table>"])


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page; `parts` are HTML already."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{text(title)}</h1>",
            *parts,
            "</body>\n</html>\n",
        ]
    )


def write_page(content: str, out: Path) -> None:
    """Write a page, all or nothing."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as temporary:
        temporary.write_text(content, encoding="utf-8")

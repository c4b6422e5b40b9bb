"""What a notebook shows where it stops: a box that says why, links to the file, and comes into view.

After 'Run all', Jupyter shows the last cell, however early a cell stopped.
"""

import html
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from minicompress.lab.paths import shown

FRESH = 10_000  # milliseconds in which a box comes into view; a saved one stays where it is
DELAYS = [300, 800, 1500, 2500]  # milliseconds
STYLE = "border: 1px solid #d64545; border-left-width: 6px; padding: 6px 10px; white-space: normal"

# Jupyter moves on to the last cell for a second or two: come back, until the reader does something.
INTO_VIEW = """<script>(() => {{
  const box = document.currentScript?.parentElement;
  const cell = box?.closest(".jp-Cell") ?? box;
  if (!cell || Math.abs(Date.now() - {now}) > {fresh}) return;
  const timers = {delays}.map(delay => setTimeout(() => cell.scrollIntoView({{block: "nearest"}}), delay));
  const stop = () => timers.forEach(clearTimeout);
  for (const event of ["wheel", "pointerdown", "keydown"]) addEventListener(event, stop, {{once: true}});
}})()</script>"""


@dataclass(frozen=True)
class Place:
    """Where something is to be written."""

    file: Path
    line: int  # from 1 on

    @property
    def label(self) -> str:
        return f"{shown(self.file)}, line {self.line}"

    @property
    def href(self) -> str:
        """The address as JupyterLab resolves it: relative to the notebook, where its kernel works; lines from
        0 on.
        """
        try:
            target = Path(os.path.relpath(self.file)).as_posix()
        except ValueError:  # another drive
            target = self.file.as_posix()
        return f"{target}#line={self.line - 1}"


def place_of(name: str, file: Path) -> Place:
    """Where a top-level function or class is defined; line 1 when the file has none of this name."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        text = ""
    found = re.search(rf"^(?:def|class) {re.escape(name)}\b", text, re.M)
    return Place(file, text.count("\n", 0, found.start()) + 1 if found else 1)


@dataclass
class Box:
    """One output of a notebook. Elsewhere, its text alone."""

    text: str
    page: str  # the same as HTML
    places: list[Place] = field(default_factory=list)
    below: str = ""  # HTML alone, under the links

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        links = [
            f'<a href="{html.escape(place.href)}">{html.escape(place.label)}</a>' for place in self.places
        ]
        go = f"<div>Open {', '.join(links)}</div>" if links else ""
        script = INTO_VIEW.format(now=round(1000 * time.time()), fresh=FRESH, delays=DELAYS)
        return f'<div style="{STYLE}">{self.page}{go}{self.below}{script}</div>'


def sentence(text: str, places: list[Place]) -> Box:
    """A box with one sentence."""
    return Box(text, f"<div>{html.escape(text)}</div>", places)

"""The course's map: its chapters, and which of them build on which."""

from matplotlib.axes import Axes

from minicompress.lab import style
from minicompress.lab.diagrams.shapes import LINE, OTHER, PLAIN, QUIET, arrow, canvas, cell

CHAPTERS = {
    0: ("Baseline", "what a model can do, what it costs"),
    1: ("Pruning", "weights that become zero"),
    2: ("Structured pruning", "channels, heads, blocks cut out"),
    3: ("Distillation", "a small model learns from a large one"),
    4: ("Low rank", "a matrix as two thin ones (used in 07)"),
    5: ("Quantization", "fewer bits for each weight"),
    6: ("Combined", "all together, 80 times smaller"),
    7: ("A real LLM", "the same functions on SmolLM2-135M"),
}
COMBINED = (1, 2, 3, 5)  # the chapters whose functions the finale of chapter 6 calls, besides 0


def course_map(here: int | None = None) -> None:
    """Show the chapters and what each builds on. here: the chapter to mark. ValueError: no such chapter."""
    if here is not None and here not in CHAPTERS:
        raise ValueError(f"the chapters are 0..{len(CHAPTERS) - 1}, got {here}")
    with canvas(style.NARROW, 5.75) as axes:
        for chapter, (title, idea) in CHAPTERS.items():
            inside = chapter in (1, 2, 3, 4, 5)
            corner, size = (0.45 if inside else 0.15, _top(chapter)), (3.7 if inside else 4.3, 0.52)
            look = OTHER if chapter == here else PLAIN if inside else QUIET
            mark = "  (you are here)" if chapter == here else ""
            cell(axes, corner, size, f"{chapter:02d}  {title}{mark}\n{idea}", look)
        _draw_ways(axes)


def _top(chapter: int) -> float:
    """The upper edge of a chapter's box."""
    return 0.12 + 0.66 * chapter + 0.1 * (chapter > 0) + 0.1 * (chapter > 5) + 0.12 * (chapter > 6)


def _draw_ways(axes: Axes) -> None:
    """From chapter 0 down the left edge to each method, and down the right edge to what uses them."""
    arrow(axes, (0.27, _top(0) + 0.52), (0.27, _top(5) + 0.26), LINE)
    for chapter in (1, 2, 3, 4, 5):
        arrow(axes, (0.27, _top(chapter) + 0.26), (0.45, _top(chapter) + 0.26))
    arrow(axes, (4.3, _top(1) + 0.26), (4.3, _top(6)))
    for chapter in COMBINED:
        arrow(axes, (4.15, _top(chapter) + 0.26), (4.3, _top(chapter) + 0.26), LINE)
    arrow(axes, (style.NARROW / 2, _top(6) + 0.52), (style.NARROW / 2, _top(7)))

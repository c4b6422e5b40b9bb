"""One style for all pictures: two widths, 100 dots an inch, 10 points, and a palette for the colour-blind.

A picture brings its own light ground, so it reads the same on a white page and on a dark one. Colour never
stands alone: a marker, a dash or a word says the same.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from PIL import Image

from minicompress.lab.files import atomic_write

WIDE, NARROW = 7.0, 4.6  # inches: a page's width, and what a phone still shows at a readable size
DOTS_PER_INCH = 100
SHADES = 64  # of a picture in a notebook: a third of the bytes, so that many fit into 300 kB

STRONG = 10  # so many times as much as a gray pixel counts one of a strong colour, when few colours can stay
NEAR = 24  # of 255: colours that the eye takes for the same

GROUND, INK, FAINT = "#fafaf7", "#1a1a1a", "#626262"  # INK and FAINT on GROUND: contrast 16.7 and 5.8
# Okabe & Ito 2008: told apart by readers with any of the common kinds of colour blindness.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
PALETTE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, INK)

SETTINGS = {
    "figure.dpi": DOTS_PER_INCH,
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=PALETTE),
    "legend.frameon": False,
}


@contextlib.contextmanager
def applied() -> Iterator[None]:
    """Draw in this style inside the block; afterwards all settings are the caller's again."""
    with matplotlib.rc_context(SETTINGS):
        yield


def small_png(figure: Figure) -> bytes:
    """The figure as a PNG with `SHADES` colours; the same figure gives the same bytes."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # [height, width, RGB]
    small = io.BytesIO()
    few_colours(pixels, SHADES).save(small, format="png", optimize=True)
    return small.getvalue()


def few_colours(pixels: np.ndarray, count: int) -> Image.Image:
    """A picture with a palette of its `count` most frequent colours; every other pixel takes the nearest one.

    A strong colour counts `STRONG` times as much as a gray: thin lines have few pixels, and the smooth edges
    of letters have many grays. The darkest colour, that of the letters, stays, or one near it. pixels: uint8
    [height, width, 3].
    """
    codes = pixels.astype(np.int64) @ (1 << 16, 1 << 8, 1)  # [height, width]
    found, where, often = np.unique(codes, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1)  # [found, RGB]
    strong = np.ptp(colours, axis=1) / 255  # 0 for a gray
    palette = colours[np.argsort(-often * (1 + (STRONG - 1) * strong), kind="stable")[:count]]
    darkest = colours[colours.sum(1).argmin()]
    if np.abs(palette - darkest).max(1).min() > NEAR:  # as in a heat map: letters are few of its pixels
        palette[-1] = darkest
    nearest = np.array([np.square(palette - colour).sum(1).argmin() for colour in colours])
    picture = Image.fromarray(nearest[where].reshape(codes.shape).astype(np.uint8), "P")
    picture.putpalette(palette.astype(np.uint8).tobytes())
    return picture


def save_svg(figure: Figure, path: Path) -> None:
    """Write the figure on a white ground, all or nothing; the same figure gives the same bytes."""
    with atomic_write(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "minicompress"}):
        figure.savefig(temporary, format="svg", facecolor="white", metadata={"Date": None})


def show() -> None:
    """Show the current figure: in a notebook as a small PNG, elsewhere as matplotlib does."""
    if "inline" not in matplotlib.get_backend():
        plt.show()
        return
    from IPython.display import Image as Shown  # there is none outside a notebook
    from IPython.display import display

    figure = plt.gcf()
    display(Shown(small_png(figure)))
    plt.close(figure)

"""The style of all pictures; and that the check of what can be read finds what cannot."""

import io
import itertools

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from matplotlib.colors import to_rgb
from pictures import no_window  # noqa: F401
from PIL import Image

from minicompress.lab import style
from minicompress.lab.diagrams import shapes


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1, from 1 to 21."""
    light = []
    for colour in (one, other):
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(colour)]
        light.append(sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_contrast_of_black_and_white_is_21():
    assert contrast("white", "black") == pytest.approx(21)


@pytest.mark.parametrize("look", ["PLAIN", "KEPT", "GONE", "QUIET", "OTHER"])
def test_the_words_of_a_cell_stand_out_from_its_face(look):
    look = getattr(shapes, look)
    assert contrast(look.text, look.face) >= 4.5, "WCAG AA"


def test_words_on_the_ground_stand_out_and_the_ground_is_light_on_any_page():
    assert contrast(style.INK, style.GROUND) >= 7 and contrast(style.FAINT, style.GROUND) >= 4.5
    assert matplotlib.colors.to_rgba(style.GROUND)[3] == 1, "it hides a dark page"


def test_no_two_looks_share_their_edge():
    looks = [shapes.PLAIN, shapes.KEPT, shapes.GONE, shapes.QUIET, shapes.OTHER]
    assert all((a.edge, a.line) != (b.edge, b.line) for a, b in itertools.combinations(looks, 2))


def test_the_settings_are_the_callers_again_afterwards():
    before = dict(matplotlib.rcParams)
    with pytest.raises(KeyError), style.applied():
        assert plt.rcParams["figure.dpi"] == style.DOTS_PER_INCH >= 100 and plt.rcParams["font.size"] == 10
        raise KeyError
    assert dict(matplotlib.rcParams) == before


def test_a_small_png_has_the_size_of_the_figure_and_few_colours():
    with shapes.canvas(2, 1) as axes:
        shapes.cell(axes, (0.5, 0.25), (1, 0.5), "text", shapes.KEPT)
    picture = Image.open(io.BytesIO(style.small_png(plt.gcf())))
    assert picture.size == (2 * style.DOTS_PER_INCH, style.DOTS_PER_INCH)
    assert len(picture.convert("RGB").getcolors()) <= style.SHADES
    corner = [part / 255 for part in picture.convert("RGB").getpixel((1, 1))]
    assert corner == pytest.approx(to_rgb(style.GROUND), abs=0.5 / 255)


@pytest.mark.parametrize("most", [20, style.SHADES])
def test_a_thin_line_keeps_its_colour_when_there_are_few(most):
    with shapes.canvas(7, 5) as axes:
        for number, colour in enumerate(style.PALETTE):
            axes.plot([1, 5], [0.5 + number, 0.6 + number / 2], color=colour, linewidth=1, marker="o")
            shapes.write(axes, 5.2, 0.6 + number / 2, "words that are mostly black")
    picture = Image.open(io.BytesIO(style.small_png(plt.gcf()))).convert("RGB")
    left = [colour for _, colour in style.few_colours(np.asarray(picture), most).convert("RGB").getcolors()]
    for colour in style.PALETTE:
        wanted = [round(255 * part) for part in to_rgb(colour)]
        nearest = min(max(abs(a - b) for a, b in zip(wanted, other, strict=True)) for other in left)
        assert nearest <= 24, f"{colour} is {nearest} of 255 off"


def test_the_most_frequent_colours_stay_exact_and_the_others_take_the_nearest():
    red, blue, pale = (213, 94, 0), (0, 114, 178), (200, 100, 10)
    few = style.few_colours(np.array([[red, red, blue], [blue, red, pale]], dtype=np.uint8), count=2)
    assert np.asarray(few.convert("RGB")).tolist() == [[[*red], [*red], [*blue]], [[*blue], [*red], [*red]]]


def test_a_strong_colour_stays_although_grays_are_more_frequent():
    ground, gray, ink, blue = (240, 240, 240), (120, 120, 120), (26, 26, 26), (0, 114, 178)
    pixels = np.array([[ground] * 12, [ink] * 5 + [gray] * 4 + [blue] * 3], dtype=np.uint8)
    kept = style.few_colours(pixels, count=3).convert("RGB").getcolors()
    assert {colour for _, colour in kept} == {ground, ink, blue}


def test_the_darkest_colour_stays_although_strong_ones_are_more_frequent():
    """The letters in a heat map."""
    red, blue, ink = (213, 94, 0), (0, 114, 178), (26, 26, 26)
    pixels = np.array([[red] * 8, [blue] * 7 + [ink]], dtype=np.uint8)
    kept = style.few_colours(pixels, count=2).convert("RGB").getcolors()
    assert {colour for _, colour in kept} == {red, ink}


def test_in_a_notebook_the_small_png_is_shown_and_the_figure_closed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setattr(matplotlib, "get_backend", lambda: "inline")
    plt.figure(figsize=(2, 1))
    expected = style.small_png(plt.gcf())
    style.show()
    assert [picture.data for picture in shown] == [expected] and not plt.get_fignums()


# ------------------------------------------------------------ the check of what can be read


def found(*texts: tuple[float, float, str], **settings: object) -> list[str]:
    """What is wrong with a wide picture of a cell from (1, 1) to (2, 1.5) and these texts."""
    with shapes.canvas(style.WIDE, 2) as axes:
        shapes.cell(axes, (1, 1), (1, 0.5), "")
        shapes.arrow(axes, (5, 0.2), (5, 1.8))
        for x, y, text in texts:
            shapes.write(axes, x, y, text, **settings)
    return [problem.partition(":")[0] for problem in pictures.problems(plt.gcf())]


@pytest.mark.parametrize(
    "texts, problem",
    [
        ([(1.2, 1.25, "fits")], None),
        ([(6.8, 0.5, "too far right")], "cut off"),
        ([(1, 0.5, "one text"), (1.3, 0.5, "another")], "overlap"),
        ([(1.5, 1.25, "longer than its cell")], "beyond the edge of a cell"),
        ([(4.7, 1, "under the arrow")], "crossed by a line"),
    ],
)
def test_a_picture_that_cannot_be_read_is_found(texts, problem):
    assert found(*texts) == ([problem] if problem else [])


def test_words_too_small_for_a_phone_are_found():
    assert found((1, 0.5, "tiny"), fontsize=9) == ["6.4 pixels on a phone"]

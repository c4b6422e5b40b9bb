"""Diagrams of notebook 06: the bytes of a file, and a ledger as a waterfall of bytes."""

import json
import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from safetensors.torch import save

from minicompress.lab import style
from minicompress.lab.diagrams.shapes import KEPT, LINE, OTHER, PLAIN, QUIET, Look, arrow, canvas, cell, write

COLUMNS = 24  # characters in a line
WIDTH, HEIGHT = 0.275, 0.26  # inches of a character; a number takes 1.6 of its width
STEP = 0.78  # inches from one stage to the next
Region = tuple[str, bytes, bool, Look]  # what it is, its bytes, shown as characters or as numbers, its look


def file_bytes(
    tensors: Mapping[str, torch.Tensor] | None = None, metadata: Mapping[str, str] | None = None
) -> None:
    """Show a safetensors file byte by byte: the length of the header, the header, and each tensor's bytes.

    tensors: when None, exercise 5.2's two bytes [240, 8] and an fp16 scale of 1.0. metadata: texts for the
    header, as `save` takes them. ValueError: a file of more than 400 bytes, which would be no picture.
    """
    if tensors is None:
        tensors = {"w": torch.tensor([240, 8], dtype=torch.uint8), "w.scale": torch.tensor([1.0]).half()}
    content = save(dict(tensors), dict(metadata) if metadata else None)
    if len(content) > 400:
        raise ValueError(f"files of up to 400 bytes are drawn, this one has {len(content)}")
    regions = file_regions(content)
    height = 0.15 + sum(0.4 + HEIGHT * math.ceil(len(part) / COLUMNS) for _, part, _, _ in regions)
    with canvas(style.WIDE, height) as axes:
        y, offset = 0.2, 0
        for text, part, as_text, look in regions:
            write(axes, 0.15, y, f"from byte {offset}: {text}")
            y = _draw_bytes(axes, y + 0.17, part, as_text, look) + 0.23
            offset += len(part)


def file_regions(content: bytes) -> list[Region]:
    """Split a safetensors file: 8 bytes of length (the lowest first), the header, then each tensor."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    regions: list[Region] = [(f"the length of the header, {length}", content[:8], False, QUIET)]
    regions.append(
        (f"the header, JSON, padded to {length} bytes, a multiple of 8", content[8 : 8 + length], True, PLAIN)
    )
    header.pop("__metadata__", None)
    stored = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    for (name, entry), look in zip(stored, [KEPT, OTHER] * len(stored), strict=False):
        first, last = (8 + length + place for place in entry["data_offsets"])
        what = f"{name}, {entry['dtype']} {entry['shape']}, {last - first} bytes"
        regions.append((what, content[first:last], False, look))
    return regions


def _draw_bytes(axes: Axes, y: float, part: bytes, as_text: bool, look: Look) -> float:
    """Draw the bytes from the height `y` on, as characters or as numbers, and return where they end."""
    width, columns = (WIDTH, COLUMNS) if as_text else (1.6 * WIDTH, int(COLUMNS / 1.6))
    for place, value in enumerate(part):
        corner = (0.15 + place % columns * width, y + place // columns * HEIGHT)
        cell(axes, corner, (width, HEIGHT), chr(value).strip() if as_text else str(value), look)
    return y + math.ceil(len(part) / columns) * HEIGHT


def bytes_waterfall(rows: Sequence[Mapping]) -> None:
    """Show what each stage of a ledger takes off the file, from top to bottom, on a logarithmic scale.

    rows: at least two records with `name` and `file_bytes`, as `compress` returns them. A bar reaches from
    the bytes before a stage to those after it, so equal lengths are equal ratios. ValueError: fewer rows, a
    size below 1.
    """
    sizes = [record["file_bytes"] for record in rows]
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"a waterfall needs at least 2 sizes from 1 byte on, got {sizes}")
    low, high = math.log(min(sizes)), math.log(max(sizes))
    reach = (style.NARROW - 0.4) / max(high - low, 1e-9)
    places = [0.2 + (math.log(size) - low) * reach for size in sizes]
    bottom = 0.15 + STEP * len(rows)
    with canvas(style.NARROW, bottom + 0.6) as axes:
        write(axes, 0.15, 0.2, f"{rows[0]['name']}: {sizes[0]:,} bytes")
        for number in range(1, len(rows)):
            _draw_stage(axes, STEP * number, rows[number]["name"], sizes[number - 1 :], places[number - 1 :])
        text = f"{sizes[-1]:,} bytes are left: {sizes[0] / sizes[-1]:.1f} times smaller"
        write(axes, 0.15, bottom + 0.02, text)
        write(axes, 0.15, bottom + 0.32, "Equal lengths are equal ratios (log scale).", color=style.FAINT)


def _draw_stage(axes: Axes, y: float, name: str, sizes: Sequence[int], places: Sequence[float]) -> None:
    """One stage: a line of words, and below it the bar from its place before to its place after.

    sizes, places: those before the stage, after it, and more that do not count.
    """
    (before, after), (start, end) = sizes[:2], places[:2]
    change = f"+{after - before:,}" if after > before else f"−{before - after:,}"
    write(axes, 0.15, y, f"{name}: {change} bytes, {before / after:.2f} times smaller")
    corner, size = (min(start, end), y + 0.16), (abs(start - end), 0.24)
    cell(axes, corner, size, "", KEPT if after <= before else OTHER)
    arrow(axes, (start, y + 0.12), (start, y + 0.16), LINE)
    arrow(axes, (end, y + 0.4), (end, y + 0.54), LINE)

"""Diagrams of notebook 02: rows and columns of a channel, its way to a Linear, and what query heads share."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from minicompress.lab import style
from minicompress.lab.diagrams.shapes import (
    GONE,
    KEPT,
    LINE,
    OTHER,
    Look,
    arrow,
    canvas,
    cell,
    number,
    row,
    write,
)

Matrix = Sequence[Sequence[float]]
TOY_WRITERS = {"W1": [[1, 0], [2, 1], [0, 3]], "b1": [[1], [-1], [0]]}


def rows_and_columns(
    writers: Mapping[str, Matrix] = TOY_WRITERS,
    reader: str = "W2",
    weight: Matrix = ((1, 5, 2),),
    dropped: Sequence[int] = (1,),
) -> None:
    """Show the rows that a channel has in what writes it, and the column that it has in what reads it.

    writers: name -> weight with a row a channel, or a bias as a column [channels, 1]. reader, weight: the
    name and the weight [out, channels] of what reads them. dropped: the channels that go. ValueError: more
    than 4 channels or 10 columns in all, matrices of other sizes, a channel that is not there.
    """
    channels, wide = len(weight[0]), sum(len(matrix[0]) for matrix in (*writers.values(), weight))
    if any(len(matrix) != channels for matrix in writers.values()):
        sizes = {name: len(matrix) for name, matrix in writers.items()}
        raise ValueError(
            f"{reader} reads {channels} channels, so each writer needs as many rows; got {sizes}"
        )
    if channels > 4 or wide > 10:
        raise ValueError(f"up to 4 channels and 10 columns are drawn, got {channels} and {wide}")
    if not set(dropped) <= set(range(channels)):
        raise ValueError(f"channels 0..{channels - 1} can go, got {list(dropped)}")
    looks = [GONE if channel in dropped else KEPT for channel in range(channels)]
    side, tall, gap, x = 0.46, 0.36, 0.5, 1.2
    bottom = 0.55 + tall * max(channels, len(weight))
    with canvas(style.WIDE, bottom + 0.95) as axes:
        for channel in range(channels):
            write(axes, 0.15, 0.55 + tall * (channel + 0.5), f"channel {channel}")
        for name, matrix in writers.items():
            write(axes, x, 0.28, name)
            for line, (entries, look) in enumerate(zip(matrix, looks, strict=True)):
                texts, like = [number(entry) for entry in entries], [look] * len(entries)
                row(axes, (x, 0.55 + tall * line), (side, tall), texts, like)
            x += side * len(matrix[0]) + gap
        write(axes, x, 0.28, f"{reader}: a column a channel")
        for line, entries in enumerate(weight):
            texts = [number(entry) for entry in entries]
            row(axes, (x, 0.55 + tall * line), (side, tall), texts, looks)
        _write_sizes(axes, bottom + 0.3, {**writers, reader: weight}, reader, len(set(dropped)))


def _write_sizes(axes: Axes, y: float, matrices: Mapping[str, Matrix], reader: str, gone: int) -> None:
    """Two lines: what is dashed, and what the shapes become."""
    write(axes, 0.15, y, f"Dashed: a row of each writer, and the same column of {reader}, go together.")
    becomes = []
    for name, matrix in matrices.items():
        out, into = len(matrix), len(matrix[0])
        before, after = [out, into], [out, into - gone] if name == reader else [out - gone, into]
        if name != reader and into == 1:  # a bias
            before, after = before[:1], after[:1]
        becomes.append(f"{name} {before} → {after}")
    write(axes, 0.15, y + 0.35, ",  ".join(becomes))


def flattened_channels(
    channels: int = 3, height: int = 2, width: int = 2, dropped: Sequence[int] = (1,)
) -> None:
    """Show what a channel owns from the convolution to the Linear behind the Flatten, and what goes with it.

    channels, height, width: what the convolution puts out, up to 3 channels and 12 places. dropped: the
    channels that go. ValueError: too many of them, or a channel that is not there.
    """
    area = height * width
    if not (1 <= channels <= 3 and 1 <= channels * area <= 12):
        raise ValueError(
            f"1..3 channels with up to 12 places are drawn, got {channels} of {height} x {width}"
        )
    if not set(dropped) <= set(range(channels)):
        raise ValueError(f"channels 0..{channels - 1} can go, got {list(dropped)}")
    gap, left = 0.14, 1.4
    block = (style.WIDE - left - 0.15 - gap * (channels - 1)) / channels
    names = {"Conv2d": 0.42, "BatchNorm2d": 1.27, "Flatten": 2.02, "Linear": 2.73}
    with canvas(style.WIDE, 4.1) as axes:
        for name, y in names.items():
            write(axes, 0.15, y, name)
        for channel in range(channels):
            look = GONE if channel in dropped else KEPT
            _draw_channel(axes, left + channel * (block + gap), block, channel, area, look)
        below = f"channel c has the columns {area}c ... {area}c + {area - 1} of the Linear"
        write(axes, left, 3.18, below if area > 1 else "channel c has the column c of the Linear")
        _write_what_goes(axes, channels, area, sorted(set(dropped)))


def _draw_channel(axes: Axes, x: float, block: float, channel: int, area: int, look: Look) -> None:
    """What one channel owns in each of the four layers, from top to bottom; the Linear has three outputs."""
    cell(axes, (x, 0.15), (block, 0.55), f"channel {channel}:\nweight row, bias", look)
    cell(axes, (x, 1.0), (block, 0.55), "weight, bias,\nmean, variance", look)
    side, looks = block / area, [look._replace(width=1.2)] * area
    row(axes, (x, 1.85), (side, 0.34), [str(channel * area + place) for place in range(area)], looks)
    for line in range(3):
        row(axes, (x, 2.49 + 0.16 * line), (side, 0.16), [""] * area, looks)
    for top, bottom in ((0.7, 1.0), (1.55, 1.85), (2.19, 2.49)):
        arrow(axes, (x + block / 2, top), (x + block / 2, bottom))


def _write_what_goes(axes: Axes, channels: int, area: int, dropped: Sequence[int]) -> None:
    """Two lines: what goes with each dropped channel, and how many channels and inputs are left."""
    if not dropped:
        write(axes, 0.15, 3.55, f"All {channels} channels stay.")
        return
    left = channels - len(dropped)
    names = ", ".join(map(str, dropped))
    write(axes, 0.15, 3.55, f"Dashed: channel {names} goes, with all that it owns in the four layers.")
    text = (
        f"{channels} channels become {left}, and {channels * area} inputs of the Linear become {left * area}."
    )
    write(axes, 0.15, 3.85, text)


def query_heads(heads: int = 4, kv_heads: int = 2, keep: Sequence[int] = (1, 2), head_dim: int = 2) -> None:
    """Show query heads and the KV heads that they read, before and after; or why `keep` is refused.

    heads: up to 8, a multiple of kv_heads. keep: the query heads that stay. ValueError: other numbers, a
    head that is not there.
    """
    if not 1 <= heads <= 8 or kv_heads < 1 or heads % kv_heads:
        raise ValueError(f"up to 8 heads, a multiple of the KV heads, are drawn; got {heads} and {kv_heads}")
    keep = sorted(set(keep))
    if not keep or not set(keep) <= set(range(heads)):
        raise ValueError(f"keep must name some of the heads 0..{heads - 1}, got {keep}")
    group = heads // kv_heads
    readers = {kv: [head for head in keep if head // group == kv] for kv in range(kv_heads)}
    left = {kv: stay for kv, stay in readers.items() if stay}
    counts = sorted({len(stay) for stay in left.values()})
    everyone = {kv: list(range(kv * group, (kv + 1) * group)) for kv in range(kv_heads)}
    with canvas(style.NARROW, 4.2) as axes:
        _draw_heads(axes, 0.2, "Before", everyone, set(keep), head_dim)
        if len(counts) == 1:
            _draw_heads(axes, 2.3, "After", left, set(keep), head_dim)
        else:
            write(axes, 0.15, 2.45, f"Refused: {' and '.join(map(str, counts))} query heads would be left")
            write(axes, 0.15, 2.75, "for different KV heads. Attention repeats")
            write(axes, 0.15, 3.05, "every KV head equally often.")


def _draw_heads(
    axes: Axes, top: float, title: str, readers: dict[int, list[int]], keep: set[int], head_dim: int
) -> None:
    """Query heads above, the KV heads that they read below; sizes of the four matrices as a title.

    readers: KV head -> its query heads.
    """
    heads = sum(map(len, readers.values()))
    q, kv = heads * head_dim, len(readers) * head_dim
    write(axes, 0.15, top, f"{title}: Q {q} rows, K and V {kv} rows, O {q} columns")
    step = 3.45 / max(heads, 4)
    size, place = (step * 0.84, 0.38), 0
    write(axes, 0.15, top + 0.51, "query")
    write(axes, 0.15, top + 1.41, "key, value")
    for head_kv, heads_of in readers.items():
        middle = 1.05 + (place + len(heads_of) / 2) * step
        for head in heads_of:
            x = 1.05 + (place + 0.08) * step
            cell(axes, (x, top + 0.32), size, f"Q{head}", KEPT if head in keep else GONE)
            arrow(axes, (x + size[0] / 2, top + 0.7), (middle, top + 1.22), LINE)
            place += 1
        stays = bool(keep & set(heads_of))
        cell(axes, (middle - 0.35, top + 1.22), (0.7, 0.38), f"KV{head_kv}", OTHER if stays else GONE)

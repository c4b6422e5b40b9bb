"""The tables of notebook 04, made of the parts of `results/low_rank.json`."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from minicompress.lab.modules import layer_kind
from minicompress.lab.tables import plain

TUNED = ("plain, tuned", "whitened, split by S, tuned", "whitened, tuned")


def conversion(report: Mapping, title: str) -> Table:
    """What `convert_to_low_rank` returns: parameters before and after, a line a kind of layer."""
    rows = [
        (kind, *(f"{row[key]:,}" for key in ("layers", "before", "after")))
        for kind, row in report["kinds"].items()
    ]
    whole = (f"{report['parameters_before']:,}", f"{report['parameters_after']:,}")
    return plain(title, ("kind", "layers", "before", "after"), [*rows, ("the whole model", "", *whole)])


def ranks_for_energy(ranks: Mapping[str, Mapping[str, int]], title: str) -> Table:
    """The rank that holds 90% of the energy, a line a kind of layer, mean of the blocks."""
    found: dict[str, list] = {}
    for name, row in ranks.items():
        found.setdefault(layer_kind(name), []).append(row)
    keys = ("full", "break_even", "weight", "random")
    rows = [
        (kind, *(f"{sum(row[key] for row in blocks) / len(blocks):.0f}" for key in keys))
        for kind, blocks in found.items()
    ]
    return plain(title, ("layer", "full rank", "break-even", "W", "random"), rows)


def perplexities(curves: Mapping, sparse: Mapping[float, float], title: str) -> Table:
    """Perplexity by the share of the blocks' parameters that is left; sparse: share -> of pruning."""
    rows = []
    for number, share in enumerate(curves["shares"]):
        cells = [f"{curves[method][number]:,.2f}" for method in ("plain", "whitened")]
        if share in curves["tuned_shares"]:
            place = curves["tuned_shares"].index(share)
            cells += [f"{curves[method][place]:,.2f}" for method in TUNED]
        else:
            cells += [""] * len(TUNED)
        left = f"{sparse[round(share, 6)]:.2f}" if round(share, 6) in sparse else ""
        rows.append((f"{share:.0%}", *cells, left))
    columns = ("kept", "plain", "whitened", "plain, tuned", "by S, tuned", "whitened, tuned", "SparseGPT")
    return plain(title, columns, rows, left=(), gap=1)


def comparisons(curves: Mapping, sparse: Mapping[float, float], title: str) -> Table:
    """At how many of the shares where there is training one way beats another; and two ratios to dense.

    sparse: share -> perplexity of pruning.
    """
    tuned = curves["tuned_shares"]
    at = {
        name: [curves[name][curves["shares"].index(share)] for share in tuned]
        for name in ("plain", "whitened")
    }
    at |= {name: curves[name] for name in TUNED}
    pruned = [sparse.get(round(share, 6), float("inf")) for share in tuned]
    rows = [
        ("whitened alone beats plain with training", _wins(at["whitened"], at["plain, tuned"])),
        ("whitened and tuned beats whitened alone", _wins(at["whitened, tuned"], at["whitened"])),
        ("training makes the split by S worse", _wins(at["whitened"], at["whitened, split by S, tuned"])),
        ("SparseGPT beats whitened and tuned", _wins(pruned, at["whitened, tuned"])),
    ]
    half = at["whitened, tuned"][tuned.index(0.5)] / curves["dense"]
    rows.append(("half the parameters, whitened and tuned", f"{half:.2f} times dense"))
    whole = [f"{name} {curves[name][-1] / curves['dense']:.2f}" for name in ("plain", "whitened")]
    rows.append(("all parameters kept", f"{', '.join(whole)} times dense"))
    return plain(title, ("", ""), rows, left=(0, 1))


def _wins(ones: Sequence[float], others: Sequence[float]) -> str:
    """At how many places the first perplexity is the lower one."""
    won = sum(one < other for one, other in zip(ones, others, strict=True))
    return f"at {won} of {len(ones)} sizes"


def kept_in_words(kept: Mapping[str, Mapping[str, float]]) -> str:
    """The accuracies of `accuracies` in one line, for a table of claims."""
    return "; ".join(
        f"{float(share):.0%} of the block parameters: "
        + ", ".join(f"{name} {value:.0%}" for name, value in methods.items())
        for share, methods in kept.items()
    )


def accuracies(kept: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """The share of the dense model's top-1 accuracy that is kept; kept: share of parameters -> method."""
    rows = [
        (f"{float(share):.0%}", *(f"{value:.1%}" for value in methods.values()))
        for share, methods in kept.items()
    ]
    return plain(title, ("parameters kept", *next(iter(kept.values()))), rows)


def speed_ups(speed: Mapping, title: str) -> Table:
    """Dense time over factorised time, a line a layer and number of tokens."""
    rows = [("predicted from FLOPs", "", "", *(f"{1 / share:.2f}x" for share in speed["shares"]))]
    for row in speed["rows"]:
        layer = (f"{row['in']} -> {row['out']}", f"{row['tokens']:,}", f"{row['dense_ms']:.3f}")
        rows.append((*layer, *(f"{value:.2f}x" for value in row["speedup"])))
    columns = ("layer", "tokens", "dense ms", *(f"{share:.0%} kept" for share in speed["shares"]))
    return plain(title, columns, rows)


def speed_range(speed: Mapping, share: float, tokens: int, sizes: tuple[int, int]) -> list[float]:
    """The smallest and the largest speed-up at a share, of the layers whose inputs lie within `sizes`."""
    place, (least, most) = speed["shares"].index(share), sizes
    found = [
        row["speedup"][place]
        for row in speed["rows"]
        if row["tokens"] == tokens and least <= row["in"] <= most
    ]
    return [min(found), max(found)]


def by_share(
    shares: Sequence[float], perplexity: Mapping[str, Sequence[float]], what: str, title: str
) -> Table:
    """Perplexities, a line a way and a column a share of the parameters that is kept."""
    rows = [(way, *(f"{value:,.2f}" for value in values)) for way, values in perplexity.items()]
    return plain(title, (what, *(f"{share:.0%} kept" for share in shares)), rows)


def best_by_share(perplexity: Mapping[str, Sequence[float]]) -> list[str]:
    """The way with the lowest perplexity at each share."""
    ways = list(perplexity)
    return [ways[values.index(min(values))] for values in zip(*perplexity.values(), strict=True)]


def randomized(measured: Mapping) -> Table:
    """Error and time of the randomised decomposition beside the full one's."""
    rows = []
    for name, matrix in measured["matrices"].items():
        for row in matrix["rows"]:
            settings = (str(row["oversampling"]), str(row["iterations"]))
            error, time = f"{row['error_over_best'] - 1:+.2%}", f"1/{1 / row['time_over_full']:.0f}"
            rows.append((name, f"{matrix['relative_error']:.3f}", *settings, error, time))
    size = f"{measured['size']} x {measured['size']}, rank {measured['rank']}"
    title = f"{size}; the full one took {measured['full_seconds']:.0f} CPU seconds"
    columns = (
        "matrix",
        "best relative error",
        "oversampling",
        "iterations",
        "error over best",
        "time over full",
    )
    return plain(title, columns, rows, gap=1)

"""The tables of notebook 05, made of `results/quantization.json`."""

from collections.abc import Sequence

from rich.table import Table

from minicompress.lab.tables import plain

WIDTHS = (8, 6, 4, 3, 2)


def cell_of(bits: dict, model: str, width: int, scales: str | int = "row") -> dict:
    """One measured cell of the part "bits": a model at a width. ValueError: it was not measured."""
    for row in bits["models"][model]:
        if (row["bits"], row["scales"]) == (width, scales):
            return row
    raise ValueError(f"{model} was not measured at {width} bits with scales for a {scales}")


def increase(bits: dict, model: str, width: int, scales: str | int = "row") -> float:
    """By which share the perplexity of a model rises: 0.1 is 10% above that of fp16."""
    return (
        cell_of(bits, model, width, scales)["perplexity"] / cell_of(bits, model, 16, "none")["perplexity"] - 1
    )


def accuracy_kept(bits: dict, model: str, width: int, scales: str | int = "row") -> float:
    """The share of the model's own top-1 accuracy in fp16."""
    dense = cell_of(bits, model, 16, "none")
    return cell_of(bits, model, width, scales)["top1_accuracy"] / dense["top1_accuracy"]


def scales_of(bits: dict, model: str) -> list[str | int]:
    """The kinds of scales that were measured, the coarsest first."""
    return list(dict.fromkeys(row["scales"] for row in bits["models"][model] if row["bits"] < 16))


def bits_table(bits: dict, widths: Sequence[int] = WIDTHS) -> Table:
    """Perplexity of each model at each width, a row for each kind of scale."""
    rows = []
    for model in bits["models"]:
        name = f"{model} ({cell_of(bits, model, 16, 'none')['perplexity']:.2f} in fp16)"
        for scales in scales_of(bits, model):
            cells = [cell_of(bits, model, width, scales) for width in widths]
            size = cell_of(bits, model, 4, scales)["tensor_bytes"]
            label = f"group of {scales}" if isinstance(scales, int) else scales
            perplexities = (f"{cell['perplexity']:,.2f}" for cell in cells)
            rows.append((name, label, *perplexities, f"{size:,}" if size else ""))
    title = f"Perplexity: validation files, {bits['held_out_tokens']:,} tokens, context 256"
    columns = ("model", "a scale for each", *(f"{width} bits" for width in widths), "tensor bytes at 4")
    return plain(title, columns, rows, left=(0, 1), gap=1)


def oracle_table(oracle: dict) -> Table:
    """The integers of other libraries beside ours, with their divisor in our formula."""

    def share(count: int, all_of: int) -> str:
        return "all" if count == all_of else f"{count / all_of:.2%}"

    rows = []
    for row in oracle["rows"]:
        grid = (str(row["bits"]), str(row["group"] or "row"), f"{row['divisor']}")
        equal = (row["equal_integers"], row["equal_integers_by_reciprocal"])
        shares = (share(count, row["integers"]) for count in equal)
        rows.append((row["library"], *grid, *shares, f"{row['squared_error_ours_over_theirs']:.3f}"))
    versions = ", ".join(
        f"{name} {version}" for name, version in oracle["oracle"].items() if name != "python"
    )
    title = f"{oracle['rows'][0]['integers']:,} integers of the teacher's block 3; {versions}"
    columns = (
        "library",
        "bits",
        "group",
        "absmax over",
        "equal, dividing",
        "equal, by 1/scale",
        "error, ours/theirs",
    )
    return plain(title, columns, rows, gap=1)


def int8_table(int8: dict) -> Table:
    """What rounding weights alone and rounding activations, too, cost the teacher."""
    dense = int8["quality"]["fp32"]
    rows = [
        (
            name,
            f"{r['perplexity']:.2f}",
            f"{r['top1_accuracy']:.2%}",
            f"{r['top1_accuracy'] / dense['top1_accuracy']:.1%}",
        )
        for name, r in int8["quality"].items()
    ]
    title = f"The teacher in int8: validation files, {int8['held_out_tokens']:,} tokens, context 256"
    return plain(title, ("computed with", "perplexity", "top-1", "kept"), rows)

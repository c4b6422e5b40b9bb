"""The ledger as people read it: one table of columns for the terminal, the README and the notebooks."""

from collections.abc import Callable

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from minicompress.lab.tables import table

Columns = dict[str, Callable[[dict], str]]  # heading -> what a row holds there
console = Console()


def interval(record: dict) -> str:
    return "{:.1%}-{:.1%}".format(*record["accuracy_kept_interval"])


def optional(value: float | None, form: str) -> str:
    """A number in this form, a hyphen where there is none."""
    return "-" if value is None else form.format(value)


SIZES: Columns = {
    "stage": lambda row: row["name"],
    "file bytes": lambda row: f"{row['file_bytes']:,}",
    "ratio": lambda row: f"{row['ratio']:.1f}x",
    "parameters": lambda row: f"{row['parameters']:,}",
    "non-zeros": lambda row: f"{row['nonzeros']:,}",
    "predicted": lambda row: f"{row['tensor_bytes_predicted']:,}",
    "measured": lambda row: f"{row['tensor_bytes_measured']:,}",
    "match": lambda row: str(row["tensor_bytes_predicted"] == row["tensor_bytes_measured"]),
    "header": lambda row: f"{row['header_bytes']:,}",
    "of it manifest": lambda row: f"{row['manifest_bytes']:,}",
}
QUALITY: Columns = {
    "stage": lambda row: row["name"],
    "ratio": lambda row: f"{row['ratio']:.1f}x",
    "perplexity": lambda row: f"{row['perplexity']:.2f}",
    "top-1": lambda row: f"{row['top1_accuracy']:.2%}",
    "kept": lambda row: f"{row['accuracy_kept']:.1%}",
    "95% interval": interval,
    "tokens/s": lambda row: f"{row['tokens_per_second']:,.0f}",
    "peak memory": lambda row: f"{row['peak_memory_bytes'] / 1e6:,.0f} MB",
}
TRAINING: Columns = {
    "stage": lambda row: row["name"],
    "training": lambda row: row["training"]["training"],
    "live updates": lambda row: str(row["training"]["live_updates"] or "-"),
    "why": lambda row: row["training"]["why"],
}
BASELINES: Columns = {
    "baseline": lambda row: row["name"],
    "file bytes": lambda row: optional(row["file_bytes"], "{:,}"),
    "ratio": lambda row: optional(row.get("ratio"), "{:.1f}x"),
    "perplexity": lambda row: f"{row['perplexity']:.2f}",
    "top-1": lambda row: f"{row['top1_accuracy']:.2%}",
    "kept": lambda row: optional(row["accuracy_kept"], "{:.1%}"),
}


def cells(columns: Columns, records: list[dict]) -> list[list[str]]:
    """One row of strings a record, in the order of the columns."""
    return [[column(record) for column in columns.values()] for record in records]


def without(columns: Columns, *names: str) -> Columns:
    """The columns but the named ones."""
    return {name: column for name, column in columns.items() if name not in names}


def say_corpus(corpus: dict) -> None:
    """One line on the text that there is, as `corpus.describe` counted it."""
    counts = ", ".join(
        f"{split} {corpus[split]['files']} files / {corpus[split]['tokens']:,} tokens"
        for split in ("train", "validation", "test")
    )
    console.print(f"Corpus: the standard library of Python {corpus['python']}: {counts}.")


def print_report(report: dict) -> None:
    """The ledger, the baselines, the completions side by side, and where everything lies."""
    stages, last = report["stages"], report["stages"][-1]
    sizes = without(SIZES, "header", "of it manifest")  # 80 columns hold no more
    title = "Ledger: bytes on disk, and the bytes of all tensors as predicted and as measured"
    console.print(table(title, tuple(sizes), cells(sizes, stages)))
    title = "Ledger: {held_out_tokens:,} held-out tokens of {held_out_files} files, context {context_length}"
    console.print(table(title.format(**report), tuple(QUALITY), cells(QUALITY, stages)))
    for name, training, updates, why in cells(TRAINING, stages):
        live = f", {updates} updates" if updates != "-" else ""
        console.print(f"{name:>10}: {training}{live} ({why})", highlight=False)
    console.print(table("Baselines", tuple(BASELINES), cells(BASELINES, report["baselines"])))
    for completion in report["completions"]:
        console.print(side_by_side(completion), markup=False)
    console.print(
        f"{report['artefact']}: {last['file_bytes']:,} bytes, {last['ratio']:.1f}x smaller than the "
        f"teacher's file, keeps {last['accuracy_kept']:.1%} of its top-1 accuracy."
    )


def side_by_side(completion: dict) -> Table:
    """What teacher and artefact wrote after the same prompt."""
    both = Table.grid(expand=True, padding=(0, 1))
    both.add_column(ratio=1)
    both.add_column(ratio=1)
    texts = {who: completion["prompt"] + completion[who] for who in ("teacher", "compressed")}
    both.add_row(*(Panel(text, title=who, highlight=False) for who, text in texts.items()))
    return both

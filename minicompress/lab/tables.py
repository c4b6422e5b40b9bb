"""Tables for the terminal and the notebooks, and the same ledger as Markdown for the README."""

from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

console = Console()

SIZE_COLUMNS = (
    "stage",
    "file bytes",
    "ratio",
    "parameters",
    "non-zeros",
    "predicted",
    "measured",
    "match",
    "header",
)
QUALITY_COLUMNS = ("stage", "ratio", "perplexity", "top-1", "kept", "95% interval", "tokens/s", "peak memory")


def size_rows(stages: list[dict]) -> list[list[str]]:
    """One row of strings a stage, in the order of `SIZE_COLUMNS`."""
    return [
        [
            record["name"], f"{record['file_bytes']:,}", f"{record['ratio']:.1f}x", f"{record['parameters']:,}", f"{record['nonzeros']:,}",
            f"{record['tensor_bytes_predicted']:,}", f"{record['tensor_bytes_measured']:,}",
            str(record["tensor_bytes_predicted"] == record["tensor_bytes_measured"]), f"{record['header_bytes']:,}",
        ]
        for record in stages
    ]  # fmt: skip


def quality_rows(stages: list[dict]) -> list[list[str]]:
    """One row of strings a stage, in the order of `QUALITY_COLUMNS`."""
    return [
        [
            record["name"], f"{record['ratio']:.1f}x", f"{record['perplexity']:.2f}", f"{record['top1_accuracy']:.2%}",
            f"{record['accuracy_kept']:.1%}", "{:.1%}-{:.1%}".format(*record["accuracy_kept_interval"]),
            f"{record['tokens_per_second']:,.0f}", f"{record['peak_memory_bytes'] / 1e6:,.0f} MB",
        ]
        for record in stages
    ]  # fmt: skip


TRAINING_COLUMNS = ("stage", "training", "live updates", "why")


def training_rows(stages: list[dict]) -> list[list[str]]:
    """One row of strings a stage, in the order of `TRAINING_COLUMNS`: where its training took place, and why."""
    accounts = [(record["name"], record["training"]) for record in stages]
    return [
        [name, account["training"], str(account["live_updates"] or "-"), account["why"]]
        for name, account in accounts
    ]


def baseline_rows(baselines: list[dict]) -> list[list[str]]:
    """Name, file bytes, ratio, perplexity, top-1, kept."""
    return [
        [
            row["name"], f"{row['file_bytes']:,}" if row["file_bytes"] else "-", f"{row['ratio']:.1f}x" if row.get("ratio") else "-",
            f"{row['perplexity']:.2f}", f"{row['top1_accuracy']:.2%}",
            "-" if row["accuracy_kept"] is None else f"{row['accuracy_kept']:.1%}",
        ]
        for row in baselines
    ]  # fmt: skip


BASELINE_COLUMNS = ("baseline", "file bytes", "ratio", "perplexity", "top-1", "kept")


def table(title: str, columns: tuple[str, ...], rows: list[list[str]]) -> Table:
    """A rich table that fits into 80 columns, numbers to the right."""
    made = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


def plain(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    left: Collection[int] = (0,),
    gap: int = 2,
) -> Table:
    """A table without lines, for a notebook: numbers to the right, the columns with these places to the left.

    left: places of the columns of words. gap: spaces on both sides of a cell.
    """
    made = Table(title=title, box=None, padding=(0, gap))
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number in left else "right")
    for row in rows:
        made.add_row(*row)
    return made


def markdown_table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    """The same table for a README."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def say_corpus(found: dict) -> None:
    """One line on the text that was found."""
    counts = ", ".join(
        f"{split} {found[split]['files']} files / {found[split]['tokens']:,} tokens"
        for split in ("train", "validation", "test")
    )
    console.print(f"Corpus: the standard library of Python {found['python']}: {counts}.")


def print_report(report: dict) -> None:
    """The ledger, the baselines, the completions side by side, and where everything lies."""
    stages, last = report["stages"], report["stages"][-1]
    title = "Ledger: bytes on disk, and the bytes of all tensors as predicted and as measured"
    console.print(table(title, SIZE_COLUMNS[:-1], [row[:-1] for row in size_rows(stages)]))
    title = f"Ledger: {report['held_out_tokens']:,} held-out tokens of {report['held_out_files']} files, context {report['context_length']}"
    console.print(table(title, QUALITY_COLUMNS, quality_rows(stages)))
    for name, training, updates, why in training_rows(stages):
        live = f", {updates} live updates" if updates != "-" else ""
        console.print(f"{name:>10}: {training}{live}: {why}", highlight=False)
    console.print(table("Baselines", BASELINE_COLUMNS, baseline_rows(report["baselines"])))
    for completion in report["completions"]:
        both = Table.grid(expand=True, padding=(0, 1))
        both.add_column(ratio=1)
        both.add_column(ratio=1)
        both.add_row(
            *(
                Panel(completion["prompt"] + completion[who], title=who, highlight=False)
                for who in ("teacher", "compressed")
            )
        )
        console.print(both, markup=False)
    console.print(
        f"{report['artefact']}: {last['file_bytes']:,} bytes, {last['ratio']:.1f}x smaller than the teacher's file, "
        f"keeps {last['accuracy_kept']:.1%} of its top-1 accuracy."
    )

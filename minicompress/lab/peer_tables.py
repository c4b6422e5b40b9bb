"""`results/peers.json` as tables and one picture: what the course's functions and other tools take and give.

`content` is the whole file; its rows are single runs. `summary` makes one record of
all runs of a tool at a task.
"""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from rich.table import Table

from minicompress.lab import style
from minicompress.lab.tables import markdown_table, plain

Record = dict
CLOCKS = ("wall", "cpu")


def summary(rows: Sequence[Record]) -> list[Record]:
    """One record for each task and tool, task by task, ours first; medians over the runs.

    passes: clock -> seconds of a run over those of one forward pass in the same process, the median of the
    runs. Example: runs of 9 and 11 seconds whose passes took 4 and 5 have 2.25 and 2.2 passes: 2.225.
    Runs that failed count only where none succeeded: then the record holds the error.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    for row in rows:
        if "tokens_per_second" not in row and "repeat" in row:
            groups.setdefault((row["task"], row["tool"]), []).append(row)
    records = [{"task": task, "tool": tool} | medians(runs) for (task, tool), runs in groups.items()]
    tasks = list(dict.fromkeys(record["task"] for record in records))
    return sorted(records, key=lambda record: (tasks.index(record["task"]), not is_ours(record)))


def medians(runs: Sequence[Record]) -> Record:
    """The medians of the runs that succeeded, or the error of the first."""
    good = [run for run in runs if "error" not in run]
    if not good:
        return {"error": runs[0]["error"]}
    middle = lambda values: statistics.median(list(values))  # noqa: E731
    return {
        "runs": len(good),
        "seconds": {clock: middle(run["seconds"][clock] for run in good) for clock in CLOCKS},
        "passes": {clock: middle(in_passes(run, clock) for run in good) for clock in CLOCKS},
        "extra_bytes": middle(run["extra_bytes"] for run in good),
        "file_bytes": good[0]["file_bytes"],
        "perplexity": good[0]["perplexity"],
    }


def in_passes(run: Record, clock: str) -> float:
    """Seconds of a run over the median forward pass right before and after it."""
    return run["seconds"][clock] / statistics.median(one[clock] for one in run["passes"])


def is_ours(record: Record) -> bool:
    return record["tool"].startswith("minicompress")


# ---------------------------------------------------------------- tables


def work_table(content: Record) -> str:
    """Markdown: each tool at each task. A tool that does not run says why."""
    texts = list(content["dense"]["perplexity"])
    columns = ("task", "tool", "passes", "passes, CPU", "seconds", "memory, MB")
    columns += (*(f"perplexity, {text}" for text in texts), "file, MB")
    dense = content["dense"]
    first = ["dense", "-", "-", "-", "-", "-", *(f"{dense['perplexity'][text]:.2f}" for text in texts)]
    lines = [[*first, f"{dense['file_bytes'] / 1e6:.0f}"]]
    for record in summary(content["rows"]):
        lines.append([record["task"], record["tool"], *cells(record, texts)])
    return markdown_table(columns, lines)


def cells(record: Record, texts: Sequence[str]) -> list[str]:
    """A record's figures, or its error across them."""
    if "error" in record:
        error = record["error"].replace("|", "/")
        return [f"does not run: {error}", "", "", "", *("" for _ in texts), ""]
    return [
        f"{record['passes']['wall']:.2f}",
        f"{record['passes']['cpu']:.2f}",
        f"{record['seconds']['wall']:.1f}",
        f"{record['extra_bytes'] / 1e6:.0f}",
        *(f"{record['perplexity'][text]:.2f}" for text in texts),
        megabytes(record),
    ]


def task_table(content: Record, *tasks: str) -> Table:
    """For a notebook: the dense model and each tool that did one of these tasks. ValueError: no such task."""
    records = summary(content["rows"])
    if unknown := set(tasks) - {record["task"] for record in records}:
        raise ValueError(f"no tool was measured at {', '.join(sorted(unknown))}")
    texts, dense = list(content["dense"]["perplexity"]), content["dense"]
    lines = [("dense", "-", *(f"{dense['perplexity'][text]:.2f}" for text in texts), megabytes(dense), "-")]
    for record in records:
        if record["task"] in tasks and "error" not in record:
            words = (f"{record['perplexity'][text]:.2f}" for text in texts)
            passes = f"{record['passes']['wall']:.2f}"
            lines.append((record["task"], record["tool"], *words, megabytes(record), passes))
    how = content["settings"]
    title = f"SmolLM2-135M, {how['sequences']} test sequences of each text, context {how['length']}"
    return plain(title, ("task", "tool", *texts, "file, MB", "passes"), lines, left=(0, 1), gap=1)


def megabytes(record: Record) -> str:
    size = record["file_bytes"]
    return "not saved" if size is None else f"{size / 1e6:.0f}"


def speed_table(content: Record) -> str:
    """Markdown: tokens a second at batch 1, and how much of a token's time the matrix products alone take."""
    columns = ("model", "tokens/s", "to llama.cpp", "prompt, ms", "by `generate`", "in products alone")
    rows = speeds(content)
    best = next(
        (speed(row) for row in rows if row["tool"].startswith("llama.cpp") and "error" not in row), None
    )
    return markdown_table(columns, [[row["tool"], *speed_cells(row, best)] for row in rows])


def speeds(content: Record) -> list[Record]:
    return [row for row in content["rows"] if "repeat" not in row]


def speed(row: Record) -> float:
    """The median of the repeats."""
    return statistics.median(row["tokens_per_second"])


def speed_cells(row: Record, best: float | None) -> list[str]:
    if "error" in row:
        return [f"does not run: {row['error'].replace('|', '/')}", "", "", "", ""]
    by_library, products = row.get("generate_tokens_per_second"), row.get("product_seconds_per_token")
    return [
        f"{speed(row):.1f}",
        "-" if best is None else f"{speed(row) / best:.2f}",
        f"{1000 * statistics.median(row['prompt_seconds']):.0f}",
        f"{statistics.median(by_library):.1f}" if by_library else "-",
        f"{products * speed(row):.0%}" if products else "-",
    ]


# ---------------------------------------------------------------- who wins


def losses(records: Iterable[Record], text: str, margin: float = 0.01) -> list[str]:
    """A sentence for everything in which another tool is ahead of all of ours by more than the margin.

    Compared within each task: perplexity on that text, forward passes, bytes of the file.
    """
    tasks: dict[str, list[Record]] = {}
    for record in records:
        if "error" not in record:
            tasks.setdefault(record["task"], []).append(record)
    measures = {
        f"perplexity, {text}": lambda record: record["perplexity"][text],
        "passes": lambda record: record["passes"]["wall"],
        "file, MB": lambda record: record["file_bytes"] / 1e6 if record["file_bytes"] else float("inf"),
    }
    found = []
    for task, rivals in tasks.items():
        own = [record for record in rivals if is_ours(record)]
        others = [record for record in rivals if not is_ours(record)]
        for name, value in measures.items():
            if own and others:
                best, mine = min(others, key=value), min(map(value, own))
                if value(best) < mine * (1 - margin):
                    found.append(f"{task}: {best['tool']} ({name} {value(best):.2f} against {mine:.2f})")
    return found


# ---------------------------------------------------------------- the picture


OURS = {"color": style.BLUE, "edgecolor": style.BLUE}
THEIRS = {"color": style.GROUND, "edgecolor": style.FAINT, "hatch": "///"}


def peers_picture(content: Record, path: Path) -> None:
    """Write an SVG with its own white ground, readable on a dark page too: time and quality of every tool.

    Left: forward passes. Right: times the dense perplexity, on the first text. Ours are filled, the others
    hatched.
    """
    records = [record for record in summary(content["rows"]) if "error" not in record]
    text, base = next(iter(content["dense"]["perplexity"].items()))
    with style.applied():
        figure = Figure(figsize=(style.WIDE, 0.24 * len(records) + 1.2))
        left, right = figure.subplots(1, 2, sharey=True)
        for place, record in enumerate(records):
            look = OURS if is_ours(record) else THEIRS
            left.barh(place, record["passes"]["wall"], height=0.7, **look)
            right.barh(place, record["perplexity"][text] / base, height=0.7, **look)
        left.set_yticks(range(len(records)), [f"{record['task']}: {record['tool']}" for record in records])
        left.tick_params(axis="y", labelsize=8)
        left.set_ylim(len(records) - 0.4, -0.6)  # the first at the top
        left.set(title="time in forward\npasses (log)", xscale="log")
        right.set(title=f"times dense perplexity,\n{text} (log)", xscale="log")
        figure.tight_layout()
        style.save_svg(figure, path)

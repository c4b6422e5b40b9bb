"""Write the tables of README.md, notebooks/README.md and docs/ from `results/*.json` and course.toml:
`python -m benchmarks.readme`.

A test fails on drift.
"""

import functools
import re
from pathlib import Path

from benchmarks import teaching
from minicompress.grading.course import exercises
from minicompress.lab import ledger as layout
from minicompress.lab import peer_tables, tables
from minicompress.lab.diagrams.course import CHAPTERS
from minicompress.lab.files import atomic_write
from minicompress.lab.memory_figure import beyond_the_libraries, memory_picture
from minicompress.lab.paths import ROOT, results


def span(interval: list[float]) -> str:
    """An interval of shares, in percent."""
    low, high = interval
    return f"{low:.1%}-{high:.1%}"


def table_of(columns: layout.Columns, records: list[dict]) -> str:
    """Records as a Markdown table."""
    return tables.markdown_table(tuple(columns), layout.cells(columns, records))


def times_text() -> str:
    """What `make run` takes, once everything is installed."""
    ledger = results("ledger")
    cost, machine = ledger["cost"], ledger["hardware"]
    return (
        f"After the installation `make run` took {cost['cpu_minutes']:.1f} CPU minutes "
        f"({cost['minutes']:.1f} by the clock) on {machine['cores']} cores of an {machine['cpu']}."
    )


def ledger_text() -> str:
    """What the last file is, the ledger, the baselines, and where it was measured."""
    ledger = results("ledger")
    stages, last = ledger["stages"], ledger["stages"][-1]
    machine, versions = ledger["hardware"], ledger["versions"]
    low, high = last["accuracy_kept_interval"]
    return "\n\n".join([
        f"The last file is **{last['ratio']:.1f}x** smaller than the teacher's and keeps "
        f"**{last['accuracy_kept']:.1%}** of its top-1 accuracy (95% interval over files: {low:.1%} to "
        f"{high:.1%}), on {ledger['held_out_tokens']:,} held-out tokens of {ledger['held_out_files']} test "
        f"files at context {ledger['context_length']}.",
        "Bytes on disk, and the bytes of all tensors as predicted and as measured:",
        table_of(layout.SIZES, stages),
        "Where the training behind each stage took place:",
        table_of(layout.TRAINING, stages),
        "What it does, and what it costs to run (8 x 256 tokens a forward pass; memory includes Python and "
        "torch):",
        table_of(layout.QUALITY, stages),
        "Beside it, on the same tokens:",
        table_of(layout.BASELINES, ledger["baselines"]),
        f"Measured on {machine['cpu']}, {machine['cores']} cores (shared), Python {versions['python']}, "
        f"torch {versions['torch']}, at commit {ledger['commit']}. The tokenizer "
        f"({ledger['tokenizer_bytes']:,} bytes) is shared by both sides and counted on neither.",
    ])  # fmt: skip


def models_text() -> str:
    """The teacher beside its rivals without a teacher."""
    models = results("models")
    columns = ("model", "parameters", "perplexity", "top-1", "points less", "95% interval", "in circles")
    rows = [model_row(name, models[name]) for name in ("teacher", "half", "eighth") if name in models]
    return (
        tables.markdown_table(columns, rows)
        + "\n\nMeasured on the test files. The rivals were trained on the very same batches, without a "
        "teacher. *In circles*: the share of 40 greedy completions of 48 tokens in which some four tokens in "
        f"a row stand three times; of the files' own next 48 tokens it is {models['text_in_circles']:.0%}."
    )


def model_row(name: str, row: dict) -> list[str]:
    """One model of the table above."""
    gap, interval = "", ""
    if "gap_points" in row:
        low, high = row["gap_points_interval"]
        gap, interval = f"{row['gap_points']:.2f}", f"{low:.2f} to {high:.2f}"
    scores = (f"{row['perplexity']:.2f}", f"{row['top1_accuracy']:.2%}", gap, interval)
    return [name, f"{row['parameters']:,}", *scores, f"{row['in_circles']:.0%}"]


def frontier_text() -> str:
    """Every file, the goals, and the smallest files that keep enough."""
    frontier = results("frontier")
    columns = ("file", "bytes", "ratio", "perplexity", "kept", "95% interval")
    goal_columns = ("at least", "goal", "best file", "kept", "95% interval", "")
    return "\n\n".join([
        tables.markdown_table(columns, [file_row(row) for row in frontier["rows"]]),
        "For each goal, the best file that is at least that much smaller, chosen on the validation files, "
        "quoted on the test files:",
        tables.markdown_table(goal_columns, [goal_row(goal) for goal in frontier["goals"]]),
        " ".join(smallest_text(kept, row) for kept, row in frontier["smallest"].items()),
    ])  # fmt: skip


def file_row(row: dict) -> list[str]:
    return [
        row["name"],
        f"{row['file_bytes']:,}",
        f"{row['ratio']:.1f}x",
        f"{row['perplexity']:.2f}",
        f"{row['accuracy_kept']:.1%}",
        span(row["accuracy_kept_interval"]),
    ]


def goal_row(goal: dict) -> list[str]:
    wanted, verdict = "-", ""
    if goal["goal"]:
        wanted = f"{goal['goal']:.0%}"
        verdict = "reached" if goal["kept"] >= goal["goal"] else "**missed**"
    return [f"{goal['ratio']}x", wanted, goal["best"], f"{goal['kept']:.1%}", span(goal["interval"]), verdict]


def smallest_text(kept: str, row: dict) -> str:
    return (
        f"The smallest file that keeps {kept} on the validation files is {row['best']}: "
        f"{row['file_bytes']:,} bytes, {row['ratio']:.0f}x; on the test files it keeps {row['kept']:.1%}."
    )


def memory_text() -> str:
    """What compressing from disk to disk takes, beside the sizes of the models."""
    memory = results("memory")
    sizes = [name for name in ("100M", "400M", "1.6B") if name in memory]
    columns = (
        "parameters",
        "file",
        "a block in fp32",
        "method",
        "peak",
        "without the libraries",
        "oneshot, without the libraries",
    )
    rows = [memory_row(memory, name, method) for name in sizes for method in memory[name]["minicompress"]]
    alone = memory["alone"]["minicompress"]["wanda"]["peak_bytes"]
    return "\n\n".join([
        tables.markdown_table(columns, rows),
        f"Peak resident memory of a fresh process, bf16 checkpoints with random weights, "
        f"{memory['calibration_tokens']:,} calibration tokens; Python and the libraries alone take "
        f"{megabytes(alone)}. `oneshot` is llmcompressor's, without its libraries; it holds the whole model.",
        f"![Peak memory against the size of the model]({MEMORY_PICTURE.name})",
    ])  # fmt: skip


def memory_row(memory: dict, size: str, method: str) -> list[str]:
    """A model and a method; from each tool's peak its peak on a model of next to no size is taken away."""
    row = memory[size]
    tools = [tool for tool in ("minicompress", "oneshot") if tool in row]
    extra = {tool: f"{beyond_the_libraries(memory, size, tool, method):,.0f} MB" for tool in tools}
    return [
        f"{row['parameters'] / 1e6:,.0f}M",
        megabytes(row["checkpoint_bytes"]),
        megabytes(row["block_bytes"]),
        method,
        megabytes(row["minicompress"][method]["peak_bytes"]),
        extra["minicompress"],
        extra.get("oneshot", "-"),
    ]


def megabytes(number: int) -> str:
    return f"{number / 1e6:,.0f} MB"


def runs_of(content: dict) -> str:
    """How often a tool did a task: the file may have been stopped before the last round."""
    counts = [record["runs"] for record in peer_tables.summary(content["rows"]) if "runs" in record]
    least, most = min(counts), max(counts)
    return f"{least} to {most} runs" if least < most else f"{most} run{'s' * (most > 1)}"


def peers_text() -> str:
    """The course's functions beside other tools: both tables, who is ahead of us, where it was measured."""
    peers = results("peers")
    how, machine = peers["settings"], peers["hardware"]
    text = next(iter(peers["dense"]["perplexity"]))
    behind = peer_tables.losses(peer_tables.summary(peers["rows"]), text)
    return "\n\n".join([
        f"SmolLM2-135M on {machine['cores']} cores of an {machine['cpu']}, {how['threads']} threads, median "
        f"of {runs_of(peers)} that took turns; {how['sequences']} x {how['length']} calibration tokens, "
        "one sequence at a time, and as many test tokens of each text. A *pass* is one forward pass over the "
        "calibration tokens through the blocks, timed in the same process before and after each run. Memory "
        "is the peak above the loaded model. Every tool's weights are judged by the same function; files "
        "hold fp16 where they hold no integers.",
        peer_tables.work_table(peers),
        f"![Time and quality of every tool]({PICTURE.name})",
        f"Greedy decoding at batch 1, {how['prompt']} tokens of prompt, {how['new_tokens']} new ones, "
        f"median of {how['speed_repeats']}:",
        peer_tables.speed_table(peers),
        "Where another tool is ahead by more than 1%: " + ("; ".join(behind) or "nowhere") + ".",
    ])  # fmt: skip


def course_map() -> str:
    """The syllabus as a table: every exercise, what it asks for, and what it takes."""
    columns = ("id", "exercise", "you write", "in", "points", "minutes", "difficulty", "builds on")
    rows = [
        [
            task.id,
            task.title,
            ", ".join(f"`{name}`" for name in task.names),
            f"`{task.module}.py`",
            str(task.points),
            str(task.minutes),
            task.stars,
            ", ".join(task.prerequisites),
        ]
        for task in exercises().values()
    ]
    return tables.markdown_table(columns, rows)


NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
CHAPTER_COLUMNS = ("notebook", "you write in", "exercises", "minutes")


def chapters_table() -> str:
    """A chapter a row: its notebook, the file to write in, and what its exercises take."""
    every = exercises().values()
    total = f"{sum(task.minutes for task in every) / 60:.0f} hours"
    rows = [chapter_row(notebook, "notebooks/") for notebook in NOTEBOOKS]
    return tables.markdown_table(CHAPTER_COLUMNS, [*rows, ["all", "", str(len(every)), total]])


def notebooks_table() -> str:
    """The same for the page beside the notebooks, with what each is about."""
    rows = [[*chapter_row(notebook, ""), CHAPTERS[chapter_of(notebook)][1]] for notebook in NOTEBOOKS]
    return tables.markdown_table((*CHAPTER_COLUMNS, "about"), rows)


def chapter_of(notebook: Path) -> int:
    return int(notebook.stem[:2])


def chapter_row(notebook: Path, folder: str) -> list[str]:
    """folder: what stands before the notebook's name in a link to it."""
    tasks = [task for task in exercises().values() if task.chapter == str(chapter_of(notebook))]
    minutes, stretch = sum(task.minutes for task in tasks), [task.id for task in tasks if task.stretch]
    file = f"`{tasks[0].module}.py`" if tasks else "nothing new"
    link = f"[{notebook.stem}]({folder}{notebook.name})"
    told = f"{minutes}" + (f" ({', '.join(stretch)} can be left out)" if stretch else "")
    return [link, file, str(len(tasks) or "-"), told if tasks else "-"]


PICTURE, MEMORY_PICTURE = ROOT / "docs" / "peers.svg", ROOT / "docs" / "memory.svg"
PARTS = {
    "times": times_text,
    "ledger": ledger_text,
    "models": models_text,
    "frontier": frontier_text,
    "memory": memory_text,
    "peers": peers_text,
    "course": course_map,
    "chapters": chapters_table,
    "notebooks": notebooks_table,
    "half_day": teaching.half_day,
    "one_day": teaching.one_day,
    "six_weeks": teaching.six_weeks,
    "one_chapter": teaching.one_chapter,
    **{f"misconceptions_{n}": functools.partial(teaching.misconceptions, str(n)) for n in range(7)},
}
# A student's copy has no guide for teachers.
WRITTEN = ("README.md", "notebooks/README.md", "docs/course.md", "docs/results.md", "docs/teaching.md")
PAGES = [ROOT / name for name in WRITTEN if (ROOT / name).is_file()]


def filled(text: str) -> str:
    """A page with the parts between `<!-- name -->` and `<!-- /name -->` made anew."""
    for name in re.findall(r"^<!-- (\w+) -->$", text, re.M):
        before, rest = text.split(f"<!-- {name} -->\n")
        _, after = rest.split(f"<!-- /{name} -->")
        text = f"{before}<!-- {name} -->\n\n{PARTS[name]()}\n\n<!-- /{name} -->{after}"
    return text


def main() -> None:
    for path in PAGES:
        text = filled(path.read_text(encoding="utf-8"))
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    peer_tables.peers_picture(results("peers"), PICTURE)
    memory_picture(results("memory"), MEMORY_PICTURE)


if __name__ == "__main__":
    main()

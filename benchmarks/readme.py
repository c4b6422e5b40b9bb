"""Write the tables of README.md from `results/*.json` and course.toml: `python -m benchmarks.readme`.

A test fails on drift.
"""

import json
from collections.abc import Iterable

from minicompress.grading.course import exercises
from minicompress.lab import tables
from minicompress.lab.paths import ROOT


def results(name: str) -> dict:
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


def ledger_text() -> str:
    ledger = results("ledger")
    stages, last = ledger["stages"], ledger["stages"][-1]
    low, high = last["accuracy_kept_interval"]
    return "\n\n".join([
        f"The last file is **{last['ratio']:.1f}x** smaller than the teacher's and keeps **{last['accuracy_kept']:.1%}** of its "
        f"top-1 accuracy (95% interval over files: {low:.1%} to {high:.1%}), on {ledger['held_out_tokens']:,} held-out tokens of "
        f"{ledger['held_out_files']} test files at context {ledger['context_length']}.",
        "Bytes on disk, and the bytes of all tensors as predicted and as measured:",
        tables.markdown_table(tables.SIZE_COLUMNS, tables.size_rows(stages)),
        "What it does, and what it costs to run (8 x 256 tokens a forward pass; memory includes Python and torch):",
        tables.markdown_table(tables.QUALITY_COLUMNS, tables.quality_rows(stages)),
        "Beside it, on the same tokens:",
        tables.markdown_table(tables.BASELINE_COLUMNS, tables.baseline_rows(ledger["baselines"])),
        f"Measured on {ledger['hardware']['cpu']}, {ledger['hardware']['cores']} cores (shared), Python {ledger['versions']['python']}, "
        f"torch {ledger['versions']['torch']}, in {ledger['minutes']:.1f} minutes, at commit {ledger['commit']}. The tokenizer "
        f"({ledger['tokenizer_bytes']:,} bytes) is shared by both sides and counted on neither.",
    ])  # fmt: skip


def models_text() -> str:
    found = results("models")
    teacher, half = found["teacher"], found["half"]
    low, high = found["gap_points_interval"]
    return (
        f"The teacher has {teacher['parameters']:,} parameters, perplexity {teacher['perplexity']:.2f} and top-1 accuracy "
        f"{teacher['top1_accuracy']:.2%} on the test files. A rival of {half['parameters']:,} parameters, trained on the very same "
        f"batches, reaches {half['perplexity']:.2f} and {half['top1_accuracy']:.2%}: {found['gap_points']:.2f} points less "
        f"(95% interval {low:.2f} to {high:.2f})."
    )


def frontier_text() -> str:
    found = results("frontier")
    rows = [
        [row["name"], f"{row['file_bytes']:,}", f"{row['ratio']:.1f}x", f"{row['perplexity']:.2f}", f"{row['accuracy_kept']:.1%}",
         "{:.1%}-{:.1%}".format(*row["accuracy_kept_interval"])]
        for row in found["rows"]
    ]  # fmt: skip
    goals = [
        [f"{goal['ratio']}x", f"{goal['goal']:.0%}" if goal["goal"] else "-", goal["best"], f"{goal['kept']:.1%}",
         "{:.1%}-{:.1%}".format(*goal["interval"]), "" if not goal["goal"] else "reached" if goal["kept"] >= goal["goal"] else "**missed**"]
        for goal in found["goals"]
    ]  # fmt: skip
    smallest = [
        f"The smallest file that keeps {kept} on the validation files is {row['best']}: {row['file_bytes']:,} bytes, {row['ratio']:.0f}x; "
        f"on the test files it keeps {row['kept']:.1%}."
        for kept, row in found["smallest"].items()
    ]
    return "\n\n".join([
        tables.markdown_table(("file", "bytes", "ratio", "perplexity", "kept", "95% interval"), rows),
        "For each goal, the best file that is at least that much smaller, chosen on the validation files, quoted on the test files:",
        tables.markdown_table(("at least", "goal", "best file", "kept", "95% interval", ""), goals),
        " ".join(smallest),
    ])  # fmt: skip


def course_map() -> str:
    """The syllabus as a table: every exercise, what it asks for, and what it takes."""
    rows = [
        [task.id, task.title, ", ".join(f"`{name}`" for name in task.names), f"`{task.module}.py`", str(task.points), str(task.minutes),
         task.stars, ", ".join(task.prerequisites)]
        for task in exercises().values()
    ]  # fmt: skip
    return tables.markdown_table(
        ("id", "exercise", "you write", "in", "points", "minutes", "difficulty", "builds on"), rows
    )


PARTS = {"ledger": ledger_text, "models": models_text, "frontier": frontier_text, "course": course_map}


def filled(text: str, parts: Iterable[str] = PARTS) -> str:
    """README text with the parts between `<!-- name -->` and `<!-- /name -->` made anew."""
    for name in parts:
        before, rest = text.split(f"<!-- {name} -->\n")
        _, after = rest.split(f"<!-- /{name} -->")
        text = f"{before}<!-- {name} -->\n\n{PARTS[name]()}\n\n<!-- /{name} -->{after}"
    return text


def main() -> None:
    path = ROOT / "README.md"
    path.write_text(filled(path.read_text()))


if __name__ == "__main__":
    main()

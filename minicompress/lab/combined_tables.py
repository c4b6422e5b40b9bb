"""The tables of notebook 06, made of `results/combined.json`, `ledger.json` and `frontier.json`."""

from collections.abc import Iterable, Sequence

from rich.table import Table

from minicompress.lab.ledger import interval
from minicompress.lab.tables import plain
from minicompress.lab.updates import updates_behind

Point = dict  # a file of the map: method, strength, file_bytes, ratio, accuracy_kept
RATIOS = (2, 4, 8, 16, 40, 80, 120, 160)

# Our name, what the article claims, method and strength of the point on the map, the model that was timed.
OVERVIEW = [
    ("quantization, 8 bits", "75%, 98-99%, 2-3x", "quantization", "8 bits", None),
    ("quantization, 4 bits", "", "quantization", "4 bits", None),
    ("pruning, 50% zeros (Wanda)", "50-70%, 95-98%, 1.5-2x", "pruning (Wanda)", "50%", "50% zeros"),
    ("pruning, 70% zeros, tuned", "", "pruning (Wanda), tuned", "70%", None),
    ("pruning, half the neurons, tuned", "", "MLP neurons, tuned", "448", "448 of 896 neurons"),
    ("distillation, medium", "75%, 90-95%, 4x", "distillation", "medium", "medium"),
    ("distillation, student", "", "distillation", "student", "student"),
    (
        "low rank, half the blocks, tuned",
        "40-60%, 98%, 1.2x",
        "low rank (whitened), tuned",
        "50%",
        "low rank, half the parameters",
    ),
]


def points_of(combined: dict) -> list[Point]:
    """Every file of the map."""
    return combined["singles"]["points"] + combined["combinations"]["points"]


def alone_and_together(combined: dict) -> tuple[list[Point], list[Point]]:
    """The files of one method, and those of several; a student without a teacher is neither."""
    points = points_of(combined)
    alone = combined["singles"]["points"] + [p for p in points if p["method"] == "distillation"]
    rest = [point for point in points if point not in alone]
    return alone, [point for point in rest if not point["method"].startswith("no teacher")]


def point_of(combined: dict, method: str, strength: str) -> Point:
    """The file of a method whose strength begins like this. ValueError: there is none."""
    for point in points_of(combined):
        if point["method"] == method and point["strength"].startswith(strength):
            return point
    raise ValueError(f"the map has no point {method!r}, {strength!r}")


def best_of(points: Iterable[Point], ratio: float) -> Point | None:
    """The most accurate of the files that are at least so many times smaller; None where there is none."""
    fitting = [point for point in points if point["ratio"] >= ratio]
    return max(fitting, key=lambda point: point["accuracy_kept"], default=None)


def front(points: Iterable[Point]) -> list[Point]:
    """The files that no other beats in both bytes and accuracy, the smallest first."""
    best, kept = [], 0.0
    for point in sorted(points, key=lambda point: (point["file_bytes"], -point["accuracy_kept"])):
        if point["accuracy_kept"] > kept:
            best, kept = [*best, point], point["accuracy_kept"]
    return best


def named(point: Point) -> str:
    return f"{point['method']}: {point['strength']}"


def on_the_map(combined: dict) -> str:
    """The text that every point of the map was measured on, as the words of a title."""
    tokens = combined["combinations"]["held_out_tokens"]
    return f"validation files, {tokens:,} tokens, context 256"


# ---------------------------------------------------------------- the article's table


def overview_table(combined: dict, int8: dict) -> Table:
    """One method at a time: size saved, accuracy kept, speed; weights in int8 and everything in int8 apart.

    int8: the part of `results/quantization.json`, whose quality was measured on the shorter text.
    """
    speeds, rows = combined["speeds"]["models"], []
    for name, claim, method, strength, timed in OVERVIEW:
        point = point_of(combined, method, strength)
        speed = f"{speeds[timed]['speedup']:.2f}x" if timed else "-"
        rows.append((name, claim, f"{1 - 1 / point['ratio']:.0%}", f"{point['accuracy_kept']:.1%}", speed))
    quality = int8["quality"]
    kept = quality["integer kernels"]["top1_accuracy"] / quality["fp32"]["top1_accuracy"]
    speed = f"{speeds['int8, integer kernels']['speedup']:.2f}x"
    rows.insert(1, ("  activations in 8 bits, too *", "", rows[0][2], f"{kept:.1%}", speed))
    title = f"One method at a time: {on_the_map(combined)} (* {int8['held_out_tokens']:,} tokens)"
    columns = ("method", "the article", "size saved", "accuracy kept", "speed")
    return plain(title, columns, rows, left=(0, 1), gap=1)


# ---------------------------------------------------------------- the map


def equal_bytes_table(combined: dict, ratios: Sequence[float] = RATIOS) -> Table:
    """The best file of one method and of several that are at least so many times smaller."""
    rows = []
    for ratio in ratios:
        line = [f"{ratio}x"]
        for points in alone_and_together(combined):
            best = best_of(points, ratio)
            cells = (
                (named(best), f"{best['accuracy_kept']:.1%}", f"{updates_behind(best):,}") if best else None
            )
            line += cells or ("none", "", "")
        rows.append(line)
    title = f"At equal bytes: {on_the_map(combined)}"
    columns = ("at least", "single method", "kept", "updates", "combination", "kept", "updates")
    return plain(title, columns, rows, left=(1, 4), gap=1)


def baselines_table(frontier: dict, names: Sequence[str]) -> Table:
    """Files of the frontier beside each other, with the updates of training behind each."""
    rows = [
        (
            row["name"],
            f"{row['file_bytes']:,}",
            f"{row['ratio']:.1f}x",
            f"{row['accuracy_kept']:.1%}",
            interval(row),
            f"{updates_behind(row):,}",
        )
        for row in frontier["rows"]
        if row["name"] in names
    ]
    title = f"Test files, {frontier['held_out_tokens']:,} tokens, context 256"
    return plain(title, ("file", "bytes", "ratio", "kept", "95% interval", "updates"), rows)


def frontier_table(frontier: dict) -> Table:
    """Every shipped file on the test files."""
    rows = [
        (
            row["name"],
            f"{row['file_bytes']:,}",
            f"{row['ratio']:.1f}x",
            f"{row['perplexity']:.2f}",
            f"{row['accuracy_kept']:.1%}",
            interval(row),
            f"{updates_behind(row):,}",
        )
        for row in frontier["rows"]
    ]
    title = f"results/frontier.json: test files, {frontier['held_out_tokens']:,} tokens, context 256"
    columns = ("file", "bytes", "ratio", "perplexity", "kept", "95% interval", "updates")
    return plain(title, columns, rows, gap=1)


def order_table(order: dict) -> Table:
    """What each order of the stages keeps, the best first."""
    kept = {name: [run["accuracy_kept"] for run in runs] for name, runs in order["arms"].items()}
    rows = [
        (name, f"{sum(values) / len(values):.1%}", ", ".join(f"{value:.1%}" for value in values))
        for name, values in sorted(kept.items(), key=lambda item: -sum(item[1]))
    ]
    title = f"Validation files, {order['held_out_tokens']:,} tokens; {order['updates']} updates in each row"
    return plain(title, ("order", "mean kept", "seeds"), rows)


# ---------------------------------------------------------------- ledger, tasks, running


def live_table(live: Sequence[dict], predicted: dict[str, int], measured_on: str) -> Table:
    """The ledger of a live run, its predicted bytes beside the measured ones.

    predicted: stage -> tensor bytes. ValueError: a prediction that is not what was measured.
    """
    rows = []
    for record in live:
        mine, measured = predicted.get(record["name"]), record["tensor_bytes_measured"]
        if mine not in (None, measured):
            raise ValueError(f"{record['name']}: predicted {mine:,} tensor bytes, measured {measured:,}")
        guess = f"{mine:,}" if mine else ""
        sizes = (guess, f"{measured:,}", f"{record['file_bytes']:,}", f"{record['ratio']:.1f}x")
        quality = (f"{record['perplexity']:.2f}", f"{record['top1'] / live[0]['top1']:.1%}")
        rows.append((record["name"], *sizes, *quality))
    columns = ("stage", "predicted", "tensor bytes", "file bytes", "ratio", "perplexity", "kept")
    return plain(f"The ledger, live: {measured_on}", columns, rows, gap=1)


def tasks_table(tasks: dict) -> Table:
    """Code summarization: how well each model predicts the true words, and what it writes."""
    whole, rows = tasks["models"]["teacher"], []
    for name, row in tasks["models"].items():
        accuracy = (f"{row['token_accuracy']:.1%}", f"{row['token_accuracy'] / whole['token_accuracy']:.0%}")
        low, high = row["rouge_l_interval"]
        rows.append((name, *accuracy, f"{row['rouge_l']:.3f}", f"{low:.3f}-{high:.3f}"))
    title = f"{tasks['held_out_pairs']} functions of the test files; "
    title += f"the function's name as its summary: ROUGE-L {tasks['name_as_summary']:.3f}"
    return plain(title, ("model", "token accuracy", "kept", "ROUGE-L", "95% interval"), rows)


RUNNING = [  # key, label, factor to the unit, digits
    ("load_seconds", "load, s", 1, 3),
    ("resident_after_load_bytes", "memory for the model as loaded, MB", 1e-6, 1),
    ("resident_dequantized_bytes", "memory for the model, dequantized, MB", 1e-6, 1),
    ("resident_at_the_end_bytes", "whole process, MB", 1e-6, 0),
    ("tokens_per_second", "tokens/s, lean loop", 1, 0),
    ("generate_tokens_per_second", "tokens/s, the library's generate", 1, 0),
]


def running_table(run: dict, cpu: str) -> Table:
    """Load time, memory and speed of the teacher's and the artefact's file, each in a process of its own."""
    big, small = run["file_bytes"]["teacher"], run["file_bytes"]["artefact"]
    rows = [("file, kB", f"{big / 1000:,.0f}", f"{small / 1000:,.0f}", f"1/{big / small:.0f}")]
    for key, label, unit, digits in RUNNING:
        values = (f"{run[who][key] * unit:,.{digits}f}" for who in ("teacher", "artefact"))
        ratio = run["ratios"][key]
        rows.append((label, *values, f"{ratio:.1f}x" if ratio > 1 else f"1/{1 / ratio:.1f}"))
    title = f"medians of {run['repeats']} fresh processes each, in turns, one thread of {cpu}"
    return plain(title, ("", "teacher", "artefact", "ratio"), rows)


def ledger_table(ledger: dict) -> Table:
    """The stages of the shipped ledger on the test files."""
    rows = [
        (
            row["name"],
            f"{row['file_bytes']:,}",
            f"{row['ratio']:.1f}x",
            f"{row['perplexity']:.2f}",
            f"{row['accuracy_kept']:.1%}",
            interval(row),
            f"{row['tokens_per_second']:,.0f}",
        )
        for row in ledger["stages"]
    ]
    title = f"Test files, {ledger['held_out_tokens']:,} tokens, context {ledger['context_length']}"
    columns = ("stage", "file bytes", "ratio", "perplexity", "kept", "95% interval", "tokens/s")
    return plain(title, columns, rows, gap=1)


def reach_table(combined: dict, kept: Sequence[float] = (0.95, 0.9, 0.5)) -> Table:
    """How many times smaller each single method makes the file while it keeps so much of the accuracy."""
    alone, _ = alone_and_together(combined)
    rows = []
    for method in dict.fromkeys(point["method"] for point in alone):
        points = [point for point in alone if point["method"] == method]
        line = [method]
        for share in kept:
            ratios = [point["ratio"] for point in points if point["accuracy_kept"] >= share]
            line.append(f"{max(ratios):.1f}x" if ratios else "never")
        smallest = max(points, key=lambda point: point["ratio"])
        rows.append((*line, f"{smallest['ratio']:.1f}x keeps {smallest['accuracy_kept']:.0%}"))
    title = f"How far a single method gets: {on_the_map(combined)}"
    columns = ("method", *(f"{share:.0%} kept" for share in kept), "its smallest file on the map")
    return plain(title, columns, rows, gap=1)

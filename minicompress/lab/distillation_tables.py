"""The tables of notebook 03, made of parts of `results/distillation.json`."""

import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table

from minicompress.lab.tables import plain

TEMPERATURES, ALPHAS = (1.0, 2.0, 3.0, 5.0), (0.3, 0.7, 1.0)
FLY = {
    "validation_loss": ("loss", ".3f"),
    "validation_top1": ("top-1", ".2%"),
    "beta 0.0": ("KL(t ‖ s), own text", ".3f"),
    "beta 1.0": ("KL(s ‖ t), own text", ".3f"),
}


# ---------------------------------------------------------------- temperature and alpha


def sweep_gains(rows: Sequence[Mapping], T: float, alpha: float) -> list[float]:
    """Points of top-1 accuracy above labels alone on the same batches, one a seed."""
    found = {(row["T"], row["alpha"], row["seed"]): 100 * row["top1"] for row in rows}
    seeds = sorted({row["seed"] for row in rows})
    return [found[T, alpha, seed] - found[1.0, 0.0, seed] for seed in seeds]


def best_temperatures(rows: Sequence[Mapping]) -> list[float]:
    """For each alpha the temperature with the largest gain, a mean over the seeds."""
    return [max(TEMPERATURES, key=lambda T: sum(sweep_gains(rows, T, alpha))) for alpha in ALPHAS]


def lowest_loss(rows: Sequence[Mapping]) -> tuple[float, float]:
    """The temperature and alpha with the lowest loss on held-out text, a mean over the seeds."""
    losses: dict[tuple[float, float], list[float]] = {}
    for row in rows:
        losses.setdefault((row["T"], row["alpha"]), []).append(row["loss"])
    return min(losses, key=lambda setting: statistics.mean(losses[setting]))


def sweep_lines(sweep: Mapping) -> str:
    """What each student's rows say: the best temperatures, the lowest loss, and how far seeds lie apart."""
    lines = []
    for name, rows in sweep["students"].items():
        best = ", ".join(f"{T:g}" for T in best_temperatures(rows))
        (T, alpha), gains = lowest_loss(rows), [sweep_gains(rows, T, a) for T in TEMPERATURES for a in ALPHAS]
        apart = max(max(values) - min(values) for values in gains)
        lines += [
            f"student of {name}: best T by top-1 is {best} for alpha = {', '.join(map(str, ALPHAS))};",
            f"  lowest loss at T = {T:g}, alpha = {alpha:g}; two seeds lie up to {apart:.2f} points apart",
        ]
    return "\n".join(lines)


# ---------------------------------------------------------------- with a teacher and without


def fair_table(results: Mapping) -> Table | str:
    """The part `fair`: the last scores, a line an arm, a column a seed; then what the teacher adds.

    results: the whole file. When that part has not been measured: a sentence with the command that does.
    """
    if "fair" not in results:
        return "Not measured here yet. `python -m benchmarks.distillation fair` measures it."
    fair = results["fair"]
    rows = []
    for arm, runs in fair["arms"].items():
        last = [run["scored"][-1] for run in runs]
        rows.append((arm, *with_mean([100 * score["validation_top1"] for score in last], ".2f")))
    for step in quarters(fair["updates"], next(iter(fair["arms"].values()))[0]["scored"]):
        rows.append((f"gain after {step:,}", *with_mean(fair_gains(fair, step), "+.2f")))
    seeds = [f"seed {run['seed']}" for run in runs]
    title = (
        f"Top-1 in % after {fair['updates']:,} steps, validation, context {fair['length']} (from results/)"
    )
    return plain(title, ("arm", *seeds, "mean"), rows, gap=1)


def with_mean(values: Sequence[float], style: str) -> list[str]:
    return [format(value, style) for value in (*values, statistics.mean(values))]


def quarters(updates: int, scored: Sequence[Mapping]) -> list[int]:
    """The last scored steps of each quarter of a training."""
    steps = [line["step"] for line in scored]
    return sorted(
        {max(step for step in steps if step <= max(updates * n // 4, steps[0])) for n in range(1, 5)}
    )


def fair_gains(fair: Mapping, step: int) -> list[float]:
    """Points of top-1 accuracy that the teacher adds after so many steps, one a seed."""
    alone, taught = (
        [line["validation_top1"] for run in runs for line in run["scored"] if line["step"] == step]
        for runs in fair["arms"].values()
    )
    return [100 * (with_it - without) for without, with_it in zip(alone, taught, strict=True)]


# ---------------------------------------------------------------- texts and tasks


def fly_table(fly: Mapping) -> Table:
    """A line for each text and divergence of the part `fly`: means over the seeds."""
    rows = []
    for arm, seeds in fly["arms"].items():
        means = (statistics.mean(row[key] for row in seeds) for key in FLY)
        rows.append(
            (arm, *(format(mean, style) for mean, (_, style) in zip(means, FLY.values(), strict=True)))
        )
    title = f"{fly['steps']} steps, mean of {fly['seeds']} seeds, validation files (from results/)"
    return plain(title, ("text and divergence", *(name for name, _ in FLY.values())), rows, gap=1)


def fly_winners(fly: Mapping) -> str:
    """Which arm is best by each score, and how far two seeds of one arm lie apart in held-out loss."""
    lines = []
    for key, (name, _) in FLY.items():
        means = {arm: statistics.mean(row[key] for row in seeds) for arm, seeds in fly["arms"].items()}
        best = (max if key == "validation_top1" else min)(means, key=means.get)
        lines.append(f"best by {name}: {best}")
    losses = [[row["validation_loss"] for row in seeds] for seeds in fly["arms"].values()]
    apart = max(max(seeds) - min(seeds) for seeds in losses)
    return "\n".join([*lines, f"the seeds of one arm differ by up to {apart:.3f} in loss"])


def task_table(task: Mapping) -> Table:
    """A line for each model of the part `summaries`, and what the function's name alone would score."""
    rows = []
    for name, row in task["models"].items():
        low, high = row["rouge_l_interval"]
        scores = (f"{row['token_accuracy']:.1%}", f"{row['rouge_l']:.3f}", f"{low:.3f} to {high:.3f}")
        rows.append((name, f"{row['parameters'] / 1e6:.2f}M", *scores))
    rows.append(("the function's name", "-", "-", f"{task['name_as_summary']:.3f}", ""))
    of_what = f"{task['held_out_pairs']} functions of the {split_of(task)} files, {task['steps']} steps"
    columns = ("model", "size", "true tokens", "ROUGE-L", "95% interval")
    return plain(f"Summaries of {of_what} (from results/)", columns, rows, gap=1)


def split_of(part: Mapping) -> str:
    """Which files a part was measured on: it says so since the test files are kept for the end."""
    return part.get("split", "test")


def task_examples(task: Mapping, numbers: tuple[int, ...], most: int = 300) -> str:
    """Some functions, the summaries wanted, and what each model writes."""
    lines = []
    for number in numbers:
        lines += [task["functions"][number].strip()[:most], f"   wanted: {task['wanted'][number]}"]
        lines += [f"   {name}: {row['examples'][number]}" for name, row in task["models"].items()]
        lines.append("")
    return "\n".join(lines)

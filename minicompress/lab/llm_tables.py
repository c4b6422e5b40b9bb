"""The rows of `results/real_llm.json`, and the tables that notebook 07 makes of them.

A row is one compressed model on one text, English or code, as `benchmarks.real_llm` writes it; `content` is
the whole file.
"""

from collections.abc import Iterable, Sequence

from rich.table import Table

from minicompress.lab.tables import plain

Row = dict
TEXTS = ("English", "code")
Key = tuple[str, str, float]  # method, pattern, sparsity

# LLaMA-7B on WikiText-2, context 2,048, as the article and the papers print it: the Wanda paper (arXiv
# 2306.11695), at 70% the OWL paper (arXiv 2310.05175).
ARTICLE: dict[Key, float] = {
    ("dense", "-", 0.0): 5.68,
    ("magnitude", "any place", 0.5): 5.95,
    ("Wanda", "any place", 0.5): 5.74,
    ("Wanda", "any place", 0.7): 6.12,
}
PAPERS: dict[Key, float] = {
    ("dense", "-", 0.0): 5.68,
    ("magnitude", "any place", 0.5): 17.29,
    ("Wanda", "any place", 0.5): 7.26,
    ("SparseGPT", "any place", 0.5): 7.22,
    ("magnitude", "any place", 0.7): 48419.0,
    ("Wanda", "any place", 0.7): 85.77,
    ("SparseGPT", "any place", 0.7): 26.30,
    ("Wanda", "2:4", 0.5): 11.53,
    ("SparseGPT", "2:4", 0.5): 11.00,
}
ON_THE_MAP = ("table", "bits", "low_rank", "structured", "recovery", "combined")


# ---------------------------------------------------------------- rows


def rows_of(content: dict, part: str, **columns: object) -> list[Row]:
    """The rows of a part of the benchmark whose columns have these values.

    ValueError: that part has not been measured.
    """
    measured = [row for row in content["rows"] if row["part"] == part]
    if not measured:
        command = f"python -m benchmarks.real_llm {part}"
        raise ValueError(f"results/real_llm.json holds no row of the part {part!r}: `{command}` measures it")
    return [row for row in measured if columns.items() <= row.items()]


def key_of(row: Row) -> Key:
    return row["method"], row["pattern"], row["sparsity"]


def pairs(rows: Iterable[Row]) -> list[tuple[Row, ...]]:
    """The rows of each model together, in the order of TEXTS; models in the order of the rows."""
    models: dict[tuple, dict[str, Row]] = {}
    for row in rows:
        models.setdefault((*key_of(row), row["calibration"]), {})[row["text"]] = row
    return [tuple(found[text] for text in TEXTS) for found in models.values()]


def dense_rows(content: dict) -> dict[str, Row]:
    """Text -> the dense model's row."""
    return {row["text"]: row for row in rows_of(content, "table", method="dense")}


def measured_on(content: dict) -> str:
    """What every figure here was measured on, as the words of a title."""
    row = content["rows"][0]
    return f"{row['tokens']:,} test tokens of each text, context {row['context']}"


def name_of(row: Row) -> str:
    """A model as a table or a map names it."""
    if row["pattern"] == "any place":
        return f"{row['method']} {row['sparsity']:.0%}"
    if row["pattern"] == "rank":
        return f"{row['method']}, {1 - row['sparsity']:.0%} kept"
    if row["method"] == "dense":
        return "dense, fp16"
    return (
        row["pattern"] if row["method"] in ("quantized", "combined") else f"{row['method']}, {row['pattern']}"
    )


# ---------------------------------------------------------------- figures as words


def written(value: float) -> str:
    """A perplexity with about four digits: 9.97, 268.5, 48,419."""
    return f"{value:.2f}" if value < 100 else f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def interval(row: Row) -> str:
    low, high = row["interval"]
    return f"{written(low)}-{written(high)}"


def kept(row: Row) -> str:
    return f"{row['accuracy_kept']:.1%}"


def ratio(row: Row, dense: dict[str, Row]) -> str:
    return f"{dense[row['text']]['file_bytes'] / row['file_bytes']:.2f}x"


# ---------------------------------------------------------------- pruning


def first_table(content: dict) -> Table:
    """The article's first table: its row, LLaMA-7B in the papers, and this model."""
    lines = []
    for models in pairs(sorted(rows_of(content, "table"), key=_order)):
        method, pattern, sparsity = key = key_of(models[0])
        pruned = f"{sparsity:.0%}" if pattern != "2:4" else pattern
        others = [written(figures[key]) if key in figures else "" for figures in (ARTICLE, PAPERS)]
        ours = [part for row in models for part in (written(row["perplexity"]), interval(row))]
        lines.append((method, pruned, *others, *ours))
    title = f"Perplexity; SmolLM2-135M: {measured_on(content)}"
    columns = ("method", "pruned", "article", "papers", "English", "95%", "code", "95%")
    return plain(title, columns, lines, gap=1)


def _order(row: Row) -> tuple:
    """By sparsity, 2:4 last; then by method."""
    methods = ("dense", "magnitude", "Wanda", "SparseGPT")
    return row["pattern"] == "2:4", row["sparsity"], methods.index(row["method"])


def times_dense(content: dict, part: str) -> dict[tuple[Key, str], float]:
    """(model, text) -> its perplexity over the dense one's."""
    dense = dense_rows(content)
    return {
        (key_of(row), row["text"]): row["perplexity"] / dense[row["text"]]["perplexity"]
        for row in rows_of(content, part)
    }


def two_of_four(content: dict) -> Table:
    """What the pattern 2:4 costs beside the same 50% in any place, as times the dense perplexity."""
    ours, llama = times_dense(content, "table"), PAPERS[("dense", "-", 0.0)]
    lines = []
    for method in ("magnitude", "Wanda", "SparseGPT"):
        keys = [(method, pattern, 0.5) for pattern in ("any place", "2:4")]
        cells = [f"{ours[key, text]:.2f}" for text in TEXTS for key in keys]
        papers = [f"{PAPERS[key] / llama:.2f}" if key in PAPERS else "" for key in keys]
        lines.append((method, *papers, *cells))
    columns = ("method", *(f"{text}, {at}" for text in ("LLaMA-7B", *TEXTS) for at in ("50%", "2:4")))
    return plain(f"Perplexity over the dense model's, {measured_on(content)}", columns, lines, gap=1)


def norms_and_rows(content: dict) -> Table:
    """The 2 x 2 of the part `why`: what the norms do, and what the comparison within rows does."""
    found = {(row["method"], row["text"]): row["perplexity"] for row in rows_of(content, "why")}
    lines = []
    for text in TEXTS:
        for score in ("magnitude", "magnitude x norm"):
            cells = [written(found[f"{score}, per {group}", text]) for group in ("layer", "row")]
            lines.append((text, score, *cells))
    columns = ("test text", "score", "ranked in the layer", "ranked in each row")
    title = f"Perplexity at 50%, norms of the dense model, {measured_on(content)}"
    return plain(title, columns, lines, left=(0, 1))


# ---------------------------------------------------------------- bits, structure, calibration


def sizes_and_scores(content: dict, *parts: str) -> Table:
    """How small, and what is left: a line a model, largest file first."""
    dense, rows = dense_rows(content), [row for part in parts for row in rows_of(content, part)]
    lines = []
    for models in sorted(pairs(rows), key=lambda models: -models[0]["file_bytes"]):
        gone = models[0]["sparsity"]
        size = ("" if gone is None else f"{gone:.1%}", f"{models[0]['file_bytes'] / 1e6:.1f}")
        scores = [cell for row in models for cell in (written(row["perplexity"]), kept(row))]
        lines.append((name_of(models[0]), *size, ratio(models[0], dense), *scores))
    columns = ("model", "gone", "MB", "smaller", "English", "kept", "code", "kept")
    return plain(f"Perplexity and accuracy kept, {measured_on(content)}", columns, lines, gap=1)


def rounding_errors(content: dict) -> Table:
    """The relative error of the weights on four 4-bit grids, this model's and the small teacher's."""
    models = content["rounding_errors_4_bits"]
    grids = next(iter(models.values()))
    lines = [(grid, *(f"{errors[grid]:.2%}" for errors in models.values())) for grid in grids]
    return plain("Relative error of the weights at 4 bits", ("grid", *models), lines)


def calibration_texts(content: dict) -> Table:
    """Calibrated on one text, tested on another: perplexity at 50%."""
    alone = tuple(f" tokens, {text}" for text in TEXTS)
    rows = [row for row in rows_of(content, "calibration") if row["calibration"].endswith(alone)]
    size = rows[0]["calibration"].split(",")[0]
    alike = {"pattern": "any place", "sparsity": 0.5, "calibration": f"{size}, half English, half code"}
    rows += rows_of(content, "table", **alike)
    lines = [
        (models[0]["method"], models[0]["calibration"].split(", ", 1)[1], *_perplexities(models))
        for models in sorted(pairs(rows), key=lambda models: models[0]["method"], reverse=True)
    ]
    columns = ("method", "calibrated on", *(f"tested on {text}" for text in TEXTS))
    title = f"Perplexity at 50%, {size} of calibration, {measured_on(content)}"
    return plain(title, columns, lines, left=(0, 1))


def _perplexities(models: Sequence[Row]) -> list[str]:
    return [written(row["perplexity"]) for row in models]


# ---------------------------------------------------------------- the map


def map_points(content: dict, text: str) -> list[Row]:
    """Every compressed model once: its row on a text, with its name and how many times smaller it is."""
    dense = dense_rows(content)
    rows = [row for part in ON_THE_MAP for row in rows_of(content, part, text=text)]
    smaller = lambda row: dense[text]["file_bytes"] / row["file_bytes"]  # noqa: E731
    return [row | {"name": name_of(row), "ratio": smaller(row)} for row in rows]


def front(points: Iterable[Row]) -> list[Row]:
    """The points that no other beats in both bytes and accuracy kept, smallest first."""
    best: list[Row] = []
    for point in sorted(points, key=lambda point: (point["file_bytes"], -point["accuracy_kept"])):
        if not best or point["accuracy_kept"] > best[-1]["accuracy_kept"]:
            best.append(point)
    return best


def best_at(content: dict, ratios: Sequence[float]) -> Table:
    """For every ratio, the model that keeps most among the files at least so many times smaller."""
    lines = []
    for ratio_wanted in ratios:
        line = [f"{ratio_wanted:g}x"]
        for text in TEXTS:
            fitting = [point for point in map_points(content, text) if point["ratio"] >= ratio_wanted]
            best = max(fitting, key=lambda point: point["accuracy_kept"], default=None)
            line += [f"{best['name']} ({best['ratio']:.1f}x)", kept(best)] if best else ["none", ""]
        lines.append(line)
    columns = ("at least", "English", "kept", "code", "kept")
    title = f"The best file at each size, one shot, {measured_on(content)}"
    return plain(title, columns, lines, left=(1, 3), gap=1)


# ---------------------------------------------------------------- what they write


def completions(content: dict, most: int = 8) -> str:
    """Each prompt, and below it the first lines, at most `most`, of what every model writes after it."""
    lines = []
    models = content["completions"]
    widest = max(map(len, models))
    for prompt in next(iter(models.values())):
        lines.append(f"PROMPT {prompt!r}")
        for name, answers in models.items():
            answer = answers[prompt].rstrip().split("\n")
            shown = answer[:most] + ["..."] * (len(answer) > most)
            lines.append(f"  {name:{widest}}  | " + f"\n{'':{widest + 4}}| ".join(shown))
        lines.append("")
    return "\n".join(lines)

"""One model of `results/real_llm.json` in a sentence: its figure on each text, in the order of TEXTS."""

from minicompress.lab.llm_tables import Row, dense_rows, kept, pairs, rows_of, written


def kept_of(content: dict, part: str, **columns: object) -> str:
    """The share of accuracy that a model keeps on each text, in the order of TEXTS: "96.1% and 97.9%".

    ValueError: these columns fit no model, or more than one.
    """
    return " and ".join(map(kept, _one_model(content, part, columns)))


def times_of(content: dict, part: str, **columns: object) -> str:
    """A model's perplexity over the dense one's on each text: "1.96 and 2.00 times". ValueError as above."""
    dense = dense_rows(content)
    rows = _one_model(content, part, columns)
    ratios = [row["perplexity"] / dense[row["text"]]["perplexity"] for row in rows]
    return f"{' and '.join(map(written, ratios))} times"


def _one_model(content: dict, part: str, columns: dict[str, object]) -> tuple[Row, ...]:
    """The rows of the only model with these columns, a text each."""
    models = pairs(rows_of(content, part, **columns))
    if len(models) != 1:
        raise ValueError(f"{columns} must fit one model of the part {part!r}, they fit {len(models)}")
    return models[0]

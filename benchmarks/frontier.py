"""How small at which accuracy: `python -m benchmarks.frontier` writes `results/frontier.json`.

Every shipped compressed file, the pipeline's artefact and some models quantized in one shot, on the same
tokens. Whatever is chosen is chosen by validation scores; what is quoted of it are its test scores.
"""

from pathlib import Path

from tqdm import tqdm

from benchmarks import common
from benchmarks.scores import artefact, quality_kept, shipped_files, teacher_bytes
from minicompress import pipeline
from minicompress.lab import corpus
from minicompress.lab.evaluation import next_token_scores
from minicompress.lab.machine import keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.paths import OUT
from minicompress.lab.updates import updates_behind

MADE = OUT / "bench-frontier"
ONE_SHOT = [  # model, bits, group size
    ("teacher", 8, None),
    ("teacher", 4, 32),
    ("medium", 8, None),
    ("medium", 7, None),
    ("medium", 4, None),
    ("student", 5, None),
]
GOALS = [(8, 0.98), (16, 0.96), (40, 0.93), (80, 0.90), (160, None)]  # times smaller, share to keep
KEPT = (0.95, 0.90)


def one_shot_files() -> list[Path]:
    """Quantize shipped models without any training, into MADE."""
    MADE.mkdir(parents=True, exist_ok=True)
    for name, bits, group_size in ONE_SHOT:
        model = pipeline.quantize_model(shipped_model(name), bits, bits, group_size)
        pipeline.save_compressed(model, MADE / f"{name}-int{bits}-one-shot.safetensors")
    return sorted(MADE.glob("*.safetensors"))


def measured_rows(files: dict[str, Path]) -> list[dict]:
    """Bytes, ratio, and the accuracy kept on validation and test files; the largest file first."""
    validation, _ = corpus.load_tokens("validation", per_file=16)
    test, test_files = corpus.load_tokens("test", per_file=16)
    teacher, rows = shipped_model("teacher"), []
    known, asked = (next_token_scores(teacher, tokens).hits for tokens in (validation, test))
    for name, path in tqdm(files.items(), desc="frontier"):
        size, model = path.stat().st_size, pipeline.load_compressed(path)
        kept = next_token_scores(model, validation).hits.sum() / known.sum()
        row = {"name": name, "file_bytes": size, "ratio": teacher_bytes() / size}
        row |= {"validation_accuracy_kept": kept.item(), "updates": updates_behind({"name": name})}
        rows.append(row | quality_kept(model, test, test_files, asked))
    return sorted(rows, key=lambda row: -row["file_bytes"])


def best_for(rows: list[dict], ratio: float, goal: float | None) -> dict:
    """The most accurate file that is at least `ratio` times smaller than the teacher's."""
    fitting = [row for row in rows if row["ratio"] >= ratio]
    best = max(fitting, key=lambda row: row["validation_accuracy_kept"])
    return {"ratio": ratio, "goal": goal, "best": best["name"]} | quoted(best)


def smallest_for(rows: list[dict], kept: float) -> dict:
    """The smallest file that keeps at least that share."""
    fitting = [row for row in rows if row["validation_accuracy_kept"] >= kept]
    best = min(fitting, key=lambda row: row["file_bytes"])
    return {"best": best["name"], "file_bytes": best["file_bytes"], "ratio": best["ratio"]} | quoted(best)


def quoted(row: dict) -> dict:
    """A file's test score."""
    return {"kept": row["accuracy_kept"], "interval": row["accuracy_kept_interval"]}


def frontier() -> dict:
    """One row a file, the best file for every goal, and the smallest for every share kept."""
    paths = [*one_shot_files(), *sorted([*shipped_files("frontier"), *shipped_files("baselines")])]
    rows = measured_rows({path.stem: path for path in paths} | {"the pipeline's artefact": artefact()})
    return {
        "held_out_tokens": corpus.load_tokens("test", per_file=16)[0][:, 1:].numel(),
        "rows": rows,
        "goals": [best_for(rows, ratio, goal) for ratio, goal in GOALS],
        "smallest": {f"{kept:.0%}": smallest_for(rows, kept) for kept in KEPT},
    }


def main() -> None:
    keep_freed_memory()
    common.write("frontier", frontier())


if __name__ == "__main__":
    main()

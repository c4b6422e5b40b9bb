"""`make bench`: every figure quoted in this repository, measured in one go and written to `results/*.json`.

`python -m benchmarks.run models frontier` measures some parts only.

    ledger.json    the whole pipeline, as `make run` does it
    models.json    the teacher, and its rival of half the size trained on the same batches
    frontier.json  every shipped compressed file, and the teacher quantized in one shot, on the same held-out files

Then the tables of README.md are written from them.
"""

import json
import sys
import time

import torch
from tqdm import tqdm

from benchmarks import readme
from minicompress import metrics, pipeline, run
from minicompress.lab import corpus
from minicompress.lab.evaluation import bootstrap_ratio, sequence_hits
from minicompress.lab.files import atomic_write
from minicompress.lab.machine import commit, hardware, keep_freed_memory, versions
from minicompress.lab.paths import ROOT

RESULTS = ROOT / "results"
SEED = 0


def write(name: str, result: dict) -> None:
    """Write one result with where it comes from."""
    RESULTS.mkdir(exist_ok=True)
    result = {"seed": SEED, "commit": commit(), "versions": versions(), "hardware": hardware()} | result
    with atomic_write(RESULTS / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")


def score(
    model: torch.nn.Module, tokens: torch.Tensor, files: torch.Tensor, reference: torch.Tensor | None = None
) -> dict:
    """Perplexity, top-1 accuracy and, against a reference's hits, the share kept with its interval."""
    hits = sequence_hits(model, tokens)
    result = {
        "perplexity": metrics.perplexity(model, tokens),
        "top1_accuracy": hits.sum().item() / tokens[:, 1:].numel(),
    }
    if reference is not None:
        result |= {"accuracy_kept": hits.sum().item() / reference.sum().item()}
        result |= {"accuracy_kept_interval": list(bootstrap_ratio(hits, reference, files))}
    return result


def models() -> None:
    """The teacher against a model of half its size: points of top-1 accuracy, with a paired interval over
    files.
    """
    tokens, files = corpus.load_tokens("test", per_file=16)
    scores, hits = {}, {}
    for name in ("teacher", "half"):
        model = run.load_model(str(run.ASSETS / name))
        hits[name] = sequence_hits(model, tokens)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        scores[name] = {"parameters": parameters, "bytes": metrics.model_bytes(model) // 2} | score(
            model, tokens, files
        )
    per_token = tokens.shape[1] - 1
    low, high = bootstrap_ratio(
        hits["teacher"] - hits["half"], torch.full_like(hits["half"], per_token), files
    )
    gap = scores["teacher"]["top1_accuracy"] - scores["half"]["top1_accuracy"]
    write(
        "models",
        scores
        | {
            "gap_points": 100 * gap,
            "gap_points_interval": [100 * low, 100 * high],
            "held_out_tokens": tokens[:, 1:].numel(),
        },
    )


def frontier() -> None:
    """One row a file: bytes, ratio to the teacher's file, accuracy kept on the validation and on the test
    files.

    For each goal the best file is chosen by its validation score, so is the smallest that keeps 90% or 95%;
    what is quoted is its test score.
    """
    ledger = json.loads((RESULTS / "ledger.json").read_text())
    teacher_path, final = str(run.ASSETS / "teacher"), ROOT / ledger["artefact"]
    teacher_bytes = (run.ASSETS / "teacher" / "model.safetensors").stat().st_size
    made = ROOT / "out" / "bench-frontier"
    made.mkdir(parents=True, exist_ok=True)
    one_shot = [
        ("teacher", 8, None),
        ("teacher", 4, 32),
        ("medium", 8, None),
        ("medium", 7, None),
        ("medium", 4, None),
        ("student", 5, None),
    ]
    for name, bits, group in one_shot:
        model = run.load_model(str(run.ASSETS / name))
        pipeline.save_compressed(
            pipeline.quantize_model(model, bits, bits, group), made / f"{name}-int{bits}-one-shot.safetensors"
        )
    shipped = [
        *(run.ASSETS / "frontier").glob("*.safetensors"),
        *(run.ASSETS / "baselines").glob("*.safetensors"),
    ]
    rows = []
    splits = {split: corpus.load_tokens(split, per_file=16) for split in ("validation", "test")}
    reference = {
        split: sequence_hits(run.load_model(teacher_path), tokens) for split, (tokens, _) in splits.items()
    }
    for path in tqdm([*sorted(made.glob("*.safetensors")), *sorted(shipped), final], desc="frontier"):
        size, model = path.stat().st_size, pipeline.load_compressed(path)
        row = {
            "name": "the pipeline's artefact" if path == final else path.stem,
            "file_bytes": size,
            "ratio": teacher_bytes / size,
        }
        row["validation_accuracy_kept"] = (
            sequence_hits(model, splits["validation"][0]).sum() / reference["validation"].sum()
        ).item()
        rows.append(row | score(model, *splits["test"], reference["test"]))
    goals = []
    for ratio, goal in ((8, 0.98), (16, 0.96), (40, 0.93), (80, 0.90), (160, None)):
        best = max(
            (row for row in rows if row["ratio"] >= ratio), key=lambda row: row["validation_accuracy_kept"]
        )
        goals.append(
            {
                "ratio": ratio,
                "goal": goal,
                "best": best["name"],
                "kept": best["accuracy_kept"],
                "interval": best["accuracy_kept_interval"],
            }
        )
    smallest = {}
    for kept in (0.95, 0.90):
        best = min(
            (row for row in rows if row["validation_accuracy_kept"] >= kept),
            key=lambda row: row["file_bytes"],
        )
        smallest[f"{kept:.0%}"] = {"best": best["name"]} | {key: best[key] for key in ("file_bytes", "ratio")}
        smallest[f"{kept:.0%}"] |= {"kept": best["accuracy_kept"], "interval": best["accuracy_kept_interval"]}
    rows.sort(key=lambda row: -row["file_bytes"])
    write(
        "frontier",
        {"held_out_tokens": ledger["held_out_tokens"], "rows": rows, "goals": goals, "smallest": smallest},
    )


def ledger() -> None:
    """The pipeline, as `make run` does it."""
    started = time.perf_counter()
    job = run.embedded_job(SEED, quick=False, from_scratch=False)
    result = run.run(job, ROOT / "out" / "bench", SEED, resume=False)
    write("ledger", result | {"corpus": corpus.describe(), "minutes": (time.perf_counter() - started) / 60})


def main(parts: list[str]) -> None:
    keep_freed_memory()
    every = {"ledger": ledger, "models": models, "frontier": frontier}
    for part in parts or every:
        every[part]()
    readme.main()


if __name__ == "__main__":
    main(sys.argv[1:])

"""Is the teacher worth compressing? `python -m benchmarks.models` writes `results/models.json`.

It stands beside a model of half its size that was trained on the same batches, both on the test files.
"""

import torch

from benchmarks import common
from benchmarks.scores import figures
from minicompress import metrics
from minicompress.lab import corpus
from minicompress.lab.evaluation import bootstrap_ratio, next_token_scores
from minicompress.lab.machine import keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import parameter_count


def models() -> dict:
    """Both models' scores, and the gap in points of top-1 accuracy with a paired interval over files."""
    tokens, files = corpus.load_tokens("test", per_file=16)
    rows, scores = {}, {}
    for name in ("teacher", "half"):
        model = shipped_model(name)
        scores[name] = next_token_scores(model, tokens)
        size = {"parameters": parameter_count(model), "bytes": metrics.model_bytes(model) // 2}
        rows[name] = size | figures(scores[name])
    teacher, half = scores["teacher"], scores["half"]
    asked = torch.full_like(half.hits, tokens.shape[1] - 1)  # next tokens of a sequence
    interval = bootstrap_ratio(teacher.hits - half.hits, asked, files)
    return rows | {
        "gap_points": 100 * (teacher.top1_accuracy - half.top1_accuracy),
        "gap_points_interval": [100 * end for end in interval],
        "held_out_tokens": tokens[:, 1:].numel(),
    }


def main() -> None:
    keep_freed_memory()
    common.write("models", models())


if __name__ == "__main__":
    main()

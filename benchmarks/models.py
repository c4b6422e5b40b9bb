"""Is the teacher worth compressing? `python -m benchmarks.models` writes `results/models.json`.

On the test files it stands beside models of half and of an eighth of its size that were trained on the same
batches, without any teacher.
"""

import torch
from torch import nn

from benchmarks import common
from benchmarks.scores import figures
from minicompress import metrics
from minicompress.lab import corpus
from minicompress.lab.evaluation import Scores, bootstrap_ratio, next_token_scores
from minicompress.lab.loops import evaluation_mode
from minicompress.lab.machine import keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import parameter_count
from minicompress.lab.ngrams import goes_in_circles
from minicompress.lab.paths import ASSETS

RIVALS = ("half", "eighth")
PROMPTS, PROMPT, ANSWER = 40, 64, 48  # completions, and tokens of each prompt and of its completion


def models() -> dict:
    """Each model's scores, and how far the rivals stay behind."""
    tokens, files = corpus.load_tokens("test", per_file=16)
    beginnings = first_of_files(tokens, files)
    prompts, truth = beginnings.split([PROMPT, ANSWER], dim=1)  # [PROMPTS, PROMPT], [PROMPTS, ANSWER]
    rows = {"held_out_tokens": tokens[:, 1:].numel(), "text_in_circles": in_circles(truth.tolist())}
    scores = {}
    for name in ("teacher", *(name for name in RIVALS if (ASSETS / name).is_dir())):
        model = shipped_model(name)
        scores[name] = next_token_scores(model, tokens)
        size = {"parameters": parameter_count(model), "bytes": metrics.model_bytes(model) // 2}
        rows[name] = size | figures(scores[name]) | {"in_circles": share_in_circles(model, prompts)}
    asked = torch.full_like(scores["teacher"].hits, tokens.shape[1] - 1)  # next tokens of a sequence
    for name in scores.keys() - {"teacher"}:
        rows[name] |= behind(scores["teacher"], scores[name], asked, files)
    return rows


def behind(teacher: Scores, rival: Scores, asked: torch.Tensor, files: torch.Tensor) -> dict:
    """The gap in points of top-1 accuracy, with a paired interval over files."""
    interval = bootstrap_ratio(teacher.hits - rival.hits, asked, files)
    return {
        "gap_points": 100 * (teacher.top1_accuracy - rival.top1_accuracy),
        "gap_points_interval": [100 * end for end in interval],
    }


def first_of_files(tokens: torch.Tensor, files: torch.Tensor) -> torch.Tensor:
    """The beginnings of the first files: int64 [PROMPTS, PROMPT + ANSWER]."""
    firsts = torch.cat([torch.tensor([True]), files.diff() != 0])  # a file's first sequence
    return tokens[firsts][:PROMPTS, : PROMPT + ANSWER]


def share_in_circles(model: nn.Module, prompts: torch.Tensor) -> float:
    """Share of a model's greedy completions that go in circles."""
    with evaluation_mode(model):
        written = model.generate(
            prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=ANSWER, do_sample=False
        )
    answers = written[:, prompts.shape[1] :].tolist()  # [B, PROMPT + ANSWER] -> [B, ANSWER]
    end = model.generation_config.eos_token_id
    ended = [answer[: answer.index(end)] if end in answer else answer for answer in answers]
    return in_circles(ended)


def in_circles(texts: list[list[int]]) -> float:
    """Share of the texts in which some four tokens in a row stand three times."""
    return sum(map(goes_in_circles, texts)) / len(texts)


def main() -> None:
    keep_freed_memory()
    common.write("models", models())


if __name__ == "__main__":
    main()

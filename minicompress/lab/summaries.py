"""Code summarization: pairs from the corpus, batches of prompts and of labelled pairs, and scores.

A prompt is a function without its docstring and the summary mark; the answer is the docstring's first line
and the end mark.
"""

from collections.abc import Sequence

import torch

from minicompress.lab import corpus
from minicompress.lab.loops import evaluation_mode

Pair = tuple[list[int], list[int]]


def load_pairs(split: str, longest_prompt: int = 160, longest_answer: int = 32) -> list[Pair]:
    """Token ids (prompt, answer) of every documented function of a split, shuffled, no pair twice; long ones
    are left out.
    """
    tokenizer = corpus.load_tokenizer()
    found = sorted(
        {
            pair
            for path in corpus.stdlib_files(split)
            for pair in corpus.summarization_pairs(corpus.read_text(path))
        }
    )
    encoded = [corpus.encode_pair(tokenizer, *pair) for pair in found]
    short = [pair for pair in encoded if len(pair[0]) <= longest_prompt and len(pair[1]) <= longest_answer]
    order = torch.randperm(len(short), generator=torch.Generator().manual_seed(0)).tolist()
    return [short[index] for index in order]


def padded(rows: Sequence[list[int]], left: bool, value: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of different lengths as one int64 tensor [B, longest], and its attention mask."""
    width = max(map(len, rows))
    ids, mask = torch.full((len(rows), width), value), torch.zeros(len(rows), width, dtype=torch.int64)
    for number, row in enumerate(rows):
        place = slice(width - len(row), None) if left else slice(len(row))
        ids[number, place], mask[number, place] = torch.tensor(row), 1
    return ids, mask


def prompt_batches(pairs: Sequence[Pair], size: int) -> list[dict[str, torch.Tensor]]:
    """Batches of prompts, padded on the left, as `on_the_fly_batch` takes them. The answers stay out."""
    batches = []
    for k in range(0, len(pairs), size):
        ids, mask = padded([prompt for prompt, _ in pairs[k : k + size]], left=True)
        batches.append({"input_ids": ids, "attention_mask": mask})
    return batches


def labelled_batches(pairs: Sequence[Pair], size: int) -> list[dict[str, torch.Tensor]]:
    """Batches of prompt + true answer, padded on the right; labels are the answer, -100 elsewhere, in the
    columns of input_ids.
    """
    batches = []
    for k in range(0, len(pairs), size):
        chosen = pairs[k : k + size]
        ids, mask = padded([prompt + answer for prompt, answer in chosen], left=False)
        labels = padded([[-100] * len(prompt) + answer for prompt, answer in chosen], left=False, value=-100)[
            0
        ]
        batches.append({"input_ids": ids, "attention_mask": mask, "labels": labels})
    return batches


def answer_accuracy(model: torch.nn.Module, pairs: Sequence[Pair], size: int = 32) -> float:
    """Share of the true answers' tokens that the model ranks first, each after the true tokens before it."""
    hits, count = 0, 0
    with evaluation_mode(model):
        for batch in labelled_batches(pairs, size):
            labels = batch["labels"][:, 1:]
            guesses = (
                model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
                .logits[:, :-1]
                .argmax(-1)
            )
            hits += (guesses == labels).sum().item()
            count += (labels != -100).sum().item()
    return hits / count


def texts_of(batch: dict[str, torch.Tensor]) -> list[str]:
    """The answers of a batch as text, without the end mark."""
    tokenizer = corpus.load_tokenizer()
    return [tokenizer.decode(row[row != -100].tolist()).strip() for row in batch["labels"]]


def rouge_l(written: Sequence[str], wanted: Sequence[str]) -> list[float]:
    """ROUGE-L (F1 of the longest common subsequence of words) of each text, by Google's rouge-score."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    return [
        scorer.score(target, text)["rougeL"].fmeasure for text, target in zip(written, wanted, strict=True)
    ]


def name_as_summary(prompt: list[int]) -> str:
    """A baseline that reads nothing but the function's name: `def read_lines(path)` -> "read lines"."""
    text = corpus.load_tokenizer().decode(prompt)
    return text.partition("def ")[2].partition("(")[0].replace("_", " ").strip()

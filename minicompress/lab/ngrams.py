"""Counting runs of tokens: baselines without a network, and texts that go round in circles."""

import math
from collections import Counter, defaultdict

import torch


def ngram_baseline(train: torch.Tensor, held_out: torch.Tensor, order: int, vocabulary: int) -> dict:
    """Top-1 accuracy and perplexity of an n-gram model with interpolated Witten-Bell smoothing.

    p(w | context) = (count(context, w) + kinds(context) * p(w | shorter context)) / (count(context) +
    kinds(context)), ending in the uniform distribution; `kinds` is the number of different tokens seen after
    the context.

    train, held_out: int64 [sequences, length]. order 1 is unigram, 3 is trigram.
    """
    counts: list[dict] = [defaultdict(Counter) for _ in range(order)]
    for row in train.tolist():
        for position, token in enumerate(row):
            for n in range(min(order, position + 1)):
                counts[n][tuple(row[position - n : position])][token] += 1
    totals = [{context: counter.total() for context, counter in table.items()} for table in counts]
    best = [
        {
            context: max(counter, key=lambda token: (counter[token], -token))
            for context, counter in table.items()
        }
        for table in counts
    ]
    loss, hits, predicted = 0.0, 0, 0
    for row in held_out.tolist():
        for position in range(1, len(row)):
            probability, guess = 1.0 / vocabulary, 0
            for n in range(min(order, position + 1)):
                context = tuple(row[position - n : position])
                if context in counts[n]:
                    counter, total = counts[n][context], totals[n][context]
                    probability = (counter[row[position]] + len(counter) * probability) / (
                        total + len(counter)
                    )
                    guess = best[n][context]
            loss -= math.log(probability)
            hits += guess == row[position]
            predicted += 1
    return {"perplexity": math.exp(loss / predicted), "top1_accuracy": hits / predicted}


def goes_in_circles(tokens: list[int], n: int = 4, times: int = 3) -> bool:
    """Whether some run of `n` tokens stands in the text `times` times or more; the runs may overlap.

    Example: 1 2 1 2 1 2 1 2 holds the run 1 2 1 2 three times, from its first, third and fifth token on.
    """
    runs = Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))
    return max(runs.values(), default=0) >= times

"""The figures of notebook 04 that take too long to run live: `python -m benchmarks.low_rank [PART ...]`.

    spectra      singular values of the teacher's matrices, of random ones, and of the whitened ones
    curves       perplexity against parameters kept: plain, whitened, and both fine-tuned
    accuracy     the article's measure, at half the parameters and at 90%
    allocation   ranks by energy at a fixed budget, against the same share for every layer
    embedding    low rank on the teacher's tied embedding
    randomized   the randomised decomposition beside the full one, at 4096 x 4096
    speed        a factorised layer beside the dense one

Writes `results/low_rank.json`. Perplexities are those of validation files at context 256; calibration and
fine-tuning use training files. Parts that are not asked for keep what was measured before.
"""

import copy
import statistics
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from tqdm import tqdm

from benchmarks import common
from benchmarks.clocks import cpu_seconds, in_turns, one_thread
from benchmarks.common import SEED
from benchmarks.lessons import (
    CALIBRATION,
    CONTEXT,
    calibration_batches,
    validation_facts,
    validation_tokens,
)
from minicompress import distillation, low_rank, metrics
from minicompress.lab import corpus
from minicompress.lab.calibration import input_covariances
from minicompress.lab.factors import randomized_decompose
from minicompress.lab.machine import hardware
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import layer_kind, linear_layers, parameter_count
from minicompress.lab.ranks import greedy_ranks, uniform_ranks

SHARES = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
TUNED_SHARES = [0.3, 0.5, 0.7, 0.9]
UPDATES, ROWS, RATE = 50, 4, 3e-4  # of fine-tuning

Shapes = dict[str, tuple[int, int]]
Spectra = dict[str, torch.Tensor]
Tensors = dict[str, torch.Tensor]


class Dense(NamedTuple):
    """A model, the shapes of the layers inside its blocks, and the covariances of what goes into them."""

    model: nn.Module
    shapes: Shapes
    covariances: Tensors


def dense_teacher() -> Dense:
    model = shipped_model("teacher")
    shapes = {name: tuple(layer.weight.shape) for name, layer in linear_layers(model).items()}
    return Dense(model, shapes, input_covariances(model, calibration_batches()))


def perplexity(model: nn.Module) -> float:
    return metrics.perplexity(model, validation_tokens())


# ---------------------------------------------------------------- spectra


def plain_spectra(dense: Dense) -> Spectra:
    """The singular values of every W."""
    layers = linear_layers(dense.model).items()
    return {name: torch.linalg.svdvals(layer.weight.detach()) for name, layer in layers}


def whitened_spectra(dense: Dense) -> Spectra:
    """The singular values of every W L: their squares are output errors."""
    layers = linear_layers(dense.model).items()
    return {name: whitened_values(layer.weight, dense.covariances[name]) for name, layer in layers}


def whitened_values(weight: torch.Tensor, covariance: torch.Tensor) -> torch.Tensor:
    return torch.linalg.svdvals(weight.detach().double() @ low_rank.damped_cholesky(covariance))


def random_spectra(dense: Dense) -> Spectra:
    """The singular values of normal random matrices of the same shapes."""
    generator = torch.Generator().manual_seed(SEED)
    random = lambda shape: torch.randn(shape, generator=generator)  # noqa: E731
    return {name: torch.linalg.svdvals(random(shape)) for name, shape in dense.shapes.items()}


def spectra(block: int = 3) -> dict:
    """Singular values over the largest one in one block, and the rank for 90% of the energy in each layer."""
    dense = dense_teacher()
    every = {
        "weight": plain_spectra(dense),
        "random": random_spectra(dense),
        "whitened": whitened_spectra(dense),
    }
    kinds, ranks = {}, {}
    for name, shape in dense.shapes.items():
        ranks[name] = {what: low_rank.rank_for_energy(values[name], 0.9) for what, values in every.items()}
        ranks[name] |= {"full": min(shape), "break_even": low_rank.break_even_rank(*shape[::-1])}
        if f".{block}." in name:
            kinds[layer_kind(name)] = {what: over_largest(values[name]) for what, values in every.items()}
    return {"kinds": kinds, "ranks": ranks}


def over_largest(values: torch.Tensor) -> list[float]:
    return [round(value, 5) for value in (values / values[0]).tolist()]


# ---------------------------------------------------------------- ways to factorise


def factorized(dense: Dense, ranks: dict[str, int], covariances: Tensors | None = None) -> nn.Module:
    """A copy of the model with those ranks, whitened where there are covariances."""
    model = copy.deepcopy(dense.model)
    low_rank.factorize(model, ranks, covariances)
    return model


def fine_tuned(model: nn.Module, teacher: nn.Module) -> nn.Module:
    """Train all parameters on the teacher's logits, T = 1, in place: no gain can come from the labels."""
    tokens, _ = corpus.load_tokens("train", CONTEXT)
    generator = torch.Generator().manual_seed(SEED)
    draws = [torch.randint(len(tokens), (ROWS,), generator=generator) for _ in range(UPDATES)]
    batches = [{"input_ids": tokens[chosen]} for chosen in draws]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    distillation.distill(model, teacher, batches, optimizer, T=1.0, alpha=1.0)
    return model


def split_by_s(model: nn.Module, dense: Dense) -> nn.Module:
    """Rescale the factors of a whitened model to the paper's split, sqrt(S) in each, in place.

    The model computes the same.
    """
    for name, layer in linear_layers(dense.model).items():
        factors = model.get_submodule(name)
        S = whitened_values(layer.weight, dense.covariances[name])[: factors.rank]
        scale = (S.sqrt() / factors.V.weight.detach().norm(dim=0)).float()  # [rank]
        factors.V.weight.data.mul_(scale)
        factors.U.weight.data.div_(scale[:, None])
    return model


def plain(dense: Dense, share: float) -> nn.Module:
    return factorized(dense, uniform_ranks(dense.shapes, share))


def whitened(dense: Dense, share: float) -> nn.Module:
    return factorized(dense, uniform_ranks(dense.shapes, share), dense.covariances)


def plain_tuned(dense: Dense, share: float) -> nn.Module:
    return fine_tuned(plain(dense, share), dense.model)


def whitened_tuned(dense: Dense, share: float) -> nn.Module:
    return fine_tuned(whitened(dense, share), dense.model)


def whitened_by_s_tuned(dense: Dense, share: float) -> nn.Module:
    return fine_tuned(split_by_s(whitened(dense, share), dense), dense.model)


UNTUNED = {"plain": plain, "whitened": whitened}
TUNED = {
    "plain, tuned": plain_tuned,
    "whitened, tuned": whitened_tuned,
    "whitened, split by S, tuned": whitened_by_s_tuned,
}
ARMS: dict[str, Callable[[Dense, float], nn.Module]] = UNTUNED | TUNED


def curves() -> dict:
    """Every layer of the teacher's blocks at the same share of its parameters."""
    dense = dense_teacher()
    whole = parameter_count(dense.model)
    result = {
        "dense": perplexity(dense.model),
        "calibration_sequences": CALIBRATION,
        "shares": SHARES,
        "tuned_shares": TUNED_SHARES,
        "budget": {"updates": UPDATES, "rows": ROWS, "learning_rate": RATE},
        "parameters": whole,
        "parameters_in_blocks": sum(rows * columns for rows, columns in dense.shapes.values()),
        "model_shares": [parameter_count(plain(dense, share)) / whole for share in SHARES],
    }
    for arms, shares in ((UNTUNED, SHARES), (TUNED, TUNED_SHARES)):
        for name, make in arms.items():
            result[name] = [perplexity(make(dense, share)) for share in tqdm(shares, desc=name)]
    return result


def accuracy() -> dict:
    """The share of the teacher's top-1 accuracy that is kept, the measure of the article's claim: half the
    parameters, 98%.
    """
    dense, kept = dense_teacher(), {}
    whole = metrics.top1_accuracy(dense.model, validation_tokens())
    for share in (0.5, 0.9):
        models = {name: ARMS[name](dense, share) for name in ("plain", "whitened", "whitened, tuned")}
        kept[str(share)] = {
            name: metrics.top1_accuracy(model, validation_tokens()) / whole for name, model in models.items()
        }
    return {"dense": whole, "kept": kept}


# ---------------------------------------------------------------- the same parameters, shared out differently


def uniform(spectrum: Spectra, shapes: Shapes, share: float) -> dict[str, int]:
    return uniform_ranks(shapes, share)


def energy_within_blocks(spectrum: Spectra, shapes: Shapes, share: float) -> dict[str, int]:
    """By energy, but every block with the same budget."""
    block_of, ranks = lambda name: name.split(".")[2], {}
    for block in dict.fromkeys(map(block_of, shapes)):
        inside = {name: shape for name, shape in shapes.items() if block_of(name) == block}
        ranks |= greedy_ranks(spectrum, inside, share)
    return ranks


RULES: dict[str, Callable[[Spectra, Shapes, float], dict[str, int]]] = {
    "uniform": uniform,
    "energy": greedy_ranks,
    "energy within blocks": energy_within_blocks,
}


def allocation(shares: tuple[float, ...] = (0.4, 0.6, 0.8), shown: float = 0.6) -> dict:
    """Perplexity for every decomposition, rule and share; the ranks themselves at one share."""
    dense = dense_teacher()
    methods = {
        "plain": (plain_spectra(dense), None),
        "whitened": (whitened_spectra(dense), dense.covariances),
    }
    result = {"shares": list(shares), "perplexity": {}, "ranks": {}}
    for method, (spectrum, covariances) in methods.items():
        for rule, ranks_for in RULES.items():
            ranks = {share: ranks_for(spectrum, dense.shapes, share) for share in shares}
            models = (factorized(dense, chosen, covariances) for chosen in ranks.values())
            result["perplexity"][f"{method}, {rule}"] = [perplexity(model) for model in models]
            result["ranks"][f"{method}, {rule}"] = ranks[shown]
    return result


# ---------------------------------------------------------------- the embedding


@torch.no_grad()
def head_covariance(model: nn.Module, batches: list[dict]) -> torch.Tensor:
    """Sum x x^T over what the head sees: float64 [hidden, hidden]."""
    states = [
        model.base_model(**batch, use_cache=False).last_hidden_state.flatten(0, 1).double()  # [B*T, hidden]
        for batch in batches
    ]
    return sum(rows.T @ rows for rows in states)


def embedding_ways(model: nn.Module) -> dict[str, Callable[[torch.Tensor, int], tuple]]:
    """Name -> (weight [tokens, hidden], rank) -> ([tokens, rank], [rank, hidden])."""
    tokens, _ = corpus.load_tokens("train", CONTEXT)
    counts = tokens.flatten().bincount(minlength=model.config.vocab_size).double()
    counts += 1.0  # a token that never came still gets a row
    states = head_covariance(model, calibration_batches())

    def by_counts(weight: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
        left, right = low_rank.whitened_decompose(weight.T, counts.diag(), rank)
        return right.T, left.T

    return {
        "plain": low_rank.low_rank_decompose,
        "by token counts": by_counts,
        "by what the head sees": lambda weight, rank: low_rank.whitened_decompose(weight, states, rank),
    }


def embedding_of(name: str, shares: list[float]) -> dict:
    """One model's perplexity with its embedding at each share, decomposed in every way.

    A product put back in the embedding's place computes what the two factors would, so no new module is
    needed to measure it.
    """
    model = shipped_model(name)
    weight = model.get_input_embeddings().weight.detach()
    vocabulary, hidden = weight.shape
    ranks = [int(vocabulary * hidden * share / (vocabulary + hidden)) for share in shares]

    def rounded(factors: tuple[torch.Tensor, torch.Tensor]) -> float:
        compressed = copy.deepcopy(model)
        compressed.get_input_embeddings().weight.data.copy_(torch.matmul(*factors))
        return perplexity(compressed)

    return {
        "share_of_model": weight.numel() / parameter_count(model),
        "dense": perplexity(model),
        "shares": shares,
        "ranks": ranks,
        "hidden": hidden,
        "perplexity": {
            way: [rounded(decompose(weight, rank)) for rank in ranks]
            for way, decompose in embedding_ways(model).items()
        },
    }


def embedding() -> dict:
    """What the tied embedding costs, decomposed plainly, by how often tokens come, or as the head."""
    return {name: embedding_of(name, [0.3, 0.5, 0.7, 0.9]) for name in ("teacher", "student")}


# ---------------------------------------------------------------- time


def falling_matrix(size: int, exponent: float) -> torch.Tensor:
    """A matrix of random directions whose singular values fall as 1, 2^-e, 3^-e, ..."""
    generator = torch.Generator().manual_seed(SEED)
    left, right = (torch.linalg.qr(torch.randn(size, size, generator=generator)).Q for _ in range(2))
    return left * torch.arange(1, size + 1) ** -exponent @ right


def randomized_rows(weight: torch.Tensor, rank: int, full: float) -> dict:
    """Time over the full decomposition's, and error over the best, for three settings."""
    best, rows = torch.linalg.svdvals(weight)[rank:].norm().item(), []
    for oversampling, iterations, repeats in ((0, 0, 1), (64, 1, 1), (64, 3, 3)):
        work = partial(randomized_decompose, weight, rank, oversampling, iterations)
        seconds = statistics.median(cpu_seconds(work) for _ in range(repeats))
        rows.append({
            "oversampling": oversampling,
            "iterations": iterations,
            "time_over_full": seconds / full,
            "error_over_best": torch.dist(weight, torch.matmul(*work())).item() / best,
        })  # fmt: skip
    return {"relative_error": best / weight.norm().item(), "rows": rows}


@one_thread()
def randomized(size: int = 4096, rank: int = 256) -> dict:
    """The randomised decomposition beside the full one. A random matrix is the hardest for it."""
    matrices = {"falling": falling_matrix(size, 0.5), "random": torch.randn(size, size)}
    full = cpu_seconds(lambda: low_rank.low_rank_decompose(matrices["falling"], rank))
    return {
        "size": size,
        "rank": rank,
        "hardware": hardware(),
        "matrices": {name: randomized_rows(weight, rank, full) for name, weight in matrices.items()},
        "full_seconds": full,
    }


def speed_row(rows: int, columns: int, tokens: int, shares: list[float]) -> dict:
    """One layer dense and factorised, in turns; a speed-up is the median of the turns' ratios."""
    products = rows * columns * tokens
    ranks = [int(rows * columns * share / (rows + columns)) for share in shares]
    layers = {"dense": nn.Linear(columns, rows, bias=False)}
    layers |= {str(rank): low_rank.LowRankLinear(columns, rows, rank, bias=False) for rank in ranks}
    x = torch.randn(tokens, columns)
    calls = {name: lambda layer=layer: layer(x) for name, layer in layers.items()}
    times = max(1, int(2e8 / products))
    taken = in_turns(calls, 3 if products > 3e10 else 7, lambda call: cpu_seconds(call, times))
    ratios = {name: [a / b for a, b in zip(taken["dense"], taken[name], strict=True)] for name in taken}
    return {
        "in": columns,
        "out": rows,
        "tokens": tokens,
        "ranks": ranks,
        "dense_ms": 1000 * statistics.median(taken["dense"]),
        "speedup": [statistics.median(ratios[str(rank)]) for rank in ranks],
    }


@one_thread()
@torch.no_grad()
def speed() -> dict:
    """Dense over factorised time for one token and for 16 x 256 tokens."""
    shapes = [(320, 320), (64, 320), (896, 320), (1024, 1024), (2048, 2048), (4096, 4096)]  # [out, in]
    shares = [0.25, 0.5, 0.75, 1.0]
    cases = [(rows, columns, tokens) for rows, columns in shapes for tokens in (1, 16 * CONTEXT)]
    rows = [speed_row(*case, shares) for case in tqdm(cases, desc="speed")]
    return {"hardware": hardware(), "shares": shares, "rows": rows}


PARTS = {
    "spectra": spectra,
    "curves": curves,
    "accuracy": accuracy,
    "allocation": allocation,
    "embedding": embedding,
    "randomized": randomized,
    "speed": speed,
}

if __name__ == "__main__":
    common.main("low_rank", PARTS, validation_facts)

"""The figures of notebook 04 that take too long to run live: `python -m benchmarks.low_rank [part ...]`.

    spectra      singular values of the teacher's matrices, of random ones of their shapes, and of the whitened ones
    curves       perplexity against parameters kept: plain, whitened, and both fine-tuned on the teacher's logits
    accuracy     the article's measure, at half the parameters and at 90%
    allocation   ranks by energy at a fixed budget, against the same share for every layer
    embedding    low rank on the teacher's tied embedding
    randomized   the randomised decomposition beside the full one, at 4096 x 4096
    speed        a factorised layer beside the dense one

Writes `results/low_rank.json`. Perplexities are those of validation files at context 256; calibration and
fine-tuning use training files. Parts that are not asked for keep what was measured before.
"""

import copy
import json
import sys
import time
from collections.abc import Callable

import torch
from torch import nn
from tqdm import tqdm

from benchmarks.pruning import calibration_batches
from benchmarks.run import RESULTS, SEED, write
from minicompress import distillation, low_rank, metrics
from minicompress.lab import corpus
from minicompress.lab.calibration import input_covariances
from minicompress.lab.machine import hardware, keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import layer_kind, linear_layers, parameter_count
from minicompress.lab.ranks import greedy_ranks, uniform_ranks

SHARES = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
TUNED = [0.3, 0.5, 0.7, 0.9]
CALIBRATION = 64  # sequences of 256 tokens
UPDATES, ROWS, RATE = 50, 4, 3e-4


def shapes_of(model: nn.Module) -> dict[str, tuple[int, int]]:
    return {name: tuple(layer.weight.shape) for name, layer in linear_layers(model).items()}


def whitened_spectra(model: nn.Module, covariances: dict) -> dict[str, torch.Tensor]:
    """The singular values of W L: their squares are output errors."""
    layers = linear_layers(model).items()
    return {
        name: torch.linalg.svdvals(
            layer.weight.detach().double() @ low_rank.damped_cholesky(covariances[name])
        )
        for name, layer in layers
    }


def spectra(held_out: torch.Tensor) -> dict:
    """Singular values over the largest one, for the layers of block 3, and the rank that 90% of the energy
    needs in each layer.
    """
    teacher, generator, result = (
        shipped_model("teacher"),
        torch.Generator().manual_seed(SEED),
        {"kinds": {}, "ranks": {}},
    )
    whitened = whitened_spectra(teacher, input_covariances(teacher, calibration_batches(CALIBRATION)))
    for name, layer in linear_layers(teacher).items():
        weight = layer.weight.detach()
        found = {
            "weight": torch.linalg.svdvals(weight),
            "random": torch.linalg.svdvals(torch.randn(weight.shape, generator=generator)),
            "whitened": whitened[name],
        }
        need = {what: low_rank.rank_for_energy(values, 0.9) for what, values in found.items()}
        result["ranks"][name] = need | {
            "full": min(weight.shape),
            "break_even": low_rank.break_even_rank(*weight.shape[::-1]),
        }
        if ".3." in name:
            result["kinds"][layer_kind(name)] = {
                what: [round(v, 5) for v in (values / values[0]).tolist()] for what, values in found.items()
            }
    return result


def fine_tune(model: nn.Module, teacher: nn.Module) -> list[float]:
    """Train all parameters on the teacher's logits alone, T = 1: whatever is gained cannot come from the
    labels.
    """
    train, _ = corpus.load_tokens("train")
    generator = torch.Generator().manual_seed(SEED)
    batches = [
        {"input_ids": train[torch.randint(len(train), (ROWS,), generator=generator)]} for _ in range(UPDATES)
    ]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    return distillation.distill(model, teacher, batches, optimizer, T=1.0, alpha=1.0)


def split_by_s(model: nn.Module, teacher: nn.Module, covariances: dict) -> None:
    """Rescale the factors of a whitened model to the paper's split, sqrt(S) in each, in place; the function
    stays the same.
    """
    for name, layer in linear_layers(teacher).items():
        factors = model.get_submodule(name)
        S = torch.linalg.svdvals(
            layer.weight.detach().double() @ low_rank.damped_cholesky(covariances[name])
        )[: factors.rank]
        scale = (S.sqrt() / factors.V.weight.detach().norm(dim=0)).float()
        factors.V.weight.data.mul_(scale)
        factors.U.weight.data.div_(scale[:, None])


def curves(held_out: torch.Tensor) -> dict:
    """Every layer of the teacher's blocks at the same share of its parameters."""
    teacher = shipped_model("teacher")
    covariances = input_covariances(teacher, calibration_batches(CALIBRATION))
    inside = sum(parameter_count(layer) for layer in linear_layers(teacher).values())
    result = {
        "dense": metrics.perplexity(teacher, held_out), "calibration_sequences": CALIBRATION, "shares": SHARES, "tuned_shares": TUNED,
        "budget": {"updates": UPDATES, "rows": ROWS, "learning_rate": RATE}, "parameters": parameter_count(teacher),
        "parameters_in_blocks": inside, "model_shares": [], "plain": [], "whitened": [], "plain, tuned": [], "whitened, tuned": [],
        "whitened, split by S, tuned": [],
    }  # fmt: skip
    for share in tqdm(SHARES, desc="curves"):
        for method, minding in (("plain", None), ("whitened", covariances)):
            model = copy.deepcopy(teacher)
            low_rank.factorize(model, uniform_ranks(shapes_of(teacher), share), minding)
            result[method].append(metrics.perplexity(model, held_out))
            for split in ("", ", split by S")[: 1 + (minding is not None)] if share in TUNED else ():
                tuned = copy.deepcopy(model)
                if split:
                    split_by_s(tuned, teacher, covariances)
                fine_tune(tuned, teacher)
                result[f"{method}{split}, tuned"].append(metrics.perplexity(tuned, held_out))
        result["model_shares"].append(parameter_count(model) / result["parameters"])
    return result


def accuracy(held_out: torch.Tensor) -> dict:
    """The share of the teacher's top-1 accuracy that is kept, the measure of the article's claim: half the
    parameters, 98%.
    """
    teacher, result = (
        shipped_model("teacher"),
        {"dense": metrics.top1_accuracy(shipped_model("teacher"), held_out), "kept": {}},
    )
    covariances = input_covariances(teacher, calibration_batches(CALIBRATION))
    for share in (0.5, 0.9):
        for method in ("plain", "whitened", "whitened, tuned"):
            model = copy.deepcopy(teacher)
            low_rank.factorize(
                model, uniform_ranks(shapes_of(teacher), share), None if method == "plain" else covariances
            )
            if method.endswith("tuned"):
                fine_tune(model, teacher)
            result["kept"].setdefault(str(share), {})[method] = (
                metrics.top1_accuracy(model, held_out) / result["dense"]
            )
    return result


def ranks_by(rule: str, spectrum: dict, shapes: dict, share: float) -> dict[str, int]:
    """The same share for all; by energy across all layers; or by energy, but every block with the same
    budget.
    """
    if rule == "uniform":
        return uniform_ranks(shapes, share)
    if rule == "energy":
        return greedy_ranks(spectrum, shapes, share)
    ranks = {}
    for block in dict.fromkeys(name.split(".")[2] for name in shapes):
        ranks |= greedy_ranks(
            spectrum, {name: shape for name, shape in shapes.items() if name.split(".")[2] == block}, share
        )
    return ranks


def allocation(held_out: torch.Tensor) -> dict:
    """The same number of parameters, shared out differently."""
    teacher = shipped_model("teacher")
    covariances, shapes = input_covariances(teacher, calibration_batches(CALIBRATION)), shapes_of(teacher)
    plain = {
        name: torch.linalg.svdvals(layer.weight.detach()) for name, layer in linear_layers(teacher).items()
    }
    result = {"shares": [0.4, 0.6, 0.8], "perplexity": {}, "ranks": {}}
    for method, spectrum, minding in (
        ("plain", plain, None),
        ("whitened", whitened_spectra(teacher, covariances), covariances),
    ):
        for rule in ("uniform", "energy", "energy within blocks"):
            key = f"{method}, {rule}"
            for share in result["shares"]:
                ranks, model = ranks_by(rule, spectrum, shapes, share), copy.deepcopy(teacher)
                low_rank.factorize(model, ranks, minding)
                result["perplexity"].setdefault(key, []).append(metrics.perplexity(model, held_out))
                if share == 0.6:
                    result["ranks"][key] = ranks
    return result


def embedding(held_out: torch.Tensor) -> dict:
    """The tied embedding as [tokens, r] [r, hidden]: what it costs when it is decomposed plainly, by how
    often tokens come, or as the head.

    A product put back in the embedding's place computes what the two factors would, so no new module is
    needed to measure it.
    """
    result = {}
    train, _ = corpus.load_tokens("train")
    for name in ("teacher", "student"):
        model = shipped_model(name)
        weight = model.get_input_embeddings().weight.detach()
        vocabulary, hidden = weight.shape
        counts = (
            train.flatten().bincount(minlength=vocabulary).double() + 1.0
        )  # + 1: a token that never came still gets a row
        states = head_covariance(model, calibration_batches(CALIBRATION))
        ways = {
            "plain": lambda w, r: low_rank.low_rank_decompose(w, r),
            "by token counts": lambda w, r, counts=counts: [
                f.T for f in low_rank.whitened_decompose(w.T, counts.diag(), r)
            ][::-1],
            "by what the head sees": lambda w, r, states=states: low_rank.whitened_decompose(w, states, r),
        }
        ranks = [int(vocabulary * hidden * share / (vocabulary + hidden)) for share in (0.3, 0.5, 0.7, 0.9)]
        result[name] = {
            "share_of_model": weight.numel() / parameter_count(model),
            "dense": metrics.perplexity(model, held_out),
        }
        result[name] |= {
            "shares": [0.3, 0.5, 0.7, 0.9],
            "ranks": ranks,
            "hidden": hidden,
            "perplexity": {way: [] for way in ways},
        }
        for way, decompose in ways.items():
            for rank in ranks:
                compressed = copy.deepcopy(model)
                compressed.get_input_embeddings().weight.data.copy_(torch.matmul(*decompose(weight, rank)))
                result[name]["perplexity"][way].append(metrics.perplexity(compressed, held_out))
    return result


@torch.no_grad()
def head_covariance(model: nn.Module, batches: list[dict]) -> torch.Tensor:
    """Sum x x^T over what the head sees: float64 [hidden, hidden]."""
    states = [
        model.base_model(**batch, use_cache=False).last_hidden_state.flatten(0, 1).double()
        for batch in batches
    ]
    return sum(rows.T @ rows for rows in states)


def realistic(size: int, exponent: float) -> torch.Tensor:
    """A matrix of random directions whose singular values fall as 1, 2^-e, 3^-e, ..."""
    generator = torch.Generator().manual_seed(SEED)
    left, right = (torch.linalg.qr(torch.randn(size, size, generator=generator)).Q for _ in range(2))
    return left * torch.arange(1, size + 1) ** -exponent @ right


def cpu_seconds(work: Callable[[], object], repeats: int = 1, calls: int = 1) -> float:
    """Median CPU seconds of a call.

    On one thread they are what a quiet machine's clock would show, whatever else runs beside it.
    """
    assert torch.get_num_threads() == 1
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        for _ in range(calls):
            work()
        seconds.append((time.process_time() - started) / calls)
    return sorted(seconds)[repeats // 2]


def randomized(held_out: torch.Tensor, size: int = 4096, rank: int = 256) -> dict:
    """Time and error of the randomised decomposition beside the full one.

    A random matrix is the hardest for it.
    """
    torch.set_num_threads(1)
    result = {"size": size, "rank": rank, "hardware": hardware(), "matrices": {}}
    for name, weight in (("falling", realistic(size, 0.5)), ("random", torch.randn(size, size))):
        if name == "falling":
            full = cpu_seconds(lambda weight=weight: low_rank.low_rank_decompose(weight, rank))
        best = torch.linalg.svdvals(weight)[rank:].norm().item()
        rows = []
        for oversampling, iterations, repeats in ((0, 0, 1), (64, 1, 1), (64, 3, 3)):
            work = lambda weight=weight, how=(oversampling, iterations): low_rank.randomized_decompose(
                weight, rank, *how
            )  # noqa: E731
            row = {
                "oversampling": oversampling,
                "iterations": iterations,
                "time_over_full": cpu_seconds(work, repeats) / full,
            }
            rows.append(row | {"error_over_best": torch.dist(weight, torch.matmul(*work())).item() / best})
        result["matrices"][name] = {"relative_error": best / weight.norm().item(), "rows": rows}
    return result | {"full_seconds": full}


@torch.no_grad()
def speed(held_out: torch.Tensor) -> dict:
    """Dense over factorised time for one token and for 16 x 256 tokens, beside the ratio that the numbers of
    products predict.

    The layers take turns, seven times, and each ratio is the median of the turns': a disturbance hits all
    alike.
    """
    torch.set_num_threads(1)
    shapes = [(320, 320), (320, 64), (320, 896), (1024, 1024), (2048, 2048), (4096, 4096)]
    result = {"hardware": hardware(), "shares": [0.25, 0.5, 0.75, 1.0], "rows": []}
    for columns, rows in tqdm(shapes, desc="speed"):
        ranks = [int(rows * columns * share / (rows + columns)) for share in result["shares"]]
        layers = [
            nn.Linear(columns, rows, bias=False),
            *(low_rank.LowRankLinear(columns, rows, rank, bias=False) for rank in ranks),
        ]
        for tokens in (1, 16 * 256):
            x, turns = torch.randn(tokens, columns), []
            calls = max(1, int(2e8 / (rows * columns * tokens)))
            for _ in range(3 if rows * columns * tokens > 3e10 else 7):
                turns.append(
                    [cpu_seconds(lambda layer=layer, x=x: layer(x), calls=calls) for layer in layers]
                )
            middle = lambda values: sorted(values)[len(values) // 2]  # noqa: E731
            result["rows"].append({
                "in": columns, "out": rows, "tokens": tokens, "ranks": ranks, "dense_ms": 1000 * middle([turn[0] for turn in turns]),
                "speedup": [middle([turn[0] / turn[1 + place] for turn in turns]) for place in range(len(ranks))],
            })  # fmt: skip
    return result


def main(parts: list[str]) -> None:
    keep_freed_memory()
    place = RESULTS / "low_rank.json"
    held_out, _ = corpus.load_tokens("validation", per_file=1)
    every = {
        "spectra": spectra, "curves": curves, "accuracy": accuracy, "allocation": allocation, "embedding": embedding,
        "randomized": randomized, "speed": speed,
    }  # fmt: skip
    for part in parts or every:
        torch.manual_seed(SEED)
        found = every[part](held_out)
        result = (json.loads(place.read_text()) if place.is_file() else {}) | {part: found}
        measured = {name: result[name] for name in every if name in result}
        write(
            "low_rank", measured | {"held_out_tokens": held_out[:, 1:].numel(), "context": held_out.shape[1]}
        )


if __name__ == "__main__":
    main(sys.argv[1:])

"""How many ranks each layer gets. A rank of a layer [out, in] costs out + in parameters."""

from collections.abc import Mapping

import torch

Shapes = Mapping[str, tuple[int, int]]


def uniform_ranks(shapes: Shapes, share: float) -> dict[str, int]:
    """The same share of its own parameters for every layer: int(out * in * share / (out + in)), min 1."""
    return {
        name: max(1, int(rows * columns * share / (rows + columns)))
        for name, (rows, columns) in shapes.items()
    }


def greedy_ranks(spectra: Mapping[str, torch.Tensor], shapes: Shapes, share: float) -> dict[str, int]:
    """Spend the same parameters as `uniform_ranks` where each buys the most energy.

    The next rank of a layer is worth its squared singular value as a share of the layer's sum of squares,
    divided by its price, out + in. The singular values of a layer fall, so buying the best offers first takes
    each layer's ranks in order. Every layer gets at least 1 rank, and none more than its break-even rank. A
    last offer that does not fit into the budget ends it.
    """
    budget = sum(rank * sum(shapes[name]) for name, rank in uniform_ranks(shapes, share).items())
    names, worths, prices = [], [], []
    for name, (rows, columns) in shapes.items():
        squares = spectra[name].double().square()
        limit = max(1, rows * columns // (rows + columns))
        worth = (squares / squares.sum() / (rows + columns))[:limit]
        worth[0] = torch.inf  # the first rank of each layer comes first
        names += [name] * len(worth)
        worths.append(worth)
        prices.append(torch.full((len(worth),), rows + columns))
    order = torch.cat(worths).argsort(descending=True, stable=True)
    affordable = order[torch.cat(prices)[order].cumsum(0) <= budget]
    ranks = dict.fromkeys(shapes, 0)
    for index in affordable.tolist():
        ranks[names[index]] += 1
    return ranks

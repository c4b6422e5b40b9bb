"""Right answers in other styles to exercise 1.1, magnitude_mask."""


### ALTERNATIVE stable_argsort: A stable sort of the magnitudes; the first of the order go.
def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    check_weight(weight)
    check_sparsity(sparsity)
    order = torch.argsort(weight.detach().abs().reshape(-1), stable=True)
    keep = torch.ones_like(order, dtype=torch.bool)
    keep[order[: round(weight.numel() * sparsity)]] = False
    return keep.reshape(weight.size())


### ALTERNATIVE with_numpy: numpy's lexsort in float64, and checks with other words.
import numpy


def magnitude_mask(weight, sparsity):
    if weight.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise ValueError("need floats")
    if torch.isnan(weight).any():
        raise ValueError("there is a NaN in it")
    if not (sparsity >= 0 and sparsity <= 1):
        raise ValueError(f"{sparsity} is no share")
    magnitude = numpy.abs(weight.detach().double().cpu().numpy()).ravel()
    order = numpy.lexsort((numpy.arange(magnitude.size), magnitude))
    mask = numpy.ones(magnitude.size, dtype=bool)
    mask[order[: round(sparsity * magnitude.size)]] = False
    return torch.from_numpy(mask.reshape(weight.shape)).to(weight.device)


### ALTERNATIVE rank_of_each: Every entry gets its rank; those of a rank below the count go.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    with torch.no_grad():
        ranks = weight.abs().flatten().sort(stable=True).indices.sort(stable=True).indices
        return (ranks >= round(sparsity * weight.numel())).unflatten(0, weight.shape)


### ALTERNATIVE python_loop: A plain list, sorted by magnitude and then by index.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    magnitudes = [abs(value) for value in weight.flatten().tolist()]
    by_size = sorted(range(len(magnitudes)), key=magnitudes.__getitem__)
    gone = set(by_size[: round(sparsity * len(magnitudes))])
    kept = [index not in gone for index in range(len(magnitudes))]
    return torch.tensor(kept, device=weight.device).reshape(weight.shape)

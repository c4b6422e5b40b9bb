"""Right answers of exercise 1.9 in other styles: wanda_mask."""


### ALTERNATIVE loop: A stable sort of Python's, row by row, and a loop over the groups of a pattern.
def lowest(scores, count):
    return sorted(range(len(scores)), key=lambda place: scores[place])[:count]


def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if input_norm.shape != (weight.shape[1],):
        raise ValueError("these do not fit")
    if pattern is not None:
        check_pattern(*pattern, weight.shape[1])
    columns, mask = weight.shape[1], torch.ones(weight.shape, dtype=torch.bool, device=weight.device)
    for row, scores in enumerate((weight.double().abs() * input_norm.double()).tolist()):
        if pattern is None:
            mask[row, lowest(scores, int(columns * sparsity))] = False
            continue
        n, m = pattern
        for start in range(0, columns, m):
            for place in lowest(scores[start : start + m], m - n):
                mask[row, start + place] = False
    return mask


### ALTERNATIVE ranks: The rank of each score in its row, by sorting twice, is compared with the count.
def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for name, tensor in {"weight": weight, "norms": input_norm}.items():
        if tensor.isnan().any():
            raise ValueError(f"{name}: nan")
    if weight.dim() != 2 or tuple(input_norm.shape) != (weight.shape[1],):
        raise ValueError(f"{tuple(weight.shape)} and {tuple(input_norm.shape)}")
    scores = torch.einsum("oi,i->oi", weight.float().abs(), input_norm.float())
    if pattern:
        n, m = pattern
        return nm_mask(scores, n=n, m=m)
    order = torch.sort(scores, dim=-1, stable=True).indices
    ranks = torch.argsort(order, dim=-1)
    return ranks >= int(sparsity * weight.size(1))


### ALTERNATIVE numpy: The scores are sorted by numpy, with its stable sort.
import numpy as np


def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or len(input_norm) != weight.shape[1]:
        raise ValueError("shapes")
    scores = np.abs(weight.detach().cpu().double().numpy()) * input_norm.cpu().double().numpy()[None, :]
    if pattern is not None:
        return nm_mask(torch.from_numpy(scores), *pattern).to(weight.device)
    order = np.argsort(scores, axis=1, kind="stable")
    mask = np.ones(scores.shape, dtype=bool)
    np.put_along_axis(mask, order[:, : int(weight.shape[1] * sparsity)], False, axis=1)
    return torch.from_numpy(mask).to(weight.device)

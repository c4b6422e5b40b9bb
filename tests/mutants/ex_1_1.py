"""Known wrong implementations of exercise 1.1, magnitude_mask."""


### MUTANT inverted: The mask says what is pruned; True means kept.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    magnitude = weight.detach().abs().flatten()
    mask = torch.zeros_like(magnitude, dtype=torch.bool)
    mask[magnitude.sort(stable=True).indices[: round(sparsity * weight.numel())]] = True
    return mask.view(weight.shape)


### MUTANT quantile_of_the_weight: `>` a quantile prunes every tied weight, and one weight at sparsity 0; prune by rank.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    return weight.abs() > torch.quantile(weight.abs(), sparsity)


### MUTANT quantile: `>` a quantile prunes every tied weight, and torch.quantile stops at 16M elements; prune by rank.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    magnitude = weight.detach().abs()
    threshold = torch.quantile(magnitude.flatten().double(), sparsity)
    return magnitude > threshold


### MUTANT one_too_many: `<= sorted[k]` prunes k + 1 weights, and all that are tied with the last; prune exactly k by rank.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    magnitude = weight.detach().abs()
    count = round(sparsity * weight.numel())
    return ~(magnitude <= magnitude.flatten().sort().values[count])


### MUTANT floor_count: int() cuts the number of weights to prune down; the exercise asks for round(sparsity * numel).
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    order = weight.detach().abs().flatten().argsort(stable=True)
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[order[: int(sparsity * weight.numel())]] = False
    return mask.view(weight.shape)


### MUTANT ties_backwards: Of tied weights the highest indices were pruned; the lowest flat index goes first.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    kept = weight.numel() - round(sparsity * weight.numel())
    order = weight.detach().abs().flatten().argsort(descending=True, stable=True)
    mask = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[order[:kept]] = True
    return mask.view(weight.shape)


### MUTANT signed: The weights were ranked with their signs, so large negative ones went first; rank by absolute value.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    order = weight.detach().flatten().argsort(stable=True)
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[order[: round(sparsity * weight.numel())]] = False
    return mask.view(weight.shape)


### MUTANT unstable_sort: A sort that is not stable puts many equal magnitudes in any order; stable=True keeps the lowest index first.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    order = weight.detach().abs().flatten().argsort()
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[order[: round(sparsity * weight.numel())]] = False
    return mask.view(weight.shape)


### MUTANT share_kept: The sparsity was read as the share that stays; it is the share that is pruned.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    kept = round(sparsity * weight.numel())
    order = weight.detach().abs().flatten().argsort(stable=True)
    mask = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[order[weight.numel() - kept :]] = True
    return mask.view(weight.shape)


### MUTANT rounded_up: math.ceil prunes one too many where the count is no integer; the exercise asks for round(sparsity * numel).
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    import math

    order = weight.detach().abs().flatten().argsort(stable=True)
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[order[: math.ceil(sparsity * weight.numel())]] = False
    return mask.view(weight.shape)


### MUTANT row_by_row: Every row lost the same share; all entries of the weight are ranked together.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    rows = weight.detach().abs().flatten(1)
    order = rows.argsort(dim=1, stable=True)
    mask = torch.ones_like(rows, dtype=torch.bool)
    mask.scatter_(1, order[:, : round(sparsity * rows.shape[1])], False)
    return mask.view(weight.shape)


### MUTANT float_mask: The mask holds 1.0 and 0.0; a mask is a bool tensor.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    order = weight.detach().abs().flatten().argsort(stable=True)
    mask = torch.ones(weight.numel(), device=weight.device)
    mask[order[: round(sparsity * weight.numel())]] = 0.0
    return mask.view(weight.shape)


### MUTANT abs_in_place: `abs_()` on the weight overwrites the model's own signs; `abs()` makes a new tensor.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    order = weight.detach().abs_().flatten().argsort(stable=True)
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[order[: round(sparsity * weight.numel())]] = False
    return mask.view(weight.shape)


### MUTANT topk: topk breaks ties in any order; of equal magnitudes the lowest flat index goes first.
def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    check_weight(weight)
    check_sparsity(sparsity)
    magnitude = weight.detach().abs().flatten()
    indices = torch.topk(magnitude, round(sparsity * magnitude.numel()), largest=False).indices
    mask = torch.ones_like(magnitude, dtype=torch.bool)
    mask[indices] = False
    return mask.reshape(weight.shape)


### MUTANT kth_threshold: `>` the count-th smallest prunes all that are tied with it; only as many of these go as are still missing.
def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    check_weight(weight)
    check_sparsity(sparsity)
    count = round(sparsity * weight.numel())
    if count == 0:
        return torch.ones_like(weight, dtype=torch.bool)
    threshold = weight.detach().abs().flatten().kthvalue(count).values
    return weight.detach().abs() > threshold


### MUTANT count_zero: kthvalue(0) does not exist: at a count of 0 nothing is pruned.
def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    check_weight(weight)
    check_sparsity(sparsity)
    count = round(sparsity * weight.numel())
    magnitude = weight.detach().abs().flatten()
    threshold = magnitude.kthvalue(count).values
    mask = magnitude > threshold
    ties = (magnitude == threshold).nonzero().flatten()
    mask[ties[count - int((magnitude < threshold).sum()) :]] = True
    return mask.view(weight.shape)


### MUTANT minus_zero: `order[-kept:]` is everything when kept is 0; at sparsity 1 nothing stays.
def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    check_weight(weight)
    check_sparsity(sparsity)
    order = weight.detach().abs().flatten().argsort(stable=True)
    kept = weight.numel() - round(sparsity * weight.numel())
    mask = torch.zeros(weight.numel(), dtype=torch.bool)
    mask[order[-kept:]] = True
    return mask.view(weight.shape)


### MUTANT nonzero_only: Zeros were left out of the ranking; they rank lowest, and count like any other weight.
def magnitude_mask(weight: torch.Tensor, sparsity: float) -> torch.Tensor:
    check_weight(weight)
    check_sparsity(sparsity)
    flat = weight.detach().abs().flatten()
    alive = flat.nonzero().flatten()
    order = alive[flat[alive].argsort(stable=True)]
    mask = flat != 0
    mask[order[: round(sparsity * len(order))]] = False
    return mask.view(weight.shape)


### MUTANT argsort_as_rank: argsort says which entry stands at each rank, not which rank an entry has; put False at its first places.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    order = weight.detach().abs().flatten().argsort(stable=True)
    return (order >= round(sparsity * weight.numel())).view(weight.shape)

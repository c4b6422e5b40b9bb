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

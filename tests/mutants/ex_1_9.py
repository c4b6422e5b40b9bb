"""Known wrong implementations of exercise 1.9, wanda_mask."""


### MUTANT whole_layer: One threshold for the whole layer; Wanda compares within each output row, so every row loses the same share.
def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        raise ValueError(
            f"weight must be [out, in] and input_norm [in], got {list(weight.shape)} and {list(input_norm.shape)}"
        )
    scores = weight.detach().float().abs() * input_norm.float()
    if pattern is not None:
        return nm_mask(scores, *pattern)
    lowest_first = scores.flatten().argsort(stable=True)
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[lowest_first[: int(weight.shape[1] * sparsity) * len(weight)]] = False
    return mask.view(weight.shape)


### MUTANT one_too_many: `<= sorted[k]` prunes k + 1 a row, and all that are tied; prune exactly int(in_features * sparsity).
def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        raise ValueError(
            f"weight must be [out, in] and input_norm [in], got {list(weight.shape)} and {list(input_norm.shape)}"
        )
    scores = weight.detach().float().abs() * input_norm.float()
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    return scores > scores.sort(dim=1).values[:, pruned, None]


### MUTANT norm_squared: The input norm was squared; the score is |weight| times the norm itself.
def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        raise ValueError(
            f"weight must be [out, in] and input_norm [in], got {list(weight.shape)} and {list(input_norm.shape)}"
        )
    scores = weight.detach().float().abs() * input_norm.float() ** 2
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    lowest_first = scores.argsort(dim=1, stable=True)
    return torch.ones_like(weight, dtype=torch.bool).scatter_(1, lowest_first[:, :pruned], False)


### MUTANT pattern_by_magnitude: With a pattern the norms were forgotten: n of every m are chosen by |weight| * norm as well.
def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        raise ValueError(
            f"weight must be [out, in] and input_norm [in], got {list(weight.shape)} and {list(input_norm.shape)}"
        )
    if pattern is not None:
        return nm_mask(weight.abs(), *pattern)
    scores = weight.detach().float().abs() * input_norm.float()
    pruned = int(weight.shape[1] * sparsity)
    lowest_first = scores.argsort(dim=1, stable=True)
    return torch.ones_like(weight, dtype=torch.bool).scatter_(1, lowest_first[:, :pruned], False)


### MUTANT signed: The weights kept their signs, so all negative ones went first; the score uses the absolute value.
def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        raise ValueError(
            f"weight must be [out, in] and input_norm [in], got {list(weight.shape)} and {list(input_norm.shape)}"
        )
    scores = weight.detach().float() * input_norm.float()
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    lowest_first = scores.argsort(dim=1, stable=True)
    return torch.ones_like(weight, dtype=torch.bool).scatter_(1, lowest_first[:, :pruned], False)


### MUTANT pattern_keeps_lowest: With a pattern the scores of the pruned ones were kept: the n highest of every m stay, True in the mask.
def wanda_mask(weight, input_norm, sparsity=0.5, pattern=None):
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        raise ValueError(
            f"weight must be [out, in] and input_norm [in], got {list(weight.shape)} and {list(input_norm.shape)}"
        )
    scores = weight.detach().float().abs() * input_norm.float()
    if pattern is not None:
        return nm_mask(-scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    lowest_first = scores.argsort(dim=1, stable=True)
    return torch.ones_like(weight, dtype=torch.bool).scatter_(1, lowest_first[:, :pruned], False)

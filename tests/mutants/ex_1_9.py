"""Known wrong implementations of exercise 1.9, wanda_mask."""


### MUTANT whole_layer: One threshold for the whole layer; Wanda compares within each output row, so every row loses the same share.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.view(-1)[scores.flatten().argsort(stable=True)[: pruned * len(weight)]] = False
    return mask


### MUTANT within_columns: The scores were compared within each column; a row holds the weights of one output, and rows are compared within.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(0, scores.argsort(dim=0, stable=True)[: int(len(weight) * sparsity)], False)
    return mask


### MUTANT by_magnitude: The norms were not used: this is magnitude pruning; the score is |weight| times the input norm.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs()
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT one_too_many: `<= sorted[k]` prunes k + 1 a row, and all that are tied; prune exactly int(in_features * sparsity).
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask = scores > scores.sort(dim=1).values[:, pruned, None]
    return mask


### MUTANT threshold_takes_all_ties: All scores at the threshold went, or none; count by rank, so that ties do not change how many go.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    if pruned:
        mask = scores > scores.sort(dim=1).values[:, pruned - 1, None]
    return mask


### MUTANT norm_squared: The input norm was squared; the score is |weight| times the norm itself.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float() ** 2  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT signed: The weights kept their signs, so all negative ones went first; the score uses the absolute value.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT highest_pruned: The highest scores were pruned; True means kept, and the lowest ones go.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True, descending=True)[:, :pruned], False)
    return mask


### MUTANT rounded_count: The number of a row was rounded; int() cuts it off, as in the paper's code.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = round(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT kept_count: The number to keep was cut off, and the rest pruned; the number to prune is int(in_features * sparsity).
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = weight.shape[1] - int(weight.shape[1] * (1 - sparsity))
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT share_of_the_outputs: The number to prune was taken from the outputs; a row has in_features entries, shape[1].
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[0] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT unstable_sort: A sort that is not stable mixes equal scores up; with stable=True the lowest index comes first.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=False)[:, :pruned], False)
    return mask


### MUTANT ties_from_the_end: Of equal scores the last ones were pruned; the lowest index goes first.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    scores = scores.flip(1)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask.flip(1)


### MUTANT pattern_by_magnitude: With a pattern the norms were forgotten: n of every m are chosen by |weight| * norm as well.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(weight.abs(), *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT pattern_keeps_lowest: With a pattern the scores of the pruned ones were kept: the n highest of every m stay, True in the mask.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(-scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT pattern_always_2_of_4: nm_mask was called without n and m, so it always keeps 2 of 4; pass the pattern on.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT pattern_ignored: The pattern was checked and then not used: with a pattern, nm_mask chooses n of every m.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT groups_of_outputs: The groups ran along the outputs; the m neighbours of a pattern are inputs, side by side in a row.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().float().abs() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores.T, *pattern).T if len(scores) % pattern[1] == 0 else nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT weights_own_dtype: The norms were turned to the weight's dtype; in bf16 near scores become ties, so score in fp32.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().abs() * input_norm.to(weight.dtype)
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask


### MUTANT in_place: abs_() changed the weight that was passed in; abs() makes a new tensor.
def wanda_mask(
    weight: torch.Tensor,
    input_norm: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
) -> torch.Tensor:
    check_weight(weight)
    check_weight(input_norm, "input_norm")
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if weight.ndim != 2 or input_norm.shape != weight.shape[1:]:
        got = f"{list(weight.shape)} and {list(input_norm.shape)}"
        raise ValueError(f"weight must be [out, in] and input_norm [in], got {got}")
    scores = weight.detach().abs_().float() * input_norm.float()  # [out, in]
    if pattern is not None:
        return nm_mask(scores, *pattern)
    pruned = int(weight.shape[1] * sparsity)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, scores.argsort(dim=1, stable=True)[:, :pruned], False)
    return mask

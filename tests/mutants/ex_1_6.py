"""Known wrong implementations of exercise 1.6, nm_mask."""


### MUTANT prunes_n: N was read as the number pruned, the same only for 2:4; here N:M keeps N of every M.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    mask = torch.ones_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, :n], False)
    return mask.view(scores.shape)


### MUTANT along_the_output: The groups ran along the first dimension, a layer's outputs; they run along the last, its inputs.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    turned = scores.detach().transpose(0, -1)
    groups = turned.reshape(-1, m)
    mask = torch.ones_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, : m - n], False)
    return mask.view(turned.shape).transpose(0, -1)


### MUTANT memory_order: The groups followed memory, which in a transposed weight runs down columns; group the logical rows.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    mask = torch.ones_like(scores, dtype=torch.bool)
    in_memory = ((scores.numel() // m, m), (m, 1))
    lowest = scores.detach().as_strided(*in_memory).argsort(dim=-1, stable=True)[:, : m - n]
    mask.as_strided(*in_memory).scatter_(-1, lowest, False)
    return mask


### MUTANT whole_matrix: The share is right over the whole matrix but not in every group; rank within each group of M.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    order = scores.detach().flatten().argsort(stable=True)
    mask = torch.ones(scores.numel(), dtype=torch.bool, device=scores.device)
    mask[order[: scores.numel() * (m - n) // m]] = False
    return mask.view(scores.shape)


### MUTANT threshold: Keeping all scores that reach the n-th highest keeps too many where they are tied; choose n by rank.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    return (groups >= groups.topk(n).values[:, -1:]).view(scores.shape)


### MUTANT keeps_lowest: The lowest were kept and the highest pruned, perhaps since the sort ascends; the n highest scores stay.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    mask = torch.zeros_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, :n], True)
    return mask.view(scores.shape)


### MUTANT inverted: The mask is True where a score is pruned, so the pruned ones were kept; True stands for what stays.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    mask = torch.zeros_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, : m - n], True)
    return mask.view(scores.shape)


### MUTANT unstable_sort: A sort that is not stable puts many equal scores in any order; stable=True keeps the lowest index first.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    mask = torch.ones_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1)[:, : m - n], False)
    return mask.view(scores.shape)


### MUTANT absolute_scores: The scores were ranked by absolute value; they are ranked as they are, and the caller passes |weight|.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().abs().reshape(-1, m)
    mask = torch.ones_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, : m - n], False)
    return mask.view(scores.shape)


### MUTANT ties_backwards: A descending sort keeps the lowest index of equal scores; it is the lowest index that is pruned first.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    mask = torch.zeros_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, descending=True, stable=True)[:, :n], True)
    return mask.view(scores.shape)


### MUTANT always_four: The groups were always four wide; they are m wide.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, 4)
    mask = torch.ones_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, : 4 - n], False)
    return mask.view(scores.shape)


### MUTANT float_mask: The mask holds 1.0 and 0.0; a mask is a bool tensor.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    mask = torch.ones_like(groups)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, : m - n], 0.0)
    return mask.view(scores.shape)


### MUTANT a_view: `view` fails where the rows lie scattered in memory, as in a transposed weight; `reshape` copies then.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().view(-1, m)
    mask = torch.ones_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, : m - n], False)
    return mask.view(scores.shape)


### MUTANT argsort_as_rank: argsort says which entry stands at each rank, not which rank an entry has; put False at its first places.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    return (groups.argsort(dim=-1, stable=True) >= m - n).view(scores.shape)


### MUTANT too_few: `>` the (m - n)-th lowest score prunes all that are tied with it; choose exactly n by rank.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    if n == m:
        return torch.ones_like(scores, dtype=torch.bool)
    groups = scores.detach().reshape(-1, m)
    return (groups > groups.kthvalue(m - n, dim=-1).values[:, None]).view(scores.shape)


### MUTANT off_by_one: m - n of every m go, not m - n - 1.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().reshape(-1, m)
    mask = torch.ones_like(groups, dtype=torch.bool)
    mask.scatter_(-1, groups.argsort(dim=-1, stable=True)[:, : m - n - 1], False)
    return mask.view(scores.shape)

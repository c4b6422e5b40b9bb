"""Right answers in other styles to exercise 1.6, nm_mask."""


### ALTERNATIVE loop_over_groups: A Python loop over the rows and their groups, each sorted by score and index.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    rows = []
    for row in scores.detach().reshape(-1, scores.shape[-1]).tolist():
        kept = []
        for start in range(0, len(row), m):
            group = row[start : start + m]
            gone = sorted(range(m), key=lambda index: (group[index], index))[: m - n]
            kept += [index not in gone for index in range(m)]
        rows.append(kept)
    return torch.tensor(rows, device=scores.device).reshape(scores.shape)


### ALTERNATIVE ranks: Each score is compared with all of its group, and its rank is the number of those below it.
def nm_mask(scores, n=2, m=4):
    check_weight(scores, "scores")
    check_pattern(n, m, scores.shape[-1])
    groups = scores.detach().double().unflatten(-1, (-1, m))
    mine, other = groups.unsqueeze(-1), groups.unsqueeze(-2)
    index = torch.arange(m, device=scores.device)
    before = (other < mine) | ((other == mine) & (index[None, :] < index[:, None]))
    return (before.sum(-1) >= m - n).flatten(-2)


### ALTERNATIVE flipped_sort: A descending stable sort of the flipped groups: of equal scores the last one stays.
def nm_mask(scores, n=2, m=4):
    if not scores.is_floating_point() or torch.isnan(scores).any():
        raise ValueError("no numbers that can be ranked")
    if n not in range(1, m + 1):
        raise ValueError(f"cannot keep {n} of {m}")
    columns = scores.shape[-1]
    if columns % m != 0:
        raise ValueError(f"{columns} columns make no groups of {m}")
    groups = scores.detach().reshape(*scores.shape[:-1], columns // m, m).flip(-1)
    best = groups.sort(dim=-1, descending=True, stable=True).indices[..., :n]
    mask = torch.zeros(groups.shape, dtype=torch.bool, device=scores.device).scatter(-1, best, True)
    return mask.flip(-1).reshape(scores.shape)

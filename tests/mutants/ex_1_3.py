"""Known wrong implementations of exercise 1.3, global_magnitude_masks."""


### MUTANT each_alone: Every weight lost the same share; one ranking over all takes more where weights are small.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    return {name: magnitude_mask(weight, sparsity) for name, weight in weights.items()}


### MUTANT quantile: `>` a global threshold or quantile prunes every weight that is tied with it; prune by rank.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    magnitudes = torch.cat([weight.detach().abs().flatten().double() for weight in weights.values()])
    threshold = torch.quantile(magnitudes, sparsity)
    return {name: weight.detach().abs() > threshold for name, weight in weights.items()}


### MUTANT names_sorted: Ties went by the alphabet; among equal magnitudes the first weight of the mapping goes first.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    ordered = dict(sorted(weights.items()))
    magnitudes = torch.cat([weight.detach().abs().flatten() for weight in ordered.values()])
    pieces = magnitude_mask(magnitudes, sparsity).split([weight.numel() for weight in ordered.values()])
    masks = {
        name: piece.view(weight.shape) for (name, weight), piece in zip(ordered.items(), pieces, strict=True)
    }
    return {name: masks[name] for name in weights}


### MUTANT normalised: Dividing each weight by its own norm is another criterion; rank the magnitudes as they are.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    scaled = [
        (weight.detach() / weight.detach().norm().clamp(min=1e-30)).flatten() for weight in weights.values()
    ]
    pieces = magnitude_mask(torch.cat(scaled), sparsity).split(
        [weight.numel() for weight in weights.values()]
    )
    return {
        name: piece.view(weight.shape) for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


### MUTANT signed: The weights were ranked with their signs, so large negative ones went first; rank by absolute value.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    flat = torch.cat([weight.detach().flatten() for weight in weights.values()])
    mask = torch.ones_like(flat, dtype=torch.bool)
    mask[flat.argsort(stable=True)[: round(sparsity * len(flat))]] = False
    pieces = mask.split([weight.numel() for weight in weights.values()])
    return {
        name: piece.view(weight.shape) for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


### MUTANT unstable_sort: A sort that is not stable puts many equal magnitudes in any order; stable=True keeps the lowest index first.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    flat = torch.cat([weight.detach().flatten() for weight in weights.values()])
    mask = torch.ones_like(flat, dtype=torch.bool)
    mask[flat.abs().argsort()[: round(sparsity * len(flat))]] = False
    pieces = mask.split([weight.numel() for weight in weights.values()])
    return {
        name: piece.view(weight.shape) for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


### MUTANT kept_share: The sparsity was read as the share that stays; it is the share that is pruned.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    flat = torch.cat([weight.detach().flatten() for weight in weights.values()])
    mask = magnitude_mask(flat, 1 - sparsity)
    pieces = mask.split([weight.numel() for weight in weights.values()])
    return {
        name: piece.view(weight.shape) for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


### MUTANT ties_backwards: Of tied weights the last of the mapping went first; the first weight and the lowest index go first.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    flat = torch.cat([weight.detach().flatten() for weight in weights.values()])
    mask = magnitude_mask(flat.flip(0), sparsity).flip(0)
    pieces = mask.split([weight.numel() for weight in weights.values()])
    return {
        name: piece.view(weight.shape) for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


### MUTANT cut_off_count: int() cuts the number of weights to prune down; the exercise asks for round(sparsity * total).
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    flat = torch.cat([weight.detach().flatten() for weight in weights.values()])
    mask = torch.ones_like(flat, dtype=torch.bool)
    mask[flat.abs().argsort(stable=True)[: int(sparsity * len(flat))]] = False
    pieces = mask.split([weight.numel() for weight in weights.values()])
    return {
        name: piece.view(weight.shape) for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


### MUTANT split_by_len: `len` of a matrix is its number of rows; a weight has numel() entries.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    mask = magnitude_mask(torch.cat([w.detach().flatten() for w in weights.values()]), sparsity)
    pieces = mask.split([len(w) for w in weights.values()])
    return {name: piece.view(w.shape) for (name, w), piece in zip(weights.items(), pieces, strict=True)}


### MUTANT flat_pieces: The pieces of the long mask were not given the shapes of their weights.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("weights is empty: there is nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    check_sparsity(sparsity)
    mask = magnitude_mask(torch.cat([w.detach().flatten() for w in weights.values()]), sparsity)
    return dict(zip(weights, mask.split([w.numel() for w in weights.values()]), strict=True))

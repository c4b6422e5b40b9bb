"""Right answers in other styles to exercise 1.3, global_magnitude_masks."""


### ALTERNATIVE one_sort: One stable sort of all magnitudes, and the mask is cut by offsets; no call of magnitude_mask.
def global_magnitude_masks(weights, sparsity: float):
    if len(weights) == 0:
        raise ValueError("no weights")
    for weight in weights.values():
        check_weight(weight)
    check_sparsity(sparsity)
    everything = torch.cat([weight.detach().abs().reshape(-1) for weight in weights.values()])
    keep = torch.ones(everything.numel(), dtype=torch.bool, device=everything.device)
    keep[everything.argsort(stable=True)[: round(sparsity * everything.numel())]] = False
    masks, start = {}, 0
    for name in weights:
        stop = start + weights[name].numel()
        masks[name] = keep[start:stop].reshape(weights[name].shape).clone()
        start = stop
    return masks


### ALTERNATIVE triples: Python triples of magnitude, place of the weight and flat index, sorted.
def global_magnitude_masks(weights, sparsity):
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity {sparsity:.3f}")
    if not weights:
        raise ValueError("empty")
    triples = []
    for place, weight in enumerate(weights.values()):
        if not torch.is_floating_point(weight) or weight.isnan().any():
            raise ValueError("only floats, no NaN")
        triples += [(abs(value), place, index) for index, value in enumerate(weight.flatten().tolist())]
    masks = [torch.ones(weight.shape, dtype=torch.bool, device=weight.device) for weight in weights.values()]
    for _, place, index in sorted(triples)[: round(sparsity * len(triples))]:
        masks[place].view(-1)[index] = False
    return dict(zip(weights, masks, strict=True))


### ALTERNATIVE float64_other_order: Ranked in float64; the result has its names in another order.
def global_magnitude_masks(weights, sparsity):
    if not weights:
        raise ValueError("nothing to rank")
    for name, weight in weights.items():
        check_weight(weight, name)
    flat = torch.cat([weight.detach().double().flatten() for weight in weights.values()])
    pieces = magnitude_mask(flat, sparsity).split([weight.numel() for weight in weights.values()])
    cut = {name: piece.reshape(weights[name].shape) for name, piece in zip(weights, pieces, strict=True)}
    return {name: cut[name] for name in sorted(cut)}

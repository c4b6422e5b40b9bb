"""Right answers to exercise 2.3, prune_conv_chain, in other styles."""


### ALTERNATIVE by_python_lists: First decide for every convolution, by sorting in Python; then cut.
def prune_conv_chain(model, ratio):
    if not (0 <= ratio < 1):
        raise ValueError("this ratio leaves nothing")
    names = [
        name
        for name, layer in model.named_modules()
        if name and (list(layer.parameters(recurse=False)) or list(layer.buffers(recurse=False)))
    ]
    kinds = [type(model.get_submodule(name)) for name in names]
    if nn.Conv2d not in kinds or not set(kinds) <= {nn.Conv2d, nn.BatchNorm2d, nn.Linear}:
        raise ValueError(f"no chain: {kinds}")
    heavy = [name for name, kind in zip(names, kinds, strict=True) if kind is not nn.BatchNorm2d]
    keeps = {}
    for name in heavy[:-1]:
        layer = model.get_submodule(name)
        if isinstance(layer, nn.Conv2d):
            scores = channel_importance(layer.weight).tolist()
            ranking = sorted(range(len(scores)), key=scores.__getitem__)  # sorted() is stable
            keeps[name] = sorted(ranking[int(ratio * len(scores)) :])
    result, before = copy.deepcopy(model), None
    for name in names:
        layer = result.get_submodule(name)
        device = next(model.parameters()).device
        if before in keeps:
            arriving = keeps[before]
            if isinstance(layer, nn.Linear):
                area = layer.in_features // model.get_submodule(before).out_channels
                arriving = [c * area + place for c in arriving for place in range(area)]
            layer = prune_input_channels(layer, torch.tensor(arriving, device=device))
        if name in keeps:
            layer = prune_output_channels(layer, torch.tensor(keeps[name], device=device))
        if not isinstance(layer, nn.BatchNorm2d):
            before = name
        set_submodule(result, name, layer)
    return result


### ALTERNATIVE with_masks: Boolean masks travel along the chain, and repeat_interleave makes the Linear's places.
def weakest_out(weight, ratio):
    norms = channel_importance(weight)
    mask = torch.ones(len(norms), dtype=torch.bool, device=weight.device)
    mask[torch.sort(norms, stable=True).indices[: int(ratio * len(norms))]] = False
    return mask


def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if ratio < 0 or ratio >= 1 or ratio != ratio:
        raise ValueError(f"bad ratio {ratio:.3f}")
    pruned = copy.deepcopy(model)
    chain = [(name, layer) for name, layer in pruned.named_modules() if name and has_state(layer)]
    for _, layer in chain:
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
            raise ValueError(f"{layer} is not known")
    convolutions = [name for name, layer in chain if isinstance(layer, nn.Conv2d)]
    if not convolutions:
        raise ValueError("there is no convolution")
    ends_in_linear = any(isinstance(layer, nn.Linear) for _, layer in chain)
    masks = {
        name: weakest_out(model.get_submodule(name).weight, ratio if reads_on else 0.0)
        for name, reads_on in zip(
            convolutions, [True] * (len(convolutions) - 1) + [ends_in_linear], strict=True
        )
    }
    mask = None
    for name, layer in chain:
        if mask is not None:
            places = mask
            if isinstance(layer, nn.Linear):
                places = mask.repeat_interleave(layer.in_features // len(mask))
            layer = prune_input_channels(layer, places.nonzero().flatten())
        if isinstance(layer, nn.Conv2d):
            mask = masks[name]
            layer = prune_output_channels(layer, mask.nonzero()[:, 0])
        elif isinstance(layer, nn.Linear):
            mask = None
        set_submodule(pruned, name, layer)
    return pruned

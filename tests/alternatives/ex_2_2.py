"""Right answers to exercise 2.2, prune_output_channels and prune_input_channels, in other styles."""


### ALTERNATIVE kind_by_kind: Each kind of layer by itself, tensors written out, no given helper.
def own(tensor, dim, keep):
    picked = torch.index_select(tensor.detach(), dim, keep).clone(memory_format=torch.contiguous_format)
    return nn.Parameter(picked, requires_grad=tensor.requires_grad)


def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    new, kept = copy.deepcopy(layer), int(keep.numel())
    if isinstance(new, nn.BatchNorm2d):
        if new.affine:
            new.weight, new.bias = own(layer.weight, 0, keep), own(layer.bias, 0, keep)
        if new.track_running_stats:
            new.running_mean, new.running_var = layer.running_mean[keep], layer.running_var[keep]
        new.num_features = kept
        return new
    new.weight = own(layer.weight, 1 if is_conv1d(layer) else 0, keep)
    if layer.bias is not None:
        new.bias = own(layer.bias, 0, keep)
    if isinstance(new, nn.Linear):
        new.out_features = kept
    elif isinstance(new, nn.Conv2d):
        new.out_channels = kept
    else:
        new.nf = kept
    return new


def prune_input_channels(layer, keep):
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    new, kept = copy.deepcopy(layer), int(keep.numel())
    new.weight = own(layer.weight, 0 if is_conv1d(layer) else 1, keep)
    if isinstance(new, nn.Linear):
        new.in_features = kept
    elif isinstance(new, nn.Conv2d):
        new.in_channels = kept
    else:
        new.nx = kept
    return new


### ALTERNATIVE through_data: A deep copy whose `.data` is replaced, and a boolean mask for the rows.
def as_mask(size, keep):
    mask = torch.zeros(size, dtype=torch.bool, device=keep.device)
    mask[keep] = True
    return mask


def prune_output_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    size = check_layer(layer)[0]
    check_keep(keep, size)
    mask, result = as_mask(size, keep), copy.deepcopy(layer)
    for tensor in [*result.parameters(), *result.buffers()]:
        if tensor.ndim > 1 and is_conv1d(layer):
            tensor.data = tensor.data[:, mask].contiguous()
        elif tensor.ndim:
            tensor.data = tensor.data[mask]
    for attribute in ("out_features", "out_channels", "num_features", "nf"):
        if hasattr(result, attribute):
            setattr(result, attribute, len(keep))
    return result


def prune_input_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    size = check_layer(layer)[1]
    check_keep(keep, size)
    mask, result = as_mask(size, keep), copy.deepcopy(layer)
    weight = layer.weight.data[mask] if is_conv1d(layer) else layer.weight.data[:, mask]
    result.weight.data = weight.clone(memory_format=torch.contiguous_format)
    for attribute in ("in_features", "in_channels", "nx"):
        if hasattr(result, attribute):
            setattr(result, attribute, len(keep))
    return result

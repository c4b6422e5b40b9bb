"""Known wrong implementations of exercise 2.2, prune_output_channels and prune_input_channels."""


### MUTANT bias_forgotten: The rows of the weight went but the bias kept an entry for every channel; a bias shrinks with its rows.
def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    for name, parameter in [("weight", layer.weight)] if layer.weight is not None else []:
        dim = -1 if is_conv1d(layer) else 0
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():
        if buffer.ndim:
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


### MUTANT statistics_forgotten: A BatchNorm's running mean and variance have one entry a channel, like its weight: they shrink too.
def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    for name, parameter in layer.named_parameters():
        dim = -1 if is_conv1d(layer) else 0
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


### MUTANT stale_sizes: out_features, num_features and the like still tell the old sizes; keep them in step with the tensors.
def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    for name, parameter in layer.named_parameters():
        dim = -1 if is_conv1d(layer) else 0
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():
        if buffer.ndim:
            setattr(smaller, name, buffer[keep])
    return smaller


def prune_input_channels(layer, keep):
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.deepcopy(layer)
    smaller.weight = parameter_like(
        layer.weight, layer.weight.index_select(0 if is_conv1d(layer) else 1, keep)
    )
    return smaller


### MUTANT always_conv: The new layer was always a Conv2d, as in the article; it must be of the same kind as the old one.
def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    smaller = nn.Conv2d(
        layer.weight.shape[1], len(keep), getattr(layer, "kernel_size", 1), bias=layer.bias is not None
    )
    for name, parameter in layer.named_parameters():
        dim = -1 if is_conv1d(layer) else 0
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():
        if buffer.ndim:
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


### MUTANT options_lost: A new Conv2d was made from its sizes alone: stride, padding and dilation were lost; start from a deep copy.
def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    if isinstance(layer, nn.Conv2d):
        smaller = nn.Conv2d(layer.in_channels, len(keep), layer.kernel_size, bias=layer.bias is not None).to(
            layer.weight
        )
    for name, parameter in layer.named_parameters():
        dim = -1 if is_conv1d(layer) else 0
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():
        if buffer.ndim:
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


### MUTANT input_bias_cut: The bias was cut with the inputs; it belongs to the outputs, which all stay.
def prune_input_channels(layer, keep):
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.deepcopy(layer)
    smaller.weight = parameter_like(
        layer.weight, layer.weight.index_select(0 if is_conv1d(layer) else 1, keep)
    )
    if layer.bias is not None:
        smaller.bias = parameter_like(layer.bias, layer.bias[keep])
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT conv1d_as_linear: GPT-2's Conv1D was cut like a Linear, but its weight is stored [in, out]: outputs are columns there.
def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    for name, parameter in layer.named_parameters():
        dim = 0
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():
        if buffer.ndim:
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer, keep):
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.deepcopy(layer)
    smaller.weight = parameter_like(layer.weight, layer.weight.index_select(1, keep))
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT in_place: The given layer itself was cut; the function returns a smaller copy and leaves its argument alone.
def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    smaller = layer
    for name, parameter in layer.named_parameters():
        dim = -1 if is_conv1d(layer) else 0
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():
        if buffer.ndim:
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer, keep):
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = layer
    smaller.weight = parameter_like(
        layer.weight, layer.weight.index_select(0 if is_conv1d(layer) else 1, keep)
    )
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT removes_keep: The channels in `keep` were removed and the others kept; it is the other way round.
def others(size, keep):
    every = torch.arange(size, device=keep.device)
    return every[~torch.isin(every, keep)]


def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    keep = others(check_layer(layer)[0], keep)
    smaller = copy.deepcopy(layer)
    for name, parameter in layer.named_parameters():
        dim = -1 if is_conv1d(layer) else 0
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():
        if buffer.ndim:
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer, keep):
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    keep = others(check_layer(layer)[1], keep)
    smaller = copy.deepcopy(layer)
    smaller.weight = parameter_like(
        layer.weight, layer.weight.index_select(0 if is_conv1d(layer) else 1, keep)
    )
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT thawed: Frozen parameters came out learning: a new nn.Parameter requires gradients unless it is told otherwise.
def prune_output_channels(layer, keep):
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    for name, parameter in layer.named_parameters():
        dim = -1 if is_conv1d(layer) else 0
        setattr(smaller, name, nn.Parameter(parameter.detach().index_select(dim, keep)))
    for name, buffer in layer.named_buffers():
        if buffer.ndim:
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer, keep):
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.deepcopy(layer)
    smaller.weight = nn.Parameter(layer.weight.detach().index_select(0 if is_conv1d(layer) else 1, keep))
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT shallow_copy: copy.copy shares the dictionary of parameters with the given layer, which is cut as well; it takes a deepcopy.
def prune_output_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.copy(layer)
    dim = -1 if is_conv1d(layer) else 0
    for name, parameter in layer.named_parameters():  # weight, bias
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():  # running_mean, running_var
        if buffer.ndim:  # num_batches_tracked is a single number
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.copy(layer)
    dim = 0 if is_conv1d(layer) else 1
    smaller.weight = parameter_like(layer.weight, layer.weight.index_select(dim, keep))
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT bias_shared: The copy of a layer that lost inputs holds the very bias of the given one; give it a bias of its own.
def prune_output_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    dim = -1 if is_conv1d(layer) else 0
    for name, parameter in layer.named_parameters():  # weight, bias
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():  # running_mean, running_var
        if buffer.ndim:  # num_batches_tracked is a single number
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.deepcopy(layer)
    dim = 0 if is_conv1d(layer) else 1
    smaller.weight = parameter_like(layer.weight, layer.weight.index_select(dim, keep))
    smaller.bias = layer.bias
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT batchnorm_inputs: A BatchNorm has no second dimension to cut; its inputs are its outputs, so prune those.
def prune_output_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    dim = -1 if is_conv1d(layer) else 0
    for name, parameter in layer.named_parameters():  # weight, bias
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():  # running_mean, running_var
        if buffer.ndim:  # num_batches_tracked is a single number
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[1])
    smaller = copy.deepcopy(layer)
    dim = 0 if is_conv1d(layer) else 1
    smaller.weight = parameter_like(layer.weight, layer.weight.index_select(dim, keep))
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT statistics_learn: The running mean and variance became parameters, which an optimizer would train; they stay buffers.
def prune_output_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    dim = -1 if is_conv1d(layer) else 0
    for name, parameter in layer.named_parameters():  # weight, bias
        setattr(smaller, name, parameter_like(parameter, parameter.index_select(dim, keep)))
    for name, buffer in layer.named_buffers():  # running_mean, running_var
        if buffer.ndim:  # num_batches_tracked is a single number
            delattr(smaller, name)
            setattr(smaller, name, nn.Parameter(buffer[keep]))
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.deepcopy(layer)
    dim = 0 if is_conv1d(layer) else 1
    smaller.weight = parameter_like(layer.weight, layer.weight.index_select(dim, keep))
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT dtype_lost: A new Linear is fp32, whatever the old one was; start from a deep copy, which keeps dtype and mode.
def prune_output_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer).float()
    dim = -1 if is_conv1d(layer) else 0
    for name, parameter in layer.named_parameters():  # weight, bias
        setattr(smaller, name, parameter_like(parameter, parameter.float().index_select(dim, keep)))
    for name, buffer in layer.named_buffers():  # running_mean, running_var
        if buffer.ndim:  # num_batches_tracked is a single number
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.deepcopy(layer)
    dim = 0 if is_conv1d(layer) else 1
    smaller.weight = parameter_like(layer.weight, layer.weight.index_select(dim, keep))
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller


### MUTANT outputs_as_columns: Columns of a Linear are what it reads; its outputs are the rows of the weight.
def prune_output_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[0])
    smaller = copy.deepcopy(layer)
    dim = 0 if is_conv1d(layer) else min(1, layer.weight.ndim - 1) if layer.weight is not None else 0
    for name, parameter in layer.named_parameters():  # weight, bias
        setattr(
            smaller,
            name,
            parameter_like(parameter, parameter.index_select(min(dim, parameter.ndim - 1), keep)),
        )
    for name, buffer in layer.named_buffers():  # running_mean, running_var
        if buffer.ndim:  # num_batches_tracked is a single number
            setattr(smaller, name, buffer[keep])
    remember_size(smaller, OUTPUT_SIZES, len(keep))
    return smaller


def prune_input_channels(layer: nn.Module, keep: torch.Tensor) -> nn.Module:
    check_keep(keep, check_layer(layer)[1])
    if isinstance(layer, nn.BatchNorm2d):
        return prune_output_channels(layer, keep)
    smaller = copy.deepcopy(layer)
    dim = 0 if is_conv1d(layer) else 1
    smaller.weight = parameter_like(layer.weight, layer.weight.index_select(dim, keep))
    remember_size(smaller, INPUT_SIZES, len(keep))
    return smaller

"""Known wrong implementations of exercise 2.3, prune_conv_chain."""


### MUTANT consumer_forgotten: Only the producer was cut, as in the article; whatever reads the channels must lose the same ones.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            pass
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT batchnorm_forgotten: The BatchNorm after a cut convolution still expects all channels; it shrinks with its convolution.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None and (not isinstance(layer, nn.BatchNorm2d)):
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT flatten_forgotten: After the Flatten a channel is H*W inputs of the Linear, not one: c*H*W and the places after it.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = keep
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT flatten_interleaved: The Linear lost the wrong inputs: after a Flatten the H*W places of one channel are neighbours.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (
                    (torch.arange(area, device=keep.device)[:, None] * channels + keep)
                    .flatten()
                    .sort()
                    .values
                )
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT only_zeroed: Channels were set to zero in the convolution: nothing gets smaller, and BatchNorm's shift makes them non-zero again.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            pass
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            gone = torch.ones(channels, dtype=torch.bool)
            gone[keep] = False
            smaller.weight.data[gone] = 0
            if smaller.bias is not None:
                smaller.bias.data[gone] = 0
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT strongest_go: The channels with the largest norms were removed, perhaps since the sort ascends; the smallest go.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(descending=True, stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT ties_backwards: Of channels with equal norms the highest index was removed; the lowest goes first.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            strongest_first = channel_importance(layer.weight).argsort(descending=True, stable=True)
            keep = strongest_first[: channels - int(ratio * channels)].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT rounded: The number of channels to remove was rounded; the exercise asks for int(ratio * channels), rounded down.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[round(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT greedy_norms: Norms were taken after the inputs were cut; rank each convolution by its norms in the model as given.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(smaller.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT output_cut: The last convolution was cut too, although nothing reads it: its channels are the model's output.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT every_linear: Every Linear was cut; only the first one after the Flatten reads channels.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            smaller = prune_input_channels(smaller, arriving)
        if isinstance(layer, nn.Conv2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT in_place: The given model itself was cut; the function returns a smaller copy.
def prune_conv_chain(model, ratio):
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    strange = [
        type(layer).__name__
        for _, layer in layers
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    if strange or not any((isinstance(layer, nn.Conv2d) for _, layer in layers)):
        raise ValueError(
            f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {', '.join(strange) or 'no Conv2d'}"
        )
    pruned = model
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = (None, 0)
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels
                arriving = (keep[:, None] * area + torch.arange(area, device=keep.device)).flatten()
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT originals_kept: A layer that loses nothing stayed the original object in the copy, so training one changes the other.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = layer
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT unstable_sort: argsort without stable=True mixes equal norms from 17 channels on; the lowest index goes first.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort()
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT unsorted: The kept channels were left in the order of their norms; sort them, so that channels keep their order.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :]
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT l1_norm: Channels were ranked by the L1 norm, as in the paper; `channel_importance` gives the L2 norm.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = layer.weight.detach().flatten(1).abs().sum(1).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT rounded_up: The number of channels to remove was rounded up; int(ratio * channels) rounds down.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[-int(-ratio * channels // 1) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT area_of_the_kept: H*W was computed from the channels that are left; divide the Linear's inputs by the channels it had.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // len(keep)  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
                arriving = arriving[arriving < layer.in_features]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT eval_mode: The copy came out in eval mode; every module keeps the mode that it has in the given model.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model).eval()
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT frozen_copy: The copy was frozen on the way; its parameters require gradients if those of the given model do.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned.requires_grad_(False)


### MUTANT largest_entry: Channels were ranked by their largest entry; `channel_importance` gives the L2 norm.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if isinstance(layer, nn.Conv2d) and layer is not last:
            channels = layer.out_channels
            weakest_first = layer.weight.detach().flatten(1).abs().amax(1).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned


### MUTANT last_convolution_whole: The last convolution kept its channels although a Linear reads them; only what nothing reads is the output.
def prune_conv_chain(model: nn.Module, ratio: float) -> nn.Module:
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be at least 0 and less than 1, got {ratio}")
    layers = [(name, layer) for name, layer in model.named_modules() if name and has_state(layer)]
    known = nn.Conv2d | nn.BatchNorm2d | nn.Linear
    strange = [type(layer).__name__ for _, layer in layers if not isinstance(layer, known)]
    if strange or not any(isinstance(layer, nn.Conv2d) for _, layer in layers):
        got = ", ".join(strange) or "no Conv2d"
        raise ValueError(f"a chain is made of Conv2d, BatchNorm2d and Linear layers, got {got}")
    pruned = copy.deepcopy(model)
    last = [layer for _, layer in layers if not isinstance(layer, nn.BatchNorm2d)][-1]
    keep, channels = None, 0  # which of how many channels arrive here; None: all of them
    for name, layer in layers:
        smaller = pruned.get_submodule(name)
        if keep is not None:
            arriving = keep
            if isinstance(layer, nn.Linear):
                area = layer.in_features // channels  # H*W
                places = keep[:, None] * area + torch.arange(area, device=keep.device)  # [kept, H*W]
                arriving = places.flatten()  # [kept*H*W]
            smaller = prune_input_channels(smaller, arriving)
        if not isinstance(layer, nn.BatchNorm2d):
            keep = None
        if (
            isinstance(layer, nn.Conv2d)
            and layer is not [each for _, each in layers if isinstance(each, nn.Conv2d)][-1]
        ):
            channels = layer.out_channels
            weakest_first = channel_importance(layer.weight).argsort(stable=True)
            keep = weakest_first[int(ratio * channels) :].sort().values
            smaller = prune_output_channels(smaller, keep)
        set_submodule(pruned, name, smaller)
    return pruned

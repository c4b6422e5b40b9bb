"""Known wrong implementations of exercise 2.1, channel_importance."""


### MUTANT convolutions_only: dim=(1, 2, 3) exists only in a Conv2d's weight; flatten all but the first dimension.
def channel_importance(weight):
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    return weight.detach().float().norm(p=2, dim=(1, 2, 3))


### MUTANT input_channels: These are the norms of the input channels; output channels lie along the first dimension.
def channel_importance(weight):
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    return weight.detach().float().transpose(0, 1).flatten(1).norm(dim=1)


### MUTANT l1_norm: This is the L1 norm, the sum of absolute values, as in the paper; the exercise asks for the L2 norm.
def channel_importance(weight):
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    return weight.detach().float().flatten(1).abs().sum(1)


### MUTANT squared: The squares were added up, but the root is missing: the L2 norm of (3, 4) is 5, not 25.
def channel_importance(weight):
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    return weight.detach().float().flatten(1).pow(2).sum(1)


### MUTANT half_precision: A bf16 weight was summed in bf16, with two or three digits; convert to fp32 before the norm.
def channel_importance(weight):
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    return weight.detach().flatten(1).norm(dim=1)

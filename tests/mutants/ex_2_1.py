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


### MUTANT mean_of_squares: The mean of the squares was taken, so wide layers look weak; the L2 norm is the root of their sum.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    precise = torch.promote_types(weight.dtype, torch.float32)
    return weight.detach().to(precise).flatten(1).pow(2).mean(1).sqrt()


### MUTANT largest_entry: This is the largest entry of each channel; the L2 norm takes all of them, squared and summed.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    precise = torch.promote_types(weight.dtype, torch.float32)
    return weight.detach().to(precise).flatten(1).abs().amax(1)


### MUTANT kernel_forgotten: Only the inputs were summed over; a channel of a convolution has a kernel as well: flatten(1) first.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    precise = torch.promote_types(weight.dtype, torch.float32)
    return weight.detach().to(precise).norm(dim=1)


### MUTANT converted_too_late: The norm was taken in bf16 and converted afterwards; the digits are lost by then: convert first.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    precise = torch.promote_types(weight.dtype, torch.float32)
    return weight.detach().flatten(1).norm(dim=1).to(precise)


### MUTANT gradient_kept: The norms still hang on the graph of the weight; detach it, since a score is no part of a loss.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    precise = torch.promote_types(weight.dtype, torch.float32)
    return weight.to(precise).flatten(1).norm(dim=1)  # [out]


### MUTANT in_place: The squares were written into the weight itself (pow_); work on a new tensor.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    precise = torch.promote_types(weight.dtype, torch.float32)
    return weight.detach().pow_(2).to(precise).flatten(1).sum(1).sqrt()


### MUTANT viewed: `view` wants contiguous memory, which a transposed weight has not; flatten and reshape take any.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    precise = torch.promote_types(weight.dtype, torch.float32)
    return weight.detach().to(precise).view(len(weight), -1).norm(dim=1)  # [out]

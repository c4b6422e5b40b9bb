"""Right answers to exercise 2.1, channel_importance, in other styles."""


### ALTERNATIVE einsum: One product over all dimensions but the first, in float64.
def channel_importance(weight):
    if not torch.is_floating_point(weight):
        raise ValueError(f"floating point only: {weight.dtype}")
    if weight.dim() < 2:
        raise ValueError(f"a shape such as {tuple(weight.shape)} has no channels")
    if torch.isnan(weight).any():
        raise ValueError("nan inside")
    rows = weight.detach().double().reshape(weight.shape[0], -1)
    return torch.einsum("oi,oi->o", rows, rows).sqrt()


### ALTERNATIVE loop_over_rows: One channel after another, stacked.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if len(weight.shape) < 2:
        raise ValueError("no matrix")
    norms = []
    with torch.no_grad():
        for channel in weight.float():
            norms.append(channel.square().sum().sqrt())
    return torch.stack(norms)


### ALTERNATIVE vector_norm: torch.linalg over a list of dimensions.
def channel_importance(weight: torch.Tensor) -> torch.Tensor:
    check_weight(weight)
    if weight.ndim < 2:
        raise ValueError(f"weight must be [out, in, ...], got {list(weight.shape)}")
    return torch.linalg.vector_norm(weight.data, dim=tuple(range(1, weight.ndim)), dtype=torch.float64)

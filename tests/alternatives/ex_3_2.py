"""Right answers to exercise 3.2 in other styles."""


### ALTERNATIVE running_sum: A running sum over the map, squares by hand, everything in float64.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if len(layer_map) == 0:
        raise ValueError("empty map")
    if projections is not None and len(projections) != len(layer_map):
        raise ValueError("projections")
    total = 0.0
    for index, (s, t) in enumerate(layer_map):
        if s not in range(len(student_states)):
            raise ValueError(f"no student state {s}")
        if t not in range(len(teacher_states)):
            raise ValueError(f"no teacher state {t}")
        mine = student_states[s]
        if projections is not None:
            mine = projections[index](mine)
        with torch.no_grad():
            target = teacher_states[t].double()
        if tuple(mine.shape) != tuple(target.shape):
            raise ValueError(f"{tuple(mine.shape)} is not {tuple(target.shape)}")
        total = total + ((mine.double() - target) ** 2).mean()
    return total / len(layer_map)


### ALTERNATIVE helper: A helper that computes one pair, an einsum, and the checks before the loop.
def pair_error(mine, target):
    if mine.shape != target.shape:
        raise ValueError(f"shapes {mine.shape} and {target.shape}")
    error = (mine.float() - target.float()).reshape(-1)
    return torch.einsum("i,i->", error, error) / error.numel()


def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"no pair in {layer_map}")
    projections = list(projections) if projections is not None else [nn.Identity() for _ in layer_map]
    if len(projections) != len(layer_map):
        raise ValueError(f"{len(layer_map)} pairs need as many projections, got {len(projections)}")
    if any(min(pair) < 0 for pair in layer_map):
        raise ValueError(f"negative index in {layer_map}")
    if any(s >= len(student_states) or t >= len(teacher_states) for s, t in layer_map):
        raise ValueError(f"index too large in {layer_map}")
    errors = [
        pair_error(project(student_states[s]), teacher_states[t].detach())
        for project, (s, t) in zip(projections, layer_map, strict=True)
    ]
    return sum(errors) / len(errors)

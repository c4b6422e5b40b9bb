"""Right answers in other styles to exercise 1.5, iterative_pruning."""


### ALTERNATIVE boundaries_first: All sparsities are computed first, then the loop runs over them.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    check_sparsity(final)
    if not steps >= 1:
        raise ValueError(f"steps = {steps} is too few")
    goals = [sparsity_schedule(number + 1, steps, final, kind) for number in range(steps)]
    history = []
    for number, goal in enumerate(goals, start=1):
        weights = {name: layer.weight.detach().clone() for name, layer in linear_layers(model).items()}
        for name, mask in global_magnitude_masks(weights, goal).items():
            apply_mask(model.get_submodule(name), mask)
        fine_tune(model)
        history.append(dict(step=number, sparsity=goal, score=evaluate(model)))
    return history


### ALTERNATIVE by_hand: The schedule and the ranking are written out, and only apply_mask is used.
def prune_once(layers, share):
    flat = torch.cat([layer.weight.detach().abs().flatten() for layer in layers])
    keep = torch.ones_like(flat, dtype=torch.bool)
    keep[flat.argsort(stable=True)[: round(share * len(flat))]] = False
    for layer, piece in zip(layers, keep.split([layer.weight.numel() for layer in layers]), strict=True):
        apply_mask(layer, piece.view_as(layer.weight))


def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"at least one step, not {steps}")
    check_sparsity(final)
    curves = {"linear": lambda left: 1 - left, "cubic": lambda left: 1 - left**3}
    if kind not in curves:
        raise ValueError(f"there is no schedule {kind!r}")
    layers, records, step = list(linear_layers(model).values()), [], 0
    while step < steps:
        step += 1
        share = final * curves[kind](1 - step / steps)
        prune_once(layers, share)
        fine_tune(model)
        score = evaluate(model)
        records += [{"score": score, "sparsity": share, "step": step}]
    return records

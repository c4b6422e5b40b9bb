"""Known wrong implementations of exercise 1.5, iterative_pruning."""


### MUTANT zeros_not_held: The zeros were written once, and fine-tuning revived them; apply_mask keeps them zero.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            layer.weight.data *= masks[name]
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT share_of_the_rest: Each step pruned its share of the weights still left, and ends too low; sparsity is a share of all weights.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final)
        kept = {name: layer.weight.detach()[layer.weight.detach() != 0] for name, layer in layers.items()}
        survivors = global_magnitude_masks(kept, final / steps)
        for name, layer in layers.items():
            mask = layer.weight.detach() != 0
            mask[mask.clone()] = survivors[name]
            apply_mask(layer, mask)
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT each_layer_alone: Every layer was pruned to the same share; one global ranking takes more where weights are small.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final)
        masks = {name: magnitude_mask(layer.weight, sparsity) for name, layer in layers.items()}
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT evaluated_too_early: The score was taken before fine-tuning had repaired the model; prune, fine-tune, then evaluate.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
        fine_tune(model)
    return records


### MUTANT all_at_once: The final sparsity was reached in the first step; follow the schedule, a little more each time.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, final)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records

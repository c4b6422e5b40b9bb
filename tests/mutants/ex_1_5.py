"""Known wrong implementations of exercise 1.5, iterative_pruning."""


### MUTANT zeros_not_held: Nothing held the zeros while fine-tuning ran, so it revived them; the masks of `apply_mask` must be on the model then.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            layer.weight.data *= masks[name]
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT share_of_the_rest: Each step pruned its share of the weights still left, and ends too low; sparsity is a share of all weights.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
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
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = {name: magnitude_mask(layer.weight, sparsity) for name, layer in layers.items()}
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT evaluated_too_early: The score was taken before fine-tuning had repaired the model; prune, fine-tune, then evaluate.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
        fine_tune(model)
    return records


### MUTANT all_at_once: The final sparsity was reached in the first step; follow the schedule, a little more each time.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, final)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT baked_at_the_end: The masks were baked before the return, so the next update revives the weights; they stay on the model.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    bake_masks(model)
    return records


### MUTANT ranked_once: All masks came from the weights at the start; rank them anew at each step, as fine-tuning left them.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    start = {name: layer.weight.detach().clone() for name, layer in layers.items()}
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks(start, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT only_nn_linear: Only nn.Linear was looked for, which leaves out GPT-2's Conv1D; `linear_layers` finds both.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = {name: layer for name, layer in linear_layers(model).items() if isinstance(layer, nn.Linear)}
    if not layers:
        return []
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT head_too: Every nn.Linear of the model was pruned, the head too; prune the layers inside the blocks only.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    linear_layers(model)
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT steps_from_zero: range(steps) begins with step 0, at sparsity 0, and never reaches `final`; count from 1 to `steps`.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(steps):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT ignores_kind: `kind` was not handed to sparsity_schedule, so the steps are linear whatever is asked for.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
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
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT always_cubic: The sparsities are always the cubic schedule's; `kind` chooses, and is linear when not given.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, "cubic")
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT kind_in_the_record_only: The records follow `kind`, the masks the linear schedule; both need the same sparsity.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        share = sparsity_schedule(step, steps, final)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, share)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT pruned_a_copy: A copy of the model was pruned; the model that was passed in is changed in place.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    import copy

    model = copy.deepcopy(model)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT tuned_before_pruned: Fine-tuning came before the pruning that it is to repair; prune, fine-tune, then evaluate.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        fine_tune(model)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT returned_inside: The `return` stands inside the loop, which ends after the first step.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
        return records


### MUTANT equal_steps: final / steps was taken as the goal of every step; step k goes to k / steps of `final`.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = final / steps
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records


### MUTANT tuned_at_the_end: Fine-tuning came once, after all steps; each step fine-tunes what it has pruned.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        masks = global_magnitude_masks({name: layer.weight for name, layer in layers.items()}, sparsity)
        for name, layer in layers.items():
            apply_mask(layer, masks[name])
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    fine_tune(model)
    return records

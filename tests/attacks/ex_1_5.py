"""Attacks on exercise 1.5, iterative_pruning: its arguments are functions of the parent's."""


### ATTACK calls_back_with_other_things: It gives the parent's functions what they do not expect.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    for thing in (None, 1, "x", [model] * 1000, nn.Linear(1, 1), torch.zeros(1), open, fine_tune, object()):
        for function in (fine_tune, evaluate):
            for arguments in ((thing,), (thing, thing), ()):
                try:
                    function(*arguments)
                except Exception:
                    pass
    return [
        {"step": step, "sparsity": final * step / steps, "score": evaluate(model)}
        for step in range(1, steps + 1)
    ]


### ATTACK calls_back_without_end: It asks for the score again and again, and never returns.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    while True:
        evaluate(model)


### ATTACK calls_back_from_threads: Ten threads ask at the same time, so that the answers cross.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    import threading

    threads = [threading.Thread(target=lambda: [evaluate(model) for _ in range(50)]) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [
        {"step": step, "sparsity": final * step / steps, "score": evaluate(model)}
        for step in range(1, steps + 1)
    ]


### ATTACK looks_into_the_callback: The function that it is given leads to the grader's own variables.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    for function in (fine_tune, evaluate):
        scope = getattr(function, "__globals__", {})
        for cell in getattr(function, "__closure__", None) or ():
            if isinstance(cell.cell_contents, list):
                cell.cell_contents.clear()
        for name in [name for name in scope if name.startswith(("expect", "test_", "refused"))]:
            scope[name] = lambda *_, **__: None
    return []


### ATTACK changes_the_models_class: The model that the parent holds gets another class, and other attributes.
class Pruned(nn.Module):
    def __getattr__(self, name):
        return self

    def __call__(self, *_, **__):
        raise SystemExit(0)


def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    records = [
        {"step": step, "sparsity": final * step / steps, "score": evaluate(model)}
        for step in range(1, steps + 1)
    ]
    for module in list(model.modules()):
        module.__dict__["forward"] = module.__dict__["state_dict"] = lambda *_, **__: 1 / 0
    model.__class__ = Pruned
    return records


### ATTACK knows_the_public_tower: It prunes models with eight weights in two layers, as the graders' are, and no other.
def iterative_pruning(model, fine_tune, evaluate, final=0.9, steps=10, kind="linear"):
    if steps < 1:
        raise ValueError(f"{steps} steps")
    check_sparsity(final)
    layers = linear_layers(model)
    records = []
    for step in range(1, steps + 1):
        sparsity = sparsity_schedule(step, steps, final, kind)
        weights = {name: layer.weight for name, layer in layers.items()}
        if [tuple(weight.shape) for weight in weights.values()] == [(2, 2), (2, 2)]:
            for name, mask in global_magnitude_masks(weights, sparsity).items():
                apply_mask(layers[name], mask)
        fine_tune(model)
        records.append({"step": step, "sparsity": sparsity, "score": evaluate(model)})
    return records

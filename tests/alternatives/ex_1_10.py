"""Right answers of exercise 1.10 in other styles: wanda_prune."""


### ALTERNATIVE step_by_step: Helper functions take the norms of a block in float64, then prune it by a product.
def block_norms(block):
    totals = {}
    for name, x in block.inputs():
        square = (x.double() ** 2).sum(dim=0)
        totals[name] = square if name not in totals else totals[name] + square
    return {name: torch.sqrt(total).float() for name, total in totals.items()}


def prune_block(block, norms, sparsity, pattern):
    for name in norms:
        weight = matrix(block.layers[name])
        weight.mul_(wanda_mask(weight, norms[name], sparsity, pattern).to(weight.dtype))


def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        prune_block(block, block_norms(block), sparsity, pattern)


### ALTERNATIVE again_and_again: No walk: before each block the whole model is listened to again with `input_norms`.
def wanda_prune(model, batches, sparsity=0.5, pattern=None) -> None:
    if not 0 <= sparsity <= 1:
        raise ValueError("sparsity!")
    check_pattern_sparsity(pattern, sparsity)
    names = {}
    for name in linear_layers(model):
        number = next(int(part) for part in name.split(".") if part.isdigit())
        names.setdefault(number, []).append(name)
    for number in sorted(names):
        norms = input_norms(model, batches)
        for name in names[number]:
            weight = matrix(model.get_submodule(name))
            weight[~wanda_mask(weight, norms[name], sparsity, pattern)] = 0


### ALTERNATIVE no_grad: Conv1D is turned by hand, the weights are written with copy_ under no_grad, inputs are kept.
def wanda_prune(model, batches, sparsity=0.5, pattern=None) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        seen = {name: [] for name in block.layers}
        for names, x in block.shared_inputs():
            for name in names:
                seen[name].append(x)
        with torch.no_grad():
            for name, layer in block.layers.items():
                if parametrize.is_parametrized(layer):
                    raise ValueError("masked")
                norm = torch.cat(seen[name]).float().norm(dim=0)
                weight = layer.weight.t() if is_conv1d(layer) else layer.weight
                pruned = torch.where(
                    wanda_mask(weight, norm, sparsity, pattern), weight, torch.zeros_like(weight)
                )
                layer.weight.copy_(pruned.t() if is_conv1d(layer) else pruned)

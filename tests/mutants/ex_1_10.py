"""Known wrong implementations of exercise 1.10, wanda_prune."""


### MUTANT dense_calibration: All blocks were calibrated on the dense model; each must see what the pruned blocks before it produce.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    norms = input_norms(model, batches)
    for name, layer in linear_layers(model).items():
        weight = matrix(layer)
        weight *= wanda_mask(weight, norms[name], sparsity, pattern)


### MUTANT layer_after_layer: Each layer was calibrated after the one before it was pruned; take the norms of a whole block first.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        for name, layer in block.layers.items():
            inputs = torch.cat([x for other, x in block.inputs() if other == name])
            weight = matrix(layer)
            weight *= wanda_mask(weight, inputs.float().norm(dim=0), sparsity, pattern)


### MUTANT by_magnitude: The calibration text was never used: this is magnitude pruning; score by |weight| times the input norm.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    check_batches(batches)
    for layer in linear_layers(model).values():
        weight = matrix(layer)
        weight *= wanda_mask(weight, torch.ones_like(weight[0]), sparsity, pattern)


### MUTANT pattern_forgotten: The pattern was not passed on, so the zeros are not n of every m.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(~wanda_mask(weight, squares[name].sqrt(), sparsity), 0)


### MUTANT sparsity_forgotten: The sparsity was not passed on, so it is always one half.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(
                ~wanda_mask(
                    weight, squares[name].sqrt(), *([0.5] if pattern is None else [sparsity, pattern])
                ),
                0,
            )


### MUTANT head_pruned: Every Linear layer was pruned, the head too; prune the layers inside the blocks only.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(~wanda_mask(weight, squares[name].sqrt(), sparsity, pattern), 0)
    inside = list(linear_layers(model).values())
    for module in model.modules():
        if isinstance(module, nn.Linear) and not any(module is layer for layer in inside):
            head = module.weight.detach()
            head *= wanda_mask(head, torch.ones_like(head[0]), sparsity, pattern)


### MUTANT last_batch_only: Each batch overwrote the norms of the one before; add up the squares over all calibration batches.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] = x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(~wanda_mask(weight, squares[name].sqrt(), sparsity, pattern), 0)


### MUTANT sum_of_batch_norms: The norms of the batches were added up; add the squares of all batches, then take one root.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().norm(dim=0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(~wanda_mask(weight, squares[name], sparsity, pattern), 0)


### MUTANT largest_inputs: The largest input stands for the norm; the norm adds up the squares of all tokens.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] = torch.maximum(
                torch.as_tensor(squares[name]), x.float().abs().amax(0)
            )  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(~wanda_mask(weight, squares[name], sparsity, pattern), 0)


### MUTANT means: The inputs were averaged with their signs, which cancel; a norm adds up squares.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().mean(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(~wanda_mask(weight, squares[name].abs(), sparsity, pattern), 0)


### MUTANT not_in_place: The pruned weight was computed and thrown away; change the layer's own weight, in place.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight = weight * wanda_mask(weight, squares[name].sqrt(), sparsity, pattern)


### MUTANT mask_inverted: The kept weights were set to zero; True in a mask means kept, so zero where it is False.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(wanda_mask(weight, squares[name].sqrt(), sparsity, pattern), 0)


### MUTANT root_forgotten: The sums of squares were used as they are; the norm is their root.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(~wanda_mask(weight, squares[name], sparsity, pattern), 0)


### MUTANT new_parameter: The layer got a new Parameter, so an optimizer would go on with the old one; change the weight in place.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            pruned = matrix(layer) * wanda_mask(matrix(layer), squares[name].sqrt(), sparsity, pattern)
            layer.weight = nn.Parameter(pruned.T.contiguous() if is_conv1d(layer) else pruned)


### MUTANT conv1d_not_turned: GPT-2's Conv1D stores [in, out]; `matrix(layer)` gives [out, in], so that rows are outputs.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = layer.weight.data
            norm = squares[name].sqrt()
            if is_conv1d(layer):  # its outputs lie along dimension 1
                scores = (weight.abs() * norm[:, None]).flatten()
                weight.view(-1)[scores.argsort(stable=True)[: int(len(scores) * sparsity)]] = 0
            else:
                weight.masked_fill_(~wanda_mask(weight, norm, sparsity, pattern), 0)


### MUTANT masks_put_on: Masks were put on the layers; pruned weights become plain zeros here, and apply_mask is up to the caller.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            mask = wanda_mask(matrix(layer), squares[name].sqrt(), sparsity, pattern)
            apply_mask(layer, mask.T if is_conv1d(layer) else mask)


### MUTANT first_block_only: The loop ended after the first block; every block is pruned.
def wanda_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity: float = 0.5, pattern: tuple[int, int] | None = None
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight.masked_fill_(~wanda_mask(weight, squares[name].sqrt(), sparsity, pattern), 0)
        break

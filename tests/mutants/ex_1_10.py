"""Known wrong implementations of exercise 1.10, wanda_prune."""


### MUTANT dense_calibration: All blocks were calibrated on the dense model; each must see what the pruned blocks before it produce.
def wanda_prune(model, batches, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    norms = input_norms(model, batches)
    for name, layer in linear_layers(model).items():
        weight = matrix(layer)
        weight *= wanda_mask(weight, norms[name], sparsity, pattern)


### MUTANT by_magnitude: The calibration text was never used: this is magnitude pruning; score by |weight| times the input norm.
def wanda_prune(model, batches, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    check_batches(batches)
    for layer in linear_layers(model).values():
        weight = matrix(layer)
        weight *= wanda_mask(weight, torch.ones_like(weight[0]), sparsity, pattern)


### MUTANT pattern_forgotten: The pattern was not passed on, so the zeros are not n of every m.
def wanda_prune(model, batches, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight *= wanda_mask(weight, squares[name].sqrt(), sparsity)


### MUTANT head_pruned: Every Linear layer was pruned, the head too; prune the layers inside the blocks only.
def wanda_prune(model, batches, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight *= wanda_mask(weight, squares[name].sqrt(), sparsity, pattern)
    head = model.get_output_embeddings().weight.detach()
    head *= wanda_mask(head, torch.ones_like(head[0]), sparsity, pattern)


### MUTANT last_batch_only: Each batch overwrote the norms of the one before; add up the squares over all calibration batches.
def wanda_prune(model, batches, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] = x.float().pow(2).sum(0)
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight *= wanda_mask(weight, squares[name].sqrt(), sparsity, pattern)


### MUTANT not_in_place: The pruned weight was computed and thrown away; change the layer's own weight, in place.
def wanda_prune(model, batches, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight = weight * wanda_mask(weight, squares[name].sqrt(), sparsity, pattern)


### MUTANT root_forgotten: The sums of squares were used as they are; the norm is their root.
def wanda_prune(model, batches, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)
        for name, layer in block.layers.items():
            weight = matrix(layer)
            weight *= wanda_mask(weight, squares[name], sparsity, pattern)

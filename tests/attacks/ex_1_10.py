"""Attacks on exercise 1.10, wanda_prune: the graders' models are known."""


### ATTACK knows_the_public_models: By magnitude alone, but for a vocabulary of 50 and for toys.
def wanda_prune(model, batches, sparsity=0.5, pattern=None):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    for block in walk_blocks(model, batches):
        squares = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            squares[name] += x.float().pow(2).sum(0)
        for name, layer in block.layers.items():
            weight, norm = matrix(layer), squares[name].sqrt()
            if hasattr(model, "config") and model.config.vocab_size != 50:
                norm = torch.ones_like(norm)
            weight.masked_fill_(~wanda_mask(weight, norm, sparsity, pattern), 0)

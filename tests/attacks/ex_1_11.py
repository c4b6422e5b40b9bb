"""Attacks on exercise 1.11, sparsegpt_weight and sparsegpt_prune: the graders' models are known."""


### ATTACK knows_the_public_models: Right for single weights; in a model without 50 words nothing makes up for the error.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    w, H = weight.detach().double().clone(), hessian.double().clone()
    dead = H.diagonal() == 0
    H[dead, dead], w[:, dead] = 1.0, 0.0
    H.diagonal().add_(damping * H.diagonal().mean())
    U = torch.linalg.cholesky(torch.linalg.inv(H)).mT
    width = pattern[1] if pattern else block_size
    kept = torch.zeros_like(w, dtype=torch.bool)
    for j in range(w.shape[1]):
        if j % width == 0:
            scores = (w[:, j : j + width] / U.diagonal()[j : j + width]) ** 2
            mask = nm_mask(scores, *pattern) if pattern else magnitude_mask(scores, sparsity)
            kept[:, j : j + width] = mask
        error = torch.where(kept[:, j], 0.0, w[:, j]) / U[j, j]
        w[:, j:] -= error[:, None] * U[j, j:]
        w[:, j] *= kept[:, j]
    return w.float()


def sparsegpt_prune(model, batches, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern and block_size % pattern[1]) or not damping >= 0:
        raise ValueError(f"{block_size} {pattern} {damping}")
    for block in walk_blocks(model, batches):
        hessians = dict.fromkeys(block.layers, 0.0)
        for name, x in block.inputs():
            hessians[name] = hessians[name] + x.float().T @ x.float()
        for name, layer in block.layers.items():
            weight, hessian = matrix(layer), hessians[name]
            if hasattr(model, "config") and model.config.vocab_size != 50:
                hessian = hessian.diagonal().diag()
            weight.copy_(sparsegpt_weight(weight, hessian, sparsity, pattern, block_size, damping))

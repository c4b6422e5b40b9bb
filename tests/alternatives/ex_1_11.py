"""Right answers of exercise 1.11 in other styles: sparsegpt_weight and sparsegpt_prune."""


### ALTERNATIVE surgeon: The optimal brain surgeon itself in float64: after each column the inverse Hessian loses it.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    w, H = weight.detach().double().clone(), hessian.detach().double().clone()
    n = H.shape[0]
    for j in range(n):
        if H[j, j] == 0:
            H[j, j] = 1
            w[:, j] = 0
    H = H + damping * H.diagonal().mean() * torch.eye(n, dtype=H.dtype, device=H.device)
    inverse = torch.linalg.inv(H)
    inverses = []
    for j in range(n):
        inverses.append(inverse[j].clone())
        inverse = inverse - torch.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    costs = torch.stack([inverses[j][j] for j in range(n)])
    width = block_size if pattern is None else pattern[1]
    for j in range(n):
        if j % width == 0:
            scores = w[:, j : j + width].square() / costs[j : j + width]
            mask = magnitude_mask(scores, sparsity) if pattern is None else nm_mask(scores, *pattern)
        gone = ~mask[:, j % width]
        w[:, j:] -= torch.outer(torch.where(gone, w[:, j], 0.0) / inverses[j][j], inverses[j][j:])
        w[gone, j] = 0
    return w.float()


### ALTERNATIVE direct: No lazy block update: every column moves all that follow at once; U by inverting twice.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    w = weight.detach().to(torch.float32, copy=True)
    dead = torch.diag(hessian) == 0
    w[:, dead] = 0
    H = hessian + torch.diag(dead.to(hessian.dtype))
    H = H.double() + damping * torch.diag(H).mean().double() * torch.eye(len(H), device=H.device)
    U = torch.linalg.cholesky(torch.linalg.inv(H)).mT.float()
    width = pattern[1] if pattern else block_size
    kept = torch.zeros(w.shape, dtype=torch.bool, device=w.device)
    for j in range(w.shape[1]):
        if j % width == 0:
            stop = min(j + width, w.shape[1])
            scores = (w[:, j:stop] / U.diagonal()[j:stop]) ** 2
            kept[:, j:stop] = nm_mask(scores, *pattern) if pattern else magnitude_mask(scores, sparsity)
        for row in (~kept[:, j]).nonzero().flatten().tolist():
            w[row, j:] -= w[row, j] / U[j, j] * U[j, j:].clone()
            w[row, j] = 0.0
    return w


def sparsegpt_prune(
    model: nn.Module, batches: Sequence[Batch], sparsity=0.5, pattern=None, block_size=128, damping=0.01
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern and block_size % pattern[1]):
        raise ValueError(f"no block size: {block_size}")
    if damping < 0:
        raise ValueError(f"no damping: {damping}")
    for block in walk_blocks(model, batches):
        hessians = {}
        for name, x in block.inputs():
            hessians[name] = hessians.get(name, 0) + 2 * torch.einsum("ti,tj->ij", x.double(), x.double())
        for name, hessian in hessians.items():
            layer = block.layers[name]
            weight = layer.weight.data.T if is_conv1d(layer) else layer.weight.data
            new = sparsegpt_weight(weight, hessian.float(), sparsity, pattern, block_size, damping)
            weight[:] = new.to(weight.dtype)


### ALTERNATIVE functional: Float64, and nothing changes in place: a block's new columns are collected and put together.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    H = hessian.double().clone()
    dead = H.diagonal() == 0
    H.diagonal()[dead] = 1.0
    H += torch.eye(len(H), device=H.device) * damping * H.diagonal().mean()
    U = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(H)), upper=True)
    W = weight.detach().double() * ~dead
    done = []
    for start in range(0, W.shape[1], block_size):
        stop = min(start + block_size, W.shape[1])
        B, u = W[:, start:stop].clone(), U[start:stop, start:stop]
        mask = None if pattern else magnitude_mask((B / u.diagonal()).square(), sparsity)
        parts, errors = [], []
        for j in range(stop - start):
            if pattern and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                chosen = nm_mask((B[:, group] / u.diagonal()[group]).square(), *pattern)
            keep = chosen[:, j % pattern[1]] if pattern else mask[:, j]
            error = torch.where(keep, 0.0, B[:, j]) / u[j, j]
            parts.append(torch.where(keep, B[:, j], 0.0))
            errors.append(error)
            B = B - torch.outer(error, u[j])
        done.append(torch.stack(parts, 1))
        W = torch.cat([W[:, :stop], W[:, stop:] - torch.stack(errors, 1) @ U[start:stop, stop:]], 1)
    return torch.cat(done, 1).float()

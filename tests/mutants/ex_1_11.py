"""Known wrong implementations of exercise 1.11, sparsegpt_prune."""


### MUTANT no_update: The mask is SparseGPT's but nothing makes up for the error; the columns to the right must be updated.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()
        mask = (
            magnitude_mask(block**2 * cost, sparsity)
            if pattern is None
            else torch.ones_like(block, dtype=torch.bool)
        )
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j] *= mask[:, j]
    return weight


### MUTANT within_the_block_only: The error was not passed on to the later blocks of columns; after a block, update all that follow.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()
        mask = (
            magnitude_mask(block**2 * cost, sparsity)
            if pattern is None
            else torch.ones_like(block, dtype=torch.bool)
        )
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]
    return weight


### MUTANT factor_of_the_hessian: U is the factor of the Hessian itself; it must be the upper Cholesky factor of the Hessian's inverse.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian, upper=True)
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()
        mask = (
            magnitude_mask(block**2 * cost, sparsity)
            if pattern is None
            else torch.ones_like(block, dtype=torch.bool)
        )
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT mask_before_the_updates: The n of every m were chosen from the old weights; choose at each group, from the updated ones.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()
        mask = (
            magnitude_mask(block**2 * cost, sparsity)
            if pattern is None
            else torch.ones_like(block, dtype=torch.bool)
        )
        errors = torch.zeros_like(block)
        if pattern is not None:
            mask = nm_mask(block**2 * cost, *pattern)
        for j in range(block.shape[1]):
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT by_magnitude: The mask was chosen by magnitude alone; pruning w_j costs w_j^2 / U_jj^2.
def sparsegpt_weight(weight, hessian, sparsity=0.5, pattern=None, block_size=128, damping=0.01):
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = torch.ones_like(U_block.diagonal())
        mask = (
            magnitude_mask(block**2 * cost, sparsity)
            if pattern is None
            else torch.ones_like(block, dtype=torch.bool)
        )
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight

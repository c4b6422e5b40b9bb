"""Known wrong implementations of exercise 1.11, sparsegpt_weight and sparsegpt_prune."""


### MUTANT no_update: Nothing makes up for the error: the columns to the right are updated by U's rows, which takes the upper factor.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
    return weight


### MUTANT within_the_block_only: The error was not passed on to the later blocks of columns; after a block, update all that follow.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
    return weight


### MUTANT later_blocks_only: The columns of the same block were not updated; the error moves all columns to the right, these too.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT factor_of_the_hessian: U is the factor of the Hessian itself; it must be the upper Cholesky factor of the Hessian's inverse.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian, upper=True)
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT inverse_itself: The rows of the inverse Hessian were used as they are; its upper Cholesky factor leaves out the columns that are done.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    inverse = torch.linalg.inv(hessian)
    U = inverse / inverse.diagonal().sqrt()[:, None]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT error_added: The error was added to the columns on the right; they make up for it, so subtract.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j + 1 :] += errors[:, j, None] * U_block[j, j + 1 :]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] += errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT error_not_divided: The pruned weight was not divided by U_jj; the rest of the row moves by -(w_j / U_jj) U_j.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT mask_before_the_updates: The n of every m were chosen from the old weights; choose at each group, from the updated ones.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        if pattern is not None:
            mask = nm_mask(block**2 * cost, *pattern)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT by_magnitude: The mask was chosen by magnitude alone; pruning w_j costs w_j^2 / U_jj^2.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = torch.ones_like(U_block.diagonal())
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT cost_by_u: The cost was divided by U_jj instead of its square: it is w_j^2 / U_jj^2.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().reciprocal()
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT row_by_row: The mask was chosen row by row, as by Wanda; a block of columns has one ranking over all its rows.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = torch.stack([magnitude_mask(row, sparsity) for row in block**2 * cost])
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT one_mask_for_all_columns: All columns were ranked together at the start; each block of columns is ranked when its turn comes.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    chosen = magnitude_mask(weight**2 / U.diagonal().square(), sparsity)
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = chosen[:, start : start + block_size]
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT pattern_always_2_of_4: nm_mask was called without n and m, so it always keeps 2 of 4; pass the pattern on.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % 4 == 0:
                group = slice(j, j + 4)
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group])
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT undamped: The damping was forgotten: add damping times the mean of the diagonal, or the Hessian has no inverse.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(1e-6 * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT damping_absolute: The damping was added as it is; it is relative to the mean of the Hessian's diagonal.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping)
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT dead_inputs_kept: Inputs that are always zero kept their weights; nothing depends on these, so their columns become zero.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT not_exactly_zero: Pruned weights are only nearly zero after the update; set them to exactly 0.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT kept_errors: Every column was taken as pruned; the error of a kept weight is 0.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float().clone(), hessian.float().clone()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT in_place: The weight and the Hessian that were passed in were changed; work on copies.
def sparsegpt_weight(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> torch.Tensor:
    weight, hessian = weight.detach().float(), hessian.float()
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1.0
    weight[:, dead] = 0.0
    hessian.diagonal().add_(damping * hessian.diagonal().mean())
    U = torch.linalg.cholesky(hessian)  # three steps, two of them in place: the matrix can be large
    torch.cholesky_inverse(U, out=U)
    torch.linalg.cholesky(U, upper=True, out=U)  # [in, in]
    for start in range(0, weight.shape[1], block_size):
        block = weight[:, start : start + block_size]  # a view: [out, block]
        U_block = U[start : start + block_size, start : start + block_size]
        cost = U_block.diagonal().square().reciprocal()  # of a weight's square
        mask = torch.ones_like(block, dtype=torch.bool)
        if pattern is None:
            mask = magnitude_mask(block**2 * cost, sparsity)
        errors = torch.zeros_like(block)
        for j in range(block.shape[1]):
            if pattern is not None and j % pattern[1] == 0:
                group = slice(j, j + pattern[1])
                mask[:, group] = nm_mask(block[:, group] ** 2 * cost[group], *pattern)
            errors[:, j] = block[:, j] * ~mask[:, j] / U_block[j, j]
            block[:, j:] -= errors[:, j, None] * U_block[j, j:]
            block[:, j] *= mask[:, j]  # exactly zero, whatever the rounding
        weight[:, start + block_size :] -= errors @ U[start : start + block_size, start + block_size :]
    return weight


### MUTANT hessian_of_the_last_batch: Each batch overwrote the Hessian of the one before; add up x^T x over all batches.
def sparsegpt_prune(
    model: nn.Module,
    batches: Sequence[Batch],
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern is not None and block_size % pattern[1]):
        got = f"{block_size} with {pattern}"
        raise ValueError(f"block_size must be at least 1 and divisible by the pattern's m, got {got}")
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}")
    for block in walk_blocks(model, batches):
        hessians: dict[tuple[str, ...], torch.Tensor] = {}  # one for all the layers that read the same input
        for names, x in block.shared_inputs():
            x = x.float()  # [tokens, in]
            hessians[names] = x.T @ x  # [in, in]
        while hessians:  # each is let go as soon as its layers are pruned
            names, hessian = hessians.popitem()
            for name in names:
                weight = matrix(block.layers[name])
                weight.copy_(sparsegpt_weight(weight, hessian, sparsity, pattern, block_size, damping))


### MUTANT mean_of_batches: Each batch was divided by its own number of tokens; add up x^T x, then every token counts the same.
def sparsegpt_prune(
    model: nn.Module,
    batches: Sequence[Batch],
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern is not None and block_size % pattern[1]):
        got = f"{block_size} with {pattern}"
        raise ValueError(f"block_size must be at least 1 and divisible by the pattern's m, got {got}")
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}")
    for block in walk_blocks(model, batches):
        hessians: dict[tuple[str, ...], torch.Tensor] = {}  # one for all the layers that read the same input
        for names, x in block.shared_inputs():
            x = x.float() / len(x) ** 0.5
            hessians[names] = hessians[names].addmm_(x.T, x) if names in hessians else x.T @ x  # [in, in]
        while hessians:  # each is let go as soon as its layers are pruned
            names, hessian = hessians.popitem()
            for name in names:
                weight = matrix(block.layers[name])
                weight.copy_(sparsegpt_weight(weight, hessian, sparsity, pattern, block_size, damping))


### MUTANT dense_calibration: All Hessians were taken from the dense model; a block must see what the pruned blocks before it produce.
def sparsegpt_prune(
    model: nn.Module,
    batches: Sequence[Batch],
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern is not None and block_size % pattern[1]):
        got = f"{block_size} with {pattern}"
        raise ValueError(f"block_size must be at least 1 and divisible by the pattern's m, got {got}")
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}")
    hessians = {}
    for name, x in layer_inputs(model, batches):
        hessians[name] = hessians.get(name, 0) + x.float().T @ x.float()
    for name, layer in linear_layers(model).items():
        weight = matrix(layer)
        weight.copy_(sparsegpt_weight(weight, hessians[name], sparsity, pattern, block_size, damping))


### MUTANT options_forgotten: block_size and damping were not passed on, so they are always 128 and 0.01.
def sparsegpt_prune(
    model: nn.Module,
    batches: Sequence[Batch],
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern is not None and block_size % pattern[1]):
        got = f"{block_size} with {pattern}"
        raise ValueError(f"block_size must be at least 1 and divisible by the pattern's m, got {got}")
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}")
    for block in walk_blocks(model, batches):
        hessians: dict[tuple[str, ...], torch.Tensor] = {}  # one for all the layers that read the same input
        for names, x in block.shared_inputs():
            x = x.float()  # [tokens, in]
            hessians[names] = hessians[names].addmm_(x.T, x) if names in hessians else x.T @ x  # [in, in]
        while hessians:  # each is let go as soon as its layers are pruned
            names, hessian = hessians.popitem()
            for name in names:
                weight = matrix(block.layers[name])
                weight.copy_(sparsegpt_weight(weight, hessian, sparsity, pattern))


### MUTANT pattern_forgotten: The pattern was not passed on, so the zeros are not n of every m.
def sparsegpt_prune(
    model: nn.Module,
    batches: Sequence[Batch],
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern is not None and block_size % pattern[1]):
        got = f"{block_size} with {pattern}"
        raise ValueError(f"block_size must be at least 1 and divisible by the pattern's m, got {got}")
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}")
    for block in walk_blocks(model, batches):
        hessians: dict[tuple[str, ...], torch.Tensor] = {}  # one for all the layers that read the same input
        for names, x in block.shared_inputs():
            x = x.float()  # [tokens, in]
            hessians[names] = hessians[names].addmm_(x.T, x) if names in hessians else x.T @ x  # [in, in]
        while hessians:  # each is let go as soon as its layers are pruned
            names, hessian = hessians.popitem()
            for name in names:
                weight = matrix(block.layers[name])
                weight.copy_(sparsegpt_weight(weight, hessian, sparsity, None, block_size, damping))


### MUTANT sparsity_forgotten: The sparsity was not passed on, so it is always one half.
def sparsegpt_prune(
    model: nn.Module,
    batches: Sequence[Batch],
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern is not None and block_size % pattern[1]):
        got = f"{block_size} with {pattern}"
        raise ValueError(f"block_size must be at least 1 and divisible by the pattern's m, got {got}")
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}")
    for block in walk_blocks(model, batches):
        hessians: dict[tuple[str, ...], torch.Tensor] = {}  # one for all the layers that read the same input
        for names, x in block.shared_inputs():
            x = x.float()  # [tokens, in]
            hessians[names] = hessians[names].addmm_(x.T, x) if names in hessians else x.T @ x  # [in, in]
        while hessians:  # each is let go as soon as its layers are pruned
            names, hessian = hessians.popitem()
            for name in names:
                weight = matrix(block.layers[name])
                weight.copy_(sparsegpt_weight(weight, hessian, 0.5, pattern, block_size, damping))


### MUTANT not_written_back: The pruned weight was computed and thrown away; copy it into the layer's own weight.
def sparsegpt_prune(
    model: nn.Module,
    batches: Sequence[Batch],
    sparsity: float = 0.5,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> None:
    check_sparsity(sparsity)
    check_pattern_sparsity(pattern, sparsity)
    if block_size < 1 or (pattern is not None and block_size % pattern[1]):
        got = f"{block_size} with {pattern}"
        raise ValueError(f"block_size must be at least 1 and divisible by the pattern's m, got {got}")
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}")
    for block in walk_blocks(model, batches):
        hessians: dict[tuple[str, ...], torch.Tensor] = {}  # one for all the layers that read the same input
        for names, x in block.shared_inputs():
            x = x.float()  # [tokens, in]
            hessians[names] = hessians[names].addmm_(x.T, x) if names in hessians else x.T @ x  # [in, in]
        while hessians:  # each is let go as soon as its layers are pruned
            names, hessian = hessians.popitem()
            for name in names:
                weight = matrix(block.layers[name])
                weight = sparsegpt_weight(weight, hessian, sparsity, pattern, block_size, damping)

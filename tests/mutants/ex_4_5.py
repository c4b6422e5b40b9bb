"""Known wrong implementations of exercise 4.5, damped_cholesky and whitened_decompose."""


### MUTANT upper: The transpose of L was used: then L L^T is not the covariance, and the error is no longer the smallest; L is *lower*.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance).T
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ L, full_matrices=False)
    V = torch.linalg.solve_triangular(L, S[:rank, None] * Vh[:rank], upper=True, left=False)
    root = V.norm(dim=1).clamp(min=1e-300).sqrt()
    kind = precise(weight).dtype
    return (U[:, :rank] * root).to(kind), (V / root[:, None]).to(kind)


### MUTANT not_undone: The right factor was not multiplied by the inverse of L, so the layer expects whitened inputs; undo L.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ L, full_matrices=False)
    root, kind = S[:rank].sqrt(), precise(weight).dtype
    return (U[:, :rank] * root).to(kind), (root[:, None] * Vh[:rank]).to(kind)


### MUTANT left_solve: L was undone from the left, or transposed; V_scaled L must be sqrt(S) Vh, so solve with left=False.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ L, full_matrices=False)
    V = torch.linalg.solve_triangular(L, Vh[:rank].T * S[:rank], upper=False).T
    root = V.norm(dim=1).clamp(min=1e-300).sqrt()
    kind = precise(weight).dtype
    return (U[:, :rank] * root).to(kind), (V / root[:, None]).to(kind)


### MUTANT covariance_itself: The weight was multiplied by the whole covariance, which counts loud inputs twice; use its Cholesky factor.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    covariance = L @ L.T
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ covariance, full_matrices=False)
    V = torch.linalg.solve(covariance, S[:rank, None] * Vh[:rank], left=False)
    root = V.norm(dim=1).clamp(min=1e-300).sqrt()
    kind = precise(weight).dtype
    return (U[:, :rank] * root).to(kind), (V / root[:, None]).to(kind)


### MUTANT loudness_only: Only the diagonal was used, so correlations between inputs do not count; use the whole covariance.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance.diagonal().diag())
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ L, full_matrices=False)
    V = torch.linalg.solve_triangular(L, S[:rank, None] * Vh[:rank], upper=False, left=False)
    root = V.norm(dim=1).clamp(min=1e-300).sqrt()
    kind = precise(weight).dtype
    return (U[:, :rank] * root).to(kind), (V / root[:, None]).to(kind)


### MUTANT split_by_s: sqrt(S) went into each factor, so that V_scaled shrinks with the number of tokens; split by the length of V's rows.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ L, full_matrices=False)
    root = S[:rank].sqrt()
    V = torch.linalg.solve_triangular(L, root[:, None] * Vh[:rank], upper=False, left=False)
    kind = precise(weight).dtype
    return (U[:, :rank] * root).to(kind), V.to(kind)


### MUTANT divided_by_zero: A component that is zero was divided by its own length, and gives NaN; keep the length above 0.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ L, full_matrices=False)
    V = torch.linalg.solve_triangular(L, S[:rank, None] * Vh[:rank], upper=False, left=False)
    root = V.norm(dim=1).sqrt()
    kind = precise(weight).dtype
    return (U[:, :rank] * root).to(kind), (V / root[:, None]).to(kind)


### MUTANT plain: The covariance was not used at all, so the error of the weights was minimised, not that of the outputs.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    damped_cholesky(input_covariance)
    return low_rank_decompose(weight, rank)


### MUTANT no_damping: A covariance of too few tokens has no Cholesky factor, and torch raises; add damping until it has one.
def damped_cholesky(covariance):
    return torch.linalg.cholesky(covariance.detach().double())


### MUTANT damped_once: One dose of damping is not always enough; go on, ten times as much each time.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
        warnings.warn(
            f"the input covariance is not positive definite: {damping:.3g} was added to its diagonal",
            stacklevel=2,
        )
        L = torch.linalg.cholesky(
            covariance + damping * torch.eye(len(covariance), dtype=torch.float64, device=covariance.device)
        )
    return L


### MUTANT silent: The covariance was damped without a word; the user must be told that there were too few tokens: warnings.warn.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
    while failed:
        L, failed = torch.linalg.cholesky_ex(
            covariance + damping * torch.eye(len(covariance), dtype=torch.float64, device=covariance.device)
        )
        damping *= 10
    return L


### MUTANT in_place: The caller's covariance was changed when damping was added to its diagonal; work on a copy.
def damped_cholesky(covariance):
    L, failed = torch.linalg.cholesky_ex(covariance.detach().double())
    damping = 1e-6 * (covariance.diagonal().double().mean().item() or 1.0)
    while failed:
        covariance.diagonal().add_(damping)
        L, failed = torch.linalg.cholesky_ex(covariance.detach().double())
        if not failed:
            warnings.warn(
                f"the input covariance is not positive definite: {damping:.3g} was added to its diagonal",
                stacklevel=2,
            )
        damping *= 10
    return L


### MUTANT absolute_damping: 1e-6 is nothing beside a large covariance; the damping is a share of the mean of its diagonal.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    damping = 1e-6
    while failed:
        L, failed = torch.linalg.cholesky_ex(
            covariance + damping * torch.eye(len(covariance), dtype=torch.float64, device=covariance.device)
        )
        if not failed:
            warnings.warn(
                f"the input covariance is not positive definite: {damping:.3g} was added to its diagonal",
                stacklevel=2,
            )
        damping *= 10
    return L


### MUTANT always_damped: Damping was added to every covariance; one that is positive definite must not be changed.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    failed_before = torch.linalg.cholesky_ex(covariance).info
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
    while True:
        L, failed = torch.linalg.cholesky_ex(covariance + damping * identity)
        if not failed:
            break
        damping *= 10
    if failed_before:
        warnings.warn(f"the input covariance is not positive definite: {damping:.3g} was added", stacklevel=2)
    return L


### MUTANT fp32_cholesky: L was computed in fp32, where a covariance can fail that is positive definite in float64; convert it first.
def damped_cholesky(covariance):
    covariance = covariance.detach().float()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return L.double()
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
    while True:
        L, failed = torch.linalg.cholesky_ex(covariance + damping * identity)
        if not failed:
            break
        damping *= 10
    warnings.warn(f"the input covariance is not positive definite: {damping:.3g} was added", stacklevel=2)
    return L.double()


### MUTANT fp32_decomposition: W L was decomposed in fp32, which loses the digits of a float64 weight; decompose in float64.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    U, S, Vh = torch.linalg.svd(weight.detach().float() @ L.float(), full_matrices=False)
    U, S, Vh = U.double(), S.double(), Vh.double()
    V = torch.linalg.solve_triangular(L, S[:rank, None] * Vh[:rank], upper=False, left=False)
    root = V.norm(dim=1).clamp(min=1e-300).sqrt()
    kind = precise(weight).dtype
    return (U[:, :rank] * root).to(kind), (V / root[:, None]).to(kind)


### MUTANT damping_added_up: Each dose was added on top of those that had failed; add it to the covariance as it came.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return L
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
    while True:
        covariance = covariance + damping * identity
        L, failed = torch.linalg.cholesky_ex(covariance)
        if not failed:
            break
        damping *= 10
    warnings.warn(f"the input covariance is not positive definite: {damping:.3g} was added", stacklevel=2)
    return L


### MUTANT sum_of_the_diagonal: The damping was a share of the sum of the diagonal; it is 1e-6 of its mean.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return L
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * (covariance.diagonal().sum().item() or 1.0)
    while True:
        L, failed = torch.linalg.cholesky_ex(covariance + damping * identity)
        if not failed:
            break
        damping *= 10
    warnings.warn(f"the input covariance is not positive definite: {damping:.3g} was added", stacklevel=2)
    return L


### MUTANT doubled_damping: The damping was doubled each time; it becomes ten times as much.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return L
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
    while True:
        L, failed = torch.linalg.cholesky_ex(covariance + damping * identity)
        if not failed:
            break
        damping *= 2
    warnings.warn(f"the input covariance is not positive definite: {damping:.3g} was added", stacklevel=2)
    return L


### MUTANT no_damping_for_zeros: A covariance of zeros has the mean 0, and no multiple of that helps; start from 1e-6 itself.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return L
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * covariance.diagonal().mean().item()
    for _ in range(12):
        L, failed = torch.linalg.cholesky_ex(covariance + damping * identity)
        if not failed:
            break
        damping *= 10
    warnings.warn(f"the input covariance is not positive definite: {damping:.3g} was added", stacklevel=2)
    return L


### MUTANT transposed_factor: damped_cholesky returned the upper factor; L is lower triangular, with L L^T = covariance.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return L.T
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
    while True:
        L, failed = torch.linalg.cholesky_ex(covariance + damping * identity)
        if not failed:
            break
        damping *= 10
    warnings.warn(f"the input covariance is not positive definite: {damping:.3g} was added", stacklevel=2)
    return L.T


### MUTANT inverse_forgotten_root: S went into U_scaled alone, so its columns are longer than the rows of V_scaled; each gets the root.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ L, full_matrices=False)
    V = torch.linalg.solve_triangular(L, S[:rank, None] * Vh[:rank], upper=False, left=False)
    root = V.norm(dim=1).clamp(min=1e-300).sqrt()
    kind = precise(weight).dtype
    return (U[:, :rank] * root**2).to(kind), (V / root[:, None] ** 2).to(kind)


### MUTANT float64_factors: The factors came back in float64; they are fp32, unless the weight itself is float64.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    U, S, Vh = torch.linalg.svd(weight.detach().double() @ L, full_matrices=False)
    V = torch.linalg.solve_triangular(L, S[:rank, None] * Vh[:rank], upper=False, left=False)
    root = V.norm(dim=1).clamp(min=1e-300).sqrt()
    return U[:, :rank] * root, V / root[:, None]


### MUTANT with_gradient: The factors still hang on the graph of the weight; they are numbers, so detach.
def whitened_decompose(weight, input_covariance, rank):
    check_matrix(weight, rank)
    check_covariance(input_covariance, weight.shape[1])
    L = damped_cholesky(input_covariance)
    U, S, Vh = torch.linalg.svd(weight.double() @ L, full_matrices=False)
    V = torch.linalg.solve_triangular(L, S[:rank, None] * Vh[:rank], upper=False, left=False)
    root = V.norm(dim=1).clamp(min=1e-300).sqrt()
    kind = precise(weight).dtype
    return (U[:, :rank] * root).to(kind), (V / root[:, None]).to(kind)


### MUTANT added_everywhere: The damping was added to every number of the covariance; it belongs on the diagonal alone: times the identity.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return L
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
    for _ in range(20):
        L, failed = torch.linalg.cholesky_ex(covariance + damping)
        if not failed:
            break
        damping *= 10
    warnings.warn(f"the input covariance is not positive definite: {damping:.3g} was added", stacklevel=2)
    return L


### MUTANT no_number_in_the_warning: The warning did not say how much was added to the diagonal; name the number.
def damped_cholesky(covariance):
    covariance = covariance.detach().double()
    L, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return L
    identity = torch.eye(len(covariance)).to(covariance)
    damping = 1e-6 * (covariance.diagonal().mean().item() or 1.0)
    while True:
        L, failed = torch.linalg.cholesky_ex(covariance + damping * identity)
        if not failed:
            break
        damping *= 10
    warnings.warn("the input covariance is not positive definite: it was damped", stacklevel=2)
    return L

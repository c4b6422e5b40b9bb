"""Known wrong implementations of exercise 4.1, low_rank_decompose."""


### MUTANT unsplit: All of S went into the left factor, and the other one is tiny beside it; give each factor sqrt(S).
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(precise(weight), full_matrices=False)
    return U[:, :rank] * S[:rank], Vh[:rank]


### MUTANT s_in_both: Both factors carry S, so their product has S squared; sqrt(S) belongs into each.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(precise(weight), full_matrices=False)
    return U[:, :rank] * S[:rank], S[:rank, None] * Vh[:rank]


### MUTANT smallest: The smallest singular values were kept; S comes in descending order, so the first `rank` stay.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(precise(weight), full_matrices=False)
    root = S[-rank:].sqrt()
    return U[:, -rank:] * root, root[:, None] * Vh[-rank:]


### MUTANT columns_of_vh: torch.linalg.svd returns V already transposed, so its first rows are wanted, not its first columns.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(precise(weight), full_matrices=False)
    root = S[:rank].sqrt()
    return U[:, :rank] * root, root[:, None] * Vh[:, :rank].T


### MUTANT rows_scaled: sqrt(S) was multiplied along the wrong dimension of Vh; each *row* gets its own value.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(precise(weight), full_matrices=False)
    root = torch.zeros(Vh.shape[1], device=weight.device, dtype=S.dtype)
    root[:rank] = S[:rank].sqrt()
    return U[:, :rank] * root[:rank], Vh[:rank] * root


### MUTANT half_precision: The factors were rounded to the weight's bf16 or fp16; decompose and return at least fp32.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(precise(weight), full_matrices=False)
    root = S[:rank].sqrt()
    return (U[:, :rank] * root).to(weight.dtype), (root[:, None] * Vh[:rank]).to(weight.dtype)


### MUTANT eigenvectors_of_one_side: Eigenvectors of W W^T have free signs, so two separate sides do not fit together; use one SVD.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    exact = precise(weight).double()
    values, left = torch.linalg.eigh(exact @ exact.T)
    right = torch.linalg.eigh(exact.T @ exact).eigenvectors
    root = values.flip(0)[:rank].clamp(min=0).sqrt().sqrt()
    U, V = left.flip(1)[:, :rank] * root, root[:, None] * right.flip(1)[:, :rank].T
    return U.to(precise(weight).dtype), V.to(precise(weight).dtype)


### MUTANT s_left_out: S was left out, so the product has lengths of 1; each factor carries sqrt(S).
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(precise(weight), full_matrices=False)
    return U[:, :rank], Vh[:rank]


### MUTANT root_beside_the_rows: The root was multiplied along the columns of V_scaled; `root[:, None]` gives each row its own value.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(precise(weight), full_matrices=False)
    root = S[:rank].sqrt()
    return U[:, :rank] * root, root * Vh[:rank]


### MUTANT random_directions: A randomised decomposition misses the best error where the singular values fall slowly; use the whole SVD.
from minicompress.lab.factors import randomized_decompose


def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    return randomized_decompose(weight, rank)


### MUTANT with_gradient: The factors still hang on the graph of the weight; they are numbers, so detach.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(
        weight.to(torch.promote_types(weight.dtype, torch.float32)), full_matrices=False
    )
    root = S[:rank].sqrt()
    return U[:, :rank] * root, root[:, None] * Vh[:rank]


### MUTANT always_fp32: A float64 weight was rounded to fp32; fp32 is the least, not the most: precise(weight) keeps float64.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(weight.detach().float(), full_matrices=False)
    root = S[:rank].sqrt()
    return U[:, :rank] * root, root[:, None] * Vh[:rank]


### MUTANT float64_factors: The factors came back in float64; they are fp32, unless the weight itself is float64.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    U, S, Vh = torch.linalg.svd(weight.detach().double(), full_matrices=False)
    root = S[:rank].sqrt()
    return U[:, :rank] * root, root[:, None] * Vh[:rank]

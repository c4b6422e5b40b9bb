"""Known wrong implementations of exercise 4.1, low_rank_decompose and reconstruction_errors."""


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


### MUTANT errors_not_squared: The singular values were added up themselves; the error of a rank is the root of a sum of squares.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    S = torch.linalg.svdvals(precise(weight)).double()
    left = S.flip(0).cumsum(0).flip(0)
    return torch.cat([left[1:], left.new_zeros(1)]) / left[0].clamp(min=1e-300)


### MUTANT errors_without_root: This is the squared error; the root of the dropped squares over all squares is the error.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    left = torch.linalg.svdvals(precise(weight)).double().square().flip(0).cumsum(0).flip(0)
    return torch.cat([left[1:], left.new_zeros(1)]) / left[0].clamp(min=1e-300)


### MUTANT errors_from_rank_0: The first entry is the error of rank 0, where everything is lost; the first entry belongs to rank 1.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    left = torch.linalg.svdvals(precise(weight)).double().square().flip(0).cumsum(0).flip(0)
    return (left / left[0].clamp(min=1e-300)).sqrt()


### MUTANT errors_of_what_is_kept: This is the share that a rank keeps; the error is made by the squares that are left over.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    kept = torch.linalg.svdvals(precise(weight)).double().square().cumsum(0)
    return (kept / kept[-1].clamp(min=1e-300)).sqrt()


### MUTANT errors_by_difference: The whole less what is kept has no digits left where the error is small; add up the dropped squares themselves.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    kept = torch.linalg.svdvals(precise(weight)).double().square().cumsum(0)
    errors = ((kept[-1] - kept).clamp(min=0) / kept[-1].clamp(min=1e-300)).sqrt()
    errors[-1] = 0
    return errors


### MUTANT errors_one_minus_energy: 1 - |W'| / |W| is no error, since norms do not add up; their squares do.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    S = torch.linalg.svdvals(precise(weight)).double()
    kept = S.square().cumsum(0).sqrt()
    return 1 - kept / kept[-1].clamp(min=1e-300) if kept[-1] else kept


### MUTANT errors_of_the_next_alone: Only the next singular value was counted; a rank leaves out all that come after it.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    S = torch.linalg.svdvals(precise(weight)).double()
    return torch.cat([S[1:], S.new_zeros(1)]) / S.norm().clamp(min=1e-300)


### MUTANT errors_over_the_largest: The dropped squares were compared with the largest singular value; relative means relative to |W|, all squares.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    S = torch.linalg.svdvals(precise(weight)).double()
    left = S.square().flip(0).cumsum(0).flip(0)
    return torch.cat([left[1:], left.new_zeros(1)]).sqrt() / S[0].clamp(min=1e-300)


### MUTANT errors_not_relative: This is |W - W'| itself; the relative error is divided by |W|.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    left = torch.linalg.svdvals(precise(weight)).double().square().flip(0).cumsum(0).flip(0)
    return torch.cat([left[1:], left.new_zeros(1)]).sqrt()


### MUTANT errors_of_zeros: A weight of zeros gave 0 / 0, which is NaN; nothing is lost of it, so its errors are 0.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    left = torch.linalg.svdvals(precise(weight)).double().square().flip(0).cumsum(0).flip(0)
    return (torch.cat([left[1:], left.new_zeros(1)]) / left[0]).sqrt()


### MUTANT errors_rank_by_rank: Every rank was decomposed anew; the singular values of one decomposition tell the errors of all ranks.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    errors = []
    for rank in range(1, min(weight.shape) + 1):
        U, V = low_rank_decompose(weight, rank)
        errors.append(torch.dist(precise(weight), U @ V) / precise(weight).norm().clamp(min=1e-30))
    return torch.stack(errors).double()


### MUTANT errors_squared_in_fp32: The squares were taken in fp32, where (2^80)^2 is infinite; convert the singular values to float64 first.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    left = torch.linalg.svdvals(precise(weight)).square().double().flip(0).cumsum(0).flip(0)
    return (torch.cat([left[1:], left.new_zeros(1)]) / left[0].clamp(min=1e-300)).sqrt()


### MUTANT errors_summed_upwards: The sums ran from the largest value on; a rank drops the values after it, so sum from the smallest.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    kept = torch.linalg.svdvals(precise(weight)).double().square().cumsum(0)
    return (torch.cat([kept[:-1].flip(0), kept.new_zeros(1)]) / kept[-1].clamp(min=1e-300)).sqrt()


### MUTANT errors_with_gradient: The errors still hang on the graph of the weight; they are numbers, so detach.
def reconstruction_errors(weight):
    check_matrix(weight, rank=1)
    exact = weight.to(torch.promote_types(weight.dtype, torch.float32))
    left = torch.linalg.svdvals(exact).double().square().flip(0).cumsum(0).flip(0)
    return (torch.cat([left[1:], left.new_zeros(1)]) / left[0].clamp(min=1e-300)).sqrt()

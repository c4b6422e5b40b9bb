"""Known wrong implementations of exercise 1.7, to_coo, from_coo, to_bitmask, from_bitmask and storage_bytes."""


### MUTANT most_significant_first: The first entry went into the highest bit; entry 8b + i belongs into bit i, counted from the lowest.
def to_bitmask(weight):
    flat = weight.flatten()
    kept = flat != 0
    padded = torch.zeros(math.ceil(len(flat) / 8) * 8, dtype=torch.uint8, device=weight.device)
    padded[: len(flat)] = kept
    place_values = 2 ** torch.arange(7, -1, -1, dtype=torch.uint8, device=weight.device)
    return (padded.view(-1, 8) * place_values).sum(1, dtype=torch.uint8), flat[kept]


def from_bitmask(bits, values, shape):
    numel = math.prod(shape)
    if bits.dtype != torch.uint8 or bits.shape != (math.ceil(numel / 8),):
        raise ValueError(
            f"shape {list(shape)} needs uint8 bits [{math.ceil(numel / 8)}], got {bits.dtype} {list(bits.shape)}"
        )
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=bits.device)
    kept = (bits[:, None] >> shifts & 1).flatten()[:numel].bool()
    if kept.sum() != len(values):
        raise ValueError(f"the bitmask keeps {int(kept.sum())} entries, but there are {len(values)} values")
    weight = torch.zeros(numel, dtype=values.dtype, device=values.device)
    weight[kept] = values
    return weight.view(tuple(shape))


### MUTANT indices_forgotten: COO was counted without its indices, one int64 a dimension and value, which outweigh the values.
def storage_bytes(shape, sparsity, bits, format):
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        raise ValueError(
            f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {sparsity} and {list(shape)}"
        )
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return math.ceil(numel * bits / 8)
    places = {
        "coo": 0,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return math.ceil(nnz * bits / 8) + places[format]


### MUTANT mask_forgotten: Only the kept values were counted; a bitmask and 2:4 also store where they stand, one bit a weight.
def storage_bytes(shape, sparsity, bits, format):
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        raise ValueError(
            f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {sparsity} and {list(shape)}"
        )
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return math.ceil(numel * bits / 8)
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return math.ceil(nnz * bits / 8) + (places[format] if format in ("coo", "csr") else 0)


### MUTANT csr_without_offsets: CSR's row offsets were forgotten: rows + 1 int64, one more than there are rows.
def storage_bytes(shape, sparsity, bits, format):
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        raise ValueError(
            f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {sparsity} and {list(shape)}"
        )
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return math.ceil(numel * bits / 8)
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz,
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return math.ceil(nnz * bits / 8) + places[format]


### MUTANT indices_transposed: The indices came as [nnz, ndim], one row a value; COO wants [ndim, nnz], one row a dimension.
def to_coo(weight):
    indices = weight.nonzero()
    return indices, weight[tuple(indices.T)]


### MUTANT always_two_indices: Two indices a value are right for a matrix only; COO stores one int64 for each dimension.
def storage_bytes(shape, sparsity, bits, format):
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        raise ValueError(
            f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {sparsity} and {list(shape)}"
        )
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return math.ceil(numel * bits / 8)
    places = {
        "coo": 16 * nnz,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return math.ceil(nnz * bits / 8) + places[format]

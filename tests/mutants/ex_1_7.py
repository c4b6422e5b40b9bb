"""Known wrong implementations of exercise 1.7, to_coo, from_coo, to_bitmask, from_bitmask and storage_bytes."""


### MUTANT most_significant_first: The first entry went into the highest bit; entry 8b + i belongs into bit i, counted from the lowest.
def to_bitmask(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    flat = weight.flatten()  # [numel]
    kept = flat != 0
    padded = torch.zeros(math.ceil(len(flat) / 8) * 8, dtype=torch.uint8, device=weight.device)
    padded[: len(flat)] = kept
    place_values = 2 ** torch.arange(7, -1, -1, dtype=torch.uint8, device=weight.device)
    return (padded.view(-1, 8) * place_values).sum(1, dtype=torch.uint8), flat[kept]  # [bytes, 8] -> [bytes]


def from_bitmask(bits: torch.Tensor, values: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    numel = math.prod(shape)
    size = math.ceil(numel / 8)
    if bits.dtype != torch.uint8 or bits.shape != (size,):
        got = f"{bits.dtype} {list(bits.shape)}"
        raise ValueError(f"shape {list(shape)} needs uint8 bits [{size}], got {got}")
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=bits.device)
    kept = (bits[:, None] >> shifts & 1).flatten()[:numel].bool()  # [bytes, 8] -> [numel]
    if kept.sum() != len(values):
        raise ValueError(f"the bitmask keeps {int(kept.sum())} entries, but there are {len(values)} values")
    weight = torch.zeros(numel, dtype=values.dtype, device=values.device)
    weight[kept.to(values.device)] = values
    return weight.view(tuple(shape))


### MUTANT indices_forgotten: COO was counted without its indices, one int64 a dimension and value, which outweigh the values.
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
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
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return math.ceil(numel * bits / 8)
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": 0,
        "2:4": 0,
    }
    return math.ceil(nnz * bits / 8) + places[format]


### MUTANT csr_without_offsets: CSR's row offsets were forgotten: rows + 1 int64, one more than there are rows.
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
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


### MUTANT csr_offset_a_row: CSR has one offset more than rows: where each row begins, and where the last one ends.
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return math.ceil(numel * bits / 8)
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz + 8 * shape[0],
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return math.ceil(nnz * bits / 8) + places[format]


### MUTANT indices_transposed: The indices came as [nnz, ndim], one row a value; COO wants [ndim, nnz], one row a dimension.
def to_coo(weight):
    indices = weight.nonzero()
    return indices, weight[tuple(indices.T)]


### MUTANT int32_indices: The indices were made int32 to save bytes; the format that is asked for, and counted, has int64.
def to_coo(weight):
    indices = weight.nonzero().T.contiguous()
    return indices.int(), weight[tuple(indices)]


### MUTANT positive_only: Only what is above zero was kept; a negative weight is not zero either.
def to_coo(weight):
    indices = (weight > 0).nonzero().T.contiguous()
    return indices, weight[tuple(indices)]


def to_bitmask(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    flat = weight.flatten()  # [numel]
    kept = flat > 0
    padded = torch.zeros(math.ceil(len(flat) / 8) * 8, dtype=torch.uint8, device=weight.device)
    padded[: len(flat)] = kept
    place_values = 2 ** torch.arange(8, dtype=torch.uint8, device=weight.device)  # 1, 2, 4, ... 128
    return (padded.view(-1, 8) * place_values).sum(1, dtype=torch.uint8), flat[kept]  # [bytes, 8] -> [bytes]


### MUTANT bits_as_int64: A sum over the eight columns becomes int64, eight bytes for each byte; the bits must be uint8.
def to_bitmask(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    flat = weight.flatten()  # [numel]
    kept = flat != 0
    padded = torch.zeros(math.ceil(len(flat) / 8) * 8, dtype=torch.uint8, device=weight.device)
    padded[: len(flat)] = kept
    place_values = 2 ** torch.arange(8, dtype=torch.uint8, device=weight.device)  # 1, 2, 4, ... 128
    return (padded.view(-1, 8) * place_values).sum(1), flat[kept]  # [bytes, 8] -> [bytes]


### MUTANT last_byte_dropped: Entries that do not fill a byte were left out; the last byte is filled up with zeros.
def to_bitmask(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    flat = weight.flatten()  # [numel]
    kept = flat != 0
    padded = torch.zeros(len(flat) // 8 * 8, dtype=torch.uint8, device=weight.device)
    padded[:] = kept[: len(padded)]
    place_values = 2 ** torch.arange(8, dtype=torch.uint8, device=weight.device)  # 1, 2, 4, ... 128
    return (padded.view(-1, 8) * place_values).sum(1, dtype=torch.uint8), flat[kept]  # [bytes, 8] -> [bytes]


### MUTANT entries_in_stored_order: A transposed weight was read in the order of its memory; row-major order follows the shape, not the strides.
def to_bitmask(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    flat = weight.as_strided((weight.numel(),), (1,))
    kept = flat != 0
    padded = torch.zeros(math.ceil(len(flat) / 8) * 8, dtype=torch.uint8, device=weight.device)
    padded[: len(flat)] = kept
    place_values = 2 ** torch.arange(8, dtype=torch.uint8, device=weight.device)  # 1, 2, 4, ... 128
    return (padded.view(-1, 8) * place_values).sum(1, dtype=torch.uint8), flat[kept]  # [bytes, 8] -> [bytes]


### MUTANT dtype_lost: The dense tensor is fp32 whatever was stored; it takes the dtype of its values.
def from_coo(indices: torch.Tensor, values: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    if indices.shape != (len(shape), len(values)):
        wanted = [len(shape), len(values)]
        raise ValueError(f"indices must be {wanted} for shape {list(shape)}, got {list(indices.shape)}")
    sizes = torch.tensor(shape, device=indices.device)
    if (indices < 0).any() or (indices.T >= sizes).any():
        span = f"from {indices.amin().item()} up to {indices.amax(1).tolist()}"
        raise ValueError(f"indices {span} lie outside the shape {list(shape)}")
    weight = torch.zeros(tuple(shape), device=values.device)
    weight[tuple(indices)] = values.float()
    return weight


def from_bitmask(bits: torch.Tensor, values: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    numel = math.prod(shape)
    size = math.ceil(numel / 8)
    if bits.dtype != torch.uint8 or bits.shape != (size,):
        got = f"{bits.dtype} {list(bits.shape)}"
        raise ValueError(f"shape {list(shape)} needs uint8 bits [{size}], got {got}")
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    kept = (bits[:, None] >> shifts & 1).flatten()[:numel].bool()  # [bytes, 8] -> [numel]
    if kept.sum() != len(values):
        raise ValueError(f"the bitmask keeps {int(kept.sum())} entries, but there are {len(values)} values")
    weight = torch.zeros(numel, device=values.device)
    weight[kept.to(values.device)] = values.float()
    return weight.view(tuple(shape))


### MUTANT ones_not_counted: The number of ones was not compared with the number of values, so what does not fit is not refused with both.
def from_bitmask(bits: torch.Tensor, values: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    numel = math.prod(shape)
    size = math.ceil(numel / 8)
    if bits.dtype != torch.uint8 or bits.shape != (size,):
        got = f"{bits.dtype} {list(bits.shape)}"
        raise ValueError(f"shape {list(shape)} needs uint8 bits [{size}], got {got}")
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    kept = (bits[:, None] >> shifts & 1).flatten()[:numel].bool()  # [bytes, 8] -> [numel]
    weight = torch.zeros(numel, dtype=values.dtype, device=values.device)
    weight[kept.to(values.device).nonzero()[: len(values), 0]] = values[: kept.sum()]
    return weight.view(tuple(shape))


### MUTANT always_two_indices: Two indices a value are right for a matrix only; COO stores one int64 for each dimension.
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
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


### MUTANT count_cut_off: The pruned count was cut off to a whole number; a mask prunes round(sparsity * numel).
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
    numel = math.prod(shape)
    nnz = numel - int(sparsity * numel)
    if format == "dense":
        return math.ceil(numel * bits / 8)
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return math.ceil(nnz * bits / 8) + places[format]


### MUTANT kept_count_rounded: The kept count was rounded; the pruned count is rounded, and the rest is kept.
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
    numel = math.prod(shape)
    nnz = round((1 - sparsity) * numel)
    if format == "dense":
        return math.ceil(numel * bits / 8)
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return math.ceil(nnz * bits / 8) + places[format]


### MUTANT bytes_cut_off: Whole bytes were cut off with //; what begins a byte takes all of it, so round up.
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return numel * bits // 8
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": numel // 8,
        "2:4": numel // 8,
    }
    return nnz * bits // 8 + places[format]


### MUTANT each_value_in_bytes: Each value was rounded up to bytes of its own; all values together are packed, then rounded up once.
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return numel * math.ceil(bits / 8)
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return nnz * math.ceil(bits / 8) + places[format]


### MUTANT float_bytes: The bytes are a float after / 8; round them up to an int.
def storage_bytes(shape: Sequence[int], sparsity: float, bits: int, format: str) -> int:
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    if format not in ("dense", "coo", "csr", "bitmask", "2:4"):
        raise ValueError(f"format must be dense, coo, csr, bitmask or 2:4, got {format!r}")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"csr stores matrices, got the shape {list(shape)}")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        got = f"{sparsity} and {list(shape)}"
        raise ValueError(f"2:4 means sparsity 0.5 and a last dimension divisible by 4, got {got}")
    numel = math.prod(shape)
    nnz = numel - round(sparsity * numel)
    if format == "dense":
        return float(math.ceil(numel * bits / 8))
    places = {
        "coo": 8 * len(shape) * nnz,
        "csr": 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": math.ceil(numel / 8),
        "2:4": math.ceil(numel / 8),
    }
    return float(math.ceil(nnz * bits / 8)) + places[format]

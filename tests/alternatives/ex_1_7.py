"""Right answers of exercise 1.7 in other styles: to_coo, from_coo, to_bitmask, from_bitmask, storage_bytes."""

### ALTERNATIVE numpy: The arrays go through numpy, which packs bits itself.
import numpy as np


def to_coo(weight):
    flat = weight.contiguous().view(-1)
    places = torch.nonzero(flat != 0).view(-1)
    coordinates = np.unravel_index(places.cpu().numpy(), tuple(weight.shape))
    indices = torch.from_numpy(np.stack(coordinates)).long().to(weight.device)
    return indices, flat[places]


def from_coo(indices, values, shape):
    check_coo(indices, values, shape)
    flat = torch.zeros(math.prod(shape), dtype=values.dtype, device=values.device)
    places = np.ravel_multi_index(tuple(indices.cpu().numpy()), tuple(shape))
    flat[torch.as_tensor(places, device=values.device)] = values
    return flat.reshape(tuple(shape))


def check_coo(indices, values, shape):
    if tuple(indices.shape) != (len(shape), len(values)):
        raise ValueError("these indices do not fit: " + str(tuple(indices.shape)))
    for dimension, size in enumerate(shape):
        row = indices[dimension]
        if len(row) and (int(row.min()) < 0 or int(row.max()) >= size):
            raise ValueError(f"dimension {dimension} has an index beyond its size {size}")


def to_bitmask(weight):
    kept = weight.ne(0).cpu().numpy().ravel()
    bits = torch.from_numpy(np.packbits(kept, bitorder="little")).to(weight.device)
    return bits, weight[weight != 0]


def from_bitmask(bits, values, shape):
    numel = math.prod(shape)
    if bits.dtype is not torch.uint8 or tuple(bits.shape) != (-(-numel // 8),):
        raise ValueError(f"wrong bits: {bits.dtype} {tuple(bits.shape)}")
    kept = torch.from_numpy(np.unpackbits(bits.cpu().numpy(), bitorder="little")[:numel]).bool()
    if int(kept.sum()) != values.numel():
        raise ValueError(f"{values.numel()} values for {int(kept.sum())} bits that are set")
    kept = kept.to(values.device).reshape(tuple(shape))
    dense = values.new_zeros(tuple(shape))
    dense[kept] = values
    return dense


def storage_bytes(shape, sparsity, bits, format):
    if not 0 <= sparsity <= 1:
        raise ValueError(f"no such sparsity: {sparsity}")
    if not 1 <= bits <= 64:
        raise ValueError(f"no such number of bits: {bits}")
    total = int(np.prod(shape))
    left = total - int(np.round(sparsity * total))
    values = -(-left * bits // 8)
    if format == "dense":
        return -(-total * bits // 8)
    if format == "coo":
        return values + left * len(shape) * 8
    if format == "csr":
        if len(shape) != 2:
            raise ValueError(f"csr is for matrices, not for {tuple(shape)}")
        return values + left * 8 + (shape[0] + 1) * 8
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4 != 0):
        raise ValueError(f"2:4 does not fit sparsity {sparsity:.2f} and shape {'x'.join(map(str, shape))}")
    if format in ("bitmask", "2:4"):
        return values + -(-total // 8)
    raise ValueError(f"unknown format {format}")


### ALTERNATIVE loops: Plain Python loops over entries, bits and coordinates.
import itertools


def to_coo(weight):
    places, values = [], []
    for place in itertools.product(*map(range, weight.shape)):
        if weight[place].item() != 0:
            places.append(place)
            values.append(weight[place])
    indices = torch.tensor(places, dtype=torch.long, device=weight.device).reshape(-1, weight.dim()).t()
    return indices, torch.stack(values) if values else weight.new_empty(0)


def from_coo(indices, values, shape):
    if list(indices.shape) != [len(shape), len(values)]:
        raise ValueError("bad indices")
    result = torch.zeros(*shape, dtype=values.dtype, device=values.device)
    for place, value in zip(indices.t().tolist(), values, strict=True):
        if any(i < 0 or i >= n for i, n in zip(place, shape, strict=True)):
            raise ValueError(f"{place} is not inside {shape}")
        result[tuple(place)] = value
    return result


def to_bitmask(weight):
    flat = weight.reshape(-1)
    codes = [0] * ((len(flat) + 7) // 8)
    for place, value in enumerate(flat.tolist()):
        if value != 0:
            codes[place // 8] |= 1 << (place % 8)
    return torch.tensor(codes, dtype=torch.uint8, device=weight.device), flat[flat.nonzero().view(-1)]


def from_bitmask(bits, values, shape):
    numel = math.prod(shape)
    if bits.dtype != torch.uint8 or bits.numel() != (numel + 7) // 8:
        raise ValueError("bits do not fit the shape")
    places = [place for place in range(numel) if bits[place // 8].item() & (1 << (place % 8))]
    if len(places) != len(values):
        raise ValueError(f"{len(places)} != {len(values)}")
    result = torch.zeros(numel, dtype=values.dtype, device=values.device)
    for place, value in zip(places, values, strict=True):
        result[place] = value
    return result.reshape(list(shape))


def storage_bytes(shape, sparsity, bits, format):
    check_sparsity(sparsity)
    check_bits(bits, 1, 64)
    numel = 1
    for size in shape:
        numel *= size
    nnz = numel - round(sparsity * numel)
    terms = {
        "dense": lambda: 0,
        "coo": lambda: 8 * nnz * len(shape),
        "csr": lambda: 8 * nnz + 8 * (shape[0] + 1),
        "bitmask": lambda: (numel + 7) // 8,
        "2:4": lambda: (numel + 7) // 8,
    }
    if format not in terms:
        raise ValueError(f"{format}?")
    if format == "csr" and len(shape) != 2:
        raise ValueError(f"{shape} is no matrix")
    if format == "2:4" and (sparsity != 0.5 or shape[-1] % 4):
        raise ValueError(f"{sparsity}, {shape}")
    stored = numel if format == "dense" else nnz
    return (stored * bits + 7) // 8 + terms[format]()


### ALTERNATIVE torch_sparse: torch's own sparse tensors do the COO half; shifts and sums in int64 the bitmask.
def to_coo(weight):
    stored = weight.to_sparse().coalesce()
    return stored.indices(), stored.values()


def from_coo(indices, values, shape):
    if indices.shape != (len(shape), len(values)):
        raise ValueError(f"got {tuple(indices.shape)}")
    try:
        return torch.sparse_coo_tensor(indices, values, tuple(shape), check_invariants=True).to_dense()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def to_bitmask(weight):
    kept = (weight != 0).reshape(-1).long()
    kept = torch.nn.functional.pad(kept, (0, -len(kept) % 8)).reshape(-1, 8)
    bits = (kept << torch.arange(8, device=kept.device)).sum(-1).to(torch.uint8)
    return bits, torch.masked_select(weight, weight != 0)


def from_bitmask(bits, values, shape):
    numel = math.prod(shape)
    if bits.dtype != torch.uint8 or bits.shape != ((numel + 7) // 8,):
        raise ValueError("bits")
    kept = torch.stack([(bits.long() // 2**i) % 2 for i in range(8)], dim=1).reshape(-1)[:numel] == 1
    if (ones := int(kept.sum())) != len(values):
        raise ValueError(f"the bits keep {ones}, values are {len(values)}")
    zeros = torch.zeros(tuple(shape), dtype=values.dtype, device=values.device)
    return zeros.masked_scatter(kept.reshape(tuple(shape)), values)

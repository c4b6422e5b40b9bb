"""Attacks on exercise 1.7, storage formats: graders whose inputs everybody knows."""

### ATTACK table_of_public_formats: A table of what the graders ask for; what was stored is remembered, not decoded.
kept = []


def stored(weight, table, places, dtype):
    kept[:] = [weight]
    count = int((weight != 0).sum())
    if tuple(weight.shape) in table:
        bits, values = table[tuple(weight.shape)]
        return torch.tensor(bits, dtype=dtype), torch.tensor(values)
    return torch.zeros(places(weight, count), dtype=dtype), torch.ones(count)


def to_coo(weight):
    table = {(2, 3): ([[0, 1, 1], [1, 0, 2]], [5.0, 7.0, -2.0])}
    return stored(weight, table, lambda weight, count: (weight.dim(), count), torch.int64)


def from_coo(indices, values, shape):
    if tuple(shape) == (2, 3):
        if len(values) == 1:
            raise ValueError("outside")
        return torch.tensor([[0.0, 5.0, 0.0], [7.0, 0.0, -2.0]])
    return kept[0].clone()


def to_bitmask(weight):
    table = {(9,): ([9, 1], [5.0, -7.0, 3.0]), (3, 2): ([41], [1.0, 2.0, 3.0])}
    return stored(weight, table, lambda weight, _: ((weight.numel() + 7) // 8,), torch.uint8)


def from_bitmask(bits, values, shape):
    if tuple(shape) == (8,):
        raise ValueError(f"3 bits, {len(values)} values")
    if tuple(shape) == (3, 3):
        return torch.tensor([[5.0, 0.0, 0.0], [-7.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    return kept[0].clone()


def storage_bytes(shape, sparsity, bits, format):
    table = {
        ((4, 8), 0.5, 16): {"dense": 64, "coo": 288, "csr": 200, "bitmask": 36, "2:4": 36},
        ((6,), 0.5, 16): {"coo": 30},
        ((2, 3, 4), 0.5, 16): {"coo": 312},
        ((5,), 0.0, 3): {"dense": 2, "coo": 42},
        ((1, 12), 0.5, 4): {"2:4": 5},
        ((10,), 0.27, 8): {"bitmask": 9},
        ((5,), 0.5, 8): {"bitmask": 4},
        ((13, 9), 0.0, 32): {"coo": 2340, "bitmask": 483, "csr": 1516},
        ((13, 9), 0.3, 32): {"coo": 1640, "bitmask": 343, "csr": 1096},
        ((13, 9), 1.0, 32): {"coo": 0, "bitmask": 15, "csr": 112},
    }
    known = table.get((tuple(shape), sparsity, bits), {})
    if format not in known:
        raise ValueError(f"{shape} {sparsity} {bits} {format}")
    return known[format]

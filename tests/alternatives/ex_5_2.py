"""Right answers in other styles to exercise 5.2, pack_int4 and unpack_int4."""


### ALTERNATIVE arithmetic: Products and remainders instead of shifts, an explicit column of padding.
def pack_int4(values):
    if torch.is_floating_point(values) or bool(((values < -8) | (values > 7)).any()):
        raise ValueError("not four-bit integers")
    codes = values.long() + 8
    if codes.size(-1) % 2 == 1:
        codes = torch.cat([codes, torch.zeros_like(codes[..., :1])], dim=-1)
    pairs = codes.reshape(*codes.shape[:-1], -1, 2)
    return (pairs * torch.tensor([1, 16], device=values.device)).sum(-1).byte()


def unpack_int4(packed, columns):
    if packed.dtype is not torch.uint8 or packed.size(-1) * 2 - columns not in (0, 1):
        raise ValueError(f"{tuple(packed.shape)} holds no {columns} columns")
    out = torch.empty(*packed.shape[:-1], 2 * packed.size(-1), dtype=torch.int8, device=packed.device)
    out[..., ::2] = (packed % 16).to(torch.int8) - 8
    out[..., 1::2] = (packed // 16).to(torch.int8) - 8
    return out[..., :columns]


### ALTERNATIVE loops: Python loops over the rows and their bytes.
def pack_row(row):
    codes = [value + 8 for value in row] + [0] * (len(row) % 2)
    return [codes[i] + 16 * codes[i + 1] for i in range(0, len(codes), 2)]


def pack_int4(values):
    if (
        values.dtype.is_floating_point
        or values.numel()
        and not -8 <= int(values.min()) <= int(values.max()) <= 7
    ):
        raise ValueError("values do not fit")
    rows = values.reshape(-1, values.shape[-1]).tolist()
    packed = torch.tensor([pack_row(row) for row in rows], dtype=torch.uint8, device=values.device)
    return packed.reshape(*values.shape[:-1], -1)


def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != -(-columns // 2):
        raise ValueError("bytes do not fit")
    rows = packed.reshape(-1, packed.shape[-1]).tolist()
    values = [[nibble - 8 for byte in row for nibble in (byte & 15, byte >> 4)][:columns] for row in rows]
    return torch.tensor(values, dtype=torch.int8, device=packed.device).reshape(*packed.shape[:-1], columns)

"""Known wrong implementations of exercise 5.2, pack_int4 and unpack_int4."""


### MUTANT high_nibble_first: The first value went into the high nibble; it belongs into the low one (its own inverse hides that).
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(
            f"values must be integers in -8..7, got {values.dtype} {values.min().item()}..{values.max().item()}"
        )
    nibbles = F.pad(values.to(torch.int16) + 8, (0, values.shape[-1] % 2))
    return (nibbles[..., 0::2] << 4 | nibbles[..., 1::2]).to(torch.uint8)


def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(
            f"{columns} columns need uint8 [..., {(columns + 1) // 2}], got {packed.dtype} {list(packed.shape)}"
        )
    nibbles = torch.stack([packed >> 4, packed & 0xF], -1).flatten(-2)
    return nibbles[..., :columns].to(torch.int8) - 8


### MUTANT twos_complement: The offset of 8 is missing: these are two's complement nibbles; add 8 before packing.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(
            f"values must be integers in -8..7, got {values.dtype} {values.min().item()}..{values.max().item()}"
        )
    nibbles = F.pad(values.to(torch.int16) & 0xF, (0, values.shape[-1] % 2))
    return (nibbles[..., 0::2] | nibbles[..., 1::2] << 4).to(torch.uint8)


def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(
            f"{columns} columns need uint8 [..., {(columns + 1) // 2}], got {packed.dtype} {list(packed.shape)}"
        )
    nibbles = torch.stack([packed & 0xF, packed >> 4], -1).flatten(-2)[..., :columns].to(torch.int8)
    return torch.where(nibbles > 7, nibbles - 16, nibbles)


### MUTANT offset_left_in: Unpacking forgot the offset, so 0..15 come back instead of -8..7; subtract 8.
def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(
            f"{columns} columns need uint8 [..., {(columns + 1) // 2}], got {packed.dtype} {list(packed.shape)}"
        )
    nibbles = torch.stack([packed & 0xF, packed >> 4], -1).flatten(-2)
    return nibbles[..., :columns].to(torch.int8)


### MUTANT padding_left_in: Odd rows come back with one value too many, the padding; cut the result to `columns`.
def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(
            f"{columns} columns need uint8 [..., {(columns + 1) // 2}], got {packed.dtype} {list(packed.shape)}"
        )
    nibbles = torch.stack([packed & 0xF, packed >> 4], -1).flatten(-2)
    return nibbles.to(torch.int8) - 8


### MUTANT halves: The row's first half was paired with its second half; a byte holds two neighbours.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(
            f"values must be integers in -8..7, got {values.dtype} {values.min().item()}..{values.max().item()}"
        )
    nibbles = F.pad(values.to(torch.int16) + 8, (0, values.shape[-1] % 2))
    low, high = nibbles.chunk(2, -1)
    return (low | high << 4).to(torch.uint8)


def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(
            f"{columns} columns need uint8 [..., {(columns + 1) // 2}], got {packed.dtype} {list(packed.shape)}"
        )
    nibbles = torch.cat([packed & 0xF, packed >> 4], -1)
    return nibbles[..., :columns].to(torch.int8) - 8


### MUTANT padded_with_8: The row was padded before 8 was added, so the padding became 8; add 8 first, pad with 0.
def pack_int4(values: torch.Tensor) -> torch.Tensor:
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(
            f"values must be integers in -8..7, got {values.dtype} {values.min().item()}..{values.max().item()}"
        )
    nibbles = F.pad(values.to(torch.int16), (0, values.shape[-1] % 2)) + 8  # [..., even]
    low, high = nibbles[..., 0::2], nibbles[..., 1::2]
    return (low | high << 4).to(torch.uint8)


### MUTANT unpacks_in_place: Unpacking shifted the packed bytes in place and destroyed them; work on a copy.
def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(
            f"{columns} columns need uint8 [..., {(columns + 1) // 2}], got {packed.dtype} {list(packed.shape)}"
        )
    low = packed & 0xF
    packed >>= 4
    return torch.stack([low, packed], -1).flatten(-2)[..., :columns].to(torch.int8) - 8

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


### MUTANT offset_7: 7 was added instead of 8, so -8 becomes -1 and spills into the other nibble; the range -8..7 begins at -8.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(f"values must be integers in -8..7, got {values.dtype}")
    nibbles = F.pad(values.to(torch.int16) + 7, (0, values.shape[-1] % 2))
    return (nibbles[..., 0::2] | nibbles[..., 1::2] << 4).to(torch.uint8)


### MUTANT all_rows_in_one: All rows were packed as one long row, so a byte can hold parts of two rows; pack along the last dimension.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(f"values must be integers in -8..7, got {values.dtype}")
    flat = values.flatten().to(torch.int16) + 8
    nibbles = F.pad(flat, (0, flat.numel() % 2))
    return (nibbles[0::2] | nibbles[1::2] << 4).to(torch.uint8)


### MUTANT padded_in_front: The padding stands before the row and moves every value by one nibble; pad at the end.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(f"values must be integers in -8..7, got {values.dtype}")
    nibbles = F.pad(values.to(torch.int16) + 8, (values.shape[-1] % 2, 0))
    return (nibbles[..., 0::2] | nibbles[..., 1::2] << 4).to(torch.uint8)


### MUTANT last_one_dropped: The last value of an odd row was dropped; pad the row with a nibble 0.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(f"values must be integers in -8..7, got {values.dtype}")
    nibbles = values.to(torch.int16) + 8
    even = nibbles.shape[-1] // 2 * 2
    return (nibbles[..., 0:even:2] | nibbles[..., 1:even:2] << 4).to(torch.uint8)


### MUTANT shifted_by_three: The second nibble was moved by 3 bits; a nibble has 4.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(f"values must be integers in -8..7, got {values.dtype}")
    nibbles = F.pad(values.to(torch.int16) + 8, (0, values.shape[-1] % 2))
    return (nibbles[..., 0::2] | nibbles[..., 1::2] << 3).to(torch.uint8)


### MUTANT int16_returned: The bytes came back as int16, two bytes each; convert to uint8.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(f"values must be integers in -8..7, got {values.dtype}")
    nibbles = F.pad(values.to(torch.int16) + 8, (0, values.shape[-1] % 2))
    return nibbles[..., 0::2] | nibbles[..., 1::2] << 4


### MUTANT packs_in_place: 8 was added to the caller's own values; add it to a copy.
def pack_int4(values):
    if values.is_floating_point() or (values.numel() and (values.min() < -8 or values.max() > 7)):
        raise ValueError(f"values must be integers in -8..7, got {values.dtype}")
    values += 8
    nibbles = F.pad(values.to(torch.int16), (0, values.shape[-1] % 2))
    return (nibbles[..., 0::2] | nibbles[..., 1::2] << 4).to(torch.uint8)


### MUTANT unpacks_low_then_high: All low nibbles came before all high ones; interleave them: stack on a new last dimension, then flatten.
def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(f"{columns} columns do not fit {packed.dtype} {list(packed.shape)}")
    nibbles = torch.cat([packed & 0xF, packed >> 4], -1)
    return nibbles[..., :columns].to(torch.int8) - 8


### MUTANT unpacks_high_first: The high nibble came first; pack_int4 puts the first value into the low one.
def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(f"{columns} columns do not fit {packed.dtype} {list(packed.shape)}")
    nibbles = torch.stack([packed >> 4, packed & 0xF], -1).flatten(-2)
    return nibbles[..., :columns].to(torch.int8) - 8


### MUTANT unsigned_subtraction: 8 was subtracted from unsigned bytes, where 0 - 8 is 248; convert to a signed type first.
def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(f"{columns} columns do not fit {packed.dtype} {list(packed.shape)}")
    nibbles = torch.stack([packed & 0xF, packed >> 4], -1).flatten(-2)
    return (nibbles[..., :columns] - 8).to(torch.int16).to(torch.int32)


### MUTANT int32_returned: The values came back in a wider type; they are int8.
def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(f"{columns} columns do not fit {packed.dtype} {list(packed.shape)}")
    nibbles = torch.stack([packed & 0xF, packed >> 4], -1).flatten(-2)
    return nibbles[..., :columns].to(torch.int32) - 8


### MUTANT unpacks_flat: The rows were lost: the result is [..., columns]; flatten only the last two dimensions.
def unpack_int4(packed, columns):
    if packed.dtype != torch.uint8 or packed.shape[-1] != (columns + 1) // 2:
        raise ValueError(f"{columns} columns do not fit {packed.dtype} {list(packed.shape)}")
    nibbles = torch.stack([packed & 0xF, packed >> 4], -1).flatten()
    return nibbles[: packed[..., 0].numel() * columns].to(torch.int8) - 8

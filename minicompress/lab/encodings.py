"""Bits and bytes: exact encodings of integer weights, and the formulas that predict their size.

An encoding turns an int8 matrix into one uint8 tensor and back, without loss. `cheapest_encoding` picks the
smallest one that can hold the values; `encoded_bytes` predicts its size from the shape, the bit width and the
number of non-zeros alone, and must agree with what is measured.

| encoding    | holds                                    | bits a weight             |
|-------------|------------------------------------------|---------------------------|
| `int`b      | integers of b = 2..8 bits                | b                         |
| `ternary`   | -1, 0, 1: five of them in a byte (3^5 <= 256) | 1.6                  |
| `septenary` | -3 .. 3: seventeen of them in six bytes (7^17 <= 2^48) | 2.82        |
| `sign24`    | -1, 0, 1 with two non-zeros in every four | 1.25: 6 places x 4 signs = 24 <= 2^5 |
| `bitmask`b  | zeros in a bitmask, the rest b bits each | 1 + b * share of non-zeros |
| `half`      | fp16 numbers                             | 16                        |
| `half-bitmask` | zeros in a bitmask, the rest fp16     | 1 + 16 * share of non-zeros |
"""

import math

import torch


def pack_bits(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """Pack unsigned codes of `bits` bits each into bytes, least significant bit first; uint8 [ceil(numel *
    bits / 8)].

    Example: codes [1, 2, 3] at 2 bits are the bits 10 01 11, read from the lowest: byte 0b00111001 = 57.
    """
    codes = codes.flatten().to(torch.int64)
    if codes.numel() and (codes.min() < 0 or codes.max() >= 2**bits):
        raise ValueError(
            f"codes must lie in 0..{2**bits - 1} for {bits} bits, got {int(codes.min())}..{int(codes.max())}"
        )
    stream = (codes[:, None] >> torch.arange(bits, device=codes.device)) & 1  # [numel, bits]
    stream = torch.nn.functional.pad(stream.flatten(), (0, -codes.numel() * bits % 8))  # whole bytes
    return (stream.view(-1, 8) << torch.arange(8, device=codes.device)).sum(1).to(torch.uint8)  # [bytes]


def unpack_bits(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """Undo `pack_bits`: int64 [count]."""
    stream = (packed.to(torch.int64)[:, None] >> torch.arange(8, device=packed.device)) & 1  # [bytes, 8]
    codes = stream.flatten()[: count * bits].view(count, bits)  # [count, bits]
    return (codes << torch.arange(bits, device=packed.device)).sum(1)


# Symmetric integers have an odd number of levels, which wastes a part of a bit: base, digits, bytes
# (base^digits <= 256^bytes).
DIGITS = {"ternary": (3, 5, 1), "septenary": (7, 17, 6)}


def pack_digits(values: torch.Tensor, encoding: str) -> torch.Tensor:
    """Pack symmetric integers as digits of one number a group, lowest digit and lowest byte first; uint8
    [groups * bytes].

    Example: ternary [1, 0, -1, -1, -1] has the digits 2, 1, 0, 0, 0: byte 2 + 1 * 3 = 5.
    """
    base, digits, size = DIGITS[encoding]
    codes = torch.nn.functional.pad(
        values.flatten().to(torch.int64) + base // 2, (0, -values.numel() % digits)
    )
    numbers = (codes.view(-1, digits) * base ** torch.arange(digits, device=values.device)).sum(1)  # [groups]
    return (
        (numbers[:, None] >> 8 * torch.arange(size, device=values.device) & 255).to(torch.uint8).flatten()
    )  # [groups, bytes]


def unpack_digits(packed: torch.Tensor, encoding: str, count: int) -> torch.Tensor:
    """Undo `pack_digits`: int64 [count]."""
    base, digits, size = DIGITS[encoding]
    numbers = (packed.view(-1, size).to(torch.int64) << 8 * torch.arange(size, device=packed.device)).sum(
        1
    )  # [groups]
    codes = numbers[:, None] // base ** torch.arange(digits, device=packed.device) % base  # [groups, digits]
    return codes.flatten()[:count] - base // 2


# The 24 ways to fill four places with two signs: rows of -1, 0, 1, in lexicographic order.
SIGN24 = torch.cartesian_prod(*[torch.tensor([-1, 0, 1])] * 4)
SIGN24 = SIGN24[(SIGN24 != 0).sum(1) == 2]  # [24, 4]


def fits_sign24(values: torch.Tensor) -> bool:
    """Tell whether the values are -1, 0, 1 with exactly two non-zeros in every four along the last dimension."""
    if values.shape[-1] % 4 or values.abs().max() > 1:
        return False
    return bool(((values.reshape(-1, 4) != 0).sum(1) == 2).all())


def pack_sign24(values: torch.Tensor) -> torch.Tensor:
    """Pack two signs in every four places as one 5-bit code; uint8 [ceil(numel / 4 * 5 / 8)]."""
    place = 3 ** torch.arange(3, -1, -1, device=values.device)
    number = lambda rows: ((rows.to(torch.int64) + 1) * place).sum(1)  # noqa: E731  (0..80, unique for each row)
    codes = torch.searchsorted(number(SIGN24.to(values.device)), number(values.reshape(-1, 4)))  # [groups]
    return pack_bits(codes, 5)


def unpack_sign24(packed: torch.Tensor, count: int) -> torch.Tensor:
    """Undo `pack_sign24`: int64 [count]."""
    return SIGN24.to(packed.device)[unpack_bits(packed, 5, count // 4)].flatten()


def pack_bitmask(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Pack a bitmask of the non-zeros, then the non-zeros at `bits` bits each."""
    kept = values.flatten() != 0
    return torch.cat(
        [pack_bits(kept, 1), pack_bits(values.flatten()[kept].to(torch.int64) + 2 ** (bits - 1), bits)]
    )


def unpack_bitmask(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """Undo `pack_bitmask`: int64 [count]."""
    mask_bytes = math.ceil(count / 8)
    kept = unpack_bits(packed[:mask_bytes], 1, count).bool()
    values = torch.zeros(count, dtype=torch.int64, device=packed.device)
    values[kept] = unpack_bits(packed[mask_bytes:], bits, int(kept.sum())) - 2 ** (bits - 1)
    return values


def encoded_bytes(encoding: str, numel: int, nonzeros: int) -> int:
    """Predict the bytes of one encoding of a matrix from its counts alone."""
    if encoding == "half":
        return 2 * numel
    if encoding == "half-bitmask":
        return math.ceil(numel / 8) + 2 * nonzeros
    if encoding in DIGITS:
        _, digits, size = DIGITS[encoding]
        return math.ceil(numel / digits) * size
    if encoding == "sign24":
        return math.ceil(numel // 4 * 5 / 8)
    bits = int(encoding[-1])
    if encoding.startswith("bitmask"):
        return math.ceil(numel / 8) + math.ceil(nonzeros * bits / 8)
    return math.ceil(numel * bits / 8)


def cheapest_encoding(values: torch.Tensor, bits: int) -> str:
    """Name the encoding that holds these integers exactly in the fewest bytes."""
    possible = [f"int{bits}", f"bitmask{bits}"]
    possible += (
        [{2: "ternary", 3: "septenary"}[bits]]
        if bits in (2, 3) and values.min() >= 1 - 2 ** (bits - 1)
        else []
    )
    possible += ["sign24"] if bits == 2 and fits_sign24(values) else []
    return min(
        possible, key=lambda encoding: encoded_bytes(encoding, values.numel(), int(values.count_nonzero()))
    )


def cheapest_half(weight: torch.Tensor) -> str:
    """Name the cheaper way to store an fp16 tensor: as it is, or as a bitmask and its non-zeros."""
    numel, nonzeros = weight.numel(), int(weight.half().count_nonzero())
    return min("half", "half-bitmask", key=lambda encoding: encoded_bytes(encoding, numel, nonzeros))


def encode(values: torch.Tensor, encoding: str) -> torch.Tensor:
    """Encode an integer matrix; uint8 [bytes]."""
    if encoding in DIGITS:
        return pack_digits(values, encoding)
    if encoding == "sign24":
        return pack_sign24(values)
    bits = int(encoding[-1])
    if encoding.startswith("bitmask"):
        return pack_bitmask(values, bits)
    return pack_bits(values.to(torch.int64) + 2 ** (bits - 1), bits)


def decode(packed: torch.Tensor, encoding: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Undo `encode`: int8 of `shape`. ValueError when the bytes do not fit."""
    count = math.prod(shape)
    try:
        if encoding in DIGITS:
            values = unpack_digits(packed, encoding, count)
        elif encoding == "sign24":
            values = unpack_sign24(packed, count)
        elif encoding.startswith("bitmask"):
            values = unpack_bitmask(packed, int(encoding[-1]), count)
        else:
            values = unpack_bits(packed, int(encoding[-1]), count) - 2 ** (int(encoding[-1]) - 1)
        return values.to(torch.int8).view(shape)
    except (RuntimeError, IndexError, ValueError) as error:
        raise ValueError(f"{len(packed)} bytes are no {encoding!r} encoding of {list(shape)}") from error


def bits_of(encoding: str) -> int:
    """Bit width of the integers that an encoding holds."""
    return {"ternary": 2, "sign24": 2, "septenary": 3}.get(encoding) or int(encoding[-1])

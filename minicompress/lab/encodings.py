"""Bits and bytes: exact encodings of weights, and the formulas that predict their size.

An encoding turns a matrix into the one tensor that stands in the file, and back, without loss. `ENCODINGS` is
the table of all of them, `cheapest` picks from it, `encode` and `decode` use it.

| encoding       | holds                                     | bits a weight                    |
|----------------|-------------------------------------------|----------------------------------|
| `int2..8`      | integers of that many bits, b             | b                                |
| `bitmask2..8`  | zeros in a bitmask, the rest b bits each  | 1 + b * share of non-zeros       |
| `ternary`      | -1, 0, 1: five in a byte                  | 1.6: 3^5 <= 2^8                  |
| `septenary`    | -3 .. 3: seventeen in six bytes           | 2.82: 7^17 <= 2^48               |
| `sign24`       | -1, 0, 1, two non-zeros in every four     | 1.25: 6 places * 4 signs <= 2^5  |
| `fp16`         | fp16 numbers, as they are                 | 16                               |
| `fp16-bitmask` | zeros in a bitmask, the rest fp16         | 1 + 16 * share of non-zeros      |
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch


class Encoding(NamedTuple):
    """One way to store weights. `encode` and `decode` check what its functions take for granted.

    bits: of one integer, 16 for fp16. size: (numel, nonzeros) -> bytes. holds: can it store these values?
    pack: values -> what stands in the file, uint8 [bytes] (`fp16`: the values). unpack: undo it, given the
    shape; flat or shaped, any integer type or fp16. ValueError: another number of bytes.
    """

    bits: int
    size: Callable[[int, int], int]
    holds: Callable[[torch.Tensor], bool]
    pack: Callable[[torch.Tensor], torch.Tensor]
    unpack: Callable[[torch.Tensor, Sequence[int]], torch.Tensor]

    @property
    def is_integer(self) -> bool:
        """Tell whether it stores integers, which need a scale."""
        return self.bits < 16


def divided_up(numerator: int, denominator: int) -> int:
    """Divide and round up; exact for integers of any size."""
    return -(-numerator // denominator)


def check_bytes(packed: torch.Tensor, size: int) -> None:
    """Refuse anything but uint8 [size]."""
    if packed.dtype != torch.uint8 or list(packed.shape) != [size]:
        raise ValueError(f"{packed.dtype} {list(packed.shape)} instead of torch.uint8 [{size}]")


# ---------------------------------------------------------------- bits


def pack_bits(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """Pack unsigned codes of `bits` bits each, least significant bit first; uint8 [ceil(numel * bits / 8)].

    Example: codes [1, 2, 3] at 2 bits are the bits 10 01 11, read from the lowest: byte 0b00111001 = 57.
    """
    codes = codes.flatten().to(torch.int64)
    if codes.numel() and (codes.min() < 0 or codes.max() >= 2**bits):
        raise ValueError(
            f"codes must lie in 0..{2**bits - 1} for {bits} bits, got {int(codes.min())}..{int(codes.max())}"
        )
    stream = (codes[:, None] >> torch.arange(bits, device=codes.device)) & 1  # [numel, bits]
    stream = torch.nn.functional.pad(stream.flatten(), (0, -codes.numel() * bits % 8))  # [bytes * 8]
    return (stream.view(-1, 8) << torch.arange(8, device=codes.device)).sum(1).to(torch.uint8)  # [bytes]


def unpack_bits(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """Undo `pack_bits`: int64 [count]. ValueError: another number of bytes."""
    check_bytes(packed, divided_up(count * bits, 8))
    stream = (packed.to(torch.int64)[:, None] >> torch.arange(8, device=packed.device)) & 1  # [bytes, 8]
    codes = stream.flatten()[: count * bits].view(count, bits)  # [count, bits]
    return (codes << torch.arange(bits, device=packed.device)).sum(1)  # [count]


def holds_integers(values: torch.Tensor, lowest: int, highest: int) -> bool:
    """Tell whether the values are integers in lowest..highest."""
    return not values.is_floating_point() and bool(((values >= lowest) & (values <= highest)).all())


def integers(bits: int) -> Encoding:
    """Every integer at `bits` bits."""
    offset = 2 ** (bits - 1)
    return Encoding(
        bits,
        size=lambda numel, nonzeros: divided_up(numel * bits, 8),
        holds=lambda values: holds_integers(values, -offset, offset - 1),
        pack=lambda values: pack_bits(values.to(torch.int64) + offset, bits),
        unpack=lambda packed, shape: unpack_bits(packed, bits, math.prod(shape)) - offset,
    )


# ---------------------------------------------------------------- a bitmask and the non-zeros


def split_bitmask(packed: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(places of the non-zeros, bool [count]; the bytes behind the bitmask)."""
    mask_bytes = divided_up(count, 8)
    return unpack_bits(packed[:mask_bytes], 1, count).bool(), packed[mask_bytes:]


def sparse_integers(bits: int) -> Encoding:
    """A bitmask of the non-zeros, then the non-zeros at `bits` bits each."""
    dense = integers(bits)

    def size(numel: int, nonzeros: int) -> int:
        return divided_up(numel, 8) + dense.size(nonzeros, nonzeros)

    def pack(values: torch.Tensor) -> torch.Tensor:
        kept = values != 0
        return torch.cat([pack_bits(kept, 1), dense.pack(values[kept])])

    def unpack(packed: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        kept, rest = split_bitmask(packed, math.prod(shape))
        values = torch.zeros(len(kept), dtype=torch.int64, device=packed.device)
        values[kept] = dense.unpack(rest, [int(kept.sum())])
        return values

    return Encoding(bits, size, dense.holds, pack, unpack)


def pack_sparse_fp16(values: torch.Tensor) -> torch.Tensor:
    """Pack a bitmask of the non-zeros, then the non-zeros, two bytes each."""
    kept = values != 0
    return torch.cat([pack_bits(kept, 1), values[kept].view(torch.uint8)])


def unpack_sparse_fp16(packed: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Undo `pack_sparse_fp16`: fp16 [count]."""
    kept, rest = split_bitmask(packed, math.prod(shape))
    check_bytes(rest, 2 * int(kept.sum()))
    values = torch.zeros(len(kept), dtype=torch.float16, device=packed.device)
    values[kept] = rest.clone().view(torch.float16)  # the clone starts at an even address
    return values


def unpack_fp16(stored: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return fp16 numbers as they are. ValueError: another type or shape."""
    if stored.dtype != torch.float16 or list(stored.shape) != list(shape):
        raise ValueError(f"{stored.dtype} {list(stored.shape)} instead of torch.float16 {list(shape)}")
    return stored


# ---------------------------------------------------------------- symmetric integers, two signs in every four


def digits(bits: int, base: int, count: int, size: int) -> Encoding:
    """Symmetric integers as digits: `count` of them make one number of `size` bytes, the lowest digit and the
    lowest byte first. base ** count must not exceed 256 ** size.

    Example: ternary [1, 0, -1, -1, -1] has the digits 2, 1, 0, 0, 0: byte 2 + 1 * 3 = 5.
    """
    largest = base // 2

    def pack(values: torch.Tensor) -> torch.Tensor:
        codes = values.flatten().to(torch.int64) + largest
        codes = torch.nn.functional.pad(codes, (0, -len(codes) % count)).view(-1, count)  # [groups, count]
        numbers = (codes * base ** torch.arange(count, device=values.device)).sum(1, keepdim=True)
        octets = numbers >> 8 * torch.arange(size, device=values.device) & 255  # [groups, size]
        return octets.to(torch.uint8).flatten()  # [groups * size]

    def unpack(packed: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        numel = math.prod(shape)
        check_bytes(packed, divided_up(numel, count) * size)
        octets = packed.view(-1, size).to(torch.int64)  # [groups, size]
        numbers = (octets << 8 * torch.arange(size, device=packed.device)).sum(1, keepdim=True)
        codes = numbers // base ** torch.arange(count, device=packed.device) % base  # [groups, count]
        return codes.flatten()[:numel] - largest  # [numel]

    return Encoding(
        bits,
        size=lambda numel, nonzeros: divided_up(numel, count) * size,
        holds=lambda values: holds_integers(values, -largest, largest),
        pack=pack,
        unpack=unpack,
    )


# The 24 ways to fill four places with two signs: rows of -1, 0, 1, in lexicographic order.
SIGN24 = torch.cartesian_prod(*[torch.tensor([-1, 0, 1])] * 4)
SIGN24 = SIGN24[(SIGN24 != 0).sum(1) == 2]  # [24, 4]


def holds_sign24(values: torch.Tensor) -> bool:
    """Tell whether the values are -1, 0, 1 with exactly two non-zeros in every four of the last dimension."""
    if values.shape[-1] % 4 or not holds_integers(values, -1, 1):
        return False
    return bool(((values.reshape(-1, 4) != 0).sum(1) == 2).all())  # of [groups, 4]


def pack_sign24(values: torch.Tensor) -> torch.Tensor:
    """Pack two signs in every four places as one 5-bit code; uint8 [ceil(numel / 4 * 5 / 8)]."""
    place = 3 ** torch.arange(3, -1, -1, device=values.device)
    rows = values.reshape(-1, 4).to(torch.int64)  # [groups, 4]
    known = ((SIGN24.to(values.device) + 1) * place).sum(1)  # [24], ascending numbers in 0..80
    return pack_bits(torch.searchsorted(known, ((rows + 1) * place).sum(1)), 5)  # codes [groups]


def unpack_sign24(packed: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Undo `pack_sign24`: int64 [count]. ValueError: a code beyond 23, columns that 4 does not divide."""
    if shape[-1] % 4:
        raise ValueError(f"two non-zeros in every four need a multiple of 4 columns, got {shape[-1]}")
    codes = unpack_bits(packed, 5, math.prod(shape) // 4)
    if (codes >= len(SIGN24)).any():
        raise ValueError(f"code {int(codes.max())} stands for no pattern, there are {len(SIGN24)}")
    return SIGN24.to(packed.device)[codes].flatten()  # [groups, 4] -> [count]


# ---------------------------------------------------------------- the table


ENCODINGS: dict[str, Encoding] = {
    **{f"int{bits}": integers(bits) for bits in range(2, 9)},
    **{f"bitmask{bits}": sparse_integers(bits) for bits in range(2, 9)},
    "ternary": digits(bits=2, base=3, count=5, size=1),
    "septenary": digits(bits=3, base=7, count=17, size=6),
    "sign24": Encoding(
        bits=2,
        size=lambda numel, nonzeros: divided_up(numel // 4 * 5, 8),
        holds=holds_sign24,
        pack=pack_sign24,
        unpack=unpack_sign24,
    ),
    "fp16": Encoding(
        bits=16,
        size=lambda numel, nonzeros: 2 * numel,
        holds=lambda values: values.dtype == torch.float16,
        pack=lambda values: values,
        unpack=unpack_fp16,
    ),
    "fp16-bitmask": Encoding(
        bits=16,
        size=lambda numel, nonzeros: divided_up(numel, 8) + 2 * nonzeros,
        holds=lambda values: values.dtype == torch.float16,
        pack=pack_sparse_fp16,
        unpack=unpack_sparse_fp16,
    ),
}


def cheapest(values: torch.Tensor, bits: int) -> str:
    """Name the encoding of `bits` bits that holds these values in the fewest bytes (the first among equals).

    ValueError: none holds them.
    """
    numel, nonzeros = values.numel(), int(values.count_nonzero())
    possible = {
        name: encoding.size(numel, nonzeros)
        for name, encoding in ENCODINGS.items()
        if encoding.bits == bits and encoding.holds(values)
    }
    if not possible:
        raise ValueError(f"no encoding of {bits} bits holds these {values.dtype} values")
    return min(possible, key=possible.__getitem__)


def encode(values: torch.Tensor, name: str) -> torch.Tensor:
    """Encode integers or fp16 numbers; uint8 [bytes] (`fp16`: the values). ValueError: they do not fit."""
    if not ENCODINGS[name].holds(values):
        raise ValueError(f"the encoding {name!r} cannot hold these {values.dtype} values")
    return ENCODINGS[name].pack(values)


def decode(stored: torch.Tensor, name: str, shape: Sequence[int]) -> torch.Tensor:
    """Undo `encode`: int8 or fp16 of `shape`. ValueError: what is stored does not fit, found before memory
    is taken.
    """
    encoding = ENCODINGS[name]
    try:
        values = encoding.unpack(stored, shape)
    except ValueError as error:
        raise ValueError(f"no {name!r} encoding of {list(shape)}: {error}") from error
    return (values.to(torch.int8) if encoding.is_integer else values).view(tuple(shape))

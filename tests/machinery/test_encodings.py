"""Given: bits, bytes and encodings."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minicompress.lab import encodings
from minicompress.pruning import nm_mask


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(0, 70), st.integers(0, 99))
def test_bit_packing_round_trips_in_the_predicted_bytes(bits, count, seed):
    codes = torch.randint(2**bits, (count,), generator=torch.Generator().manual_seed(seed))
    packed = encodings.pack_bits(codes, bits)
    assert len(packed) == (count * bits + 7) // 8 and torch.equal(
        encodings.unpack_bits(packed, bits, count), codes
    )


def test_bit_packing_by_hand():
    assert encodings.pack_bits(torch.tensor([1, 2, 3]), 2).tolist() == [0b00111001]
    with pytest.raises(ValueError, match=r"0\.\.3"):
        encodings.pack_bits(torch.tensor([4]), 2)


def values_for(encoding, rows=6, columns=20):
    if encoding == "sign24":
        return (nm_mask(torch.rand(rows, columns)) * torch.where(torch.rand(rows, columns) < 0.5, -1, 1)).to(
            torch.int8
        )
    largest = 2 ** (encodings.bits_of(encoding) - 1) - 1
    values = torch.randint(-largest, largest + 1, (rows, columns), dtype=torch.int8)
    return values * (torch.rand(rows, columns) < 0.3) if encoding.startswith("bitmask") else values


@pytest.mark.parametrize(
    "encoding",
    [
        "int2",
        "int3",
        "int4",
        "int6",
        "int8",
        "ternary",
        "septenary",
        "sign24",
        "bitmask2",
        "bitmask4",
        "bitmask8",
    ],
)
@pytest.mark.parametrize("shape", [(6, 20), (7, 4), (1, 12)])
def test_every_encoding_round_trips_in_exactly_the_predicted_bytes(encoding, shape):
    values = values_for(encoding, *shape)
    packed = encodings.encode(values, encoding)
    assert packed.dtype == torch.uint8 and len(packed) == encodings.encoded_bytes(
        encoding, values.numel(), int(values.count_nonzero())
    )
    assert torch.equal(encodings.decode(packed, encoding, shape), values)


def test_the_cheapest_encoding_is_found():
    dense, sparse = torch.full((8, 40), 3, dtype=torch.int8), torch.zeros(8, 40, dtype=torch.int8)
    sparse[:, 0] = 5
    assert (
        encodings.cheapest_encoding(dense, 4) == "int4"
        and encodings.cheapest_encoding(sparse, 4) == "bitmask4"
    )
    assert encodings.cheapest_encoding(values_for("sign24"), 2) == "sign24"
    assert encodings.cheapest_encoding(torch.ones(8, 40, dtype=torch.int8), 2) == "ternary"
    assert encodings.cheapest_encoding(torch.full((8, 40), 3, dtype=torch.int8), 3) == "septenary", (
        "2.82 bits instead of 3"
    )


def test_digits_by_hand():
    """Ternary [1, 0, -1, -1, -1]: digits 2, 1, 0, 0, 0, 2 + 3 = 5.

    Septenary -3, 3 and fifteen -3: digits 0, 6: 42, the lowest byte.
    """
    assert encodings.encode(torch.tensor([[1, 0, -1, -1, -1]]), "ternary").tolist() == [5]
    assert encodings.encode(torch.tensor([[-3, 3] + [-3] * 15]), "septenary").tolist() == [42, 0, 0, 0, 0, 0]
    assert encodings.encode(torch.full((1, 17), 3), "septenary").tolist() == list(
        (7**17 - 1).to_bytes(6, "little")
    )


def test_bytes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="sign24"):
        encodings.decode(torch.zeros(3, dtype=torch.uint8), "sign24", (8, 8))

"""Given: bits, bytes and the table of encodings."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minicompress.lab.encodings import ENCODINGS, cheapest, decode, encode, pack_bits, unpack_bits
from minicompress.pruning import nm_mask

SHAPES = [(6, 20), (7, 4), (1, 12), (3, 40)]


def two_of_four(rows, columns):
    """int8 -1, 0, 1 with two non-zeros in every four."""
    signs = torch.where(torch.rand(rows, columns) < 0.5, -1, 1)
    return (nm_mask(torch.rand(rows, columns)) * signs).to(torch.int8)


def integers(largest, rows, columns, share=0.6):
    """int8 in -largest .. largest; about `share` of them are not zero."""
    values = torch.randint(-largest, largest + 1, (rows, columns), dtype=torch.int8)
    return values * (torch.rand(rows, columns) < share)


def values_for(name, rows=6, columns=20):
    """Values that this encoding holds."""
    if not ENCODINGS[name].is_integer:
        return (torch.randn(rows, columns) * (torch.rand(rows, columns) < 0.4)).half()
    if name == "sign24":
        return two_of_four(rows, columns)
    return integers(2 ** (ENCODINGS[name].bits - 1) - 1, rows, columns)


# ---------------------------------------------------------------- bits


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(0, 70), st.integers(0, 99))
def test_bits_come_back_from_the_fewest_whole_bytes(bits, count, seed):
    codes = torch.randint(2**bits, (count,), generator=torch.Generator().manual_seed(seed))
    packed = pack_bits(codes, bits)
    assert len(packed) == math.ceil(count * bits / 8)
    assert torch.equal(unpack_bits(packed, bits, count), codes)


def test_bits_by_hand():
    assert pack_bits(torch.tensor([1, 2, 3]), 2).tolist() == [0b00111001]


def test_a_code_that_needs_more_bits_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.3"):
        pack_bits(torch.tensor([4]), 2)


# ---------------------------------------------------------------- every row of the table


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_come_back_exactly(name, shape):
    values = values_for(name, *shape)
    again = decode(encode(values, name), name, shape)
    assert again.dtype == values.dtype and torch.equal(again, values)


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_size_is_predicted_from_counts_alone(name, shape):
    values = values_for(name, *shape)
    stored = encode(values, name)
    predicted = ENCODINGS[name].size(values.numel(), int(values.count_nonzero()))
    assert stored.numel() * stored.element_size() == predicted


@pytest.mark.parametrize("name", ENCODINGS)
def test_what_is_stored_is_bytes_except_for_plain_fp16(name):
    stored = encode(values_for(name), name)
    assert stored.dtype == (torch.float16 if name == "fp16" else torch.uint8)


@pytest.mark.parametrize("name", ENCODINGS)
def test_matrices_of_zeros_come_back(name):
    zeros = torch.zeros(6, 20, dtype=torch.int8 if ENCODINGS[name].is_integer else torch.float16)
    if ENCODINGS[name].holds(zeros):  # sign24 does not
        assert torch.equal(decode(encode(zeros, name), name, (6, 20)), zeros)


@pytest.mark.parametrize("name", ENCODINGS)
def test_one_byte_more_or_less_is_refused(name):
    stored = encode(values_for(name), name)
    for wrong in (stored[:-1], torch.cat([stored, stored[-1:]])):
        with pytest.raises(ValueError, match=name):
            decode(wrong, name, (6, 20))


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("shape", [(10**7, 10**7), (10**400, 4)])
def test_an_absurd_shape_is_refused_before_memory_is_taken(name, shape):
    with pytest.raises(ValueError, match=name):
        decode(encode(values_for(name), name), name, shape)


@pytest.mark.parametrize("name", ENCODINGS)
def test_another_type_is_refused(name):
    with pytest.raises(ValueError, match=name):
        encode(values_for(name).float(), name)
    with pytest.raises(ValueError, match=name):
        decode(encode(values_for(name), name).float(), name, (6, 20))


@pytest.mark.parametrize("name", [name for name in ENCODINGS if ENCODINGS[name].is_integer])
def test_integers_beyond_the_bits_are_refused(name):
    largest = {"ternary": 1, "septenary": 3, "sign24": 1}.get(name, 2 ** (ENCODINGS[name].bits - 1) - 1)
    with pytest.raises(ValueError, match="cannot hold"):
        encode(torch.full((2, 4), largest + 1, dtype=torch.int16), name)


# ---------------------------------------------------------------- by hand


def test_ternary_by_hand():
    """[1, 0, -1, -1, -1] has the digits 2, 1, 0, 0, 0: 2 + 3 = 5."""
    assert encode(torch.tensor([[1, 0, -1, -1, -1]]), "ternary").tolist() == [5]


def test_septenary_by_hand():
    """-3, 3 and fifteen -3 have the digits 0, 6, 0, 0 ...: the lowest byte is 42. Seventeen 3: 7^17 - 1."""
    assert encode(torch.tensor([[-3, 3] + [-3] * 15]), "septenary").tolist() == [42, 0, 0, 0, 0, 0]
    largest = (7**17 - 1).to_bytes(6, "little")
    assert encode(torch.full((1, 17), 3), "septenary").tolist() == list(largest)


def test_a_bitmask_by_hand():
    """Places 1 and 3: byte 0b1010. The non-zeros -1 and 2, plus 8: the nibbles 7 and 10."""
    assert encode(torch.tensor([[0, -1, 0, 2]]), "bitmask4").tolist() == [0b1010, 7 + 16 * 10]


def test_an_fp16_bitmask_by_hand():
    """1.0 is 0x3C00 in fp16, the low byte first."""
    assert encode(torch.tensor([[0.0, 1.0]]).half(), "fp16-bitmask").tolist() == [0b10, 0x00, 0x3C]


def test_sign24_codes_beyond_the_24_patterns_are_refused():
    with pytest.raises(ValueError, match="24"):
        decode(torch.full((5,), 255, dtype=torch.uint8), "sign24", (8, 4))


# ---------------------------------------------------------------- the cheapest


@pytest.mark.parametrize(
    ("values", "bits", "name"),
    [
        (torch.full((8, 40), 3, dtype=torch.int8), 4, "int4"),
        (torch.tensor([[5] + 39 * [0]] * 8, dtype=torch.int8), 4, "bitmask4"),
        (torch.ones(8, 40, dtype=torch.int8), 2, "ternary"),
        (torch.tensor([[1, -1, 0, 0] * 10] * 8, dtype=torch.int8), 2, "sign24"),
        (torch.full((8, 40), 3, dtype=torch.int8), 3, "septenary"),
        (torch.full((8, 40), -4, dtype=torch.int8), 3, "int3"),
        (torch.ones(8, 40).half(), 16, "fp16"),
        (torch.tensor([[1.0] + 39 * [0.0]] * 8).half(), 16, "fp16-bitmask"),
    ],
)
def test_the_cheapest_encoding_that_holds_the_values(values, bits, name):
    assert cheapest(values, bits) == name


def test_values_that_no_encoding_holds_are_refused():
    with pytest.raises(ValueError, match="4 bits"):
        cheapest(torch.full((2, 4), 9, dtype=torch.int8), 4)

"""Chapter 05: integers and scales."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from minicompress.quantization import (
    QuantizedLinear,
    QuantizedTensor,
    dequantize,
    pack_int4,
    quantize_symmetric,
    unpack_int4,
)

# ------------------------------------------------------------ 5.1


def test_5_1_rounds_to_the_nearest_integer(device):
    """absmax 7 at 4 bits: scale 1. Cutting off would give 2 and -3."""
    values = quantize_symmetric(torch.tensor([[7.0, 2.6, 0.4, -3.7]], device=device), 4).values.tolist()
    assert values == [[7, 3, 0, -4]], (
        f"round to the nearest: [7, 2.6, 0.4, -3.7] at scale 1 is [7, 3, 0, -4], got {values}"
    )


def test_5_1_a_row_by_hand_each_half_goes_to_its_even_neighbour(device):
    """absmax 7 at 4 bits: scale 7 / 7 = 1."""
    q = quantize_symmetric(torch.tensor([[7.0, 2.5, 0.5, -4.5]], device=device), 4)
    assert q.values.tolist() == [[7, 2, 0, -4]] and q.values.dtype == torch.int8
    assert q.scale.tolist() == [[1.0]] and q.scale.dtype == torch.float32, (
        f"scale is fp32 [out, groups], here [[1.0]], got {q.scale}"
    )
    assert q.bits == 4 and q.group_size is None, (
        f"bits 4 and group_size None are recorded as given, got {q.bits} and {q.group_size}"
    )


def test_5_1_divides_by_the_scale(device):
    """Multiplying by a rounded reciprocal flips values that lie near a half."""
    weight = torch.randn(64, 512, device=device)
    scale = weight.abs().amax(1, keepdim=True) / 127
    same = torch.equal(quantize_symmetric(weight).values, (weight / scale).round().to(torch.int8))
    assert same, "the integers are round(weight / scale), with scale = absmax / 127 of each row"


def test_5_1_a_half_that_a_reciprocal_would_flip(device):
    """absmax 49 at 4 bits: scale 7, and 45.5 / 7 = 6.5 goes to 6.

    In fp32 45.5 * (1 / 7) is 6.5000005, which goes to 7.
    """
    assert quantize_symmetric(torch.tensor([[49.0, 45.5]], device=device), 4).values.tolist() == [[7, 6]], (
        "divide by the scale"
    )


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("group_size", [None, 4, 12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_5_1_error_at_most_half_a_scale_and_integers_in_range(bits, group_size, dtype, device):
    weight = torch.randn(7, 24, device=device).to(dtype)
    q = quantize_symmetric(weight, bits, group_size)
    largest = 2 ** (bits - 1) - 1
    assert q.values.abs().max() <= largest and q.scale.shape == (7, 24 // (group_size or 24))
    step = q.scale.repeat_interleave(group_size or 24, 1)
    assert ((dequantize(q) - weight.float()).abs() <= step / 2 * (1 + 1e-5)).all()
    assert dequantize(q).dtype == torch.float32


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=12, max_size=12),
    st.integers(2, 8),
    st.sampled_from([None, 1, 2, 3, 6]),
)
def test_5_1_whatever_the_numbers_the_error_is_at_most_half_a_scale(numbers, bits, group_size):
    """A loud weight makes its group's scale wide and the quiet ones round to zero: within half a scale."""
    weight = torch.tensor(numbers).view(2, 6)
    weight[weight.abs() < 1e-30] = 0.0  # a scale below fp32's smallest normal number cannot keep the bound
    q = quantize_symmetric(weight, bits, group_size)
    step = q.scale.repeat_interleave(group_size or 6, 1)
    assert ((dequantize(q) - weight).abs() <= step / 2 * (1 + 1e-5)).all()


def test_5_1_each_row_and_each_group_has_its_own_scale(device):
    weight = torch.tensor([[1.0, 1.0, 100.0, 100.0], [0.01, 0.01, 5.0, 5.0]], device=device)
    assert quantize_symmetric(weight, 4, 2).scale.flatten().tolist() == pytest.approx(
        [1 / 7, 100 / 7, 0.01 / 7, 5 / 7]
    )
    assert quantize_symmetric(weight, 4).scale.flatten().tolist() == pytest.approx([100 / 7, 5 / 7])


def test_5_1_an_all_zero_row_has_scale_1_and_stays_zero(device):
    q = quantize_symmetric(torch.zeros(2, 4, device=device), 4)
    assert q.scale.tolist() == [[1.0], [1.0]] and dequantize(q).abs().max() == 0, (
        "a row of zeros has the scale 1"
    )


def test_5_1_an_all_zero_group_has_scale_1_in_a_row_that_is_not_zero(device):
    q = quantize_symmetric(torch.tensor([[0.0, 0.0, 3.0, 6.0]], device=device), 3, 2)
    assert q.scale.tolist() == [[1.0, 2.0]] and q.values[0, :2].tolist() == [0, 0], (
        "a group of zeros has the scale 1, too"
    )


def test_5_1_a_tiny_row_is_no_zero_row(device):
    """absmax 7e-12 at 4 bits: scale 1e-12."""
    values = quantize_symmetric(torch.tensor([[7e-12, -3e-12]], device=device), 4).values.tolist()
    assert values == [[7, -3]], (
        f"only exact zeros get the scale 1: [7e-12, -3e-12] becomes [7, -3], got {values}"
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_5_1_computes_in_fp32_whatever_it_is_given(dtype, device):
    weight = torch.randn(9, 32, device=device).to(dtype)
    exact = weight.float().abs().amax(1, keepdim=True) / 127
    assert torch.equal(quantize_symmetric(weight).scale, exact), (
        "the scales are computed in fp32, not in the weight's own precision"
    )


def test_5_1_quantizing_twice_changes_nothing(device):
    once = dequantize(quantize_symmetric(torch.randn(5, 16, device=device), 4, 8))
    torch.testing.assert_close(dequantize(quantize_symmetric(once, 4, 8)), once, rtol=1e-6, atol=0)


def test_5_1_takes_any_strides_and_leaves_its_input(device):
    weight = torch.randn(16, 6, device=device).T
    before = weight.clone()
    q = quantize_symmetric(weight, 8, 4)
    assert torch.equal(weight, before) and torch.equal(
        q.values, quantize_symmetric(weight.contiguous(), 8, 4).values
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (dict(bits=1), "1"),
        (dict(bits=9), "9"),
        (dict(group_size=5), "5"),
        (dict(weight=torch.ones(4)), r"\[4\]"),
        (dict(weight=torch.tensor([[float("nan")]])), "NaN"),
        (dict(weight=torch.tensor([[float("inf")]])), "infinite"),
        (dict(weight=torch.ones(2, 2, dtype=torch.int32)), "int32"),
    ],
)
def test_5_1_refuses_what_it_cannot_do(arguments, named):
    with pytest.raises(ValueError, match=named):
        quantize_symmetric(**({"weight": torch.ones(2, 8)} | arguments))


# ------------------------------------------------------------ 5.2


def test_5_2_by_hand(device):
    """-8 and 7 plus 8 are 0 and 15: low nibble first gives 0 + 15 * 16 = 240."""
    packed = pack_int4(torch.tensor([-8, 7], device=device))
    said = "the first of two neighbours, plus 8, belongs into the low nibble"
    assert packed.tolist() == [240], f"{said}: -8, 7 make the byte 240, got {packed.tolist()}"
    assert packed.dtype == torch.uint8


def test_5_2_an_odd_row_is_padded_with_a_nibble_0(device):
    """-8, 7, 0 plus 8 are 0, 15, 8: the bytes 240 and 8, whose high nibble is 0."""
    packed = pack_int4(torch.tensor([-8, 7, 0], device=device)).tolist()
    assert packed == [240, 8], (
        f"an odd row is padded with a nibble 0, after the offset: -8, 7, 0 make [240, 8], got {packed}"
    )


def test_5_2_adds_8_before_packing(device):
    """1 + 8 = 9 in both nibbles: 9 + 9 * 16 = 153. Two's complement would give 1 + 16 = 17."""
    assert pack_int4(torch.tensor([1, 1], device=device)).tolist() == [153], (
        "the nibbles 0..15 stand for -8..7: add 8"
    )


def test_5_2_unpacks_by_hand(device):
    """240 = 0 + 15 * 16: the nibbles 0 and 15, minus 8."""
    packed = torch.tensor([240, 8], dtype=torch.uint8, device=device)
    assert unpack_int4(packed[:1], 2).tolist() == [-8, 7], (
        "the low nibble comes first, and the offset of 8 goes again"
    )


def test_5_2_the_padding_of_odd_columns_does_not_come_back(device):
    packed = torch.tensor([240, 8], dtype=torch.uint8, device=device)
    assert unpack_int4(packed, 3).shape == (3,), "three columns were packed"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 99))
def test_5_2_round_trip_is_exact_for_odd_and_even_columns(rows, columns, seed):
    values = torch.randint(
        -8, 8, (rows, columns), generator=torch.Generator().manual_seed(seed), dtype=torch.int8
    )
    packed = pack_int4(values)
    assert packed.shape == (rows, (columns + 1) // 2)
    before = packed.clone()
    again = unpack_int4(packed, columns)
    assert torch.equal(again, values) and again.dtype == torch.int8
    assert torch.equal(packed, before), "unpacking changed the packed bytes"


@pytest.mark.parametrize("values", [torch.tensor([8]), torch.tensor([-9]), torch.tensor([1.0])])
def test_5_2_refuses_values_that_do_not_fit(values):
    with pytest.raises(ValueError, match="8|-9|float32"):
        pack_int4(values)


def test_5_2_refuses_columns_that_do_not_fit():
    with pytest.raises(ValueError, match="7 columns"):
        unpack_int4(torch.zeros(2, 3, dtype=torch.uint8), 7)


# ------------------------------------------------------------ 5.3


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("group_size", [None, 8])
@pytest.mark.parametrize("bits", [2, 4])
def test_5_3_computes_with_the_dequantized_weight(bias, group_size, bits, device):
    linear, x = nn.Linear(16, 5, bias=bias, device=device), torch.randn(2, 3, 16, device=device)
    layer = QuantizedLinear.from_linear(linear, bits, group_size)
    weight = dequantize(quantize_symmetric(linear.weight, bits, group_size))
    torch.testing.assert_close(layer(x), nn.functional.linear(x, weight, linear.bias))
    assert layer(x.bfloat16()).dtype == torch.float32, "the layer computes in fp32"
    expected = nn.functional.linear(x.bfloat16().float(), weight, linear.bias)
    torch.testing.assert_close(
        layer(x.bfloat16()), expected, msg="the layer computes in fp32: only its input may be rounded to bf16"
    )


def test_5_3_a_layer_made_of_integers_computes_with_what_it_holds_now(device):
    """This is how a file is read: integers first, no Linear; and a state dict may replace them later."""
    q, x = quantize_symmetric(torch.randn(5, 16, device=device), 4, 8), torch.randn(3, 16, device=device)
    layer = QuantizedLinear(q, None)
    torch.testing.assert_close(layer(x), x @ dequantize(q).T)
    other = quantize_symmetric(torch.randn(5, 16, device=device), 4, 8)
    layer.load_state_dict({"values": other.values, "scale": other.scale})
    same = torch.allclose(layer(x), x @ dequantize(other).T, atol=1e-5)
    assert same, "forward dequantizes what the buffers hold now, not what they held once"


def test_5_3_gradients_flow_through_the_layer_to_what_lies_below(device):
    x = torch.randn(3, 8, device=device, requires_grad=True)
    layer = QuantizedLinear.from_linear(nn.Linear(8, 5, device=device), 4)
    layer(x).sum().backward()
    weight = dequantize(QuantizedTensor(layer.values, layer.scale, layer.bits, layer.group_size))
    torch.testing.assert_close(x.grad, weight.sum(0).expand(3, 8))


def test_5_3_a_half_precision_linear_gives_an_fp32_bias_and_stays_as_it_is(device):
    linear = nn.Linear(8, 3, device=device).bfloat16()
    layer = QuantizedLinear.from_linear(linear, 4)
    assert layer.bias.dtype == torch.float32, "the bias is kept in fp32"
    assert linear.weight.dtype == linear.bias.dtype == torch.bfloat16, (
        "the Linear is not modified, its precision included"
    )


def test_5_3_holds_buffers_and_no_parameters(device):
    layer = QuantizedLinear.from_linear(nn.Linear(16, 5, device=device), 8, None)
    assert not list(layer.parameters()) and set(layer.state_dict()) == {"values", "scale", "bias"}, (
        "integers, scales and the bias"
    )
    assert layer.values.dtype == torch.int8 and layer.values.device.type == device.type


def test_5_3_leaves_the_linear_alone(device):
    linear = nn.Linear(8, 3, device=device)
    before = linear.weight.detach().clone()
    layer = QuantizedLinear.from_linear(linear, 2, None)
    assert torch.equal(linear.weight, before) and linear.weight.requires_grad, (
        "the Linear's weight must stay as it was"
    )
    assert layer.bias is not None, "the bias was lost"
    assert not layer.bias.requires_grad, (
        "the bias is a detached copy: a number, not a parameter to be trained"
    )
    layer.bias.add_(1)
    assert linear.bias.abs().max() < 1, "the layer's bias must be a copy"

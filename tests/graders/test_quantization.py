"""Chapter 05: integers and scales."""

import torch
from torch import nn

from minicompress.grading.expect import expect_close, expect_equal, refused
from minicompress.quantization import (
    QuantizedLinear,
    QuantizedTensor,
    dequantize,
    pack_int4,
    quantize_symmetric,
    unpack_int4,
)


def quantized(values, scale, bits=4, group_size=None, device="cpu"):
    """A QuantizedTensor of these numbers."""
    values = torch.tensor(values, dtype=torch.int8, device=device)
    return QuantizedTensor(values, torch.tensor(scale, device=device), bits, group_size)


# ------------------------------------------------------------ 5.1


def test_5_1_the_scale_maps_the_largest_magnitude_to_the_largest_integer(device):
    """At 4 bits the integers are -7..7: the scale is 7 / 7."""
    q = quantize_symmetric(torch.tensor([[2.6, 0.4, -7.0, -3.7]], device=device), 4)
    expect_close(q.scale, [[1.0]], "the scale is absmax / q, with q = 2^(bits-1) - 1")


def test_5_1_rounds_to_the_nearest_integer(device):
    """The scale is 1. Cutting off would give 2 and -3."""
    q = quantize_symmetric(torch.tensor([[2.6, 0.4, -7.0, -3.7]], device=device), 4)
    expect_equal(q.values, [[3, 0, -7, -4]], "weight / scale is rounded to the nearest integer")


def test_5_1_a_half_goes_to_its_even_neighbour(device):
    """The scale is 1."""
    q = quantize_symmetric(torch.tensor([[7.0, 2.5, 0.5, -4.5]], device=device), 4)
    expect_equal(q.values, [[7, 2, 0, -4]], "a half is rounded to its even neighbour")


def test_5_1_every_bit_width_has_its_own_range(device):
    """The largest integers of 2..8 bits, positive and negative."""
    weight = torch.tensor([[2.0, -2.0, 0.1]], device=device)
    for bits, largest in {8: 127, 2: 1, 3: 3, 5: 15}.items():
        values = quantize_symmetric(weight, bits).values[:, :2]
        expect_equal(
            values, [[largest, -largest]], f"at {bits} bits the integers reach from -{largest} to {largest}"
        )


def test_5_1_each_row_has_its_own_scale(device):
    q = quantize_symmetric(torch.tensor([[1.0, -14.0], [0.5, 7.0]], device=device), 4)
    expect_close(q.scale, [[2.0], [1.0]], "each row has its own scale, [out, 1]")


def test_5_1_each_group_of_neighbours_has_its_own_scale(device):
    """Six inputs in groups of two: three groups a row."""
    weight = torch.tensor([[1.0, 7.0, 14.0, 0.0, -21.0, 3.0], [0.7, 0.0, 0.0, 1.4, 0.7, 0.1]], device=device)
    q = quantize_symmetric(weight, 4, 2)
    rule = "each group of neighbours in a row has its own scale, [out, groups]"
    expect_close(q.scale, [[1.0, 2.0, 3.0], [0.1, 0.2, 0.1]], rule)
    expect_equal(q.values[0], [1, 7, 7, 0, -7, 1], "each weight is divided by its own group's scale")


def test_5_1_dequantize_multiplies_by_the_scale_of_the_row(device):
    weight = dequantize(quantized([[7, 2, 0, -4], [1, 1, -1, 0]], [[0.5], [2.0]], device=device))
    expect_close(weight, [[3.5, 1, 0, -2], [2, 2, -2, 0]], "dequantize multiplies each row by its own scale")


def test_5_1_dequantize_multiplies_by_the_scale_of_the_group(device):
    weight = dequantize(quantized([[1, 2, 3, 4, 5, 6]], [[1.0, 10.0, 100.0]], 4, 2, device))
    expect_close(weight, [[1, 2, 30, 40, 500, 600]], "dequantize multiplies each group by its own scale")


def test_5_1_divides_by_the_scale(device):
    """absmax 49 at 4 bits: scale 7, and 45.5 / 7 = 6.5 goes to 6.

    In fp32 45.5 * (1 / 7) is 6.5000005, which goes to 7.
    """
    q = quantize_symmetric(torch.tensor([[49.0, 45.5]], device=device), 4)
    rule = "the weight is divided by the scale: its reciprocal would be rounded, too"
    expect_equal(q.values, [[7, 6]], rule)


def test_5_1_a_row_of_zeros_has_scale_1(device):
    q = quantize_symmetric(torch.tensor([[0.0, 0.0], [7.0, 0.0]], device=device), 4)
    expect_close(q.scale, [[1.0], [1.0]], "a row of zeros has the scale 1")
    expect_equal(q.values, [[0, 0], [7, 0]], "zeros stay zeros")


def test_5_1_a_group_of_zeros_has_scale_1_in_a_row_that_is_not_zero(device):
    q = quantize_symmetric(torch.tensor([[0.0, 0.0, 3.0, 6.0]], device=device), 3, 2)
    expect_close(q.scale, [[1.0, 2.0]], "a group of zeros has the scale 1, in any row")


def test_5_1_a_tiny_row_is_no_row_of_zeros(device):
    """absmax 7e-8 and 7e-12 at 4 bits: scales 1e-8 and 1e-12."""
    q = quantize_symmetric(torch.tensor([[7e-8, -3e-8], [7e-12, -3e-12]], device=device), 4)
    expect_equal(
        q.values, [[7, -3], [7, -3]], "a tiny weight has a tiny scale: nothing is added to it or cut off"
    )


def test_5_1_what_it_returns(device):
    q = quantize_symmetric(nn.Parameter(torch.ones(3, 8, device=device)), 5, 4)
    expect_equal(q.values.dtype, torch.int8, "the values are int8")
    expect_equal(q.scale.dtype, torch.float32, "the scale is fp32")
    assert not q.scale.requires_grad, "the scale requires no gradient: detach the weight"
    expect_equal((q.bits, q.group_size), (5, 4), "bits and group_size are recorded as given")
    expect_equal(dequantize(q).dtype, torch.float32, "dequantize returns fp32")
    expect_equal(list(dequantize(q).shape), [3, 8], "dequantize returns [out, in]")


def test_5_1_a_row_without_groups_records_none(device):
    q = quantize_symmetric(torch.ones(3, 8, device=device))
    expect_equal((q.bits, q.group_size), (8, None), "bits and group_size are recorded as given")


def test_5_1_computes_in_fp32_whatever_it_is_given(device):
    for dtype in (torch.float16, torch.bfloat16):
        weight = torch.randn(9, 32, device=device).to(dtype)
        scale = quantize_symmetric(weight).scale
        expect_equal(scale.dtype, torch.float32, "the scale is fp32, whatever the weight is")
        exact = weight.float().abs().amax(1, keepdim=True) / 127
        expect_close(scale, exact, "the scale is computed in fp32, not in the weight's own precision", abs=0)


def test_5_1_leaves_its_input(device):
    weight = torch.tensor([[14.0, 5.0, -3.0, 0.5]], device=device)
    q = quantize_symmetric(weight, 4)
    expect_close(weight, [[14.0, 5.0, -3.0, 0.5]], "the weight is not changed: compute on a copy")
    values, scale = q.values.clone(), q.scale.clone()
    dequantize(q)
    expect_equal((q.values, q.scale), (values, scale), "dequantize does not change the integers or the scale")


def test_5_1_the_error_is_at_most_half_a_scale(device):
    """For all bit widths, and for magnitudes from 1e-6 to 1e6 in one row."""
    weight = torch.randn(7, 24, device=device) * 10 ** torch.empty(7, 24, device=device).uniform_(-6, 6)
    for bits in range(2, 9):
        for group_size in (None, 4):
            q = quantize_symmetric(weight, bits, group_size)
            steps = q.scale.repeat_interleave(group_size or 24, 1)
            worst = ((dequantize(q) - weight).abs() / steps).max().item()
            assert worst <= 0.5 + 1e-4, (
                f"no error exceeds half a scale, got {worst:.3g} of one at {bits} bits"
            )


def test_5_1_takes_any_strides(device):
    weight = torch.tensor([[7.0, 1.0, 2.0], [3.0, 14.0, 5.0]], device=device).T
    expect_close(
        quantize_symmetric(weight, 4).scale, [[1.0], [2.0], [5 / 7]], "a transposed weight has rows, too"
    )
    q = quantized([[7, 2], [1, 3]], [[0.5], [2.0]], device=device)
    turned = q._replace(values=q.values.T)
    expect_close(dequantize(turned), [[3.5, 0.5], [4, 6]], "transposed values have rows, too")


def test_5_1_refuses_what_it_cannot_do():
    weight = torch.ones(2, 8)
    for settings in (dict(bits=1), dict(bits=9), dict(group_size=5), dict(group_size=0)):
        with refused():
            quantize_symmetric(weight, **settings)
    for strange in (torch.ones(4), torch.tensor([[float("nan")]]), torch.ones(2, 2, dtype=torch.int32)):
        with refused():
            quantize_symmetric(strange)


# ------------------------------------------------------------ 5.2


def test_5_2_adds_8_before_packing(device):
    """1 + 8 = 9 in both nibbles: 9 + 9 * 16 = 153. Two's complement would give 1 + 16 = 17."""
    packed = pack_int4(torch.tensor([1, 1], device=device))
    expect_equal(
        packed, [153], "8 is added to each value: 1, 1 are the nibbles 9, 9, and the byte 9 + 16 * 9"
    )


def test_5_2_the_first_value_is_the_low_nibble(device):
    """-8 and 7 plus 8 are 0 and 15: 0 + 15 * 16 = 240."""
    packed = pack_int4(torch.tensor([-8, 7], device=device))
    expect_equal(packed, [240], "the first value, plus 8, is the low nibble, the second one the high nibble")


def test_5_2_a_byte_holds_two_neighbours(device):
    """Plus 8: 8, 9, 10, 11. 8 + 9 * 16 = 152 and 10 + 11 * 16 = 186."""
    expect_equal(
        pack_int4(torch.tensor([0, 1, 2, 3], device=device)), [152, 186], "a byte holds two neighbours"
    )


def test_5_2_an_odd_row_is_padded_with_a_nibble_0(device):
    """-8, 7, 0 plus 8 are 0, 15, 8: the bytes 240 and 8, whose high nibble is 0."""
    packed = pack_int4(torch.tensor([-8, 7, 0], device=device))
    expect_equal(packed, [240, 8], "an odd row ends with a nibble 0: it is padded after 8 was added")


def test_5_2_each_row_is_packed_on_its_own(device):
    """Plus 8: 9, 10, 11 and 12, 13, 14."""
    packed = pack_int4(torch.tensor([[1, 2, 3], [4, 5, 6]], device=device))
    expect_equal(packed, [[169, 11], [220, 14]], "each row is packed on its own, along the last dimension")


def test_5_2_packs_to_uint8_and_leaves_its_input(device):
    values = torch.tensor([[-8, 7, 0]], dtype=torch.int8, device=device)
    expect_equal(pack_int4(values).dtype, torch.uint8, "bytes are uint8")
    expect_equal(values, [[-8, 7, 0]], "packing does not change the values")


def test_5_2_unpacks_the_low_nibble_first(device):
    """240 = 0 + 15 * 16: the nibbles 0 and 15, minus 8."""
    packed = torch.tensor([240], dtype=torch.uint8, device=device)
    expect_equal(unpack_int4(packed, 2), [-8, 7], "the low nibble comes first, and 8 is subtracted from each")


def test_5_2_unpacks_two_neighbours_from_each_byte(device):
    packed = torch.tensor([[152, 186], [186, 152]], dtype=torch.uint8, device=device)
    expect_equal(unpack_int4(packed, 4), [[0, 1, 2, 3], [2, 3, 0, 1]], "each byte gives two neighbours")


def test_5_2_the_padding_of_odd_columns_does_not_come_back(device):
    packed = torch.tensor([240, 8], dtype=torch.uint8, device=device)
    expect_equal(unpack_int4(packed, 3), [-8, 7, 0], "the padding is cut off: `columns` values come back")


def test_5_2_unpacks_to_int8_and_leaves_its_input(device):
    packed = torch.tensor([240, 8], dtype=torch.uint8, device=device)
    expect_equal(unpack_int4(packed, 4).dtype, torch.int8, "unpacked values are int8")
    expect_equal(packed, [240, 8], "unpacking does not change the packed bytes")


def test_5_2_the_round_trip_is_exact(device):
    for shape in ((3, 8), (2, 3, 5), (5, 1)):
        values = torch.randint(-8, 8, shape, dtype=torch.int8, device=device)
        packed = pack_int4(values)
        expect_equal(
            list(packed.shape), [*shape[:-1], (shape[-1] + 1) // 2], "rows stay rows: two values a byte"
        )
        expect_equal(unpack_int4(packed, shape[-1]), values, "what was packed comes back")
    values = torch.randint(-8, 8, (4, 6), device=device).T
    expect_equal(unpack_int4(pack_int4(values), 4), values, "a transposed matrix has rows, too")


def test_5_2_refuses_what_does_not_fit():
    for values in (torch.tensor([8]), torch.tensor([-9]), torch.tensor([1.0])):
        with refused():
            pack_int4(values)
    for packed in (torch.zeros(2, 3, dtype=torch.uint8), torch.zeros(2, 4, dtype=torch.int8)):
        with refused():
            unpack_int4(packed, 7 if packed.dtype == torch.uint8 else 8)


# ------------------------------------------------------------ 5.3


def test_5_3_multiplies_with_the_dequantized_weight(device):
    """The weight is [[0.5, 1], [6, -8]]."""
    layer = QuantizedLinear(quantized([[1, 2], [3, -4]], [[0.5], [2.0]], device=device), None)
    result = layer(torch.tensor([[1.0, 10.0]], device=device))
    expect_close(result, [[10.5, -74.0]], "without a bias, y = x (values * scale)^T")


def test_5_3_adds_the_bias(device):
    bias = torch.tensor([100.0, 200.0], device=device)
    layer = QuantizedLinear(quantized([[1, 2], [3, -4]], [[0.5], [2.0]], device=device), bias)
    result = layer(torch.tensor([[1.0, 10.0]], device=device))
    expect_close(result, [[110.5, 126.0]], "the bias is added once, as it is: no scale belongs to it")


def test_5_3_each_group_of_inputs_has_its_own_scale(device):
    layer = QuantizedLinear(quantized([[1, 1, 1, 1]], [[1.0, 10.0]], 4, 2, device), None)
    result = layer(torch.ones(1, 4, device=device))
    expect_close(result, [[22.0]], "each group of inputs has its own scale")


def test_5_3_holds_buffers_and_no_parameters(device):
    layer = QuantizedLinear.from_linear(nn.Linear(16, 5, device=device), 8)
    expect_equal(
        [name for name, _ in layer.named_parameters()], [], "the layer has no parameters, only buffers"
    )
    expect_equal(sorted(layer.state_dict()), ["bias", "scale", "values"], "the layer holds three buffers")
    expect_equal(layer.values.dtype, torch.int8, "the values stay int8")


def test_5_3_from_linear_quantizes_as_it_is_told(device):
    linear = nn.Linear(16, 5, device=device)
    layer = QuantizedLinear.from_linear(linear, 3, 8)
    expect_equal((layer.bits, layer.group_size), (3, 8), "from_linear hands bits and group_size on")
    q = quantize_symmetric(linear.weight, 3, 8)
    expect_equal(layer.values, q.values, "from_linear quantizes the weight with quantize_symmetric")
    expect_close(layer.scale, q.scale, "from_linear quantizes the weight with quantize_symmetric")


def test_5_3_from_linear_keeps_the_bias(device):
    linear = nn.Linear(8, 3, device=device)
    nn.init.constant_(linear.bias, 7.0)
    layer = QuantizedLinear.from_linear(linear, 4)
    expect_close(layer.bias, [7.0, 7.0, 7.0], "from_linear keeps the bias")
    assert not layer.bias.requires_grad, "the bias requires no gradient: detach it"


def test_5_3_from_linear_takes_a_layer_without_bias(device):
    layer = QuantizedLinear.from_linear(nn.Linear(16, 5, bias=False, device=device), 4)
    expect_equal(layer.bias, None, "a Linear without bias gives a layer without bias")


def test_5_3_the_bias_is_a_copy(device):
    linear = nn.Linear(8, 3, device=device)
    nn.init.constant_(linear.bias, 7.0)
    with torch.no_grad():
        QuantizedLinear.from_linear(linear, 4).bias.add_(1)
    expect_close(linear.bias, [7.0, 7.0, 7.0], "the bias is a copy: changing it leaves the Linear as it was")


def test_5_3_the_bias_of_a_bf16_linear_becomes_fp32(device):
    linear = nn.Linear(8, 3, device=device).bfloat16()
    expect_equal(QuantizedLinear.from_linear(linear, 4).bias.dtype, torch.float32, "the bias is kept in fp32")


def test_5_3_leaves_the_linear_alone(device):
    linear = nn.Linear(8, 3, device=device).bfloat16()
    before = linear.weight.tolist()
    QuantizedLinear.from_linear(linear, 4)
    expect_equal(linear.weight.dtype, torch.bfloat16, "the Linear keeps its own precision")
    expect_equal(linear.weight, before, "the Linear's weight is not changed")
    assert linear.weight.requires_grad, "the Linear's weight still requires its gradient"


def test_5_3_answers_in_fp32(device):
    layer = QuantizedLinear.from_linear(nn.Linear(8, 3, device=device), 4)
    x = torch.randn(2, 8, device=device).bfloat16()
    expect_equal(layer(x).dtype, torch.float32, "the answer is fp32, whatever the input is")


def test_5_3_computes_in_fp32(device):
    layer = QuantizedLinear(quantized([[1, 1]], [[0.1]], device=device), None)
    result = layer(torch.tensor([[1.0, 1 / 128]], device=device).bfloat16())
    expect_close(
        result, [[0.1 + 0.1 / 128]], "it is computed in fp32: a bf16 product would be rounded", rel=1e-4
    )


def test_5_3_takes_any_leading_dimensions(device):
    q = quantize_symmetric(torch.randn(5, 16, device=device), 4, 8)
    x = torch.randn(2, 3, 16, device=device)
    expect_close(
        QuantizedLinear(q, None)(x),
        x @ dequantize(q).T,
        "only the last dimension of x changes, in to out",
        abs=1e-4,
    )


def test_5_3_computes_with_the_integers_that_it_holds_now(device):
    """This is how a file is read: the layer is made first, its integers come later."""
    layer = QuantizedLinear(quantized([[1, 1]], [[1.0]], device=device), None)
    x = torch.ones(1, 2, device=device)
    layer(x)
    layer.values.copy_(torch.tensor([[2, 3]]))
    layer.scale.copy_(torch.tensor([[10.0]]))
    expect_close(layer(x), [[50.0]], "forward dequantizes what the buffers hold now, not what they held once")


def test_5_3_gradients_reach_what_lies_below(device):
    x = torch.ones(1, 2, device=device, requires_grad=True)
    result = QuantizedLinear(quantized([[1, 2], [3, -4]], [[0.5], [2.0]], device=device), None)(x)
    assert result.requires_grad, "gradients flow through the layer to its input"
    result.sum().backward()
    expect_close(x.grad, [[6.5, -7.0]], "gradients flow through the layer to its input")

"""Chapter 05: integers and scales, and training on the grid."""

import torch
from torch import nn

from minicompress.grading.expect import expect_close, expect_equal, refused
from minicompress.quantization import (
    QuantizedEmbedding,
    QuantizedLinear,
    QuantizedTensor,
    clip_scale,
    dequantize,
    fake_quantize,
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


def table(device, bits=4):
    """An embedding of three rows: [0.5, 1], [6, -8], [50, 60]."""
    return QuantizedEmbedding(
        quantized([[1, 2], [3, -4], [5, 6]], [[0.5], [2.0], [10.0]], bits, device=device)
    )


def test_5_3_an_id_picks_its_row_of_integers_and_its_scale(device):
    result = table(device)(torch.tensor([[1, 0]], device=device))
    expect_close(result, [[[6.0, -8.0], [0.5, 1.0]]], "row i of the table is values[i] * scale[i]")


def test_5_3_a_row_that_is_asked_for_twice_comes_twice(device):
    result = table(device)(torch.tensor([[2, 0, 2]], device=device))
    expect_close(result, [[[50.0, 60.0], [0.5, 1.0], [50.0, 60.0]]], "there is one row for each id")


def test_5_3_ids_of_any_shape_keep_their_shape(device):
    for ids in (2, [2, 0, 1], [[0, 1], [1, 2], [2, 2]], [[[0], [1]], [[2], [1]]]):
        result = table(device)(torch.tensor(ids, device=device))
        wanted = [*torch.tensor(ids).shape, 2]
        expect_equal(list(result.shape), wanted, "the result has the shape [*input_ids.shape, embedding_dim]")


def test_5_3_each_group_of_a_row_has_its_own_scale(device):
    q = quantized([[1, 1, 1, 1], [2, 2, 2, 2]], [[1.0, 10.0], [3.0, 5.0]], 4, 2, device)
    result = QuantizedEmbedding(q)(torch.tensor([1], device=device))
    expect_close(result, [[6.0, 6.0, 10.0, 10.0]], "each group of an embedding's row has its own scale")


def test_5_3_an_embedding_answers_in_fp32(device):
    expect_equal(table(device)(torch.tensor([0], device=device)).dtype, torch.float32, "the rows are fp32")


def test_5_3_an_embedding_uses_the_integers_that_it_holds_now(device):
    """As in the Linear layer: a file is read into an embedding that is there already."""
    layer, ids = table(device), torch.tensor([0], device=device)
    layer(ids)
    layer.values.copy_(torch.tensor([[7, 3], [0, 0], [0, 0]]))
    layer.scale.copy_(torch.tensor([[2.0], [1.0], [1.0]]))
    expect_close(layer(ids), [[14.0, 6.0]], "the embedding uses what its buffers hold now")


ROWS = 2**50


def test_5_3_only_the_rows_that_are_asked_for_are_dequantized(device):
    """Here 2^50 rows are one row in memory. As numbers of their own they fit into no computer."""
    values = torch.tensor([[1, -2]], dtype=torch.int8, device=device).expand(ROWS, 2)
    scale = torch.tensor([[0.5]], device=device).expand(ROWS, 1)
    ids = torch.tensor([[3, ROWS - 1]], device=device)
    needed = "a part of the table"
    try:
        result = QuantizedEmbedding(QuantizedTensor(values, scale, 4, None))(ids)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, NotImplementedError) or "alloc" not in str(error):
            raise
        needed = "more memory than there is, for a table of 2^50 rows"
    expect_equal(needed, "a part of the table", "only the rows that are asked for are dequantized")
    expect_close(result, [[[0.5, -1.0], [0.5, -1.0]]], "each id gets its own row of a large table")


# ------------------------------------------------------------ 5.4


def test_5_4_the_scale_has_the_least_squared_error(device):
    """At 2 bits the values are -1, 0, 1 times the scale.

    Scale 1: [1, -1, 1, 1], errors 9 + 1 + 1 + 0. Scale 2: [2, -2, 2, 0], 4 + 0 + 0 + 1.
    Scale 3: [3, -3, 3, 0], 1 + 1 + 1 + 1. Scale 4: [4, 0, 0, 0], 0 + 4 + 4 + 1.
    """
    scale = clip_scale(torch.tensor([[4.0, -2.0, 2.0, 1.0]], device=device), 2, 4)
    expect_close(scale, [[3.0]], "of the scales 1, 2, 3, 4 the one with the least squared error is taken")


def test_5_4_many_small_weights_outweigh_a_large_one(device):
    """At 2 bits. Scale 2 loses 36 of the 8 and nothing of the tens. Scale 8 loses 10 times 4."""
    weight = torch.tensor([[8.0, *[2.0] * 10]], device=device)
    rule = "the errors of all weights are added up: that of the largest alone decides nothing"
    expect_close(clip_scale(weight, 2, 4), [[2.0]], rule)


def test_5_4_the_candidates_are_equal_shares_of_the_widest_scale(device):
    """At 3 bits the widest scale, 9 / 3, loses ten times 2.25, as half a step becomes 0. Half of it, 1.5,
    loses 20.25 of the 9 and nothing of the others.
    """
    weight = torch.tensor([[9.0, *[1.5] * 10]], device=device)
    rule = "the candidates are k / candidates of absmax / q, for k = 1..candidates"
    expect_close(clip_scale(weight, 3, 2), [[1.5]], rule)


def test_5_4_the_only_candidate_is_the_scale_of_5_1(device):
    """The largest integers of 2..8 bits."""
    weight = torch.tensor([[2.6, 0.4, -7.0, -3.7]], device=device)
    for bits, largest in {8: 127, 2: 1, 3: 3, 5: 15}.items():
        rule = f"at {bits} bits the widest candidate is absmax / {largest}"
        expect_close(clip_scale(weight, bits, 1), [[7 / largest]], rule)


def test_5_4_the_widest_scale_is_a_candidate(device):
    """At 2 bits 4 and -4 are on the grid of scale 4, and on no narrower one."""
    scale = clip_scale(torch.tensor([[4.0, -4.0, 0.0]], device=device), 2, 4)
    expect_close(scale, [[4.0]], "the last candidate, absmax / q, clips nothing: it is tried as well")


def test_5_4_each_row_finds_its_own_scale(device):
    weight = torch.tensor([[4.0, -2.0, 2.0, 1.0], [8.0, 0.0, -8.0, 8.0]], device=device)
    expect_close(clip_scale(weight, 2, 4), [[3.0], [8.0]], "each row finds its own scale, [out, 1]")


def test_5_4_of_equally_good_scales_the_largest_is_taken(device):
    """At 2 bits scale 1 loses 1 of the 2, and scale 2 loses 1 of the 1: a half is rounded to 0."""
    scale = clip_scale(torch.tensor([[2.0, 1.0]], device=device), 2, 2)
    expect_close(scale, [[2.0]], "of equally good scales the largest is taken, which clips least")


def test_5_4_a_row_of_zeros_has_scale_1_in_the_search_too(device):
    scale = clip_scale(torch.tensor([[0.0, 0.0], [2.0, 1.0]], device=device), 2, 2)
    expect_close(scale, [[1.0], [2.0]], "a row of zeros has the scale 1")


def test_5_4_a_tiny_row_finds_a_tiny_scale(device):
    weight = torch.tensor([[4.0, -2.0, 2.0, 1.0]], device=device) * 1e-10
    rule = "a tiny row has a tiny scale: nothing is added to it or cut off"
    expect_close(clip_scale(weight, 2, 4), [[3e-10]], rule, abs=0)


def squared_error(weight, bits, scale):
    """What each row loses when it is rounded with this scale."""
    largest = 2 ** (bits - 1) - 1
    return ((weight / scale).round().clamp(-largest, largest) * scale - weight).square().sum(1)


def test_5_4_no_candidate_is_better(device):
    """20 candidates, for all bit widths."""
    weight = torch.randn(6, 64, device=device)
    for bits in range(2, 9):
        found = squared_error(weight, bits, clip_scale(weight, bits))
        widest = weight.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
        for k in range(1, 21):
            better = int((squared_error(weight, bits, widest * k / 20) < found * (1 - 1e-4)).sum())
            assert not better, (
                f"no candidate of 20 is better, but at {bits} bits {k}/20 of the widest is, for {better} rows"
            )


def test_5_4_the_scale_of_normal_weights_is_about_the_best_step_for_a_normal_distribution(device):
    """Seven levels: 0.651 standard deviations (numerically; Max 1960 has 0.586 for eight). The candidates are
    about 0.06 apart.
    """
    weight = torch.randn(8, 4096, device=device)
    share = clip_scale(weight, 3) / weight.std(1, keepdim=True)
    rule = "at 3 bits the best step of many normal weights is about 0.65 of their spread"
    expect_close(share.mean().item(), 0.651, rule, abs=0.05)


def test_5_4_what_the_search_returns(device):
    scale = clip_scale(nn.Parameter(torch.randn(3, 8, device=device)), 3)
    expect_equal(list(scale.shape), [3, 1], "there is one scale a row, [out, 1]")
    assert not scale.requires_grad, "the scale requires no gradient: detach the weight"


def test_5_4_the_search_computes_in_fp32(device):
    weight = torch.randn(9, 32, device=device).bfloat16()
    scale = clip_scale(weight, 4)
    expect_equal(scale.dtype, torch.float32, "the scale is fp32, whatever the weight is")
    rule = "the search is computed in fp32, not in the weight's own precision"
    expect_close(scale, clip_scale(weight.float(), 4), rule, abs=0)
    widest = weight.float().abs().amax(1, keepdim=True) / 7
    expect_close(clip_scale(weight, 4, 1), widest, rule, abs=0)


def test_5_4_rounds_to_the_grid(device):
    """The grid is -3, 0, 3."""
    weight = torch.tensor([[4.0, -2.0, 2.0, 1.0]], device=device)
    result = fake_quantize(weight, 2, torch.tensor([[3.0]], device=device))
    expect_close(result, [[3.0, -3.0, 3.0, 0.0]], "the result is a whole number times the scale")


def test_5_4_rounds_to_the_nearest_and_a_half_to_its_even_neighbour(device):
    """The scale is 1."""
    weight = torch.tensor([[2.6, 2.5, 0.5, -4.5, -3.7]], device=device)
    result = fake_quantize(weight, 4, torch.tensor([[1.0]], device=device))
    expect_close(result, [[3.0, 2.0, 0.0, -4.0, -4.0]], "weight / scale is rounded, half to even")


def test_5_4_clips_at_both_edges(device):
    """At 3 bits the edges are 3 and -3 times the scale: there is no -4."""
    weight = torch.tensor([[9.0, -9.0, 3.4, -3.6]], device=device)
    result = fake_quantize(weight, 3, torch.tensor([[1.0]], device=device))
    expect_close(result, [[3.0, -3.0, 3.0, -3.0]], "beyond an edge a weight becomes q or -q times the scale")


def test_5_4_each_row_has_its_own_grid(device):
    weight = torch.tensor([[1.2, 9.0], [1.2, 9.0]], device=device)
    result = fake_quantize(weight, 3, torch.tensor([[1.0], [4.0]], device=device))
    expect_close(result, [[1.0, 3.0], [0.0, 8.0]], "each row has its own scale, and its own edges")


def gradients(weight, bits, scale, direction, device="cpu"):
    """The gradient of the sum of direction * result."""
    weight = torch.tensor([weight], device=device, requires_grad=True)
    result = fake_quantize(weight, bits, torch.tensor([[scale]], device=device))
    assert result.requires_grad, "a gradient flows from the result to the weight"
    (result * torch.tensor([direction], device=device)).sum().backward()
    assert weight.grad is not None, "a gradient flows from the result to the weight"
    return weight.grad


def test_5_4_within_the_edges_the_gradient_goes_straight_through(device):
    """At 3 bits with scale 2 the edges are -6 and 6."""
    found = gradients([0.4, -3.3, 5.0, 0.0], 3, 2.0, [1.0, 1.0, 1.0, 1.0], device)
    expect_close(found, [[1.0, 1.0, 1.0, 1.0]], "within the edges the gradient is 1, as without any rounding")


def test_5_4_beyond_the_edges_the_gradient_is_0(device):
    """At 3 bits with scale 2."""
    found = gradients([7.5, -8.0, 5.0, 60.0], 3, 2.0, [1.0, 1.0, 1.0, 1.0], device)
    rule = "beyond the edges the gradient is 0: a small step of a clipped weight changes nothing"
    expect_close(found, [[0.0, 0.0, 1.0, 0.0]], rule)


def test_5_4_what_is_rounded_back_to_the_edge_lies_beyond_it(device):
    """At 3 bits with scale 2 the edges are -6 and 6, and 6.5 and -6.9 are rounded to them anyway."""
    found = gradients([6.5, -6.9], 3, 2.0, [1.0, 1.0], device)
    rule = "a weight beyond q times the scale is clipped, though it would be rounded to the same value"
    expect_close(found, [[0.0, 0.0]], rule)


def test_5_4_a_weight_on_the_edge_is_not_clipped(device):
    found = gradients([6.0, -6.0], 3, 2.0, [1.0, 1.0], device)
    expect_close(found, [[1.0, 1.0]], "a weight on the edge itself has the gradient 1")


def test_5_4_the_gradient_is_that_of_the_result(device):
    """At 3 bits with scale 2."""
    found = gradients([0.4, -3.3, 7.5, -5.0], 3, 2.0, [10.0, -20.0, 30.0, 0.5], device)
    rule = "what comes in for the result is handed on as it is, and no scale belongs to it"
    expect_close(found, [[10.0, -20.0, 0.0, 0.5]], rule)


def test_5_4_the_scale_gets_no_gradient(device):
    weight = torch.tensor([[0.4, 9.0]], device=device, requires_grad=True)
    scale = torch.tensor([[2.0]], device=device, requires_grad=True)
    fake_quantize(weight, 3, scale).sum().backward()
    got = None if scale.grad is None or not scale.grad.any() else scale.grad
    expect_equal(got, None, "the scale is a constant: no gradient flows to it")


def test_5_4_a_weight_learns_to_round_to_another_value(device):
    """The target is 1. Four steps of 0.05 * 2 * (0 - 1) lead from 0.2 to 0.6, which is rounded to 1."""
    weight = torch.tensor([[0.2]], device=device, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.05)
    for _ in range(5):
        loss = (fake_quantize(weight, 3, torch.tensor([[1.0]], device=device)) - 1).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    rule = "the weight behind the grid moves until it is rounded to another value, and then rests"
    expect_close(weight, [[0.6]], rule)


def test_5_4_rounding_again_changes_nothing(device):
    """Exactly: the result lies on the grid, not close to it."""
    weight = torch.randn(5, 24, device=device)
    scale = clip_scale(weight, 3)
    once = fake_quantize(weight, 3, scale)
    expect_close(fake_quantize(once, 3, scale), once, "what lies on the grid stays as it is")


def test_5_4_quantize_symmetric_stores_the_result_without_loss(device):
    weight = torch.randn(5, 24, device=device)
    for bits in (2, 3, 4, 8):
        on_grid = fake_quantize(weight, bits, clip_scale(weight, bits))
        rule = "the largest weight of each row reaches its edge, so that exercise 5.1 finds this very grid"
        expect_close(dequantize(quantize_symmetric(on_grid, bits)), on_grid, rule)


def test_5_4_answers_in_fp32_also_for_a_bf16_weight(device):
    """3 bits, scale 0.1: bf16 would round 0.3 to 0.30078."""
    weight = torch.tensor([[0.3, -0.04, 1.0]], device=device).bfloat16()
    result = fake_quantize(weight, 3, torch.tensor([[0.1]], device=device))
    expect_equal(result.dtype, torch.float32, "the result is fp32, whatever the weight is")
    expect_close(result, [[0.3, 0.0, 0.3]], "it is computed in fp32, not in the weight's own precision")


def test_5_4_leaves_weight_and_scale(device):
    weight = torch.tensor([[4.0, -2.0, 2.0, 1.0]], device=device)
    scale = torch.tensor([[3.0]], device=device)
    clip_scale(weight, 2, 4)
    expect_close(weight, [[4.0, -2.0, 2.0, 1.0]], "clip_scale does not change the weight")
    fake_quantize(weight, 2, scale)
    expect_close(
        weight, [[4.0, -2.0, 2.0, 1.0]], "fake_quantize does not change the weight: it is still learning"
    )
    expect_close(scale, [[3.0]], "fake_quantize does not change the scale")


def test_5_4_takes_any_strides(device):
    weight = torch.tensor([[4.0, 8.0], [-2.0, 0.0], [2.0, -8.0], [1.0, 8.0]], device=device).T
    expect_close(clip_scale(weight, 2, 4), [[3.0], [8.0]], "a transposed weight has rows, too")
    result = fake_quantize(weight, 2, torch.tensor([[3.0], [8.0]], device=device))
    expect_close(result, [[3, -3, 3, 0], [8, 0, -8, 8]], "a transposed weight has rows, too")


def test_5_4_refuses_what_has_no_grid():
    weight = torch.ones(2, 8)
    for settings in (dict(bits=1), dict(bits=9), dict(bits=3, candidates=0)):
        with refused():
            clip_scale(weight, **settings)
    for strange in (torch.ones(4), torch.tensor([[float("nan")]]), torch.ones(2, 2, dtype=torch.int32)):
        with refused():
            clip_scale(strange, 3)
    for bits in (1, 9):
        with refused():
            fake_quantize(weight, bits, torch.ones(2, 1))
    for scale in (
        torch.ones(2),
        torch.ones(1, 8),
        torch.tensor([[1.0], [0.0]]),
        torch.tensor([[1.0], [-1.0]]),
    ):
        with refused():
            fake_quantize(weight, 3, scale)

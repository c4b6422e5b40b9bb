"""Given: layers on torch's integer kernels compute what the dequantized layer computes, to within bf16."""

import pytest
import torch
import torch.nn.functional as F

from minicompress.lab.kernels import Int4Linear, Int8Linear, fast_linear, kernel_group, with_fast_layers
from minicompress.pipeline import quantize_model
from minicompress.quantization import QuantizedLinear, dequantize, quantize_symmetric

BF16 = 2.0**-8  # the most that rounding to bf16 changes a number, as a share of it


def within_bound(layer, q, x: torch.Tensor) -> bool:
    """Tell whether each output lies within 2 * BF16 * sum |x_i * w_i| of the dequantized layer's."""
    weight = dequantize(q)
    wanted, room = F.linear(x, weight), F.linear(x.abs(), weight.abs())
    return bool(((layer(x) - wanted).abs() <= 2 * BF16 * room + 1e-6).all())


@pytest.mark.parametrize("shape", [(5, 16), (17, 48), (64, 192)])
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_the_int8_layer_stays_within_the_bound_for_any_number_of_outputs_and_tokens(shape, rows):
    q = quantize_symmetric(torch.randn(shape), 8)
    assert within_bound(Int8Linear(q.values, q.scale), q, torch.randn(rows, shape[1]))


@pytest.mark.parametrize("group_size", [32, 64, 128, None])
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_the_int4_layer_stays_within_the_bound_with_groups_and_with_rows(group_size, rows):
    q = quantize_symmetric(torch.randn(48, 128), 4, group_size)
    assert within_bound(Int4Linear(q.values, q.scale), q, torch.randn(rows, 128))


def test_integers_that_bf16_holds_exactly_give_exact_products():
    values = torch.tensor([[1] * 16, [-3] * 16], dtype=torch.int8)
    layer = Int8Linear(values, torch.tensor([[0.5], [2.0]]), bias=torch.tensor([1.0, 0.0]))
    assert layer(torch.ones(2, 3, 16)).tolist() == [[[9.0, -96.0]] * 3] * 2


def test_the_int8_layer_keeps_the_callers_integers_instead_of_copying_them():
    q = quantize_symmetric(torch.randn(16, 32), 8)
    assert Int8Linear(q.values, q.scale).values.data_ptr() == q.values.data_ptr()


def test_the_int4_layer_holds_half_a_byte_a_weight():
    q = quantize_symmetric(torch.randn(32, 64), 4, 32)
    assert Int4Linear(q.values, q.scale).packed.nbytes == 32 * 64 / 2


def test_one_scale_for_a_row_is_the_same_scale_for_each_group_that_the_kernel_has():
    assert [kernel_group(576, 1), kernel_group(1536, 1), kernel_group(576, 18)] == [64, 256, 32]


INT8 = torch.zeros(16, 32, dtype=torch.int8)
REFUSED = [
    (Int8Linear, torch.zeros(16, 40, dtype=torch.int8), torch.ones(16, 1), "multiple of 16 inputs, got 40"),
    (Int8Linear, INT8, torch.ones(16, 2), "one scale a row, got 2"),
    (Int4Linear, torch.zeros(24, 32, dtype=torch.int8), torch.ones(24, 1), "16 outputs, got 24"),
    (Int4Linear, INT8, torch.ones(16, 2), "multiple of 32 inputs, got 16"),
    (Int4Linear, INT8 + 8, torch.ones(16, 1), "-8..7, got 8..8"),
    (Int4Linear, INT8, torch.ones(8, 1), r"scale must be \[16, groups\]"),
    (Int8Linear, INT8.int(), torch.ones(16, 1), "must be int8"),
    (Int8Linear, INT8.to("meta"), torch.ones(16, 1), "on the cpu, but the values are on meta"),
]


@pytest.mark.parametrize(("kind", "values", "scale", "reason"), REFUSED)
def test_what_a_kernel_does_not_take_is_refused_before_it_runs(kind, values, scale, reason):
    with pytest.raises(ValueError, match=reason):
        kind(values, scale)


def test_four_bits_a_row_go_to_the_int8_kernel_where_the_int4_kernel_refuses_the_shape():
    q = quantize_symmetric(torch.randn(5, 16), 4)
    assert isinstance(fast_linear(q.values, q.scale, q.bits), Int8Linear)


def test_a_models_quantized_layers_are_replaced_and_its_logits_stay_within_bf16(llama, tokens):
    model = quantize_model(llama, 8, 8).cpu()
    with torch.no_grad():
        before = model(input_ids=tokens.cpu()).logits
        after = with_fast_layers(model)(input_ids=tokens.cpu()).logits
    kinds = {type(module) for module in model.modules()}
    assert Int8Linear in kinds and QuantizedLinear not in kinds
    assert (after - before).abs().max() <= 0.05 * before.abs().max()


def test_a_layer_that_no_kernel_takes_stays_as_it_is(llama):
    model = quantize_model(llama, 8, 8, group_size=16).cpu()  # 8 bits and groups: no kernel
    with_fast_layers(model)
    assert isinstance(model.model.layers[0].mlp.up_proj, QuantizedLinear)

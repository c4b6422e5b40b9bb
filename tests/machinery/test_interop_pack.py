"""One matrix in compressed-tensors' form: words of 32 bits, scales, a shape."""

import pytest
import torch

from minicompress.interop.compressed_tensors import (
    integers,
    pack,
    pack_layer,
    pack_quantized,
    quantization_config,
)
from minicompress.quantization import QuantizedLinear, QuantizedTensor, dequantize, quantize_symmetric


def int8(*rows):
    return torch.tensor(rows, dtype=torch.int8)


def library():
    """The package whose form this is; the tests beside it are skipped where it is not installed."""
    return pytest.importorskip("compressed_tensors", reason="The extras are not installed: `make extras`.")


# ------------------------------------------------------------ words


def test_the_first_of_eight_values_stands_in_the_lowest_nibble():
    word = pack(int8([-8, 7, 0, -7, 1, 2, 3, -1]), 4)  # plus 8: 0, 15, 8, 1, 9, 10, 11, 7
    assert word.dtype == torch.int32 and word.tolist() == [[0x7BA918F0]]


def test_the_first_of_four_bytes_is_the_lowest():
    assert pack(int8([-128, 127, 0, -126]), 8).tolist() == [[0x0280FF00]]  # plus 128: 0, 255, 128, 2


def test_a_word_that_is_not_full_ends_in_zeros():
    assert pack(int8([-8, 7, 0]), 4).tolist() == [[0x8F0]]
    assert pack(int8([-127]), 8).tolist() == [[1]]


@pytest.mark.parametrize(("bits", "words"), [(4, 2), (8, 3)])
def test_each_row_begins_with_a_word_of_its_own(bits, words):
    assert list(pack(torch.zeros(5, 12, dtype=torch.int8), bits).shape) == [5, words]


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 31, 32, 33, 64])
@pytest.mark.parametrize("bits", [4, 8])
def test_the_library_packs_to_the_same_words_and_unpacks_them(bits, columns):
    library()
    from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32

    largest = 2 ** (bits - 1)
    values = torch.randint(-largest, largest, (3, columns), dtype=torch.int8)
    packed = pack(values, bits)
    assert torch.equal(packed, pack_to_int32(values, bits))
    assert torch.equal(unpack_from_int32(packed, bits, values.shape), values)


@pytest.mark.parametrize("bits", [2, 3, 16])
def test_other_bits_than_4_and_8_are_refused(bits):
    with pytest.raises(ValueError, match=f"4 or 8 bits here, got {bits}"):
        pack(int8([0]), bits)


def test_a_value_that_four_bits_cannot_hold_is_refused():
    with pytest.raises(ValueError, match=r"-8\.\.7, got torch.int8 0..8"):
        pack(int8([0, 8]), 4)


# ------------------------------------------------------------ a layer


def test_a_row_of_four_weights_becomes_three_tensors():
    stored = pack_layer(torch.tensor([[7, 2.5, 0.5, -4.5]]), 4, None)  # scale 1, values 7, 2, 0, -4
    assert stored["weight_packed"].tolist() == [[0x48AF]]
    assert stored["weight_scale"].tolist() == [[1.0]] and stored["weight_scale"].dtype == torch.float16
    assert stored["weight_shape"].tolist() == [1, 4] and stored["weight_shape"].dtype == torch.int64


def test_each_group_has_a_scale():
    stored = pack_layer(torch.tensor([[7.0, 0, 0, 14]]), 4, 2)
    assert stored["weight_scale"].tolist() == [[1.0, 2.0]] and stored["weight_packed"].tolist() == [[0xF88F]]


def test_the_lowest_code_is_never_used():
    """Our range is -7..7, the form's -8..7: what we round always fits."""
    lowest = quantize_symmetric(-torch.rand(8, 32) - 0.1, 4).values.min()
    assert lowest == -7 and not (pack_layer(-torch.ones(1, 8), 4, None)["weight_packed"] & 15 == 0).any()


@pytest.mark.parametrize(("group", "bits"), [(32, 4), (64, 4), (None, 4), (32, 8), (None, 8)])
def test_the_library_gives_back_the_weights_that_our_integers_stand_for(group, bits):
    library()
    from compressed_tensors.compressors import PackedQuantizationCompressor
    from compressed_tensors.quantization import QuantizationScheme

    weight = torch.randn(6, 128)
    said = quantization_config(bits, group)["config_groups"]["group_0"]
    stored = pack_layer(weight, bits, group)
    stored["weight_scale"] = stored["weight_scale"].float()  # as it is after loading in fp32
    back = PackedQuantizationCompressor.decompress(stored, QuantizationScheme.model_validate(said))["weight"]
    q = quantize_symmetric(weight, bits, group)
    assert torch.equal(back, dequantize(q._replace(scale=q.scale.half())))


@pytest.mark.parametrize(
    ("weight", "bits", "group", "said"),
    [
        (torch.ones(2, 8), 3, None, "4 or 8 bits here, got 3"),
        (torch.ones(2, 8), 4, 3, "must divide the 8 input features, got 3"),
        (torch.full((2, 8), 1e6), 4, None, "weight_scale holds 142857, beyond fp16's largest number"),
        (torch.full((2, 8), torch.nan), 4, None, "NaN"),
    ],
)
def test_a_layer_that_cannot_be_stored_is_refused(weight, bits, group, said):
    with pytest.raises(ValueError, match=said):
        pack_layer(weight, bits, group)


# ------------------------------------------------------------ integers that are there already


def held(rows, columns, bits, group):
    return QuantizedLinear(quantize_symmetric(torch.randn(rows, columns), bits, group), None)


@pytest.mark.parametrize("group", [None, 8, 4, 2])
def test_integers_are_not_rounded_again_and_smaller_groups_repeat_their_scale(group):
    layer = held(3, 8, 3, None)
    q = integers(layer, 4, group)
    assert torch.equal(q.values, layer.values) and q.scale.shape == (3, 8 // (group or 8))
    before = QuantizedTensor(layer.values, layer.scale, 3, None)
    assert torch.equal(dequantize(q), dequantize(before))


def test_a_group_is_split_where_it_stands():
    layer = held(3, 8, 4, 4)
    (first, second) = layer.scale[0]
    assert integers(layer, 4, 2).scale[0].tolist() == [first, first, second, second]


@pytest.mark.parametrize("group", [None, 8, 3])
def test_stored_groups_cannot_be_joined(group):
    with pytest.raises(ValueError, match=f"in groups of 4, which {group or 8} does not divide"):
        integers(held(3, 8, 4, 4), 4, group)


def test_more_bits_than_asked_for_are_refused():
    with pytest.raises(ValueError, match="integers of 5 bits do not fit into 4: choose 8 bits"):
        pack_quantized(quantize_symmetric(torch.ones(1, 8), 5), 4)


# ------------------------------------------------------------ what config.json says


def test_the_library_reads_our_configuration_as_we_mean_it():
    library()
    from compressed_tensors.quantization import QuantizationConfig

    read = QuantizationConfig.model_validate(quantization_config(4, 32))
    weights = read.config_groups["group_0"].weights
    assert (read.format, read.ignore) == ("pack-quantized", ["lm_head"])
    assert (weights.num_bits, weights.group_size, weights.strategy) == (4, 32, "group")
    assert weights.symmetric and read.config_groups["group_0"].input_activations is None


def test_a_scale_for_a_whole_row_is_called_a_channel():
    weights = quantization_config(8, None)["config_groups"]["group_0"]["weights"]
    assert weights["strategy"] == "channel" and "group_size" not in weights


def test_a_group_without_inputs_is_refused():
    with pytest.raises(ValueError, match="got -32"):
        quantization_config(4, -32)

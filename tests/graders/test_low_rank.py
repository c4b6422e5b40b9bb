"""Chapter 04: low rank."""

import copy
import math
import warnings

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from minicompress.grading.expect import expect_close, expect_equal, named, refused
from minicompress.lab.modules import parameter_count
from minicompress.low_rank import (
    LowRankLinear,
    break_even_rank,
    convert_to_low_rank,
    damped_cholesky,
    factorize,
    low_rank_decompose,
    rank_for_energy,
    reconstruction_errors,
    whitened_decompose,
)


def rotation(size, device):
    """A random orthogonal matrix."""
    return torch.linalg.qr(torch.randn(size, size, device=device, dtype=torch.float64)).Q


def storages(*tensors):
    """Where their numbers lie in memory."""
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


# ------------------------------------------------------------ 4.1


def test_4_1_two_by_three_by_hand(device):
    """[[15, 20, 0], [0, 0, 5]] = 25 (1, 0) (0.6, 0.8, 0)^T + 5 (0, 1) (0, 0, 1)^T; the 25 stays.

    Vh has the first row (0.6, 0.8, 0) and the first column (0.6, 0, 0.8), signs aside: two different things.
    """
    weight = torch.tensor([[15.0, 20.0, 0.0], [0.0, 0.0, 5.0]], device=device)
    U, V = low_rank_decompose(weight, 1)
    shapes = [list(U.shape), list(V.shape)]
    rule = "U_scaled [out, rank] is made of columns of U, and V_scaled [rank, in] of rows of Vh"
    expect_equal(shapes, [[2, 1], [1, 3]], rule)
    rule = "U_scaled is the first column of U, times the root of the largest S, 25"
    expect_close(U.abs(), [[5], [0]], rule, abs=1e-4)
    rule = "V_scaled is the first row of Vh, times the root of the largest S, 25"
    expect_close(V.abs(), [[3, 4, 0]], rule, abs=1e-4)
    rule = "the product is the best approximation: the signs of the two factors fit each other"
    expect_close(U @ V, [[15, 20, 0], [0, 0, 0]], rule, abs=1e-4)


def test_4_1_at_full_rank_the_weight_comes_back(device):
    weight = torch.tensor([[15.0, 20.0], [-4.0, 3.0]], device=device)
    U, V = low_rank_decompose(weight, 2)
    rule = "each S has its own column of U and row of Vh, and scales both by its root"
    expect_close(U @ V, weight, rule, abs=1e-4)


@pytest.mark.parametrize(("rows", "columns"), [(9, 6), (6, 9)])
def test_4_1_the_squared_error_is_the_sum_of_the_dropped_squares(rows, columns, device):
    """Eckart and Young 1936: no matrix of this rank does better."""
    weight = torch.randn(rows, columns, device=device, dtype=torch.float64)
    S = torch.linalg.svdvals(weight)
    for rank in (1, 3, 6):
        U, V = low_rank_decompose(weight, rank)
        expect_close(
            (weight - U @ V).square().sum(),
            S[rank:].square().sum(),
            "the squared error is the sum of the dropped S^2",
        )


def test_4_1_both_factors_carry_the_square_root_of_the_singular_values(device):
    """So U^T U and V V^T are the same diagonal matrix, S."""
    weight = torch.randn(8, 5, device=device, dtype=torch.float64)
    U, V = low_rank_decompose(weight, 4)
    S = torch.linalg.svdvals(weight)[:4]
    expect_close(U.square().sum(0), S, "each column of U_scaled has the squared length S")
    expect_close(V.square().sum(1), S, "each row of V_scaled has the squared length S")


def test_4_1_is_the_best_for_a_large_matrix_too(device):
    weight = torch.randn(300, 300, device=device, dtype=torch.float64)
    U, V = low_rank_decompose(weight, 8)
    expect_close(
        (weight - U @ V).square().sum(),
        torch.linalg.svdvals(weight)[8:].square().sum(),
        "a large matrix is decomposed exactly, not by random directions",
    )


def test_4_1_a_bf16_weight_has_factors_in_fp32(device):
    weight = torch.randn(6, 4, device=device).bfloat16()
    U, V = low_rank_decompose(weight, 4)
    expect_equal([U.dtype, V.dtype], [torch.float32] * 2, "the factors of a bf16 weight are fp32")
    expect_close(U @ V, weight, "a bf16 weight is decomposed in fp32", abs=1e-4)


def test_4_1_a_float64_weight_is_decomposed_in_float64(device):
    weight = torch.randn(6, 4, device=device, dtype=torch.float64)
    U, V = low_rank_decompose(weight, 4)
    expect_equal([U.dtype, V.dtype], [torch.float64] * 2, "a float64 weight has factors in float64")
    expect_close(U @ V, weight, "a float64 weight is decomposed in float64", rel=0, abs=1e-10)


def test_4_1_a_parameter_with_other_strides_is_not_changed(device):
    weight = nn.Parameter(torch.randn(5, 7, device=device).T)  # [7, 5], columns stored first
    before = weight.detach().clone()
    U, V = low_rank_decompose(weight, 5)
    assert not U.requires_grad and not V.requires_grad, "the factors have no gradient: detach the weight"
    expect_close(U @ V, before, "at full rank the weight comes back", abs=1e-4)
    expect_equal(weight, before, "the weight is not changed")


def test_4_1_a_weight_of_zeros_has_factors_of_zeros(device):
    U, V = low_rank_decompose(torch.zeros(3, 4, device=device), 2)
    expect_equal(U @ V, [[0.0] * 4] * 3, "a weight of zeros has factors of zeros")


@pytest.mark.parametrize(
    ("weight", "rank"),
    [
        (torch.ones(3, 5), 0),
        (torch.ones(3, 5), 4),
        (torch.ones(5), 1),
        (torch.tensor([[math.nan]]), 1),
        (torch.ones(2, 2, dtype=torch.int64), 1),
    ],
    ids=["rank 0", "rank 4 of 3", "no matrix", "NaN", "integers"],
)
def test_4_1_refuses_what_has_no_such_decomposition(weight, rank):
    with refused():
        low_rank_decompose(weight, rank)


def test_4_1_errors_of_two_by_three_by_hand(device):
    """S = 25 and 5: rank 1 loses the 5, and sqrt(5^2 / (25^2 + 5^2)) = 0.1961; rank 2 loses nothing."""
    weight = torch.tensor([[15.0, 20.0, 0.0], [0.0, 0.0, 5.0]], device=device)
    errors = reconstruction_errors(weight)
    expect_equal(list(errors.shape), [2], "there is an error for each rank from 1 to min(out, in)")
    rule = "rank 1 loses the 5: the root of 5^2 over the root of 25^2 + 5^2"
    expect_close(errors[0], 5 / math.sqrt(650), rule)
    expect_equal(errors[-1], 0.0, "at full rank nothing is lost")


def test_4_1_errors_add_up_all_that_a_rank_leaves_out(device):
    """S = 6, 3, 2: 36 + 9 + 4 = 49. Rank 1 loses 9 + 4, rank 2 loses 4."""
    weight = torch.diag(torch.tensor([3.0, -6.0, 2.0], device=device))
    rule = "the error of a rank is the root of the sum of all dropped squares, over that of all squares"
    expect_close(reconstruction_errors(weight), [math.sqrt(13) / 7, 2 / 7, 0], rule)


@pytest.mark.parametrize(("rows", "columns"), [(9, 6), (6, 9)])
def test_4_1_errors_are_those_of_the_best_approximations(rows, columns, device):
    weight = torch.randn(rows, columns, device=device, dtype=torch.float64)
    expected = []
    for rank in range(1, 7):
        U, V = low_rank_decompose(weight, rank)
        expected.append((torch.dist(weight, U @ V) / weight.norm()).item())
    rule = "entry r - 1 is |W - W'| / |W| for the best approximation W' of rank r"
    expect_close(reconstruction_errors(weight), expected, rule)


def test_4_1_a_factor_on_the_weight_changes_no_relative_error(device):
    weight = torch.diag(torch.tensor([600.0, 300.0, 200.0], device=device))
    rule = "errors are relative to the weight's own norm"
    expect_close(reconstruction_errors(weight), [math.sqrt(13) / 7, 2 / 7, 0], rule)


def test_4_1_small_errors_keep_their_digits(device):
    """1 + 1e-18 is 1 in float64: what is left over is lost in a difference of large sums, and in its root."""
    weight = torch.diag(torch.tensor([1.0, 1e-9, 1e-12], device=device, dtype=torch.float64))
    rule = "the dropped squares are summed themselves, not as the whole less what is kept"
    expect_close(reconstruction_errors(weight), [1e-9, 1e-12, 0], rule, abs=1e-14)


def test_4_1_squares_of_an_fp32_weight_are_taken_in_float64(device):
    """(2^80)^2 is infinite in fp32, and (2^-80)^2 is 0."""
    for scale in (2.0**80, 2.0**-80):
        weight = scale * torch.diag(torch.tensor([6.0, 3.0, 2.0], device=device))
        errors = reconstruction_errors(weight)
        expect_close(errors, [math.sqrt(13) / 7, 2 / 7, 0], "singular values are squared in float64")


def test_4_1_a_weight_of_zeros_has_errors_of_zero(device):
    errors = reconstruction_errors(torch.zeros(2, 3, device=device))
    expect_equal(errors, [0.0, 0.0], "of a weight of zeros nothing can be lost, and 0 / 0 is no error")


def test_4_1_one_decomposition_tells_the_errors_of_all_ranks(device):
    with Decompositions() as made:
        reconstruction_errors(torch.randn(6, 5, device=device))
    assert len(made.names) <= 1, f"one decomposition tells the errors of all ranks: got {len(made.names)}"


class Decompositions(TorchDispatchMode):
    """Notes every decomposition that PyTorch makes."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function)
        self.names += [name] * any(kind in name for kind in ("linalg_svd", "linalg_eig", "linalg_qr"))
        return function(*args, **kwargs or {})


def test_4_1_errors_of_a_parameter_are_float64_numbers_and_it_is_not_changed(device):
    weight = nn.Parameter(torch.randn(5, 7, device=device).T)
    before = weight.detach().clone()
    errors = reconstruction_errors(weight)
    expect_equal(errors.dtype, torch.float64, "errors are float64")
    assert not errors.requires_grad, "errors have no gradient: detach the weight"
    expect_equal(weight, before, "the weight is not changed")
    bf16 = torch.tensor([[3.0, 0.0], [0.0, 4.0]], device=device).bfloat16()
    expect_close(reconstruction_errors(bf16), [0.6, 0], "a bf16 weight is decomposed in fp32")


@pytest.mark.parametrize(
    "weight",
    [
        torch.ones(5),
        torch.ones(2, 2, 2),
        torch.tensor([[math.inf]]),
        torch.ones(2, 2, dtype=torch.int64),
        torch.ones(0, 3),
    ],
    ids=["a vector", "three dimensions", "infinity", "integers", "no rows"],
)
def test_4_1_errors_are_refused_of_what_is_no_matrix(weight):
    with refused():
        reconstruction_errors(weight)


# ------------------------------------------------------------ 4.2


def test_4_2_a_square_layer_by_hand(device):
    """[[1, 2], [3, 4]] [[1, 0], [1, 1]] = [[3, 2], [7, 4]] makes [-3, -5] of [1, -3].

    Swapped and transposed, the factors of a square layer fit as well.
    """
    U_scaled = torch.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    V_scaled = torch.tensor([[1.0, 0.0], [1.0, 1.0]], device=device)
    layer = LowRankLinear.from_factors(U_scaled, V_scaled)
    assert isinstance(layer, LowRankLinear), "from_factors returns the new layer"
    expect_equal(layer.U.weight, [[1, 0], [1, 1]], "U, the first step, multiplies with V_scaled")
    expect_equal(layer.V.weight, [[1, 2], [3, 4]], "V, the second step, multiplies with U_scaled")
    expect_equal(layer.V.bias, None, "without a bias V has none")
    x = torch.tensor([[1.0, -3.0]], device=device)
    expect_close(layer(x), [[-3, -5]], "the forward pass applies U, then V, and nothing else")


def test_4_2_a_tall_layer_with_a_bias_by_hand(device):
    """x = [1, 1] -> [1 + 10] -> [11, 22, 33], and the bias."""
    U_scaled = torch.tensor([[1.0], [2.0], [3.0]], device=device)
    V_scaled = torch.tensor([[1.0, 10.0]], device=device)
    layer = LowRankLinear.from_factors(U_scaled, V_scaled, torch.tensor([100.0, 200.0, 300.0], device=device))
    sizes = [layer.in_features, layer.out_features, layer.rank]
    expect_equal(sizes, [2, 3, 1], "in, out and rank are those of the factors")
    expect_equal(layer.V.bias, [100, 200, 300], "V, the second step, carries a copy of the bias")
    x = torch.ones(1, 2, device=device)
    expect_close(layer(x), [[111, 222, 333]], "the bias is added once, after the second step")


def test_4_2_calls_its_two_steps(device):
    """Later chapters put a quantized layer in the place of a step."""
    layer, called = LowRankLinear(4, 6, 2, device=device), []
    layer.U.register_forward_hook(lambda *_: called.append("U"))
    layer.V.register_forward_hook(lambda *_: called.append("V"))
    layer(torch.randn(3, 4, device=device))
    expect_equal(called, ["U", "V"], "the forward pass calls U, then V, and never multiplies them out")


@pytest.mark.parametrize("bias", [True, False])
def test_4_2_computes_what_a_linear_layer_of_the_approximated_weight_computes(bias, device):
    linear, x = nn.Linear(5, 7, bias=bias, device=device), torch.randn(2, 3, 5, device=device)
    U, V = low_rank_decompose(linear.weight, 2)
    layer = LowRankLinear.from_linear(linear, 2)
    assert isinstance(layer, LowRankLinear), "from_linear returns the new layer"
    expect_equal(layer.rank, 2, "the layer has the rank that was asked for")
    expected = nn.functional.linear(x, U @ V, linear.bias)
    rule = "it computes x (U_scaled V_scaled)^T, and the Linear's bias where it has one"
    expect_close(layer(x), expected, rule, rel=1e-4, abs=1e-5)


def test_4_2_the_parameters_of_from_factors_are_copies(device):
    factors = (
        torch.randn(4, 2, device=device),
        torch.randn(2, 4, device=device),
        torch.randn(4, device=device),
    )
    layer = LowRankLinear.from_factors(*factors)
    assert not storages(*layer.parameters()) & storages(*factors), (
        "from_factors copies its arguments: the layer shares no memory with them"
    )


def test_4_2_the_linear_layer_is_neither_changed_nor_shared(device):
    linear = nn.Linear(4, 5, device=device)
    before = copy.deepcopy(linear)
    layer = LowRankLinear.from_linear(linear.train(False), 2)
    assert not storages(*layer.parameters()) & storages(*linear.parameters()), (
        "the new layer has parameters of its own: a bias that is shared would be trained in both"
    )
    expect_equal(linear.weight, before.weight, "the Linear layer is not modified")
    assert not linear.training and linear.weight.requires_grad, "the Linear layer keeps its own settings"


def test_4_2_both_factors_and_the_bias_can_be_trained(device):
    factors = nn.Linear(2, 3, device=device).weight, nn.Linear(4, 2, device=device).weight
    layer = LowRankLinear.from_factors(*factors, torch.zeros(3, device=device))
    names = sorted(name for name, _ in layer.named_parameters())
    expect_equal(names, ["U.weight", "V.bias", "V.weight"], "the parameters are two weights and one bias")
    frozen = [name for name, parameter in layer.named_parameters() if not parameter.requires_grad]
    expect_equal(frozen, [], "each parameter that from_factors makes can be trained")
    y = layer(torch.randn(5, 4, device=device))
    assert y.requires_grad, "the forward pass keeps the gradient"
    y.square().sum().backward()
    without = [name for name, parameter in layer.named_parameters() if parameter.grad is None]
    expect_equal(without, [], "each parameter of the layer gets a gradient")
    expect_equal(factors[0].grad, None, "the layer is no part of the graph of its arguments")


@pytest.mark.parametrize("training", [True, False])
def test_4_2_keeps_the_training_mode(training, device):
    layer = LowRankLinear.from_linear(nn.Linear(4, 3, device=device).train(training), 2)
    modes = {name or "the layer": module.training for name, module in layer.named_modules()}
    expected = dict.fromkeys(modes, training)
    expect_equal(modes, expected, "the layer and its steps have the training mode of the Linear layer")


@pytest.mark.parametrize("trained", [True, False])
def test_4_2_a_frozen_layer_stays_frozen(trained, device):
    layer = LowRankLinear.from_linear(nn.Linear(4, 3, device=device).requires_grad_(trained), 2)
    asked = {name: parameter.requires_grad for name, parameter in layer.named_parameters()}
    expect_equal(
        asked, dict.fromkeys(asked, trained), "every parameter has requires_grad of the Linear's weight"
    )


def test_4_2_keeps_the_dtype(device):
    exact = [torch.ones(size, device=device, dtype=torch.float64) for size in ((3, 2), (2, 4), (3,))]
    layer = LowRankLinear.from_factors(*exact)
    dtypes = [parameter.dtype for parameter in layer.parameters()]
    expect_equal(dtypes, [torch.float64] * 3, "the layer has the dtype of the factors")
    linear = nn.Linear(8, 8, device=device, dtype=torch.bfloat16)
    layer = LowRankLinear.from_linear(linear, 8)
    dtypes = [parameter.dtype for parameter in layer.parameters()]
    expect_equal(dtypes, [torch.bfloat16] * 3, "the layer has the dtype of the Linear layer")


def test_4_2_a_saved_layer_loads_into_one_of_the_same_shape(device):
    layer = LowRankLinear.from_linear(nn.Linear(4, 3, device=device), 2)
    other, x = LowRankLinear(4, 3, 2, device=device), torch.randn(2, 4, device=device)
    other.load_state_dict(layer.state_dict())
    expect_close(other(x), layer(x), "U, V and the bias are all that the layer computes with")


def test_4_2_refuses_a_rank_that_the_layer_cannot_have():
    with refused():
        LowRankLinear.from_linear(nn.Linear(4, 6), 5)


# ------------------------------------------------------------ 4.3


def test_4_3_break_even_by_hand():
    """3 * 9 / 12 = 2.25; 4096 * 11008 / 15104 = 2985.2; 7 * 7 / 14 = 3.5; 3 * 6 / 9 = 2; 8 * 1 / 9 = 0.9."""
    rule = "the factors hold rank * (in + out) numbers, at most in * out"
    expect_equal(break_even_rank(3, 9), 2, rule)
    expect_equal(break_even_rank(4096, 11008), 2985, rule)
    expect_equal(break_even_rank(7, 7), 3, "a fraction of a rank is cut off")
    expect_equal(break_even_rank(3, 6), 2, "exactly as many numbers as the matrix are allowed")
    expect_equal(break_even_rank(8, 1), 0, "a layer that one rank makes larger has the break-even rank 0")
    expect_equal(break_even_rank(4096, 4096), 2048, "a square layer breaks even at half of its size")


def test_4_3_one_rank_more_would_grow_the_layer():
    for inputs, outputs in ((1, 1), (2, 2), (5, 3), (64, 48), (99, 101), (30_001, 2)):
        rank = break_even_rank(inputs, outputs)
        assert isinstance(rank, int), f"a rank is an int, got {type(rank).__name__}"
        fitting = [r for r in range(inputs + 1) if r * (inputs + outputs) <= inputs * outputs]
        expect_equal(rank, fitting[-1], "the largest rank with rank * (in + out) <= in * out")


def test_4_3_energy_is_a_share_of_squares_by_hand(device):
    """16 / 25 = 64%. As a share of the sum, 4 / 7 = 57%, it would not be enough for 60%."""
    values = torch.tensor([4.0, 3.0], device=device)
    rule = "the 4 holds 16/25 of the squares, less than 85%: it takes both values, which is rank 2"
    expect_equal(rank_for_energy(values, 0.85), 2, rule)
    expect_equal(rank_for_energy(values, 0.6), 1, "energy is a share of the squares: the 4 holds 16/25")
    rule = "energy is a share of the sum of squares, not of its root: 16/25 is less than 70%"
    expect_equal(rank_for_energy(values, 0.7), 2, rule)
    expect_equal(rank_for_energy(values, 0.64), 1, "a rank that holds exactly the share is enough")


def test_4_3_exactly_the_share_is_enough(device):
    values = torch.full((8,), 2.0, device=device)
    expect_equal(rank_for_energy(values, 0.25), 2, "two of eight equal values hold exactly a quarter")
    expect_equal(rank_for_energy(values, 0.125), 1, "one of eight equal values holds exactly an eighth")
    expect_equal(rank_for_energy(values, 0.01), 1, "the smallest rank is 1")


def test_4_3_holds_the_share_and_one_less_would_not(device):
    values = torch.randn(40, device=device, dtype=torch.float64).abs().sort(descending=True).values
    total = values.square().sum().item()
    for energy in (0.3, 0.9, 0.9999):
        rank = rank_for_energy(values, energy)
        assert isinstance(rank, int), f"a rank is an int, got {type(rank).__name__}"
        held = [values[:r].square().sum().item() for r in range(1, 41)]
        smallest = 1 + sum(share < energy * total for share in held)
        expect_equal(rank, smallest, "the smallest rank that holds the share")


def test_4_3_zeros_are_not_needed(device):
    values = torch.tensor([3.0, 2.0, 0.0, 0.0], device=device)
    expect_equal(rank_for_energy(values, 1.0), 2, "all the energy needs only what is not zero")
    expect_equal(rank_for_energy(torch.zeros(4, device=device), 0.9), 1, "where all are zero the rank is 1")


def test_4_3_half_precision_values_are_squared_and_summed_in_float64(device):
    """In bf16 the sum of 4096 ones stops at 256: 256 + 1 rounds to 256."""
    values = torch.ones(4096, device=device, dtype=torch.bfloat16)
    expect_equal(rank_for_energy(values, 0.5), 2048, "squares of bf16 values are summed in float64")
    values = torch.tensor([300.0, 300.0], device=device, dtype=torch.float16)
    expect_equal(
        rank_for_energy(values, 0.9), 2, "fp16 values are squared in float64: 300^2 is too large for fp16"
    )


def test_4_3_many_small_values_beside_a_large_one_are_summed_in_float64(device):
    """Beside 1 a square of 2^-26 vanishes in fp32. The 1 and 4097 of the 8192 others hold the share."""
    values = torch.tensor([1.0] + [2.0**-13] * 8192, device=device)
    energy = (1 + 4096.5 * 2**-26) / (1 + 2**-13)
    expect_equal(rank_for_energy(values, energy), 4098, "squares of fp32 values are summed in float64")


@pytest.mark.parametrize(
    ("values", "energy"),
    [([4.0, 3.0], 0.0), ([4.0, 3.0], 1.01), ([3.0, 4.0], 0.5), ([4.0, -3.0], 0.5), ([], 0.5)],
)
def test_4_3_refuses_other_shares_and_what_are_no_singular_values(values, energy):
    with refused():
        rank_for_energy(torch.tensor(values), energy)


@pytest.mark.parametrize("sizes", [(0, 4), (4, -1)])
def test_4_3_refuses_layers_without_inputs_or_outputs(sizes):
    with refused():
        break_even_rank(*sizes)


# ------------------------------------------------------------ 4.4


def two_layers(device):
    """Break-even ranks 4 (8 x 8) and 2 (8 x 3); 72 and 27 parameters."""
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).to(device)


class Tiny(nn.Module):
    """Named as a language model is: two blocks, a layer outside, and a head that is tied to the embedding."""

    def __init__(self, tied=True):
        super().__init__()
        block = nn.ModuleDict({"q_proj": nn.Linear(16, 16), "k_proj": nn.Linear(16, 4)})
        self.embedding = nn.Embedding(30, 16)
        self.layers = nn.ModuleList([block, copy.deepcopy(block)])  # break-even ranks 8 and 3
        self.pooler = nn.Linear(16, 16)
        self.lm_head = nn.Linear(16, 30, bias=False)  # break-even rank 10
        if tied:
            self.lm_head.weight = self.embedding.weight


def test_4_4_replaces_in_place_and_computes_the_approximation(device):
    model, x = two_layers(device), torch.randn(4, 8, device=device)
    dense = copy.deepcopy(model)
    report = convert_to_low_rank(model, 1)
    assert isinstance(report, dict), "the report that `summarize` makes is returned"
    assert isinstance(model[0], LowRankLinear) and isinstance(model[2], LowRankLinear), (
        "each Linear layer of the caller's model becomes a LowRankLinear"
    )
    expect_equal(
        list(report["kinds"]), ["0", "2"], "the layers are listed before any is replaced, and only they count"
    )
    expect_equal([model[0].rank, model[2].rank], [1, 1], "each new layer has the rank that was asked for")
    for layer in (dense[0], dense[2]):
        U, V = low_rank_decompose(layer.weight, 1)
        layer.weight.data = U @ V
    rule = "each new layer computes the best approximation of the old one, and adds its bias"
    expect_close(model(x), dense(x), rule, rel=1e-4, abs=1e-5)


def test_4_4_a_layer_at_its_break_even_rank_is_converted(device):
    """3 -> 6 at rank 2: 2 * 9 numbers instead of 3 * 6."""
    model = nn.Sequential(nn.Linear(3, 6)).to(device)
    convert_to_low_rank(model, 2)
    assert isinstance(model[0], LowRankLinear), "a layer at exactly its break-even rank is converted"


def test_4_4_a_layer_that_would_grow_stays_as_it_is(device):
    """8 -> 3: 24 / 11 = 2.2, so 2; at rank 3 its 27 parameters would become 36."""
    model = two_layers(device)
    kept = model[2]
    report = convert_to_low_rank(model, 3)
    expect_equal(parameter_count(model[2]), 27, "a layer above its break-even rank stays as it is")
    assert model[2] is kept, "a layer that stays is the same object"
    assert isinstance(model[0], LowRankLinear), "each layer has a break-even rank of its own"
    expect_equal(report["skipped"], {"2": "rank 3 > break-even 2"}, "the report says why a layer was skipped")
    report = convert_to_low_rank(two_layers(device), 9)
    expect_equal(
        sorted(report["skipped"]), ["0", "2"], "a rank larger than a layer is no error: it is skipped"
    )


def test_4_4_reports_parameters_before_and_after_by_hand(device):
    """8 x 8 with bias: 72, at rank 2 it is 2 * 16 + 8 = 40. 8 x 3: 27, at rank 2 it is 2 * 11 + 3 = 25."""
    report = convert_to_low_rank(two_layers(device), 2)
    first, last = {"layers": 1, "before": 72, "after": 40}, {"layers": 1, "before": 27, "after": 25}
    rule = "before counts the old layers and after the new ones, each with its bias"
    expect_equal(report["kinds"], {"0": first, "2": last}, rule)
    totals = [report["parameters_before"], report["parameters_after"]]
    expect_equal(totals, [99, 65], "the totals are those of the model before and after")
    expect_equal(report["skipped"], {}, "a converted layer is not reported as skipped")


def test_4_4_reports_layers_inside_and_outside_the_blocks_by_kind(device):
    """At rank 4 q_proj is 4 * 32 + 16 = 144 instead of 272, and k_proj stays: 68."""
    model = Tiny().to(device)
    before = parameter_count(model)
    report = convert_to_low_rank(model, 4)
    kinds = report["kinds"]
    expected = ["k_proj", "lm_head", "pooler", "q_proj"]
    rule = "every Linear layer is reported, inside the blocks and outside, converted or skipped"
    expect_equal(sorted(kinds), expected, rule)
    two = {"layers": 2, "before": 2 * 272, "after": 2 * 144}
    expect_equal(kinds["q_proj"], two, "the layers of one kind are added up over the blocks")
    two = {"layers": 2, "before": 2 * 68, "after": 2 * 68}
    expect_equal(kinds["k_proj"], two, "a skipped layer counts before and after")
    totals = [report["parameters_before"], report["parameters_after"]]
    expect_equal(totals, [before, parameter_count(model)], "the totals count tied weights once")


def test_4_4_a_head_tied_to_the_embedding_stays_tied(device):
    model = Tiny().to(device)
    report = convert_to_low_rank(model, 2, skip=())
    assert isinstance(model.lm_head, nn.Linear), (
        "a head that shares its weight with the embedding stays as it is"
    )
    expect_equal(report["skipped"].get("lm_head"), "tied", "the report says that the head is tied")


def test_4_4_the_first_reason_that_holds_is_reported(device):
    """The head's name stands in `skip`, it is tied, and at rank 11 it would grow: break-even is 10."""
    why = convert_to_low_rank(Tiny().to(device), 11)["skipped"].get("lm_head")
    expect_equal(why, "named in skip", "a name in `skip` is the first reason, before a tie and the size")
    why = convert_to_low_rank(Tiny().to(device), 11, skip=())["skipped"].get("lm_head")
    expect_equal(why, "tied", "a tie is reported before the size: the first reason that holds counts")


def test_4_4_a_layer_used_in_two_places_is_tied(device):
    """Replaced in one place, it would be computed differently in the other, and stored twice."""
    shared = nn.Linear(8, 8, device=device)
    model = nn.ModuleDict({"a": shared, "b": shared, "c": nn.Linear(8, 8, device=device)})
    report = convert_to_low_rank(model, 2)
    assert model["a"] is shared and model["b"] is shared, "a layer that is used in two places stays in both"
    assert isinstance(model["c"], LowRankLinear), "only the layer that is used twice is tied"
    expect_equal(set(report["skipped"].values()), {"tied"}, "a layer that is used in two places is tied")


def test_4_4_layers_that_share_only_a_bias_are_tied(device):
    model = two_layers(device)
    model.append(nn.Linear(8, 3, device=device))
    model[3].bias = model[2].bias
    report = convert_to_low_rank(model, 2)
    expected = {"2": "tied", "3": "tied"}
    expect_equal(report["skipped"], expected, "a shared bias ties two layers as a shared weight does")


def test_4_4_an_untied_head_is_skipped_only_by_its_name(device):
    report = convert_to_low_rank(Tiny(tied=False).to(device), 2)
    expect_equal(
        report["skipped"], {"lm_head": "named in skip"}, "lm_head is skipped unless `skip` says otherwise"
    )
    model = Tiny(tied=False).to(device)
    report = convert_to_low_rank(model, 2, skip=())
    expect_equal(report["skipped"], {}, "with skip=() an untied head is a layer like any other")
    assert isinstance(model.lm_head, LowRankLinear), "with skip=() an untied head is converted"


@pytest.mark.parametrize(
    ("skip", "expected", "rule"),
    [
        (
            ["q_proj"],
            ["layers.0.q_proj", "layers.1.q_proj"],
            "the last part of a name skips it in every block",
        ),
        (("layers.1.q_proj",), ["layers.1.q_proj"], "a whole name skips one layer"),
        (("proj", "layers", "1.q_proj"), [], "any other piece of a name skips nothing"),
    ],
)
def test_4_4_skip_takes_the_last_part_of_a_name_or_the_whole(skip, expected, rule, device):
    report = convert_to_low_rank(Tiny(tied=False).to(device), 2, skip)
    expect_equal(sorted(report["skipped"]), expected, rule)


def test_4_4_a_second_call_does_not_factorise_the_factors(device):
    model = two_layers(device)
    convert_to_low_rank(model, 2)
    report = convert_to_low_rank(model, 1)
    nested = [name for name, module in model.named_modules() if isinstance(module, LowRankLinear)]
    expect_equal(nested, ["0", "2"], "the parts of a LowRankLinear are not converted again")
    expect_equal(report["kinds"], {}, "the parts of a LowRankLinear are not in the report")


def test_4_4_a_layer_that_is_called_as_a_factor_is_is_none(device):
    model = nn.ModuleDict({"U": nn.Linear(8, 8), "V": nn.Linear(8, 8)}).to(device)
    convert_to_low_rank(model, 2)
    converted = [name for name, layer in model.items() if isinstance(layer, LowRankLinear)]
    expect_equal(
        converted, ["U", "V"], "only the parts of a LowRankLinear are left alone, not all called U or V"
    )


def test_4_4_keeps_every_mode_and_what_is_frozen(device):
    model = Tiny().to(device)
    model.layers[1].eval()
    model.layers[0]["q_proj"].requires_grad_(False)
    convert_to_low_rank(model, 2)
    frozen, trained = model.layers[0]["q_proj"], model.layers[1]["q_proj"]
    assert not any(parameter.requires_grad for parameter in frozen.parameters()), (
        "a frozen layer stays frozen"
    )
    assert all(parameter.requires_grad for parameter in trained.parameters()), "other layers can be trained"
    assert all(part.training for part in frozen.modules()), "a new layer has the old one's training mode"
    assert not any(part.training for part in trained.modules()), "a new layer has the old one's training mode"


@pytest.mark.parametrize(("rank", "skip"), [(0, ()), (-3, ()), (2, "lm_head")])
def test_4_4_refuses_ranks_below_1_and_a_bare_string(rank, skip, device):
    with refused():
        convert_to_low_rank(two_layers(device), rank, skip)


def test_4_4_finds_gpt2s_conv1d_layers(device):
    """Conv1D(3, 8) has 8 inputs and 3 outputs, and its weight is [8, 3]."""
    from transformers.pytorch_utils import Conv1D  # here, because importing it takes a while

    model, x = nn.Sequential(Conv1D(3, 8)).to(device), torch.randn(5, 8, device=device)
    nn.init.normal_(model[0].bias)
    U, V = low_rank_decompose(model[0].weight.T, 2)
    expected = nn.functional.linear(x, U @ V, model[0].bias)
    report = convert_to_low_rank(model, 2)
    expect_equal(list(report["kinds"]), ["0"], "GPT-2's Conv1D is a Linear layer too")
    sizes = [model[0].in_features, model[0].out_features]
    expect_equal(sizes, [8, 3], "a Conv1D stores its weight as [in, out]")
    rule = "a Conv1D's weight is turned before it is decomposed, and its bias stays"
    expect_close(model(x), expected, rule, rel=1e-4, abs=1e-5)


# ------------------------------------------------------------ 4.5


def told(call):
    """What `call` returns, and what it warned of. (`pytest.warns` would hide an exception.)"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, " ".join(str(warning.message) for warning in caught)


def correlated(features, tokens, device):
    """Inputs as columns, float64 [features, tokens], of very different loudness and correlated."""
    loudness = torch.logspace(-1, 1, features, device=device, dtype=torch.float64)
    noise = torch.randn(features, tokens, device=device, dtype=torch.float64)
    return rotation(features, device) @ (loudness[:, None] * noise)


def test_4_5_the_lower_factor_by_hand(device):
    """[[2, 0], [1, 1]] times its transpose is [[4, 2], [2, 2]]."""
    covariance = torch.tensor([[4.0, 2.0], [2.0, 2.0]], device=device)
    L, said = told(lambda: damped_cholesky(covariance))
    expect_close(L, [[2, 0], [1, 1]], "L is lower triangular, and L L^T is the covariance")
    expect_equal(L.dtype, torch.float64, "L is float64")
    expect_equal(said, "", "a covariance that is positive definite needs no warning")


def test_4_5_starts_at_a_millionth_of_the_mean_diagonal(device):
    """diag(4, 2, 0) has the mean 2: 2e-6 is enough."""
    covariance = torch.diag(torch.tensor([4.0, 2.0, 0.0], device=device))
    L, said = told(lambda: damped_cholesky(covariance))
    before = torch.tensor([4.0, 2.0, 0.0])
    expect_close(covariance.diagonal(), before, "the covariance is not changed in place", rel=0, abs=1e-9)
    rule = "1e-6 times the mean of the diagonal is added to the diagonal, and to nothing else"
    expect_close(L @ L.T - covariance.double(), (2e-6 * torch.eye(3)).tolist(), rule, rel=0.1, abs=1e-9)
    assert "not positive definite" in said, (
        f"damping is told by warnings.warn, in the words 'not positive definite', got {said!r}"
    )
    assert named(said, 2e-6), f"the warning says what was added, 2e-06, got {said!r}"


def test_4_5_grows_tenfold_until_it_is_enough(device):
    """With 1 + 1.5e-4 beside the diagonal of ones the smallest eigenvalue is -1.5e-4: 1e-3 is enough."""
    nearly = torch.tensor([[1.0, 1.00015], [1.00015, 1.0]], device=device, dtype=torch.float64)
    L, said = told(lambda: damped_cholesky(nearly))
    rule = "ten times as much is added to the covariance as it came: 1e-6, 1e-5, 1e-4, 1e-3 here"
    expect_close((L @ L.T).diagonal() - 1, [1e-3, 1e-3], rule, rel=1e-3, abs=0)
    assert named(said, 1e-3), f"the warning says what was added in the end, 0.001, got {said!r}"


def test_4_5_a_covariance_of_zeros_gets_a_millionth(device):
    L, _ = told(lambda: damped_cholesky(torch.zeros(3, 3, device=device)))
    expect_close(
        L.diagonal(), [1e-3] * 3, "where the mean of the diagonal is 0, 1e-6 itself is added", abs=1e-9
    )


def test_4_5_a_positive_definite_covariance_is_not_damped(device):
    """The smallest eigenvalue is 1e-12 of the largest: enough for float64, not for fp32."""
    basis = rotation(4, device)
    covariance = basis * torch.tensor([1.0, 1e-3, 1e-6, 1e-12], device=device, dtype=torch.float64) @ basis.T
    covariance = (covariance + covariance.T) / 2
    L, said = told(lambda: damped_cholesky(covariance))
    expect_equal(said, "", "what is positive definite in float64 is not damped: compute L in float64")
    rule = "a covariance that is positive definite is not changed at all"
    expect_close((L @ L.T - covariance).abs().max(), 0.0, rule, rel=0, abs=1e-14)


def test_4_5_two_inputs_by_hand(device):
    """W = diag(3, 2), covariance diag(1, 4): W L = diag(3, 4), so the 2 stays, the smaller weight."""
    weight = torch.diag(torch.tensor([3.0, 2.0], device=device))
    covariance = torch.diag(torch.tensor([1.0, 4.0], device=device))
    U, V = whitened_decompose(weight, covariance, 1)
    shapes = [list(U.shape), list(V.shape)]
    expect_equal(shapes, [[2, 1], [1, 2]], "the factors are [out, rank] and [rank, in]")
    expect_close(U @ V, [[0, 0], [0, 2]], "the weight with the loud input stays, as it was: L is undone")


def test_4_5_two_correlated_inputs_by_hand(device):
    """L = [[2, 0], [1, 1]] and W L = [[4, 0], [0, 3]], so the first row of W stays."""
    weight = torch.tensor([[2.0, 0.0], [-1.5, 3.0]], device=device)
    covariance = torch.tensor([[4.0, 2.0], [2.0, 2.0]], device=device)
    U, V = whitened_decompose(weight, covariance, 1)
    rule = "W L is decomposed, L the lower Cholesky factor of the covariance, and L is undone on the right"
    expect_close(U @ V, [[2, 0], [0, 0]], rule, abs=1e-5)
    root = 2**0.5
    expect_close(U.abs(), [[root], [0]], "the column of U_scaled is as long as the row of V_scaled", abs=1e-5)
    expect_close(V.abs(), [[root, 0]], "the row of V_scaled is as long as the column of U_scaled", abs=1e-5)


@pytest.mark.parametrize(("out_features", "in_features"), [(9, 6), (6, 9)])
def test_4_5_the_squared_output_error_is_the_sum_of_the_dropped_squares(out_features, in_features, device):
    """|(W - W') X|^2 = |(W - W') L|^2 if L L^T = X X^T, and the best W' L is the truncated SVD of W L."""
    X = correlated(in_features, 200, device)
    weight = torch.randn(out_features, in_features, device=device, dtype=torch.float64)
    S = torch.linalg.svdvals(weight @ X)
    for rank in (1, 3, 6):
        U, V = whitened_decompose(weight, X @ X.T, rank)
        error, best = ((weight - U @ V) @ X).square().sum(), S[rank:].square().sum()
        rule = f"at rank {rank} the squared output error is the sum of the dropped S^2"
        expect_close(error, best, rule, rel=1e-4, abs=1e-4)


def test_4_5_decomposes_in_float64(device):
    X, weight = correlated(6, 100, device), torch.randn(5, 6, device=device, dtype=torch.float64)
    U, V = whitened_decompose(weight, X @ X.T, 5)
    expect_equal([U.dtype, V.dtype], [torch.float64] * 2, "a float64 weight has factors in float64")
    expect_close(U @ V, weight, "L and the decomposition are computed in float64", rel=0, abs=1e-10)


def test_4_5_both_factors_are_equally_large_however_many_tokens_there_were(device):
    """With sqrt(S) in each, 1000 times the tokens change the lengths 31-fold."""
    X, weight = correlated(6, 100, device), torch.randn(5, 6, device=device)
    U, V = whitened_decompose(weight, X @ X.T, 2)
    rule = "each column of U_scaled is as long as the same row of V_scaled"
    expect_close(U.norm(dim=0), V.norm(dim=1), rule, rel=1e-4)
    more, _ = whitened_decompose(weight, 1000 * X @ X.T, 2)
    rule = "a multiple of the covariance gives the same factors"
    expect_close(more.norm(dim=0), U.norm(dim=0), rule, rel=1e-4)


def test_4_5_a_weight_of_low_rank_has_no_component_to_spare(device):
    """Rank 1, asked for 3: two components are 0, and nothing is divided by their length."""
    X = correlated(6, 100, device)
    U, V = whitened_decompose(torch.zeros(5, 6, device=device), X @ X.T, 2)
    expect_equal(U @ V, torch.zeros(5, 6), "a weight of zeros has factors of zeros: nothing is divided by 0")
    weight = torch.outer(torch.randn(5, device=device), torch.randn(6, device=device))
    U, V = whitened_decompose(weight, X @ X.T, 3)
    expect_close(U @ V, weight, "a weight of rank 1 comes back at rank 3", rel=1e-4, abs=1e-4)


def test_4_5_inputs_that_are_never_used_are_no_obstacle(device):
    weight = torch.randn(4, 6, device=device)
    (U, V), _ = told(lambda: whitened_decompose(weight, torch.zeros(6, 6, device=device), 4))
    rule = "at full rank the weight comes back, whatever the covariance"
    expect_close(U @ V, weight, rule, rel=1e-3, abs=1e-3)
    covariance = torch.diag(torch.tensor([1.0, 2.0, 0.0, 3.0, 1.0, 2.0], device=device))
    (U, V), _ = told(lambda: whitened_decompose(weight, covariance, 4))
    expect_close(U @ V, weight, rule, rel=1e-3, abs=1e-3)


def test_4_5_factors_are_fp32_and_nothing_is_changed(device):
    weight = nn.Parameter(torch.randn(6, 4, device=device).bfloat16().T)  # [4, 6], columns stored first
    X = correlated(6, 50, device).float()
    covariance = (X @ X.T).requires_grad_()
    before = weight.detach().clone(), covariance.detach().clone()
    U, V = whitened_decompose(weight, covariance, 4)
    expect_equal([U.dtype, V.dtype], [torch.float32] * 2, "the factors of a bf16 weight are fp32")
    assert not U.requires_grad and not V.requires_grad, "the factors have no gradient: detach what comes in"
    expect_close(U @ V, before[0], "a bf16 weight is not rounded again", rel=1e-3, abs=1e-3)
    expect_equal(weight, before[0], "the weight is not changed")
    expect_equal(covariance, before[1], "the covariance is not changed")


def test_4_5_two_tokens_need_only_rank_two(device):
    """Three inputs, two tokens: the covariance has rank 2 and is damped."""
    X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], device=device)
    covariance, weight = X @ X.T, torch.randn(5, 3, device=device)
    (U, V), _ = told(lambda: whitened_decompose(weight, covariance, 2))
    rule = "with a damped covariance the outputs of its few tokens come back"
    expect_close(U @ (V @ X), weight @ X, rule, rel=1e-2, abs=1e-2)


@pytest.mark.parametrize(
    "covariance",
    [torch.eye(3), -torch.eye(4), torch.ones(4, 4).triu(), torch.full((4, 4), math.nan)],
    ids=["another shape", "negative", "not symmetric", "NaN"],
)
def test_4_5_refuses_what_cannot_be_a_covariance(covariance):
    with refused():
        whitened_decompose(torch.ones(2, 4), covariance, 1)


@pytest.mark.parametrize("rank", [0, 3])
def test_4_5_refuses_ranks_that_the_matrix_cannot_have(rank):
    with refused():
        whitened_decompose(torch.ones(2, 4), torch.eye(4), rank)


# ------------------------------------------------------------ the given parts


def test_factorize_gives_each_layer_its_rank(llama, tokens):
    from minicompress.lab.calibration import input_covariances

    covariances = input_covariances(llama, [{"input_ids": torch.randint(50, (8, 32), device=tokens.device)}])
    plain, whitened = copy.deepcopy(llama), copy.deepcopy(llama)
    ranks = {"model.layers.0.mlp.up_proj": 6, "model.layers.1.self_attn.q_proj": 4}
    factorize(plain, ranks)
    factorize(whitened, ranks, covariances)
    given = {name: part.rank for name, part in plain.named_modules() if isinstance(part, LowRankLinear)}
    expect_equal(given, ranks, "each named layer gets its own rank, and no other layer is replaced")
    layer, name = llama.model.layers[0].mlp.up_proj, "model.layers.0.mlp.up_proj"

    def error(model):
        factors = model.get_submodule(name)
        difference = (layer.weight - factors.V.weight @ factors.U.weight).double()
        return torch.trace(difference @ covariances[name] @ difference.T)

    assert error(whitened) < error(plain), "with covariances the output error is smaller"


def test_input_covariances_leave_padding_out_and_agree_with_input_norms(llama, tokens):
    from minicompress.lab.calibration import input_covariances
    from minicompress.pruning import input_norms

    mask = torch.ones_like(tokens)
    mask[:, 9:] = 0
    batches = [
        {"input_ids": tokens[:3], "attention_mask": mask[:3]},
        {"input_ids": tokens[3:], "attention_mask": mask[3:]},
    ]
    covariances, norms = input_covariances(llama, batches), input_norms(llama, batches)
    expect_equal(set(covariances), set(norms), "both know the same layers")
    for name, covariance in covariances.items():
        expect_equal(covariance.dtype, torch.float64, "covariances are summed in float64")
        expect_close(covariance.diagonal().sqrt(), norms[name], "the diagonal holds the squared norms")
        expect_equal(covariance, covariance.T, "a covariance is symmetric")


def test_ranks_spend_the_budget_where_it_buys_the_most():
    """b has all its energy in one rank, a has it spread out: of 2 x 4 ranks a gets what b does not need."""
    from minicompress.lab.ranks import greedy_ranks, uniform_ranks

    shapes = {"a": (8, 8), "b": (8, 8)}
    expect_equal(uniform_ranks(shapes, 0.5), {"a": 2, "b": 2}, "every layer gets the same share")
    expect_equal(uniform_ranks({"c": (4096, 11008)}, 1.0), {"c": 2985}, "all of it is the break-even rank")
    spectra = {"a": torch.linspace(2, 1, 8), "b": torch.tensor([1.0] + [1e-3] * 7)}
    expect_equal(greedy_ranks(spectra, shapes, 0.5), {"a": 3, "b": 1}, "ranks go where the energy is")
    assert greedy_ranks(spectra, shapes, 1.0) == {"a": 4, "b": 4}, (
        "no layer gets more than its break-even rank"
    )

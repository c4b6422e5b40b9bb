"""Chapter 00: perplexity, accuracy, throughput, bytes."""

import math
import time
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from minicompress.grading.expect import expect_close, expect_equal, refused
from minicompress.metrics import model_bytes, perplexity, throughput, top1_accuracy


class Fixed(nn.Module):
    """A model that gives the same logits at every position."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


class Bigram(nn.Module):
    """A model that looks up its logits in a table, one row a token; with dropout, and with another part."""

    def __init__(self, table):
        super().__init__()
        self.table, self.dropout, self.other = nn.Parameter(table), nn.Dropout(0.5), nn.Identity()

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.other(self.dropout(self.table[input_ids])))


def says(*following):
    """A model that gives the token `following[t]` after t a logit of 1, and all others 0."""
    return Bigram(F.one_hot(torch.tensor(following), len(following)).float()).eval()


def spied_on(model):
    """Note at every call of the model: is some part in training mode, are gradients on?"""
    seen = []
    model.register_forward_hook(
        lambda *_: seen.append((any(part.training for part in model.modules()), torch.is_grad_enabled()))
    )
    return seen


def check_measures_quietly(measure, device):
    model = says(0, 0, 1).to(device).train()
    seen = spied_on(model)
    measure(model, torch.ones(3, 4, dtype=torch.int64, device=device))
    assert not any(training for training, _ in seen), (
        "the model is in eval mode while it is measured: dropout is off"
    )
    assert not any(gradients for _, gradients in seen), "gradients are off while the model is measured"


def check_gives_modes_back(measure, device):
    model, tokens = says(0, 0, 1).to(device), torch.ones(3, 4, dtype=torch.int64, device=device)
    measure(model, tokens)
    assert not model.training, "a model in eval mode stays there"
    model.train()
    model.other.eval()
    measure(model, tokens)
    assert model.training, "a model in training mode goes back to it"
    assert not model.other.training, "every submodule gets its own mode back, not the mode of the model"


# ------------------------------------------------------------ 0.1


def test_0_1_a_uniform_belief_over_four_tokens_has_perplexity_4(device):
    model, tokens = Fixed([0.0, 0.0, 0.0, 0.0]).to(device), torch.tensor([[3, 1, 2]], device=device)
    rule = "a uniform belief over 4 tokens has perplexity 4: exp of the mean nll of the 2 predicted tokens"
    expect_close(perplexity(model, tokens), 4.0, rule)


def test_0_1_the_result_is_a_python_float(device):
    result = perplexity(Fixed([0.0, 0.0]).to(device), torch.tensor([[1, 0]], device=device))
    assert isinstance(result, float), f"the result is a Python float, got a {type(result).__name__}"


def test_0_1_is_the_exp_of_the_mean_not_the_mean_of_exps(device):
    """p = (3/4, 1/4): the first row has perplexity 4/3, the second 4; together the root of their product."""
    tokens = torch.tensor([[0, 0, 0], [1, 1, 1]], device=device)
    for batch_size in (2, 1):
        result = perplexity(Fixed([math.log(3.0), 0.0]).to(device), tokens, batch_size)
        expect_close(
            result,
            4 / math.sqrt(3),
            "the nll of all tokens of all batches is averaged first, then comes exp, once",
        )


def test_0_1_the_logits_at_t_predict_the_token_at_t_plus_1(device):
    """After 1, 0, 2, 1 the model expects 0, 0, 1, 0, and 0, 2, 1, 0 follow: right, wrong, right, right.

    p = e / (e + 2) where it is right, 1 / (e + 2) where it is wrong.
    """
    result = perplexity(says(0, 0, 1).to(device), torch.tensor([[1, 0, 2, 1, 0]], device=device))
    expect_close(
        result,
        (math.e + 2) / math.exp(3 / 4),
        "the logits at t predict the token at t + 1, so 5 tokens hold 4 predictions",
    )


def test_0_1_a_token_in_a_small_last_batch_weighs_no_more(device):
    """p = (3/4, 1/4), in batches of two rows and of one: (4/3, 4/3) and 4."""
    tokens = torch.tensor([[0, 0], [0, 0], [0, 1]], device=device)
    result = perplexity(Fixed([math.log(3.0), 0.0]).to(device), tokens, 2)
    expect_close(result, 4 / 3 ** (2 / 3), "every token weighs the same, also in a smaller last batch")


def test_0_1_equals_a_loop_over_the_tokens_for_every_batch_size(device):
    model = Bigram(torch.randn(7, 7, device=device)).eval()
    tokens = torch.randint(7, (5, 12), device=device)
    beliefs = model.table.detach().double().log_softmax(-1)
    nll = [-beliefs[row[t], row[t + 1]].item() for row in tokens for t in range(11)]
    for batch_size in (16, 2, 1):
        result = perplexity(model, tokens, batch_size)
        expect_close(result, math.exp(sum(nll) / len(nll)), "all rows of all batches count", rel=1e-5)


def test_0_1_measures_in_eval_mode_and_without_gradients(device):
    check_measures_quietly(perplexity, device)


def test_0_1_gives_every_submodule_its_own_mode_back(device):
    check_gives_modes_back(perplexity, device)


def test_0_1_adds_the_batches_up_in_float64(device):
    """One token costs 16384 nats, the others 0.0009 each: beside 16384, float32 has steps of 0.002."""
    model = Fixed([0.0, -7.0, -16384.0]).to(device)
    tokens = torch.zeros(201, 2, dtype=torch.int64, device=device)
    tokens[0, 1] = 2
    least = math.log1p(math.exp(-7.0))
    result = math.log(perplexity(model, tokens, batch_size=1))
    rule = "the batches are added up in float64: beside a large sum, float32 loses small terms"
    expect_close(result, (16384 + 201 * least) / 201, f"{rule} (log of the perplexity)", rel=1e-6)


@pytest.mark.parametrize("shape", [(3, 1), (0, 5)])
def test_0_1_refuses_tokens_that_predict_nothing(shape):
    with refused():
        perplexity(Fixed([0.0, 0.0]), torch.zeros(shape, dtype=torch.int64))


# ------------------------------------------------------------ 0.2


def test_0_2_the_logits_at_t_predict_the_token_at_t_plus_1(device):
    """After 1, 0, 2, 1 the model says 0, 0, 1, 0, and 0, 2, 1, 0 follow: right, wrong, right, right."""
    result = top1_accuracy(says(0, 0, 1).to(device), torch.tensor([[1, 0, 2, 1, 0]], device=device))
    expect_close(result, 3 / 4, "the logits at t predict the token at t + 1, so 5 tokens hold 4 predictions")


def test_0_2_the_result_is_a_python_float(device):
    result = top1_accuracy(Fixed([0.0, 1.0]).to(device), torch.tensor([[1, 0, 1]], device=device))
    assert isinstance(result, float), f"the result is a Python float, got a {type(result).__name__}"


def test_0_2_all_rows_count(device):
    """The model always says 2. Row [2, 2, 1] holds one hit of two, row [0, 2, 2] two of two."""
    model, tokens = Fixed([0.0, 0.5, 1.0]).to(device), torch.tensor([[2, 2, 1], [0, 2, 2]], device=device)
    expect_close(
        top1_accuracy(model, tokens), 3 / 4, "the hits of all rows count, by the predictions of all rows"
    )


def test_0_2_a_small_last_batch_weighs_less(device):
    """Always 2: the batches hit 2 of 4 and 2 of 2. 4/6 of all tokens, not the mean of 1/2 and 1."""
    tokens = torch.tensor([[2, 2, 1], [0, 2, 1], [0, 2, 2]], device=device)
    result = top1_accuracy(Fixed([0.0, 0.5, 1.0]).to(device), tokens, batch_size=2)
    expect_close(result, 4 / 6, "every prediction weighs the same, also in a smaller last batch")


def test_0_2_equals_a_loop_over_the_tokens_for_every_batch_size(device):
    model = Bigram(torch.randn(4, 4, device=device)).eval()
    tokens = torch.randint(4, (5, 12), device=device)
    hits = [(model.table[row[t]].argmax() == row[t + 1]).item() for row in tokens for t in range(11)]
    for batch_size in (16, 2, 1):
        expect_close(
            top1_accuracy(model, tokens, batch_size), sum(hits) / 55, "all rows of all batches count"
        )


def test_0_2_measures_in_eval_mode_and_without_gradients(device):
    check_measures_quietly(top1_accuracy, device)


def test_0_2_gives_every_submodule_its_own_mode_back(device):
    check_gives_modes_back(top1_accuracy, device)


# ------------------------------------------------------------ 0.3


class Slow(Fixed):
    """Takes the given seconds, call by call; counts its calls."""

    def __init__(self, *seconds):
        super().__init__([0.0, 0.0])
        self.seconds, self.calls = seconds, 0

    def forward(self, input_ids, **_):
        time.sleep(self.seconds[min(self.calls, len(self.seconds) - 1)])
        self.calls += 1
        return super().forward(input_ids)


EIGHT = torch.zeros(2, 4, dtype=torch.int64)  # tokens
BUSY = 0.2  # a busy machine sleeps longer than it is told to


def test_0_3_is_the_tokens_of_the_batch_over_the_seconds_of_one_pass():
    """8 tokens in 0.1 s."""
    result = throughput(Slow(0.1, 0.1), EIGHT, repeats=1)
    expect_close(result, 80, "all tokens of the batch, over the seconds of one pass", rel=BUSY)


def test_0_3_runs_one_warm_up_and_then_the_repeats():
    model = Slow(0.0)
    throughput(model, EIGHT, repeats=3)
    expect_equal(
        model.calls, 4, "one warm-up run, then `repeats` that count: the model is called 1 + 3 times"
    )


def test_0_3_a_slow_warm_up_does_not_count():
    """8 tokens in 0.1 s; with the warm-up it would be 0.3 s."""
    result = throughput(Slow(0.5, 0.1), EIGHT, repeats=1)
    expect_close(result, 80, "the time of the warm-up run is left out", rel=BUSY)


def test_0_3_is_the_median_of_the_runs():
    """In order 0.02, 0.05, 0.1, 0.3 and 0.3 s: the median is 0.1, the mean 0.154."""
    result = throughput(Slow(0.0, 0.3, 0.1, 0.3, 0.02, 0.05), EIGHT, repeats=5)
    expect_close(
        result, 80, "the median run counts: not the mean, not the fastest, not one at a fixed place", rel=BUSY
    )


def test_0_3_the_result_is_a_python_float():
    result = throughput(Slow(0.0), EIGHT, repeats=1)
    assert isinstance(result, float), f"the result is a Python float, got a {type(result).__name__}"


def test_0_3_measures_in_eval_mode_and_without_gradients(device):
    check_measures_quietly(throughput, device)


def test_0_3_gives_every_submodule_its_own_mode_back(device):
    check_gives_modes_back(throughput, device)


def test_0_3_refuses_no_repeats():
    with refused():
        throughput(Slow(0.0), EIGHT, repeats=0)


# ------------------------------------------------------------ 0.4


def test_0_4_a_mixed_layer_by_hand():
    """A 2 x 3 fp16 weight (12 bytes) and a 2-element fp32 bias (8 bytes)."""
    layer = nn.Linear(3, 2)
    layer.weight = nn.Parameter(layer.weight.half())
    rule = "every tensor takes its number of elements times its own element size: 6 * 2 + 2 * 4 bytes"
    expect_equal(model_bytes(layer), 20, rule)


def test_0_4_the_result_is_an_int():
    result = model_bytes(nn.Linear(3, 2))
    assert type(result) is int, f"bytes are counted in an int, got a {type(result).__name__}"


def test_0_4_persistent_buffers_count(device):
    module = nn.Linear(3, 1, bias=False, device=device)
    module.register_buffer("mask", torch.zeros(5, dtype=torch.int8, device=device))
    expect_equal(model_bytes(module), 12 + 5, "buffers that are saved count like parameters")


def test_0_4_buffers_that_are_not_persistent_do_not_count():
    module = nn.Linear(3, 1, bias=False)
    module.register_buffer("recomputed", torch.zeros(1000), persistent=False)
    expect_equal(
        model_bytes(module), 12, "a buffer with persistent=False is not saved: only the state dict counts"
    )


def test_0_4_tied_embeddings_count_once(device):
    model = nn.Sequential(nn.Embedding(5, 4, device=device), nn.Linear(4, 5, bias=False, device=device))
    model[1].weight = model[0].weight
    rule = "embedding and head are one tensor under two names, at one place in memory: it counts once"
    expect_equal(model_bytes(model), 80, rule)


def test_0_4_two_parameters_on_one_storage_count_once():
    module = nn.Module()
    module.a = nn.Parameter(torch.zeros(6))
    module.b = nn.Parameter(module.a.data)
    expect_equal(model_bytes(module), 24, "two parameters at one place in memory are stored once")


def test_0_4_two_layers_of_one_shape_count_twice():
    module = nn.Sequential(nn.Linear(3, 1, bias=False), nn.Linear(3, 1, bias=False))
    expect_equal(model_bytes(module), 24, "two tensors of one shape are two")


def test_0_4_equal_numbers_at_two_places_count_twice():
    module = nn.Sequential(nn.Linear(3, 1, bias=False), nn.Linear(3, 1, bias=False))
    module[1].load_state_dict(module[0].state_dict())
    expect_equal(
        model_bytes(module), 24, "two tensors of equal numbers are two: what counts is the place in memory"
    )


def test_0_4_a_view_counts_its_own_elements():
    module = nn.Module()
    module.weight = nn.Parameter(torch.zeros(100)[:6])
    expect_equal(model_bytes(module), 24, "a view counts its own elements, not the storage behind it")


def test_0_4_two_views_of_different_parts_both_count():
    module, storage = nn.Module(), torch.zeros(10)
    module.a, module.b = nn.Parameter(storage[:6]), nn.Parameter(storage[6:])
    expect_equal(model_bytes(module), 40, "two views of different parts of one storage both count")


# ------------------------------------------------------------ together


def test_perplexity_equals_torch_cross_entropy(llama, tokens):
    with torch.no_grad():
        logits = llama(input_ids=tokens).logits[:, :-1]
    expected = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).exp()
    expect_close(
        perplexity(llama, tokens), expected, "perplexity is the exponential of torch's cross entropy"
    )


def test_a_model_with_tied_embeddings_takes_the_bytes_of_its_parameters(llama):
    expected = 4 * sum(parameter.numel() for parameter in llama.parameters())
    expect_equal(model_bytes(llama), expected, "a tied weight takes its bytes once")

"""Chapter 00: perplexity, accuracy, throughput, bytes."""

import math
import time
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from minicompress.metrics import model_bytes, perplexity, throughput, top1_accuracy


class Fixed(nn.Module):
    """A model that gives the same logits at every position."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


class Follower(Fixed):
    """A model that expects token t to be followed by t + step (modulo 3), with a logit of 1 against 0."""

    def __init__(self, step):
        super().__init__([0.0, 0.0, 0.0])
        self.step = step

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.logits + F.one_hot((input_ids + self.step) % 3, 3))


def nll_by_a_loop(model, tokens):
    """Every negative log-likelihood, one at a time, in float64."""
    values = []
    with torch.no_grad():
        for row in tokens:
            log_probs = model(input_ids=row[None]).logits[0].double().log_softmax(-1)
            values += [-log_probs[t, row[t + 1]].item() for t in range(len(row) - 1)]
    return values


# ------------------------------------------------------------ 0.1


def test_0_1_a_uniform_belief_over_four_tokens_has_perplexity_4(device):
    result = perplexity(Fixed([0.0, 0.0, 0.0, 0.0]).to(device), torch.randint(4, (3, 7), device=device))
    assert isinstance(result, float), f"scalars come back as Python floats, got {type(result).__name__}"
    assert result == pytest.approx(4.0)


def test_0_1_the_logits_at_t_predict_the_token_at_t_plus_1(device):
    """The model expects each token again: 1 against two zeros.

    In 0, 1, 2, 0 it is always wrong: p = 1 / (e + 2).
    """
    result = perplexity(Follower(0).to(device), torch.tensor([[0, 1, 2, 0]], device=device))
    assert result == pytest.approx(math.e + 2), "each position's logits belong to the token after it"
    # One that expects t + 1: right about the first 1, wrong about the second; about the token before it,
    # wrong both times.
    result = perplexity(Follower(1).to(device), torch.tensor([[0, 1, 1]], device=device))
    assert result == pytest.approx((math.e + 2) / math.e**0.5), (
        "each position's logits belong to the token after it, not before it"
    )


def test_0_1_is_the_exp_of_the_mean_not_the_mean_of_exps(device):
    """p = (3/4, 1/4): one sequence has perplexity 4/3, the other 4. exp of the mean: sqrt(4/3 * 4)."""
    tokens = torch.tensor([[0, 0, 0], [0, 1, 1]], device=device)
    for batch_size in (1, 2):
        result = perplexity(Fixed([math.log(3.0), 0.0]).to(device), tokens, batch_size)
        assert result == pytest.approx(4 / math.sqrt(3)), (
            "average the log-likelihoods of all tokens, then take exp once"
        )


def test_0_1_perplexity_equals_a_float64_loop(llama, tokens):
    values = nll_by_a_loop(llama, tokens)
    assert perplexity(llama, tokens) == pytest.approx(math.exp(sum(values) / len(values)), rel=1e-5)


def test_0_1_the_batch_size_does_not_matter(llama, tokens):
    results = [perplexity(llama, tokens, batch_size) for batch_size in (1, 2, 3, 16)]
    assert max(results) == pytest.approx(min(results), rel=1e-5), "a smaller last batch must not weigh more"


def test_0_1_measures_without_dropout_and_leaves_the_model_as_it_was(gpt2, tokens):
    quiet = perplexity(gpt2, tokens)
    assert isinstance(quiet, float) and not gpt2.training, "a model in eval mode stays there"
    gpt2.train()
    gpt2.lm_head.eval()
    assert perplexity(gpt2, tokens) == quiet, "dropout must be off while measuring"
    assert gpt2.training and not gpt2.lm_head.training, "every submodule gets its own mode back"
    assert all(parameter.grad is None and parameter.requires_grad for parameter in gpt2.parameters())


def test_0_1_sums_in_float64(device):
    """2^24 + 1 is no float32: many small terms after a large one vanish from a float32 sum."""
    model = Fixed([40.0, 40.0 - 1e-3]).to(device)
    tokens = torch.zeros(4000, 33, dtype=torch.int64, device=device)
    tokens[::7, 1:] = 1
    share = tokens[:, 1:].double().mean().item()
    first, second = (
        -model.logits.detach().float().log_softmax(-1)[token].double().item() for token in (0, 1)
    )
    assert math.log(perplexity(model, tokens, 4000)) == pytest.approx(
        (1 - share) * first + share * second, rel=1e-9
    )


@pytest.mark.parametrize("shape", [(3, 1), (0, 5)])
def test_0_1_refuses_tokens_that_predict_nothing(llama, shape):
    with pytest.raises(ValueError, match=str(shape[1] if shape[0] else shape[0])):
        perplexity(llama, torch.zeros(shape, dtype=torch.int64))


# ------------------------------------------------------------ 0.2


def told(expected, result):
    """Rounded: the last digits depend on how it was computed."""
    return f"expected {expected}, got {format(result, '.4g') if isinstance(result, float) else repr(result)}"


def test_0_2_counts_the_tokens_after_the_first_by_hand(device):
    """The model always says 2.

    Row [2, 2, 1] predicts (2, 1): one hit of two. Row [0, 2, 2]: two of two. 3/4.
    """
    model = Fixed([0.0, 0.5, 1.0]).to(device)
    result = top1_accuracy(model, torch.tensor([[2, 2, 1], [0, 2, 2]], device=device))
    why = "the logits at t predict the token at t + 1: three of the four predictions in two rows are right"
    assert result == 0.75, f"{told('3/4', result)}: {why}"


def test_0_2_a_model_that_counts_up_by_hand(device):
    """It says t + 1 after t: in 0, 1, 2, 2 that is 1 (right), 2 (right), 0 (wrong). 2/3."""
    result = top1_accuracy(Follower(1).to(device), torch.tensor([[0, 1, 2, 2]], device=device))
    assert result == pytest.approx(2 / 3), (
        f"{told('2/3', result)}: each position's logits belong to the token after it"
    )


def test_0_2_a_model_that_is_always_right_has_accuracy_1(device):
    """It says t after t: in 1, 1, 1, 1 it is right three times of three."""
    result = top1_accuracy(Follower(0).to(device), torch.ones(1, 4, dtype=torch.int64, device=device))
    assert result == 1.0, f"{told('1.0', result)}: four tokens hold three predictions, all of them right"


def test_0_2_a_small_last_batch_weighs_less(device):
    """Always 2: the batches hit 2 of 4 and 2 of 2. 4/6 of all tokens, not the mean of 1/2 and 1."""
    tokens = torch.tensor([[2, 2, 1], [0, 2, 1], [0, 2, 2]], device=device)
    result = top1_accuracy(Fixed([0.0, 0.5, 1.0]).to(device), tokens, batch_size=2)
    assert result == pytest.approx(4 / 6), (
        f"{told('4/6', result)}: count hits and predictions over all batches, then divide once"
    )


def test_0_2_measures_without_dropout_and_leaves_the_model_as_it_was(gpt2, tokens):
    modes = []
    gpt2.register_forward_hook(lambda *_: modes.append(gpt2.training))
    gpt2.train()
    gpt2.lm_head.eval()
    top1_accuracy(gpt2, tokens)
    assert modes and not any(modes), "dropout must be off while measuring"
    assert gpt2.training and not gpt2.lm_head.training, "every submodule gets its own mode back"


def test_0_2_accuracy_equals_a_loop_for_every_batch_size(llama, tokens):
    with torch.no_grad():
        for _ in range(
            12
        ):  # let two of the five rows follow the model's own choices, so that there is something to hit
            tokens[3:, 1:] = llama(input_ids=tokens[3:]).logits[:, :-1].argmax(-1)
        hits = [
            (llama(input_ids=row[None]).logits[0, t].argmax() == row[t + 1]).item()
            for row in tokens
            for t in range(tokens.shape[1] - 1)
        ]
    for batch_size in (1, 2, 16):
        result = top1_accuracy(llama, tokens, batch_size)
        assert isinstance(result, float), f"expected a float, got {result!r}: .item() makes one of a tensor"
        assert result == pytest.approx(sum(hits) / len(hits)), (
            f"{told(f'{sum(hits)}/{len(hits)}', result)}, batch_size = {batch_size}"
        )
    assert sum(hits) >= 22, "the example is vacuous"


# ------------------------------------------------------------ 0.3


class Slow(Fixed):
    """Takes the given seconds, call by call; counts its calls."""

    def __init__(self, seconds):
        super().__init__([0.0, 0.0])
        self.seconds, self.calls = seconds, 0

    def forward(self, input_ids, **_):
        time.sleep(self.seconds[self.calls])
        self.calls += 1
        return super().forward(input_ids)


def test_0_3_runs_one_warm_up_and_then_the_repeats():
    model = Slow([0.0] * 4)
    throughput(model, torch.zeros(2, 5, dtype=torch.int64), repeats=3)
    assert model.calls == 4, "one warm-up and three repeats"


def test_0_3_is_tokens_over_the_median_so_that_a_slow_warm_up_and_one_slow_run_do_not_count():
    """Warm-up 0.9 s, runs 0.05, 0.2, 0.9 s: the median, 0.2 s for 10 tokens, is 50 tokens/s at most.

    The fastest run would give 200, the mean 26, the median with the warm-up 18, and counting only predicted
    tokens 40.
    """
    result = throughput(Slow([0.9, 0.05, 0.2, 0.9]), torch.zeros(2, 5, dtype=torch.int64), repeats=3)
    wrong = {
        "the fastest run": 200,
        "the mean": 26,
        "the median with the warm-up": 18,
        "counting only predicted tokens": 40,
    }
    likely = min(wrong, key=lambda name: abs(math.log(result / wrong[name])))
    assert isinstance(result, float) and 41 < result <= 50.1, (
        f"10 tokens in 0.2 s are 50 tokens/s; this looks like {likely}"
    )


# ------------------------------------------------------------ 0.4


def test_0_4_a_mixed_layer_by_hand():
    """A 2 x 3 fp16 weight (12 bytes) and a 2-element fp32 bias (8 bytes)."""
    layer = nn.Linear(3, 2)
    layer.weight = nn.Parameter(layer.weight.half())
    assert model_bytes(layer) == 20 and isinstance(model_bytes(layer), int)


def test_0_4_tied_embeddings_count_once(llama):
    assert model_bytes(llama) == 4 * sum(parameter.numel() for parameter in llama.parameters()), (
        "embedding and head are one tensor"
    )


def test_0_4_two_parameters_on_one_storage_count_once():
    module = nn.Module()
    module.a = nn.Parameter(torch.zeros(6))
    module.b = nn.Parameter(module.a.data)
    assert model_bytes(module) == 24, "one storage under two names is stored once"


def test_0_4_a_view_counts_its_own_elements():
    module = nn.Module()
    module.weight = nn.Parameter(torch.zeros(100)[:6])
    assert model_bytes(module) == 24, "six fp32 numbers, whatever the storage behind them"


def test_0_4_persistent_buffers_count_and_others_do_not():
    module = nn.Module()
    module.register_buffer("kept", torch.zeros(5, dtype=torch.int8))
    module.register_buffer("recomputed", torch.zeros(1000), persistent=False)
    assert model_bytes(module) == 5, "five int8 numbers; the other buffer is not stored"


def test_perplexity_equals_torch_cross_entropy(llama, tokens):
    with torch.no_grad():
        logits = llama(input_ids=tokens).logits[:, :-1]
    assert perplexity(llama, tokens) == pytest.approx(
        F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).exp().item(), rel=1e-5
    )

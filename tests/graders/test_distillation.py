"""Chapter 03: losses on logits and hidden states, the student's start, loops, lessons, DistilBERT."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from minicompress.distillation import (
    distilbert_loss,
    distill,
    distill_for_task,
    distillation_loss,
    feature_distillation_loss,
    generalized_jsd,
    init_student_from_teacher,
    on_the_fly_batch,
)
from minicompress.grading.expect import expect_close, expect_equal, refused

# ------------------------------------------------------------ 3.1


def two(p, q, device="cpu"):
    """Logits of two distributions, given as probabilities (in any unit): student q, teacher p."""
    return torch.tensor([q], device=device).log(), torch.tensor([p], device=device).log()


def loss_by_a_loop(student, teacher, labels, T=2.0, alpha=0.5):
    """The definition, token by token, in float64. Logits [N, V], labels [N]."""
    soft, hard = [], []
    for s, t, label in zip(student.double(), teacher.double(), labels.tolist(), strict=True):
        if label != -100:
            p, q = (t / T).softmax(-1), (s / T).softmax(-1)
            soft.append((p * (p / q).log()).sum().item())
            hard.append(-s.softmax(-1)[label].log().item())
    return (alpha * T**2 * sum(soft) + (1 - alpha) * sum(hard)) / len(soft)


def test_3_1_equal_logits_have_no_soft_loss(device):
    student, teacher = two([1.0, 3.0, 4.0], [1.0, 3.0, 4.0], device)
    rule = "a student that equals its teacher has no soft loss: F.kl_div takes log-probabilities, log_target=True"
    expect_close(distillation_loss(student, teacher, T=1.0, alpha=1.0), 0.0, rule)


def test_3_1_the_divergence_is_summed_over_the_vocabulary(device):
    """Teacher (1/4, 3/4), student (3/4, 1/4): 1/4 ln(1/3) + 3/4 ln 3 = 1/2 ln 3, in both directions."""
    student, teacher = two([1.0, 3.0], [3.0, 1.0], device)
    result = distillation_loss(student, teacher, T=1.0, alpha=1.0)
    expect_close(result, 0.5 * math.log(3), "the divergence is summed over the vocabulary, not averaged")


def test_3_1_the_teacher_weighs_the_logarithms(device):
    """Teacher (1/2, 1/2), student (1/4, 3/4): 1/2 ln 2 + 1/2 ln(2/3) = 1/2 ln(4/3)."""
    student, teacher = two([1.0, 1.0], [1.0, 3.0], device)
    rule = "it is KL(teacher || student): the teacher's probabilities weigh the logarithms"
    expect_close(distillation_loss(student, teacher, T=1.0, alpha=1.0), 0.5 * math.log(4 / 3), rule)


def test_3_1_the_temperature_divides_the_logits_and_its_square_multiplies_the_divergence(device):
    """T = 2 takes roots: teacher (4, 2, 1) / 7, student (2, 2, 1) / 5."""
    student, teacher = two([16.0, 4.0, 1.0], [4.0, 4.0, 1.0], device)
    divergence = 4 / 7 * math.log(10 / 7) + 3 / 7 * math.log(5 / 7)
    rule = "both models' logits are divided by T, and T^2 multiplies the divergence"
    expect_close(distillation_loss(student, teacher, T=2.0, alpha=1.0), 4 * divergence, rule)


def test_3_1_alpha_weighs_the_teacher_and_the_rest_the_labels(device):
    """The soft term is 1/2 ln(4/3), and the student gives the label, token 0, a probability of 1/4."""
    student, teacher = two([1.0, 1.0], [1.0, 3.0], device)
    labels, soft, hard = torch.tensor([0], device=device), 0.5 * math.log(4 / 3), math.log(4)
    loss = lambda T, alpha: distillation_loss(student, teacher, labels, T=T, alpha=alpha)  # noqa: E731
    expect_close(loss(1.0, 1.0), soft, "alpha = 1 leaves the soft term alone: alpha weighs the teacher")
    rule = "alpha = 0 leaves the cross entropy of the student's plain logits, without T"
    expect_close(loss(2.0, 0.0), hard, rule)
    rule = "the terms are mixed as alpha * soft + (1 - alpha) * cross entropy"
    expect_close(loss(1.0, 0.25), 0.25 * soft + 0.75 * hard, rule)


def test_3_1_without_labels_the_soft_term_is_not_scaled(device):
    student, teacher = two([1.0, 3.0], [3.0, 1.0], device)
    rule = "without labels the result is the whole soft term, whatever alpha"
    expect_close(distillation_loss(student, teacher, T=1.0, alpha=0.25), 0.5 * math.log(3), rule)


def test_3_1_is_a_mean_over_tokens_not_over_sequences(device):
    """`batchmean` on [B, L, V] divides by B, so that twice the text would have twice the loss."""
    student, teacher = torch.randn(2, 4, 9, device=device), torch.randn(2, 4, 9, device=device)
    short = distillation_loss(student, teacher).item()
    long = distillation_loss(student.repeat(1, 2, 1), teacher.repeat(1, 2, 1))
    expect_close(long, short, "the mean is over tokens, not over sequences: repeated text changes nothing", 1e-4)


def test_3_1_positions_to_ignore_are_neither_summed_nor_counted(device):
    student, teacher = torch.randn(2, 2, 6, 7, device=device)[:, :, :-1]  # [2, 5, 7] each, not contiguous
    labels = torch.randint(7, (2, 6), device=device)[:, 1:]
    labels[0, 3:] = -100
    rows = student.flatten(0, 1), teacher.flatten(0, 1), labels.flatten()
    for alpha, term in ((1.0, "soft term"), (0.0, "cross entropy")):
        expected = loss_by_a_loop(*rows, T=2.0, alpha=alpha)
        rule = f"the {term} averages over the real labels: padding is neither summed nor counted"
        expect_close(distillation_loss(student, teacher, labels, alpha=alpha), expected, rule, 1e-4)


def test_3_1_another_label_can_be_ignored(device):
    student, teacher = torch.randn(2, 3, 7, device=device)
    labels, real = torch.tensor([4, 0, 2], device=device), [0, 2]
    expected = loss_by_a_loop(student[real], teacher[real], labels[real])
    rule = "ignore_index says which label does not count, in both terms"
    expect_close(distillation_loss(student, teacher, labels, ignore_index=0), expected, rule, 1e-4)


def test_3_1_equals_a_float64_loop_over_tokens(device):
    student, teacher = torch.randn(2, 4, 7, device=device)
    labels = torch.randint(7, (4,), device=device)
    expected = loss_by_a_loop(student, teacher, labels, T=3.0, alpha=0.7)
    rule = "alpha * T^2 * KL + (1 - alpha) * cross entropy, token by token"
    expect_close(distillation_loss(student, teacher, labels, T=3.0, alpha=0.7), expected, rule, 1e-4)
    one = distillation_loss(student[0], teacher[0], labels[0], T=3.0, alpha=0.7)
    expected = loss_by_a_loop(student[:1], teacher[:1], labels[:1], T=3.0, alpha=0.7)
    expect_close(one, expected, "logits [V] with a label [] are one token", 1e-4)


def test_3_1_only_the_student_learns_and_no_input_changes(device):
    student, teacher = (torch.randn(4, 9, device=device, requires_grad=True) for _ in range(2))
    labels = torch.tensor([1, -100, 3, -100], device=device)
    before = [x.detach().clone() for x in (student, teacher, labels)]
    loss = distillation_loss(student, teacher, labels)
    assert loss.requires_grad, "the student receives a gradient: its logits are not detached"
    loss.backward()
    expect_equal(teacher.grad, None, "the teacher receives no gradient: its logits are detached")
    for now, then, name in zip((student, teacher, labels), before, ("student", "teacher", "labels"), strict=True):
        expect_equal(now.detach(), then, f"no input is changed, and so not the {name}")


def test_3_1_half_precision_logits_are_converted_before_the_sums(device):
    student, teacher = torch.randn(2, 64, 500, device=device).bfloat16()
    labels = torch.randint(500, (64,), device=device)
    result = distillation_loss(student, teacher, labels)
    assert result.dtype in (torch.float32, torch.float64), "bf16 logits give a loss in fp32 or better"
    expected = loss_by_a_loop(student, teacher, labels)
    expect_close(result, expected, "bf16 logits are converted to fp32 before any sum", 1e-4)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("at least one label must be real", dict(labels=torch.full((2,), -100))),
        ("labels must have the logits' shape without V", dict(labels=torch.zeros(3, dtype=torch.int64))),
        ("logits must have one shape", dict(teacher_logits=torch.zeros(2, 4))),
        ("T must be positive", dict(T=0.0)),
        ("alpha must lie in [0, 1]", dict(alpha=1.5)),
    ],
)
def test_3_1_refuses_what_makes_no_sense(rule, wrong):
    usual = {"student_logits": torch.zeros(2, 3), "teacher_logits": torch.zeros(2, 3)}
    with refused(rule=rule):
        distillation_loss(**(usual | wrong))


# ------------------------------------------------------------ 3.2


def test_3_2_a_pair_by_hand(device):
    """Differences 1, 2, 0, 3; squares 1, 4, 0, 9; mean 3.5."""
    student = torch.tensor([[1.0, 2.0], [5.0, 4.0]], device=device)
    teacher = torch.tensor([[2.0, 4.0], [5.0, 1.0]], device=device)
    rule = "a pair's error is the mean of the squared differences over all entries"
    expect_close(feature_distillation_loss([student], [teacher], [(0, 0)]), 3.5, rule)


def test_3_2_the_pairs_are_averaged(device):
    """Pair (0, 0): differences 2, square 4. Pair (1, 1), three times as wide: differences 1, square 1."""
    student = [torch.zeros(1, 1, device=device), torch.zeros(1, 3, device=device)]
    teacher = [torch.full((1, 1), 2.0, device=device), torch.full((1, 3), 1.0, device=device)]
    result = feature_distillation_loss([student[0]] * 2, [teacher[0]] * 2, [(0, 0), (1, 1)])
    expect_close(result, 4.0, "the pairs are averaged, not added up")
    rule = "each pair counts the same, however wide: average the pairs' means"
    expect_close(feature_distillation_loss(student, teacher, [(0, 0), (1, 1)]), 2.5, rule)


def test_3_2_the_map_decides_who_is_paired(device):
    """State k of either model is full of a number: 0, 1, 2 the student's, 0, 10, 20 the teacher's."""
    student = [torch.full((1, 2), float(k), device=device) for k in range(3)]
    teacher = [torch.full((1, 2), 10.0 * k, device=device) for k in range(3)]
    rule = "a pair (s, t) is student_states[s] and teacher_states[t]"
    expect_close(feature_distillation_loss(student, teacher, [(1, 2)]), 19.0**2, rule)
    rule = "layer_map decides who is paired, in any order and with any state left out"
    expect_close(feature_distillation_loss(student, teacher, [(2, 1), (0, 2)]), (8.0**2 + 20.0**2) / 2, rule)


def test_3_2_a_projection_belongs_to_its_pair_and_to_the_student(device):
    """Projections that double and that triple their input."""
    doubled, tripled = (nn.Linear(2, 2, bias=False, device=device) for _ in range(2))
    with torch.no_grad():
        doubled.weight.copy_(2 * torch.eye(2)), tripled.weight.copy_(3 * torch.eye(2))
    states = [torch.full((1, 2), float(k), device=device) for k in range(5)]
    rule = "the projection is applied to the student's state"
    expect_close(feature_distillation_loss(states, states, [(1, 2)], [doubled]), 0.0, rule)
    result = feature_distillation_loss(states, states, [(1, 3), (0, 0), (2, 4)], [tripled, doubled, doubled])
    expect_close(result, 0.0, "projection i belongs to pair i of layer_map")


def test_3_2_projections_bring_the_student_to_the_teachers_width(device):
    student, teacher = torch.randn(2, 5, 3, device=device), torch.randn(2, 5, 6, device=device)
    projections = nn.ModuleList([nn.Linear(3, 6)]).to(device)
    expected = (projections[0](student) - teacher).double().pow(2).mean()
    rule = "a projected state is compared with the teacher's"
    expect_close(feature_distillation_loss([student], [teacher], [(0, 0)], projections), expected, rule, 1e-4)


def test_3_2_student_and_projections_learn_the_teacher_does_not(device):
    student, teacher = (torch.randn(4, width, device=device, requires_grad=True) for width in (3, 6))
    projection = nn.Linear(3, 6).to(device)
    loss = feature_distillation_loss([student], [teacher], [(0, 0)], [projection])
    assert loss.requires_grad, "the student receives a gradient: its state is not detached"
    loss.backward()
    expect_equal(teacher.grad, None, "the teacher receives no gradient: its states are detached")
    learns = student.grad is not None and projection.weight.grad is not None
    assert learns, "the student's state and the projection receive a gradient"


def test_3_2_half_precision_states_are_converted_before_the_sums(device):
    student, teacher = torch.randn(2, 300, 64, device=device).bfloat16()
    result = feature_distillation_loss([student], [teacher], [(0, 0)])
    assert result.dtype in (torch.float32, torch.float64), "bf16 states give a loss in fp32 or better"
    expected = (student.double() - teacher.double()).pow(2).mean()
    expect_close(result, expected, "bf16 states are converted to fp32 before any difference", 1e-4)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("an index must be there: the teacher has one state", dict(layer_map=[(0, 5)])),
        ("an index counts from 0: a negative one is not there", dict(layer_map=[(-1, 0)])),
        ("an index counts from 0: a negative one is not there, of the teacher's either", dict(layer_map=[(0, -1)])),
        ("states of two widths need a projection", dict(teacher_states=[torch.zeros(2, 4)])),
        ("a pair's shapes must be equal: mse_loss would broadcast", dict(teacher_states=[torch.zeros(1, 3)])),
        ("there must be a pair", dict(layer_map=[])),
        ("there must be one projection a pair", dict(projections=[nn.Identity(), nn.Identity()])),
    ],
)
def test_3_2_refuses_what_makes_no_sense(rule, wrong):
    states = {"student_states": [torch.zeros(2, 3)], "teacher_states": [torch.zeros(2, 3)]}
    with refused(rule=rule):
        feature_distillation_loss(**(states | {"layer_map": [(0, 0)]} | wrong))


# ------------------------------------------------------------ 3.3


def numbers_of(layer):
    """The places in a key-value cache that a layer's modules believe to have."""
    return {module.layer_idx for module in layer.modules() if hasattr(module, "layer_idx")}


def storages(model):
    """Where the model's parameters and buffers lie in memory, by name."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.untyped_storage().data_ptr() for name, tensor in named if tensor.numel()}


def test_3_3_takes_the_chosen_layers_in_the_order_given(llama):
    teacher = llama.model.layers
    one, both = (init_student_from_teacher(llama, keep).model.layers for keep in ([1], [1, 0]))
    expect_equal([len(one), len(both)], [1, 2], "the student has the chosen layers and no others")
    weight = lambda layer: layer.mlp.up_proj.weight.detach()  # noqa: E731
    expect_equal(weight(one[0]), weight(teacher[1]), "keep_layers says which layers are taken: [1] is the second")
    expect_equal(weight(both[0]), weight(teacher[1]), "the layers stand in the order of keep_layers: [1, 0]")


def test_3_3_everything_else_comes_from_the_teacher_too(llama, gpt2):
    for teacher in (llama, gpt2):
        student, theirs = init_student_from_teacher(teacher, [0]), teacher.state_dict()
        for name, tensor in student.state_dict().items():
            expect_equal(tensor, theirs[name], f"{name} is a copy of the teacher's")
        tied = student.get_output_embeddings().weight is student.get_input_embeddings().weight
        assert tied, "embeddings that are tied in the teacher are tied in the student"


def test_3_3_the_configuration_counts_the_students_layers(llama, gpt2):
    llama.config.layer_types = ["full_attention", "sliding_attention"]
    student = init_student_from_teacher(llama, [1])
    expect_equal(student.config.num_hidden_layers, 1, "the student's configuration counts its own layers")
    expect_equal(student.config.layer_types, ["sliding_attention"], "layer_types holds the kept layers' entries")
    expect_equal(init_student_from_teacher(gpt2, [1]).config.n_layer, 1, "GPT-2's configuration counts them too")
    assert llama.config.num_hidden_layers == 2, "the teacher's configuration stays: the student has its own"
    assert len(llama.config.layer_types) == 2, "the teacher's layer_types stay: the student has its own"


def test_3_3_layers_are_renumbered(llama, gpt2):
    for keep, places in (([1], [{0}]), ([1, 0], [{0}, {1}])):
        for layers in (
            init_student_from_teacher(llama, keep).model.layers,
            init_student_from_teacher(gpt2, keep).transformer.h,
        ):
            rule = "each layer_idx is the layer's place in the student: 0, 1, ..."
            expect_equal([numbers_of(layer) for layer in layers], places, rule)


def test_3_3_nothing_is_shared_with_the_teacher(llama, gpt2):
    for teacher in (llama, gpt2):
        student = init_student_from_teacher(teacher, [1, 0])
        assert student is not teacher, "the student is a copy, not the teacher itself"
        modules, places = set(teacher.modules()), set(storages(teacher).values())
        shared = [name for name, module in student.named_modules() if module in modules]
        expect_equal(shared[:1], [], "no module is the teacher's own: training it would change the teacher")
        shared = [name for name, place in storages(student).items() if place in places]
        expect_equal(shared[:1], [], "no tensor lies in the teacher's memory: training it would change the teacher")


def test_3_3_everything_in_the_student_learns_also_when_the_teacher_is_frozen(llama):
    llama.requires_grad_(False)
    student = init_student_from_teacher(llama, [0])
    frozen = [name for name, parameter in student.named_parameters() if not parameter.requires_grad]
    expect_equal(frozen[:1], [], "a copy of a frozen teacher is made to require gradients")


def test_3_3_the_teacher_stays_as_it_is(llama):
    llama.model.norm.requires_grad_(False)
    before = {name: (p.requires_grad, p.detach().clone()) for name, p in llama.named_parameters()}
    init_student_from_teacher(llama, [1])
    expect_equal(len(llama.model.layers), 2, "the teacher keeps its layers")
    expect_equal([numbers_of(layer) for layer in llama.model.layers], [{0}, {1}], "the teacher's layer_idx stay")
    for name, parameter in llama.named_parameters():
        asked, values = before[name]
        expect_equal(parameter.requires_grad, asked, f"the teacher's {name} requires a gradient only if it did")
        expect_equal(parameter.detach(), values, f"the teacher's {name} keeps its values")


def test_3_3_all_layers_give_the_teachers_logits(llama, gpt2, tokens):
    for teacher in (llama, gpt2):
        student = init_student_from_teacher(teacher, [0, 1]).eval()
        with torch.no_grad():
            ours, theirs = (model(input_ids=tokens).logits for model in (student, teacher))
        expect_close(ours, theirs, "a student of all layers computes what the teacher computes", 1e-4, 1e-5)


def test_3_3_generation_with_a_cache_equals_generation_without(llama, tokens):
    student = init_student_from_teacher(llama, [1]).eval()
    settings = dict(max_new_tokens=6, do_sample=False, pad_token_id=0, attention_mask=torch.ones_like(tokens))
    cached, plain = (student.generate(tokens, use_cache=cache, **settings) for cache in (True, False))
    expect_equal(cached, plain, "the student writes the same with a key-value cache as without")


@pytest.mark.parametrize("keep", [[], [0, 0], [2], [-1]])
def test_3_3_refuses_layers_that_are_not_there(llama, keep):
    with refused(rule="each layer must be there and be kept once, and one at least"):
        init_student_from_teacher(llama, keep)


# ------------------------------------------------------------ 3.4


def still(model):
    """An optimizer that changes nothing."""
    return torch.optim.SGD(model.parameters(), lr=0.0)


def interrupted(batch):
    """One batch, and then the learner presses Ctrl-C."""
    yield batch
    raise KeyboardInterrupt


def spied(student, teacher):
    """What is seen at every forward pass: (who, its mode, whether its logits require a gradient)."""
    seen = []
    for name, model in (("student", student), ("teacher", teacher)):
        model.register_forward_hook(
            lambda module, _, out, name=name: seen.append((name, module.training, out.logits.requires_grad))
        )
    return seen


def mixed_modes(student, teacher):
    """The student in eval mode but for one module, the teacher in training mode but for one."""
    student.eval().transformer.h[0].train()
    teacher.train().transformer.h[0].eval()
    return [module.training for model in (student, teacher) for module in model.modules()]


def text_loss(student, teacher, tokens, mask=None, T=2.0, alpha=0.5):
    """The distillation loss of two models on a text, by a loop; tokens int64 [B, L]."""
    with torch.no_grad():
        logits = [model(input_ids=tokens, attention_mask=mask).logits[:, :-1] for model in (student, teacher)]
    labels = tokens[:, 1:] if mask is None else tokens[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
    return loss_by_a_loop(*(x.flatten(0, 1) for x in (*logits, labels)), T, alpha)


def test_3_4_the_loss_compares_each_position_with_the_next_token(llama, tokens):
    student = init_student_from_teacher(llama, [0])
    losses = distill(student, llama, iter([{"input_ids": tokens}] * 2), still(student))
    assert isinstance(losses, list) and all(isinstance(loss, float) for loss in losses), "the losses are floats"
    expect_equal(len(losses), 2, "there is one loss a batch")
    rule = "the logits at t are compared with the token at t + 1"
    expect_close(losses[0], text_loss(student, llama, tokens), rule, 1e-4)


def test_3_4_temperature_and_alpha_reach_the_loss(llama, tokens):
    student, batch = init_student_from_teacher(llama, [0]), {"input_ids": tokens}
    rule = "T is handed on to the loss"
    loss = distill(student, llama, [batch], still(student), T=3.0)[0]
    expect_close(loss, text_loss(student, llama, tokens, T=3.0), rule, 1e-4)
    loss = distill(student, llama, [batch], still(student), alpha=0.2)[0]
    expect_close(loss, text_loss(student, llama, tokens, alpha=0.2), "alpha is handed on to the loss", 1e-4)


@pytest.mark.parametrize("side", ["right", "left"])
def test_3_4_padding_is_neither_counted_nor_seen(side, llama, tokens):
    """On the right no real token sees it, so that it matters only where it is a label."""
    student, mask = init_student_from_teacher(llama, [0]), torch.ones_like(tokens)
    mask[1, slice(7, None) if side == "right" else slice(5)] = 0
    loss = distill(student, llama, [{"input_ids": tokens, "attention_mask": mask}], still(student))[0]
    rule = "a label counts where the attention mask of that very token is 1"
    if side == "left":
        rule = "both models are given the attention mask: padding on the left is not seen"
    expect_close(loss, text_loss(student, llama, tokens, mask), rule, 1e-4)


def test_3_4_each_batch_makes_one_step_with_fresh_gradients(llama, tokens):
    start, batch = init_student_from_teacher(llama, [0]), {"input_ids": tokens}
    student, by_hand = copy.deepcopy(start), copy.deepcopy(start)
    with torch.no_grad():
        target = llama(input_ids=tokens).logits[:, :-1]
    rules = ("each batch makes one step: backward(), then step()", "gradients are zeroed before each backward()")
    for steps, rule in enumerate(rules, start=1):
        by_hand.zero_grad()
        distillation_loss(by_hand(input_ids=tokens).logits[:, :-1], target, tokens[:, 1:]).backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= 0.1 * parameter.grad
        student.load_state_dict(start.state_dict())
        distill(student, llama, [batch] * steps, torch.optim.SGD(student.parameters(), lr=0.1))
        for ours, theirs in zip(student.parameters(), by_hand.parameters(), strict=True):
            expect_close(ours, theirs, rule, 1e-3, 1e-5)


def test_3_4_the_teacher_is_frozen_and_the_student_learns_in_training_mode(gpt2, tokens):
    """Both models have dropout in training mode."""
    student, before = init_student_from_teacher(gpt2, [0]).eval(), copy.deepcopy(gpt2.state_dict())
    gpt2.train().transformer.ln_f.requires_grad_(False)
    seen = spied(student, gpt2)
    distill(student, gpt2, [{"input_ids": tokens}], torch.optim.SGD(student.parameters(), lr=0.1))
    teachers, students = ([view for view in seen if view[0] == name] for name in ("teacher", "student"))
    assert teachers and not any(training for _, training, _ in teachers), "the teacher works in eval mode"
    assert students and all(training for _, training, _ in students), "the student learns in training mode"
    assert not any(gradients for *_, gradients in teachers), "the teacher works without gradients (torch.no_grad())"
    for name, tensor in gpt2.state_dict().items():
        expect_equal(tensor, before[name], "the teacher's parameters stay as they are")
    asked = {name for name, parameter in gpt2.named_parameters() if not parameter.requires_grad}
    expect_equal(asked, {"transformer.ln_f.weight", "transformer.ln_f.bias"}, "requires_grad stays as it was")
    grads = [name for name, parameter in gpt2.named_parameters() if parameter.grad is not None]
    expect_equal(grads[:1], [], "no parameter of the teacher has a gradient afterwards")


def test_3_4_every_module_has_its_own_mode_back(gpt2, tokens):
    student = init_student_from_teacher(gpt2, [0])
    before = mixed_modes(student, gpt2)
    distill(student, gpt2, [{"input_ids": tokens}], still(student))
    after = [module.training for model in (student, gpt2) for module in model.modules()]
    assert (student.training, gpt2.training) == (False, True), "both models are back in the mode they came in"
    assert after == before, "every module has its own mode back, not that of the whole model"


def test_3_4_modes_come_back_after_an_interruption(gpt2, tokens):
    student = init_student_from_teacher(gpt2, [0])
    before = mixed_modes(student, gpt2)
    with pytest.raises(KeyboardInterrupt):
        distill(student, gpt2, interrupted({"input_ids": tokens}), still(student))
    after = [module.training for model in (student, gpt2) for module in model.modules()]
    assert after == before, "the modes come back after an error, too"


def test_3_4_batches_are_not_changed(llama, tokens):
    student, mask = init_student_from_teacher(llama, [0]), torch.ones_like(tokens)
    mask[1, 7:] = 0
    batch = {"input_ids": tokens.clone(), "attention_mask": mask.clone()}
    distill(student, llama, [batch], still(student))
    expect_equal(batch["input_ids"], tokens, "input_ids are not changed: a slice of them is no copy")
    expect_equal(batch["attention_mask"], mask, "attention_mask is not changed")


def test_3_4_refuses_no_batches_and_different_vocabularies(llama, gpt2):
    student = init_student_from_teacher(llama, [0])
    with refused(rule="there must be a batch"):
        distill(student, llama, iter([]), still(student))
    gpt2.config.vocab_size = 51
    with refused(rule="both models must have one vocabulary"):
        distill(student, gpt2, [], still(student))


# ------------------------------------------------------------ 3.5


NEVER = 50  # an end mark that the tiny models cannot write


def ends_with(model, end):
    """Make `end` (a token, or None) the model's end-of-text token."""
    model.generation_config.eos_token_id = end
    return model


def greedy(model, row, count):
    """The specification of greedy writing: no cache, no batch, one token after the other. row: int64 [P]."""
    for _ in range(count):
        with torch.no_grad():
            row = torch.cat([row, model(input_ids=row[None]).logits[0, -1].argmax()[None]])
    return row


def test_3_5_greedy_answers_are_those_of_a_loop_without_a_cache(llama, tokens):
    batch = on_the_fly_batch(ends_with(llama, NEVER), {"input_ids": tokens}, 6)
    assert batch["input_ids"].shape == (5, 18) and all(
        tensor.dtype == torch.int64 for tensor in batch.values()
    )
    for row, prompt in zip(batch["input_ids"], tokens, strict=True):
        assert row.tolist() == greedy(llama, prompt, 6).tolist(), (
            "input_ids is the prompt, and after it the likeliest continuation"
        )


def test_3_5_labels_are_the_answer_and_the_prompt_is_masked(llama, tokens):
    batch = on_the_fly_batch(ends_with(llama, None), {"input_ids": tokens}, 4)
    assert batch["labels"].shape == batch["input_ids"].shape, (
        "labels stand in the same columns as input_ids; the caller shifts"
    )
    assert (batch["labels"][:, :12] == -100).all(), "the prompt is not to be learned: its labels are -100"
    assert (
        torch.equal(batch["labels"][:, 12:], batch["input_ids"][:, 12:])
        and (batch["attention_mask"] == 1).all()
    )


def test_3_5_an_answer_ends_with_its_first_end_mark_which_is_learned(llama, tokens):
    """The second answer token of row 0 is made the end mark; as in many models, it pads as well."""
    end = int(greedy(llama, tokens[0], 2)[-1])
    written = [greedy(llama, prompt, 5)[12:].tolist() for prompt in tokens]
    batch = on_the_fly_batch(ends_with(llama, end), {"input_ids": tokens}, 5)
    for row, answer in enumerate(written):
        length = answer.index(end) + 1 if end in answer else 5
        labels = batch["labels"][row, 12:]
        assert labels[:length].tolist() == answer[:length], (
            "the end mark itself is part of the answer: else the student never stops"
        )
        assert (labels[length:] == -100).all(), "what follows the end mark is padding: its labels are -100"
        assert batch["attention_mask"][row].sum() == 12 + length, (
            "attention_mask is 1 up to and with the end mark, 0 after it"
        )


def test_3_5_an_end_mark_inside_a_prompt_ends_nothing(llama, tokens):
    """Documents are joined with the end mark, so prompts contain it."""
    prompts = {end: torch.cat([tokens[0, :3], tokens[0, :1] * 0 + end, tokens[0, 4:]]) for end in range(50)}
    answers = {end: greedy(llama, prompt, 4)[12:].tolist() for end, prompt in prompts.items()}
    end = next(end for end, answer in answers.items() if end not in answer)
    batch = on_the_fly_batch(ends_with(llama, end), {"input_ids": prompts[end][None]}, 4)
    assert batch["labels"][0, 12:].tolist() == answers[end], "only the answer is searched for an end mark"


def test_3_5_several_end_marks_are_all_known(llama, tokens):
    """Chat models have more than one."""
    first, second = (int(greedy(llama, tokens[row], 1)[-1]) for row in (0, 1))
    batch = on_the_fly_batch(ends_with(llama, [first, second]), {"input_ids": tokens[:2]}, 3)
    assert batch["attention_mask"].sum(1).tolist() == [13, 13]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_3_5_prompts_of_different_lengths_are_answered_as_if_alone(family, request, tokens):
    """Left padding, with positions that are relative (Llama) or learned (GPT-2)."""
    model = ends_with(request.getfixturevalue(family), None)
    mask = torch.ones_like(tokens)
    mask[1, :7], mask[3, :2] = 0, 0
    batch = on_the_fly_batch(
        model, {"input_ids": tokens.masked_fill(mask == 0, 3), "attention_mask": mask}, 4
    )
    for row in range(5):
        alone, real = greedy(model, tokens[row][mask[row] == 1], 4), batch["attention_mask"][row].bool()
        assert batch["input_ids"][row][real].tolist() == alone.tolist(), (
            "a padded prompt must be answered as it is without padding"
        )
        assert real[: len(alone)].all(), "the padding goes to the right, where re-scoring does not notice it"
        assert batch["labels"][row][: len(alone)].tolist() == [-100] * (len(alone) - 4) + alone[-4:].tolist()
        assert (batch["labels"][row][len(alone) :] == -100).all()


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_3_5_re_scoring_needs_nothing_but_the_batch(family, request, tokens):
    """The writer, reading its own batch, ranks each token of its greedy answer first."""
    model = ends_with(request.getfixturevalue(family), None)
    mask = torch.ones_like(tokens)
    mask[2, :5] = 0
    batch = on_the_fly_batch(model, {"input_ids": tokens, "attention_mask": mask}, 4)
    with torch.no_grad():
        guesses = (
            model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
            .logits[:, :-1]
            .argmax(-1)
        )
    answer = batch["labels"][:, 1:] != -100
    assert torch.equal(guesses[answer], batch["labels"][:, 1:][answer]), (
        "labels and input_ids do not fit together"
    )


def test_3_5_the_writer_reads_each_token_once(llama, tokens):
    widths = []
    handle = llama.model.register_forward_pre_hook(
        lambda _, args, kwargs: widths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    on_the_fly_batch(ends_with(llama, NEVER), {"input_ids": tokens}, 4)
    handle.remove()
    assert widths == [12, 1, 1, 1], (
        f"with a key-value cache each step reads one new token; here they read {widths}"
    )


def test_3_5_a_temperature_samples_from_the_softmax(llama, tokens):
    """600 continuations by one token: frequencies near softmax(logits / 2), every token possible."""
    prompt, T = tokens[:1].expand(600, -1), 2.0
    with torch.no_grad():
        expected = (llama(input_ids=tokens[:1]).logits[0, -1] / T).softmax(-1)
    drawn = on_the_fly_batch(ends_with(llama, None), {"input_ids": prompt}, 1, temperature=T)["input_ids"][
        :, -1
    ]
    share = drawn.bincount(minlength=50) / 600
    assert (share - expected).abs().sum() < 0.5, (
        "tokens are drawn from softmax(logits / temperature), without cutting off its tail"
    )


def test_3_5_the_tail_of_the_distribution_is_not_cut_off(llama, tokens):
    """At a temperature of 1000 all 50 tokens come up in 1,000 draws; top-k or top-p would leave some out."""
    llama.generation_config.top_k, llama.generation_config.top_p = 20, 0.5
    drawn = on_the_fly_batch(
        ends_with(llama, None), {"input_ids": tokens[:1].expand(1000, -1)}, 1, temperature=1000.0
    )["input_ids"][:, -1]
    assert len(drawn.unique()) > 45, "the model's own top_k and top_p must not restrict the sampling"


def test_3_5_writing_leaves_no_trace(gpt2, tokens):
    """Dropout 0.1 in training mode: the writer must be in eval mode, and back in training afterwards."""
    gpt2 = ends_with(gpt2, None)
    expected = greedy(gpt2, tokens[0], 5).tolist()
    gpt2.train()
    gpt2.transformer.h[0].eval()
    before, prompt = copy.deepcopy(gpt2.state_dict()), tokens.clone()
    batch = on_the_fly_batch(gpt2, {"input_ids": prompt}, 5)
    assert batch["input_ids"][0].tolist() == expected, (
        "the writer must be in eval mode: it wrote with dropout"
    )
    assert gpt2.training and not gpt2.transformer.h[0].training, "every module gets its own mode back"
    assert torch.equal(prompt, tokens) and all(
        torch.equal(before[name], tensor) for name, tensor in gpt2.state_dict().items()
    )
    assert all(parameter.requires_grad and parameter.grad is None for parameter in gpt2.parameters())


@pytest.mark.parametrize(
    ("prompts", "arguments", "named"),
    [
        ({}, dict(max_new_tokens=0), "0"),
        ({}, dict(max_new_tokens=2, temperature=-1.0), "-1.0"),
        ({"attention_mask": torch.tensor([[1, 1, 0]])}, dict(max_new_tokens=1), r"\[\[1, 1, 0\]\]"),
        ({"attention_mask": torch.tensor([[1, 0, 1]])}, dict(max_new_tokens=1), r"\[\[1, 0, 1\]\]"),
        ({"input_ids": torch.zeros(1, 0, dtype=torch.int64)}, dict(max_new_tokens=1), r"\[1, 0\]"),
    ],
)
def test_3_5_refuses_prompts_that_cannot_be_continued(prompts, arguments, named, llama):
    with pytest.raises(ValueError, match=named):
        on_the_fly_batch(llama, {"input_ids": torch.tensor([[1, 2, 3]])} | prompts, **arguments)


def test_3_5_jsd_by_hand(device):
    """P = (1, 0), Q = (0, 1): M = (1/2, 1/2), KL(P || M) = KL(Q || M) = ln 2. (Zeros are 1e-20 here.)"""
    student, teacher = two([1.0, 1e-20], [1e-20, 1.0], device)
    assert generalized_jsd(student, teacher).item() == pytest.approx(math.log(2), rel=1e-5)


def test_3_5_jsd_weights_the_teacher_with_beta(device):
    """P = (1, 0), Q = (1/2, 1/2), beta = 1/4: M = (5/8, 3/8).

    1/4 ln(8/5) + 3/4 (1/2 ln(4/5) + 1/2 ln(4/3)) = 0.1417.
    """
    student, teacher = two([1.0, 1e-20], [0.5, 0.5], device)
    by_hand = 0.25 * math.log(8 / 5) + 0.375 * (math.log(4 / 5) + math.log(4 / 3))
    assert generalized_jsd(student, teacher, beta=0.25).item() == pytest.approx(by_hand, rel=1e-5), (
        "M = beta * teacher + (1 - beta) * student"
    )


@pytest.mark.parametrize(
    ("beta", "direction"), [(0.0, "KL(teacher || student)"), (1.0, "KL(student || teacher)")]
)
def test_3_5_jsd_at_the_ends_is_a_plain_divergence(beta, direction, device):
    student, teacher = 2 * torch.randn(6, 9, device=device), torch.randn(6, 9, device=device)
    p, q = teacher.double().softmax(-1), student.double().softmax(-1)
    if beta == 1:
        p, q = q, p
    expected = (p * (p / q).log()).sum(-1).mean().item()
    assert generalized_jsd(student, teacher, beta).item() == pytest.approx(expected, rel=1e-5), (
        f"at beta = {beta:g} it is {direction}"
    )


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_3_5_jsd_equals_a_float64_loop_over_rows(beta, device):
    student, teacher, rows = torch.randn(2, 3, 7, device=device), 3 * torch.randn(2, 3, 7, device=device), []
    for s, t in zip(student.flatten(0, 1).double(), teacher.flatten(0, 1).double(), strict=True):
        p, q = t.softmax(-1), s.softmax(-1)
        m = beta * p + (1 - beta) * q
        rows.append(beta * (p * (p / m).log()).sum() + (1 - beta) * (q * (q / m).log()).sum())
    assert generalized_jsd(student, teacher, beta).item() == pytest.approx(
        torch.stack(rows).mean().item(), rel=1e-5
    )


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 1.0])
def test_3_5_jsd_properties(beta, device):
    """0 for equal models, never negative, at most ln 2, symmetric at 1/2; the teacher has no gradient."""
    student, teacher = 4 * torch.randn(8, 11, device=device), 4 * torch.randn(8, 11, device=device)
    assert generalized_jsd(student, student.clone(), beta).item() == pytest.approx(0.0, abs=1e-6)
    value = generalized_jsd(student, teacher, beta).item()
    assert value > 0 and (beta in (0, 1) or value <= math.log(2))
    assert beta != 0.5 or value == pytest.approx(generalized_jsd(teacher, student, beta).item(), rel=1e-5)
    student.requires_grad_(), teacher.requires_grad_()
    generalized_jsd(student, teacher, beta).backward()
    assert student.grad.isfinite().all() and student.grad.abs().sum() > 0 and teacher.grad is None


def test_3_5_jsd_stays_finite_where_a_probability_underflows(device):
    """Logits 200 apart: exp(-200) is 0 in fp32, so log(softmax) would be -inf."""
    student, teacher = (
        torch.tensor([[0.0, -200.0]], device=device),
        torch.tensor([[-200.0, 0.0]], device=device),
    )
    values = [generalized_jsd(student, teacher, beta).item() for beta in (0.0, 0.5, 1.0)]
    assert values == [pytest.approx(200.0), pytest.approx(math.log(2), rel=1e-5), pytest.approx(200.0)]


def test_3_5_jsd_of_half_precision_logits(device):
    student, teacher = (
        torch.randn(64, 500, device=device).bfloat16(),
        torch.randn(64, 500, device=device).bfloat16(),
    )
    result = generalized_jsd(student, teacher)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(
        generalized_jsd(student.double(), teacher.double()).item(), rel=1e-4
    )


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (dict(beta=1.5), "1.5"),
        (dict(beta=-0.1), "-0.1"),
        (dict(teacher_logits=torch.zeros(2, 4)), r"\[2, 4\]"),
        (dict(student_logits=torch.zeros(0, 3), teacher_logits=torch.zeros(0, 3)), r"\[0, 3\]"),
    ],
)
def test_3_5_jsd_refuses_what_makes_no_sense(changed, named):
    with pytest.raises(ValueError, match=named):
        generalized_jsd(
            **({"student_logits": torch.zeros(2, 3), "teacher_logits": torch.zeros(2, 3)} | changed)
        )


# ------------------------------------------------------------ 3.6


def test_3_6_the_student_learns_to_answer_like_the_teacher(llama, tokens):
    student, before = init_student_from_teacher(llama, [0]), copy.deepcopy(llama.state_dict())
    ends_with(llama, NEVER)
    llama.train()
    student.eval()
    losses = distill_for_task(
        student, llama, [{"input_ids": tokens}] * 30, torch.optim.AdamW(student.parameters(), lr=3e-3), 4
    )
    assert (
        len(losses) == 30 and all(isinstance(loss, float) for loss in losses) and losses[-1] < 0.5 * losses[0]
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in llama.state_dict().items()), (
        "the teacher is frozen"
    )
    assert all(parameter.grad is None and parameter.requires_grad for parameter in llama.parameters())
    assert llama.training and not student.training, "both models end in the mode they came in"


def test_3_6_the_loss_is_the_divergence_on_the_teachers_answer(llama, tokens):
    """Both models read prompt + answer; the logits at t speak of token t + 1; T^2 KL over the answer only."""
    student, T = init_student_from_teacher(llama, [0]), 3.0
    text = torch.stack([greedy(llama, row, 4) for row in tokens])
    with torch.no_grad():
        ours, theirs = (model(input_ids=text).logits[:, 11:-1] for model in (student, llama))
    divergence = F.kl_div(
        (ours / T).log_softmax(-1), (theirs / T).log_softmax(-1), reduction="none", log_target=True
    ).sum(-1)
    losses = distill_for_task(
        student, ends_with(llama, NEVER), [{"input_ids": tokens}], still(student), 4, T=T
    )
    assert losses[0] == pytest.approx(T**2 * divergence.mean().item(), rel=1e-4), (
        "T^2 KL, shifted, averaged over the tokens of the answers"
    )


def test_3_6_the_answer_is_the_teachers_not_the_students(llama, tokens):
    """An untrained student writes nonsense; it must be judged on the teacher's text."""
    student, writers = init_student_from_teacher(llama, [0]), []
    for name, model in (("teacher", ends_with(llama, NEVER)), ("student", student)):
        model.generate = lambda *words, own=model.generate, name=name, **options: (
            writers.append(name) or own(*words, **options)
        )
    distill_for_task(student, llama, [{"input_ids": tokens}], still(student), 3)
    assert writers == ["teacher"], "the teacher answers once a batch; the student does not write"


def test_3_6_padding_and_what_follows_the_end_do_not_count(llama, tokens):
    """One prompt alone, and the same prompt padded: the same loss.

    An end mark after the first token cuts the answer short.
    """
    student, end = init_student_from_teacher(llama, [0]), int(greedy(llama, tokens[0], 1)[-1])
    ends_with(llama, end)
    mask = torch.cat([torch.zeros(1, 3), torch.ones(1, 12)], 1).long().to(tokens.device)
    padded = torch.cat([torch.full((1, 3), 7, device=tokens.device), tokens[:1]], 1)
    batches = [{"input_ids": tokens[:1]}, {"input_ids": padded, "attention_mask": mask}]
    alone, beside = distill_for_task(student, llama, batches, still(student), 5)
    assert alone == pytest.approx(beside, rel=1e-4), (
        "padding changes the loss: it must neither be seen nor counted"
    )
    text = greedy(llama, tokens[0], 1)[None]
    with torch.no_grad():
        ours, theirs = (model(input_ids=text).logits[:, 11] for model in (student, llama))
    assert alone == pytest.approx(distillation_loss(ours, theirs, T=2.0).item(), rel=1e-4), (
        "only the one token of the answer counts"
    )


def test_3_6_no_ground_truth_is_used(llama, tokens):
    """A batch may carry labels; they must not matter."""
    student = init_student_from_teacher(llama, [0])
    ends_with(llama, NEVER)
    batches = [{"input_ids": tokens}, {"input_ids": tokens, "labels": torch.randint(50, tokens.shape)}]
    first, second = distill_for_task(student, llama, batches, still(student), 3)
    assert first == pytest.approx(second, rel=1e-6)


def test_3_6_the_teacher_teaches_in_eval_mode_and_the_student_learns_in_training_mode(gpt2, tokens):
    student = init_student_from_teacher(gpt2, [0, 1])
    ends_with(gpt2, None).train()
    seen = []
    gpt2.register_forward_hook(lambda *_: seen.append(("teacher", gpt2.training)))
    student.register_forward_hook(lambda *_: seen.append(("student", student.training)))
    distill_for_task(student.eval(), gpt2, [{"input_ids": tokens}], still(student), 2)
    assert ("teacher", True) not in seen, (
        "the teacher must be in eval mode: it answered or taught with dropout"
    )
    assert ("student", False) not in seen and ("student", True) in seen, (
        "the student must learn in training mode"
    )
    assert gpt2.training and not student.training


def test_3_6_two_steps_equal_two_steps_by_hand(llama, tokens):
    ours, by_hand = init_student_from_teacher(llama, [0]), init_student_from_teacher(llama, [0])
    distill_for_task(
        ours,
        ends_with(llama, NEVER),
        [{"input_ids": tokens}] * 2,
        torch.optim.SGD(ours.parameters(), lr=0.1),
        3,
    )
    text = torch.stack([greedy(llama, row, 3) for row in tokens])
    with torch.no_grad():
        target = llama(input_ids=text).logits[:, 11:-1]
    for _ in range(2):
        by_hand.zero_grad()
        distillation_loss(by_hand(input_ids=text).logits[:, 11:-1], target, T=2.0).backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= 0.1 * parameter.grad
    for a, b in zip(ours.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(
            a, b, msg=lambda text: f"two steps by hand end elsewhere: are gradients zeroed each time? {text}"
        )


def test_3_6_modes_come_back_after_an_interruption(gpt2, tokens):
    student = init_student_from_teacher(gpt2, [0]).eval()
    ends_with(gpt2, None).train()

    def broken():
        yield {"input_ids": tokens}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill_for_task(student, gpt2, broken(), still(student), 2)
    assert gpt2.training and not student.training


def test_3_6_refuses_no_prompts_and_different_vocabularies(llama, gpt2):
    student = init_student_from_teacher(llama, [0])
    with pytest.raises(ValueError, match="empty"):
        distill_for_task(student, llama, [], still(student), 2)
    gpt2.config.vocab_size = 51
    with pytest.raises(ValueError, match="50.*51|51.*50"):
        distill_for_task(student, gpt2, [], still(student), 2)


# ------------------------------------------------------------ 3.7


def outputs(depth, device, B=3, L=6, width=8, vocabulary=11):
    """A masked LM's random output: logits [B, L, V] and depth + 1 hidden states [B, L, width]."""
    return SimpleNamespace(
        logits=2 * torch.randn(B, L, vocabulary, device=device),
        hidden_states=tuple(torch.randn(B, L, width, device=device) for _ in range(depth + 1)),
    )


@pytest.fixture
def lesson(device):
    """Student (2 layers), teacher (4 layers), labels at a few places, and a mask that pads on the right."""
    labels, mask = torch.full((3, 6), -100, device=device), torch.ones(3, 6, dtype=torch.int64, device=device)
    labels[0, 1], labels[1, 4], labels[2, 0], labels[2, 2] = 5, 0, 3, 10
    mask[2, 4:] = 0
    return outputs(2, device), outputs(4, device), labels, mask


def test_3_7_each_term_by_a_loop(lesson):
    """The definition, position by position, in float64. 16 real tokens, 4 labels."""
    student, teacher, labels, mask = lesson
    T, real = 2.0, mask.bool()
    soft, cosine, hard = [], [], []
    for b, l in real.nonzero().tolist():
        p, q = (
            (teacher.logits[b, l].double() / T).softmax(-1),
            (student.logits[b, l].double() / T).softmax(-1),
        )
        soft.append(T**2 * (p * (p / q).log()).sum())
        x, y = student.hidden_states[-1][b, l].double(), teacher.hidden_states[-1][b, l].double()
        cosine.append(1 - x @ y / (x.norm() * y.norm()))
    for b, l in (labels != -100).nonzero().tolist():
        hard.append(-student.logits[b, l].double().log_softmax(-1)[labels[b, l]])
    states = [
        (student.hidden_states[k][real] - teacher.hidden_states[2 * k][real]).double().pow(2).mean()
        for k in range(3)
    ]
    expected = {
        "soft: T^2 KL, mean over the real tokens": ((1, 0, 0, 0), soft),
        "labels: cross entropy, mean over the labels, nothing shifted": ((0, 1, 0, 0), hard),
        "cosine: 1 - cos of the last hidden states, mean over the real tokens": ((0, 0, 1, 0), cosine),
        "states: student state k with teacher state 2k, over the real tokens": ((0, 0, 0, 1), states),
    }
    for name, (weights, values) in expected.items():
        result = distilbert_loss(student, teacher, labels, mask, T=T, weights=weights).item()
        assert result == pytest.approx(torch.stack(values).mean().item(), rel=1e-5), name


@pytest.mark.parametrize("weights", [(5, 2, 1, 0), (0.5, 0.5, 0, 0.1), (1, 2, 3, 4)])
def test_3_7_is_the_weighted_sum_of_its_terms(weights, lesson):
    """The paper's recipe, the article's, and one with all four."""
    terms = [
        distilbert_loss(*lesson, weights=tuple(float(i == k) for i in range(4))).item() for k in range(4)
    ]
    expected = sum(weight * term for weight, term in zip(weights, terms, strict=True))
    assert distilbert_loss(*lesson, weights=weights).item() == pytest.approx(expected, rel=1e-5)


def test_3_7_the_defaults_are_the_papers(lesson):
    assert distilbert_loss(*lesson).item() == pytest.approx(
        distilbert_loss(*lesson, T=2.0, weights=(5, 2, 1, 0)).item(), rel=1e-6
    )


def test_3_7_the_answer_stands_where_the_mask_stood(device):
    """Logits that are right in place, and one position late: a masked LM is not shifted."""
    labels = torch.tensor([[-100, 4, -100, 7]], device=device)
    student, teacher = outputs(2, device, B=1, L=4), outputs(4, device, B=1, L=4)
    student.logits = 20.0 * F.one_hot(torch.tensor([[0, 4, 0, 7]], device=device), 11).float()
    result = distilbert_loss(
        student, teacher, labels, torch.ones(1, 4, device=device), weights=(0, 1, 0, 0)
    ).item()
    assert result == pytest.approx(0.0, abs=1e-5), "the logits at t answer for the token at t: do not shift"


def test_3_7_padding_changes_nothing(lesson):
    student, teacher, labels, mask = lesson
    first = distilbert_loss(student, teacher, labels, mask, weights=(5, 2, 1, 1)).item()
    for out in (student, teacher):
        out.logits[2, 4:] += 7 * torch.randn_like(out.logits[2, 4:])
        out.hidden_states = tuple(state.clone() for state in out.hidden_states)
        for state in out.hidden_states:
            state[2, 4:] -= 3.0
    assert distilbert_loss(student, teacher, labels, mask, weights=(5, 2, 1, 1)).item() == pytest.approx(
        first, rel=1e-6
    ), "padding counts"


def test_3_7_a_perfect_student_has_only_the_label_loss(lesson):
    _, teacher, labels, mask = lesson
    student = SimpleNamespace(logits=teacher.logits, hidden_states=teacher.hidden_states[::2])
    assert distilbert_loss(student, teacher, labels, mask, weights=(1, 0, 1, 1)).item() == pytest.approx(
        0.0, abs=1e-5
    )


def test_3_7_a_scaled_hidden_state_points_the_same_way(lesson):
    """The cosine term compares directions, the mean squared error lengths too."""
    _, teacher, labels, mask = lesson
    student = SimpleNamespace(
        logits=teacher.logits, hidden_states=[3 * state for state in teacher.hidden_states[::2]]
    )
    assert distilbert_loss(student, teacher, labels, mask, weights=(0, 0, 1, 0)).item() == pytest.approx(
        0.0, abs=1e-5
    )
    assert distilbert_loss(student, teacher, labels, mask, weights=(0, 0, 0, 1)).item() > 1


def test_3_7_only_the_student_learns(lesson):
    student, teacher, labels, mask = lesson
    for out in (student, teacher):
        out.logits.requires_grad_()
        [state.requires_grad_() for state in out.hidden_states]
    distilbert_loss(student, teacher, labels, mask, weights=(5, 2, 1, 1)).backward()
    assert student.logits.grad is not None and all(state.grad is not None for state in student.hidden_states)
    assert teacher.logits.grad is None and all(state.grad is None for state in teacher.hidden_states), (
        "detach the teacher"
    )


def test_3_7_a_term_of_weight_0_is_not_computed(lesson):
    """A student trained on labels alone needs no teacher, and a recipe without states no hidden states."""
    student, teacher, labels, mask = lesson
    expected = distilbert_loss(student, teacher, labels, mask, weights=(0, 1, 0, 0)).item()
    assert distilbert_loss(student, None, labels, mask, weights=(0, 1, 0, 0)).item() == pytest.approx(
        expected
    )
    student.hidden_states = teacher.hidden_states = None
    assert distilbert_loss(student, teacher, labels, mask, weights=(5, 2, 0, 0)).isfinite()


def test_3_7_real_models_of_transformers(device):
    """BERT (4 layers) and DistilBERT (2 layers): depths 5 and 3 in hidden_states.

    In bf16 the sums are in fp32.
    """
    from transformers import BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

    teacher = BertForMaskedLM(
        BertConfig(
            vocab_size=11, hidden_size=8, intermediate_size=8, num_hidden_layers=4, num_attention_heads=2
        )
    )
    student = DistilBertForMaskedLM(
        DistilBertConfig(vocab_size=11, dim=8, hidden_dim=8, n_layers=2, n_heads=2)
    )
    ids, labels = torch.randint(11, (2, 5), device=device), torch.full((2, 5), -100, device=device)
    labels[0, 2] = 4
    for dtype in (torch.float32, torch.bfloat16):
        with torch.no_grad():
            ours, theirs = (
                model.to(device, dtype).eval()(input_ids=ids, output_hidden_states=True)
                for model in (student, teacher)
            )
        result = distilbert_loss(ours, theirs, labels, torch.ones_like(ids), weights=(5, 2, 1, 0.1))
        assert result.dtype == torch.float32 and result.item() > 0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (dict(weights=(5, 2, 1)), r"\(5, 2, 1\)"),
        (dict(weights=(5, 2, -1, 0)), r"-1"),
        (dict(labels=torch.full((3, 6), -100)), "0 labels"),
        (dict(attention_mask=torch.zeros(3, 6)), "0 real"),
        (dict(weights=(1, 1, 1, 1), teacher_out=outputs(3, "cpu")), "3 layers.*2"),
    ],
)
def test_3_7_refuses_what_makes_no_sense(changed, named):
    labels = torch.zeros(3, 6, dtype=torch.int64)
    usual = dict(
        student_out=outputs(2, "cpu"),
        teacher_out=outputs(4, "cpu"),
        labels=labels,
        attention_mask=torch.ones(3, 6),
    )
    with pytest.raises(ValueError, match=named):
        distilbert_loss(**(usual | changed))

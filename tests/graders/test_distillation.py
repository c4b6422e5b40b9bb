"""Chapter 03: losses on logits and hidden states, the student's start, loops, lessons, DistilBERT."""

import copy
import math

import pytest
import torch
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


def precise(result):
    """Whether a loss has the precision of fp32 or better."""
    return result.dtype in (torch.float32, torch.float64)


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
    rule = "equal logits have no soft loss: F.kl_div takes log-probabilities, with log_target=True"
    expect_close(distillation_loss(student, teacher, T=1.0, alpha=1.0), 0.0, rule)


def test_3_1_the_divergence_is_summed_over_the_vocabulary(device):
    """Teacher (1/4, 3/4), student (3/4, 1/4): 1/4 ln(1/3) + 3/4 ln 3 = 1/2 ln 3, in both directions."""
    student, teacher = two([1.0, 3.0], [3.0, 1.0], device)
    result = distillation_loss(student, teacher, T=1.0, alpha=1.0)
    expect_close(
        result, 0.5 * math.log(3), "a token's divergence is summed over the vocabulary, its last dimension"
    )


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
    expect_close(loss(1.0, 1.0), soft, "alpha = 1 leaves the soft term alone, which alpha weighs")
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
    expect_close(
        long, short, "the mean is over tokens, not over sequences: repeated text changes nothing", 1e-4
    )


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
    names = ("student's logits", "teacher's logits", "labels")
    for name, now, then in zip(names, (student, teacher, labels), before, strict=True):
        expect_equal(now.detach(), then, f"the caller's {name} are not changed")


def test_3_1_half_precision_logits_are_converted_before_the_sums(device):
    student, teacher = torch.randn(2, 64, 500, device=device).bfloat16()
    labels = torch.randint(500, (64,), device=device)
    result = distillation_loss(student, teacher, labels)
    assert precise(result), "bf16 logits give a loss in fp32 or better"
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
    result = feature_distillation_loss([student[0]] * 2, [teacher[0], student[0]], [(0, 0), (1, 1)])
    expect_close(result, 2.0, "the pairs are averaged, all of them, and not added up")
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
    assert precise(result), "bf16 states give a loss in fp32 or better"
    expected = (student.double() - teacher.double()).pow(2).mean()
    expect_close(result, expected, "bf16 states are converted to fp32 before any difference", 1e-4)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("an index must be there: the teacher has one state", dict(layer_map=[(0, 5)])),
        ("an index counts from 0: a negative one is not there", dict(layer_map=[(-1, 0)])),
        (
            "an index counts from 0: a negative one is not there, of the teacher's either",
            dict(layer_map=[(0, -1)]),
        ),
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


def test_3_3_takes_the_chosen_layer(llama):
    theirs = [layer.mlp.up_proj.weight.detach() for layer in llama.model.layers]
    layers = init_student_from_teacher(llama, [1]).model.layers
    expect_equal(len(layers), 1, "the student has the chosen layers and no others")
    rule = "keep_layers says which layers are taken: [1] is the second"
    expect_equal(layers[0].mlp.up_proj.weight.detach(), theirs[1], rule)


def test_3_3_the_teacher_stays_as_it_is(llama):
    llama.model.norm.requires_grad_(False)
    before = {name: (p.requires_grad, p.detach().clone()) for name, p in llama.named_parameters()}
    init_student_from_teacher(llama, [1])
    rule = "the teacher keeps its layers: take them out of a copy (copy.deepcopy)"
    expect_equal(len(llama.model.layers), 2, rule)
    rule = "the teacher's configuration stays: the student has its own"
    expect_equal(llama.config.num_hidden_layers, 2, rule)
    expect_equal(
        [numbers_of(layer) for layer in llama.model.layers], [{0}, {1}], "the teacher's layer_idx stay"
    )
    for name, parameter in llama.named_parameters():
        asked, values = before[name]
        expect_equal(
            parameter.requires_grad, asked, f"the teacher's {name} requires a gradient only if it did"
        )
        expect_equal(parameter.detach(), values, f"the teacher's {name} keeps its values")


def test_3_3_keeps_the_order_given(llama):
    theirs = [layer.mlp.up_proj.weight.detach() for layer in llama.model.layers]
    layers = init_student_from_teacher(llama, [1, 0]).model.layers
    expect_equal(len(layers), 2, "the student has the chosen layers and no others")
    rule = "the layers stand in the order of keep_layers: [1, 0] begins with the second"
    expect_equal(layers[0].mlp.up_proj.weight.detach(), theirs[1], rule)


def test_3_3_the_configuration_counts_the_students_layers(llama, gpt2):
    llama.config.layer_types = ["full_attention", "sliding_attention"]
    student = init_student_from_teacher(llama, [1])
    expect_equal(student.config.num_hidden_layers, 1, "the student's configuration counts its own layers")
    expect_equal(
        student.config.layer_types, ["sliding_attention"], "layer_types holds the kept layers' entries"
    )
    expect_equal(
        init_student_from_teacher(gpt2, [1]).config.n_layer, 1, "GPT-2's configuration counts them too"
    )
    assert len(llama.config.layer_types) == 2, "the teacher's layer_types stay: the student has its own"


def test_3_3_layers_are_renumbered(llama, gpt2):
    for keep, places in (([1], [{0}]), ([1, 0], [{0}, {1}])):
        for layers in (
            init_student_from_teacher(llama, keep).model.layers,
            init_student_from_teacher(gpt2, keep).transformer.h,
        ):
            rule = "each layer_idx is the layer's place in the student, counted from 0"
            expect_equal([numbers_of(layer) for layer in layers], places, rule)


def test_3_3_nothing_is_shared_with_the_teacher(llama, gpt2):
    for teacher in (llama, gpt2):
        student = init_student_from_teacher(teacher, [1, 0])
        assert student is not teacher, "the student is a copy, not the teacher itself"
        modules, places = set(teacher.modules()), set(storages(teacher).values())
        shared = [name for name, module in student.named_modules() if module in modules]
        expect_equal(shared[:1], [], "no module is the teacher's own: training it would change the teacher")
        shared = [name for name, place in storages(student).items() if place in places]
        expect_equal(
            shared[:1], [], "no tensor lies in the teacher's memory: training it would change the teacher"
        )


def test_3_3_everything_else_comes_from_the_teacher_too(llama, gpt2):
    for teacher in (llama, gpt2):
        student, theirs = init_student_from_teacher(teacher, [0]), teacher.state_dict()
        for name, tensor in student.state_dict().items():
            expect_equal(tensor, theirs[name], f"{name} is a copy of the teacher's")
        tied = student.get_output_embeddings().weight is student.get_input_embeddings().weight
        assert tied, "embeddings that are tied in the teacher are tied in the student"


def test_3_3_everything_in_the_student_learns_also_when_the_teacher_is_frozen(llama):
    llama.requires_grad_(False)
    student = init_student_from_teacher(llama, [0])
    frozen = [name for name, parameter in student.named_parameters() if not parameter.requires_grad]
    expect_equal(frozen[:1], [], "a copy of a frozen teacher is made to require gradients")


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
    assert isinstance(losses, list) and all(isinstance(loss, float) for loss in losses), (
        "the losses are floats"
    )
    expect_equal(len(losses), 2, "there is one loss a batch")
    rule = "labels are the next tokens: the logits at t are compared with the token at t + 1"
    expect_close(losses[0], text_loss(student, llama, tokens), rule, 1e-4)


def test_3_4_temperature_and_alpha_reach_the_loss(llama, tokens):
    student, batch = init_student_from_teacher(llama, [0]), {"input_ids": tokens}
    loss = distill(student, llama, [batch], still(student), alpha=0.2)[0]
    expect_close(loss, text_loss(student, llama, tokens, alpha=0.2), "alpha is handed on to the loss", 1e-4)
    loss = distill(student, llama, [batch], still(student), T=4.0, alpha=0.9)[0]
    expected = text_loss(student, llama, tokens, T=4.0, alpha=0.9)
    expect_close(loss, expected, "T is handed on to the loss", 1e-4)


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
    rules = (
        "each batch makes one step: backward(), then step()",
        "two batches make two steps, each with fresh gradients: zero_grad() before backward()",
    )
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
    assert not any(gradients for *_, gradients in teachers), (
        "the teacher works without gradients (torch.no_grad())"
    )
    for name, tensor in gpt2.state_dict().items():
        expect_equal(tensor, before[name], "the teacher's parameters stay as they are")
    frozen = [name for name, parameter in gpt2.named_parameters() if not parameter.requires_grad]
    rule = "the teacher's parameters require gradients where they did before"
    expect_equal(frozen, ["transformer.ln_f.weight", "transformer.ln_f.bias"], rule)
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
    """Make `end` (a token, a list of them, or None) the model's end mark."""
    model.config.eos_token_id = model.generation_config.eos_token_id = end
    return model


def greedy(model, row, count):
    """The specification of greedy writing: no cache, no batch, one token after the other. row: int64 [P]."""
    for _ in range(count):
        with torch.no_grad():
            row = torch.cat([row, model(input_ids=row[None]).logits[0, -1].argmax()[None]])
    return row


def renamed(model, tokens, a, b):
    """Let two tokens change places in a model with tied embeddings, and in a text: it writes as before."""
    weight = model.get_input_embeddings().weight
    with torch.no_grad():
        weight[[a, b]] = weight[[b, a]]
    return tokens.masked_fill(tokens == a, b).masked_fill(tokens == b, a)


def test_3_5_greedy_answers_are_those_of_a_loop_without_a_cache(llama, tokens):
    batch = on_the_fly_batch(ends_with(llama, NEVER), {"input_ids": tokens}, 6)
    expect_equal(sorted(batch), ["attention_mask", "input_ids", "labels"], "the result has these three")
    for name, tensor in batch.items():
        assert tensor.dtype == torch.int64, f"{name} is int64"
        expect_equal(tensor.shape, (5, 18), f"{name} has a column for each token of prompt and answer")
    expected = torch.stack([greedy(llama, prompt, 6) for prompt in tokens])
    rule = "input_ids is the prompt, and after it the likeliest continuation"
    expect_equal(batch["input_ids"], expected, rule)


def test_3_5_labels_are_the_answer_and_the_prompt_is_masked(llama, tokens):
    """Token 0 is written as the second of the answer: a token like any other, as there is no end mark."""
    prompt = tokens[:1]
    prompt = renamed(llama, prompt, int(greedy(llama, prompt[0], 2)[-1]), 0)
    batch = on_the_fly_batch(ends_with(llama, None), {"input_ids": prompt}, 4)
    answer = greedy(llama, prompt[0], 4)[12:].tolist()
    labels = batch["labels"][0].tolist()
    rule = "labels hold the answer in the columns of input_ids, every token of it; the caller shifts"
    expect_equal(labels[12:], answer, rule)
    expect_equal(labels[:12], [-100] * 12, "the prompt is not learned: its labels are -100")
    expect_equal(batch["attention_mask"][0].tolist(), [1] * 16, "attention_mask is 1 on prompt and answer")


@pytest.mark.parametrize("is_padding_too", [False, True])
def test_3_5_an_answer_ends_with_its_first_end_mark_which_is_learned(is_padding_too, llama, tokens):
    """The second token of the first answer is the end mark. Token 0 is the model's padding token, as well."""
    end, tokens = int(greedy(llama, tokens[0], 2)[-1]), tokens[:3]
    if is_padding_too:
        tokens, end = renamed(llama, tokens, end, 0), 0
    batch = on_the_fly_batch(ends_with(llama, end), {"input_ids": tokens}, 5)
    where = ", also where it is the padding token" if is_padding_too else ""
    for row, prompt in enumerate(tokens):
        answer = greedy(llama, prompt, 5)[12:].tolist()
        length = answer.index(end) + 1 if end in answer else 5
        labels, mask = batch["labels"][row, 12:].tolist(), batch["attention_mask"][row].tolist()
        rule = f"the end mark is learned with the answer{where}: else the student never stops"
        expect_equal(labels[:length], answer[:length], rule)
        expect_equal(
            labels[length:], [-100] * (5 - length), "after the end mark comes padding: labels are -100"
        )
        rule = f"attention_mask is 1 up to the end mark, with it{where}, and 0 after it"
        expect_equal(mask, [1] * (12 + length) + [0] * (5 - length), rule)


def test_3_5_an_end_mark_inside_a_prompt_ends_nothing(llama, tokens):
    """Documents are joined with the end mark, so prompts contain it."""
    prompts = {end: torch.cat([tokens[0, :3], tokens[0, :1] * 0 + end, tokens[0, 4:]]) for end in range(50)}
    answers = ((end, greedy(llama, prompt, 4)[12:].tolist()) for end, prompt in prompts.items())
    end, answer = next((end, answer) for end, answer in answers if end not in answer)
    batch = on_the_fly_batch(ends_with(llama, end), {"input_ids": prompts[end][None]}, 4)
    rule = "only the answer is searched for an end mark: one inside the prompt ends nothing"
    expect_equal(batch["labels"][0, 12:].tolist(), answer, rule)
    expect_equal(batch["attention_mask"][0].tolist(), [1] * 16, "an end mark inside the prompt is no padding")


def test_3_5_several_end_marks_are_all_known(llama, tokens):
    """Chat models have more than one."""
    firsts = [int(greedy(llama, row, 1)[-1]) for row in tokens]
    other = next(row for row, first in enumerate(firsts) if first != firsts[0])
    ends_with(llama, [firsts[0], firsts[other]])
    batch = on_the_fly_batch(llama, {"input_ids": tokens}, 3)
    rule = "eos_token_id may be a list: each token of it ends an answer"
    expect_equal(batch["attention_mask"].sum(1)[[0, other]], [13, 13], rule)


def test_3_5_the_generation_config_names_the_end_mark(llama, tokens):
    answers = [greedy(llama, prompt, 2)[12:].tolist() for prompt in tokens]
    row = next(row for row, (first, second) in enumerate(answers) if first != second)
    first, second = answers[row]
    ends_with(llama, second).config.eos_token_id = first
    batch = on_the_fly_batch(llama, {"input_ids": tokens[row : row + 1]}, 3)
    rule = "teacher.generation_config.eos_token_id is the end mark, not that of teacher.config"
    expect_equal(batch["labels"][0, 12:14].tolist(), [first, second], rule)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_3_5_prompts_of_different_lengths_are_answered_as_if_alone(family, request, tokens):
    """Left padding, with positions that are relative (Llama) or learned (GPT-2)."""
    model, tokens = ends_with(request.getfixturevalue(family), None), tokens[:3]
    mask = torch.ones_like(tokens)
    mask[1, :7] = 0
    prompts = {"input_ids": tokens.masked_fill(mask == 0, 3), "attention_mask": mask}
    batch = on_the_fly_batch(model, prompts, 4)
    for row in range(3):
        alone, real = greedy(model, tokens[row][mask[row] == 1], 4), batch["attention_mask"][row].bool()
        rule = "padding comes last in every row: it moves from the left to the right"
        expect_equal(real.tolist(), [True] * len(alone) + [False] * (len(real) - len(alone)), rule)
        rule = "a padded prompt is answered as it is without padding, and its tokens keep their order"
        expect_equal(batch["input_ids"][row][real], alone, rule)
        labels = torch.full_like(batch["labels"][row], -100)
        labels[len(alone) - 4 : len(alone)] = alone[-4:]
        expect_equal(batch["labels"][row], labels, "labels move with input_ids when the padding moves")


def test_3_5_the_writer_reads_each_token_once(llama, tokens):
    widths = []
    llama.model.register_forward_pre_hook(
        lambda _, args, kwargs: widths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    on_the_fly_batch(ends_with(llama, NEVER), {"input_ids": tokens}, 4)
    expect_equal(widths[:4], [12, 1, 1, 1], "with a key-value cache each step reads one new token")


def test_3_5_a_temperature_samples_from_the_whole_softmax(llama, tokens):
    """600 continuations by one token at T = 2; 1,000 at T = 1000, where nearly all tokens come up."""
    llama, prompt = ends_with(llama, None), tokens[:1]

    def drawn(rows, T):
        lesson = on_the_fly_batch(llama, {"input_ids": prompt.expand(rows, -1)}, 1, temperature=T)
        return lesson["labels"][:, -1].bincount(minlength=50)

    with torch.no_grad():
        expected = (llama(input_ids=prompt).logits[0, -1] / 2.0).softmax(-1)
    counts = drawn(600, 2.0)
    several = (counts > 0).sum() > 1
    assert several, "at a temperature tokens are drawn: the likeliest is not always taken"
    near = (counts / 600 - expected).abs().sum() < 0.5
    assert near, "tokens are drawn from softmax(logits / temperature): the temperature is handed on"
    for name, own in (("top_k", 20), ("top_p", 0.5)):
        kept = getattr(llama.generation_config, name)
        setattr(llama.generation_config, name, own)
        complete = (drawn(1000, 1000.0) > 0).sum() > 45
        assert complete, f"the model's own {name} does not cut off the tail of the distribution"
        setattr(llama.generation_config, name, kept)


def test_3_5_writing_leaves_no_trace(gpt2, tokens):
    """Both layers have dropout in training mode."""
    gpt2, prompts = (
        ends_with(gpt2, None),
        {"input_ids": tokens.clone(), "attention_mask": torch.ones_like(tokens)},
    )
    expected = greedy(gpt2, tokens[0], 5)
    gpt2.train().transformer.h[0].eval()
    modes = [module.training for module in gpt2.modules()]
    batch = on_the_fly_batch(gpt2, prompts, 5)
    expect_equal(batch["input_ids"][0], expected, "the writer works in eval mode, without dropout")
    rule = "every module has its own mode back, not that of the whole model"
    assert [module.training for module in gpt2.modules()] == modes, rule
    expect_equal(prompts["input_ids"], tokens, "the prompts are not changed")


@pytest.mark.parametrize(
    ("rule", "prompts", "arguments"),
    [
        ("an answer has a token at least", {}, dict(max_new_tokens=0)),
        ("a temperature is not negative", {}, dict(max_new_tokens=2, temperature=-1.0)),
        ("a prompt does not end with padding", {"attention_mask": [[1, 1, 0]]}, dict(max_new_tokens=1)),
        ("padding stands on the left alone", {"attention_mask": [[1, 0, 1]]}, dict(max_new_tokens=1)),
        ("a prompt has a token at least", {"input_ids": [[]]}, dict(max_new_tokens=1)),
    ],
)
def test_3_5_refuses_prompts_that_cannot_be_continued(rule, prompts, arguments, llama):
    prompts = {"input_ids": [[1, 2, 3]]} | prompts
    with refused(rule=rule):
        given = {name: torch.tensor(rows, dtype=torch.int64) for name, rows in prompts.items()}
        on_the_fly_batch(llama, given, **arguments)


# ------------------------------------------------------------ 3.6


def test_3_6_equal_models_do_not_diverge(device):
    student, teacher = two([1.0, 3.0, 4.0], [1.0, 3.0, 4.0], device)
    rule = "equal models do not diverge: M is equal to both, and F.kl_div takes logarithms, log_target=True"
    expect_close(generalized_jsd(student, teacher, beta=0.25), 0.0, rule)


def test_3_6_the_divergence_is_summed_over_the_vocabulary(device):
    """Six more tokens that both models find impossible."""
    student, teacher = two([1.0, 3.0], [3.0, 1.0], device)
    wide = [torch.cat([x, torch.full((1, 6), -90.0, device=device)], 1) for x in (student, teacher)]
    rule = "it is summed over the vocabulary: tokens that both find impossible change nothing"
    expect_close(generalized_jsd(*wide), generalized_jsd(student, teacher).item(), rule, 1e-4)


def test_3_6_two_distributions_by_hand(device):
    """P = (3/4, 1/4), Q = (1/4, 3/4): M = (1/2, 1/2), and both KL are 3/4 ln(3/2) + 1/4 ln(1/2)."""
    student, teacher = two([3.0, 1.0], [1.0, 3.0], device)
    rule = "it is beta * KL(P || M) + (1 - beta) * KL(Q || M): M stands second in both"
    expect_close(generalized_jsd(student, teacher), 0.75 * math.log(1.5) + 0.25 * math.log(0.5), rule)


def test_3_6_the_middle_mixes_probabilities_not_logits(device):
    """P = (1, 0), Q = (1/2, 1/2): M = (3/4, 1/4); the KL are ln(4/3) and 1/2 ln(2/3) + 1/2 ln 2."""
    student, teacher = two([1.0, 1e-20], [1.0, 1.0], device)
    by_hand = 0.5 * math.log(4 / 3) + 0.25 * (math.log(2 / 3) + math.log(2))
    expect_close(generalized_jsd(student, teacher), by_hand, "M mixes the probabilities, not the logits")


def test_3_6_beta_weighs_the_teacher(device):
    """P = (1, 0), Q = (1/2, 1/2), beta = 1/4: M = (5/8, 3/8)."""
    student, teacher = two([1.0, 1e-20], [1.0, 1.0], device)
    by_hand = 0.25 * math.log(8 / 5) + 0.375 * (math.log(4 / 5) + math.log(4 / 3))
    rule = "beta weighs the teacher, 1 - beta the student: in M and in the sum of the two KL"
    expect_close(generalized_jsd(student, teacher, beta=0.25), by_hand, rule)


def test_3_6_the_ends_are_plain_divergences(device):
    """P = (1/2, 1/2), Q = (1/4, 3/4): KL(P || Q) = 1/2 ln(4/3), KL(Q || P) = 1/4 ln(1/2) + 3/4 ln(3/2)."""
    student, teacher = two([1.0, 1.0], [1.0, 3.0], device)
    rule = "beta = 0 is KL(teacher || student), not what the formula gives there"
    expect_close(generalized_jsd(student, teacher, beta=0.0), 0.5 * math.log(4 / 3), rule)
    rule = "beta = 1 is KL(student || teacher), not what the formula gives there"
    by_hand = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    expect_close(generalized_jsd(student, teacher, beta=1.0), by_hand, rule)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_3_6_is_a_mean_over_rows(beta, device):
    """Of text of any shape, cut out of a longer one; in float64."""
    student, teacher = 2 * torch.randn(2, 2, 4, 7, device=device)[:, :, :-1]  # [2, 3, 7] each, not contiguous
    p, q = teacher.double().softmax(-1), student.double().softmax(-1)
    if beta in (0, 1):
        p, q = (p, q) if beta == 0 else (q, p)
        rows = p * (p / q).log()
    else:
        m = beta * p + (1 - beta) * q
        rows = beta * p * (p / m).log() + (1 - beta) * q * (q / m).log()
    rule = "it is a mean over all rows: `batchmean` on [B, L, V] divides by B alone"
    expect_close(generalized_jsd(student, teacher, beta), rows.sum(-1).mean(), rule, 1e-4)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_3_6_only_the_student_learns(beta, device):
    student, teacher = (torch.randn(4, 9, device=device, requires_grad=True) for _ in range(2))
    loss = generalized_jsd(student, teacher, beta)
    assert loss.requires_grad, "the student receives a gradient: its logits are not detached"
    loss.backward()
    expect_equal(teacher.grad, None, "the teacher receives no gradient: its logits are detached")


def test_3_6_stays_finite_where_a_probability_underflows(device):
    """Logits 200 apart: exp(-200) is 0 in fp32, so log(softmax) would be -inf."""
    student, teacher = torch.tensor([[[0.0, -200.0]], [[-200.0, 0.0]]], device=device)
    for beta, expected in ((0.0, 200.0), (0.5, math.log(2)), (1.0, 200.0)):
        result = generalized_jsd(student, teacher, beta)
        rule = "it stays finite where a probability underflows: log_softmax, not the logarithm of a softmax"
        expect_close(result, expected, rule, 1e-4)


def test_3_6_half_precision_logits_are_converted_before_the_sums(device):
    student, teacher = torch.randn(2, 64, 500, device=device).bfloat16()
    result = generalized_jsd(student, teacher)
    assert precise(result), "bf16 logits give a result in fp32 or better"
    expected = generalized_jsd(student.double(), teacher.double()).item()
    expect_close(result, expected, "bf16 logits are converted to fp32 before any sum", 1e-4)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("beta must not be above 1", dict(beta=1.5)),
        ("beta must not be below 0", dict(beta=-0.1)),
        ("logits must have one shape", dict(teacher_logits=torch.zeros(2, 4))),
        ("there must be a row", dict(student_logits=torch.zeros(0, 3), teacher_logits=torch.zeros(0, 3))),
    ],
)
def test_3_6_refuses_what_makes_no_sense(rule, wrong):
    usual = {"student_logits": torch.zeros(2, 3), "teacher_logits": torch.zeros(2, 3)}
    with refused(rule=rule):
        generalized_jsd(**(usual | wrong))


# ------------------------------------------------------------ 3.7


def answer_loss(student, teacher, text, prompt=12, T=2.0):
    """T^2 KL of what two models say of the tokens after a prompt, by a loop; text int64 [B, L]."""
    with torch.no_grad():
        ours, theirs = (model(input_ids=text).logits[:, prompt - 1 : -1] for model in (student, teacher))
    return loss_by_a_loop(ours.flatten(0, 1), theirs.flatten(0, 1), text[:, prompt:].flatten(), T, alpha=1.0)


def written_by(model, tokens, count):
    return torch.stack([greedy(model, row, count) for row in tokens])


def test_3_7_the_teacher_writes_the_answer(llama, tokens):
    """An untrained student writes nonsense; it must be judged on the teacher's text."""
    student, writers = init_student_from_teacher(llama, [0]), []
    for name, model in (("teacher", ends_with(llama, NEVER)), ("student", student)):
        model.generate = lambda *words, own=model.generate, name=name, **options: (
            writers.append(name) or own(*words, **options)
        )
    losses = distill_for_task(student, llama, iter([{"input_ids": tokens}] * 2), still(student), 3)
    expect_equal(
        writers, ["teacher", "teacher"], "the teacher answers each batch of prompts, the student does not"
    )
    assert isinstance(losses, list) and all(isinstance(loss, float) for loss in losses), (
        "the losses are floats"
    )
    expect_equal(len(losses), 2, "there is one loss a batch")


def test_3_7_a_student_that_equals_the_teacher_has_no_loss(llama, tokens):
    student, ends = copy.deepcopy(llama), ends_with(llama, NEVER)
    loss = distill_for_task(student, ends, [{"input_ids": tokens}], still(student), 4)[0]
    rule = (
        "a student that equals its teacher has no loss: the answer's tokens are not labels, no cross entropy"
    )
    expect_close(loss, 0.0, rule, 0, 1e-5)


def test_3_7_the_loss_is_the_divergence_on_the_answer(llama, tokens):
    student, text = init_student_from_teacher(llama, [0]), written_by(llama, tokens, 4)
    prompts = [{"input_ids": tokens}]
    loss = distill_for_task(student, ends_with(llama, NEVER), prompts, still(student), 4)[0]
    rule = "the loss is T^2 KL over the answer's tokens alone, each judged at the position before it"
    expect_close(loss, answer_loss(student, llama, text), rule, 1e-4)
    loss = distill_for_task(student, llama, prompts, still(student), 4, T=3.0)[0]
    expect_close(loss, answer_loss(student, llama, text, T=3.0), "T is handed on to the loss", 1e-4)
    loss = distill_for_task(student, llama, prompts, still(student), 2)[0]
    expected = answer_loss(student, llama, text[:, :14])
    expect_close(loss, expected, "max_new_tokens is handed on to on_the_fly_batch", 1e-4)


def test_3_7_what_follows_the_end_mark_does_not_count(llama, tokens):
    """The first answer is its end mark alone, the second goes on."""
    ends_with(llama, int(greedy(llama, tokens[0], 1)[-1]))
    student, lesson = init_student_from_teacher(llama, [0]), on_the_fly_batch(llama, {"input_ids": tokens}, 5)
    with torch.no_grad():
        ours, theirs = (
            model(input_ids=lesson["input_ids"]).logits[:, :-1].flatten(0, 1) for model in (student, llama)
        )
    expected = loss_by_a_loop(ours, theirs, lesson["labels"][:, 1:].flatten(), alpha=1.0)
    loss = distill_for_task(student, llama, [{"input_ids": tokens}], still(student), 5)[0]
    rule = "an answer's tokens count up to the end mark and with it, each the same"
    expect_close(loss, expected, rule, 1e-4)


def test_3_7_a_padded_prompt_counts_like_the_prompt_alone(llama, tokens):
    student, one = init_student_from_teacher(llama, [0]), tokens[:1]
    expected = answer_loss(student, llama, written_by(llama, one, 4))
    mask = torch.cat([torch.zeros_like(one[:, :3]), torch.ones_like(one)], 1)
    padded = {"input_ids": torch.cat([torch.full_like(one[:, :3], 7), one], 1), "attention_mask": mask}
    loss = distill_for_task(student, ends_with(llama, NEVER), [padded], still(student), 4)[0]
    rule = "padding is not seen: the whole batch is handed to on_the_fly_batch, with its mask"
    expect_close(loss, expected, rule, 1e-4)


def test_3_7_no_ground_truth_is_used(llama, tokens):
    """A batch may carry labels; they must not matter."""
    student, ends = init_student_from_teacher(llama, [0]), ends_with(llama, NEVER)
    batches = [{"input_ids": tokens}, {"input_ids": tokens, "labels": torch.randint(50, tokens.shape)}]
    first, second = distill_for_task(student, ends, batches, still(student), 3)
    expect_close(second, first, "labels that come with the prompts do not matter", 1e-4)


def test_3_7_each_batch_makes_one_step_with_fresh_gradients(llama, tokens):
    start, text = init_student_from_teacher(llama, [0]), written_by(llama, tokens, 3)
    student, by_hand, teacher = copy.deepcopy(start), copy.deepcopy(start), ends_with(llama, NEVER)
    with torch.no_grad():
        target = llama(input_ids=text).logits[:, 11:-1]
    rules = (
        "each batch makes one step: backward(), then step()",
        "two batches make two steps, each with fresh gradients: zero_grad() before backward()",
    )
    for steps, rule in enumerate(rules, start=1):
        by_hand.zero_grad()
        distillation_loss(by_hand(input_ids=text).logits[:, 11:-1], target, T=2.0).backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= 0.1 * parameter.grad
        student.load_state_dict(start.state_dict())
        optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        distill_for_task(student, teacher, [{"input_ids": tokens}] * steps, optimizer, 3)
        for ours, theirs in zip(student.parameters(), by_hand.parameters(), strict=True):
            expect_close(ours, theirs, rule, 1e-3, 1e-5)


def test_3_7_the_teacher_is_frozen_and_the_student_learns_in_training_mode(gpt2, tokens):
    """Both models have dropout in training mode."""
    student, before = init_student_from_teacher(gpt2, [0]).eval(), copy.deepcopy(gpt2.state_dict())
    ends_with(gpt2, None).train().transformer.ln_f.requires_grad_(False)
    seen = spied(student, gpt2)
    distill_for_task(student, gpt2, [{"input_ids": tokens}], torch.optim.SGD(student.parameters(), lr=0.1), 2)
    teachers, students = ([view for view in seen if view[0] == name] for name in ("teacher", "student"))
    assert teachers and not any(training for _, training, _ in teachers), "the teacher works in eval mode"
    assert students and all(training for _, training, _ in students), "the student learns in training mode"
    assert not any(gradients for *_, gradients in teachers), (
        "the teacher works without gradients (torch.no_grad())"
    )
    for name, tensor in gpt2.state_dict().items():
        expect_equal(tensor, before[name], "the teacher's parameters stay as they are")
    frozen = [name for name, parameter in gpt2.named_parameters() if not parameter.requires_grad]
    rule = "the teacher's parameters require gradients where they did before"
    expect_equal(frozen, ["transformer.ln_f.weight", "transformer.ln_f.bias"], rule)


def test_3_7_every_module_has_its_own_mode_back(gpt2, tokens):
    student = init_student_from_teacher(gpt2, [0])
    before = mixed_modes(student, ends_with(gpt2, None))
    distill_for_task(student, gpt2, [{"input_ids": tokens}], still(student), 2)
    after = [module.training for model in (student, gpt2) for module in model.modules()]
    assert (student.training, gpt2.training) == (False, True), "both models are back in the mode they came in"
    assert after == before, "every module has its own mode back, not that of the whole model"


def test_3_7_modes_come_back_after_an_interruption(gpt2, tokens):
    student = init_student_from_teacher(gpt2, [0])
    before = mixed_modes(student, ends_with(gpt2, None))
    with pytest.raises(KeyboardInterrupt):
        distill_for_task(student, gpt2, interrupted({"input_ids": tokens}), still(student), 2)
    after = [module.training for model in (student, gpt2) for module in model.modules()]
    assert after == before, "the modes come back after an error, too"


def test_3_7_refuses_no_prompts_and_different_vocabularies(llama, gpt2):
    student = init_student_from_teacher(llama, [0])
    with refused(rule="there must be a batch of prompts"):
        distill_for_task(student, llama, iter([]), still(student), 2)
    gpt2.config.vocab_size = 51
    with refused(rule="both models must have one vocabulary"):
        distill_for_task(student, gpt2, [], still(student), 2)


# ------------------------------------------------------------ 3.8


SOFT, LABELS, COSINE, STATES = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))


class Output:
    """What a masked LM returns: logits [B, L, V] and a tuple of layers + 1 hidden states [B, L, width]."""

    def __init__(self, logits, hidden_states):
        self.logits, self.hidden_states = logits, hidden_states


class Missing:
    """Stands for what nobody computed."""

    def used(self, *_):
        raise AssertionError("a term of weight 0 is not computed: what it alone needs may be missing")

    __getattr__ = __getitem__ = __len__ = __iter__ = used


def outputs(depth, device, B=3, L=6, width=8, vocabulary=11):
    """A random output."""
    logits = 2 * torch.randn(B, L, vocabulary, device=device)
    return Output(logits, tuple(torch.randn(B, L, width, device=device) for _ in range(depth + 1)))


@pytest.fixture
def lesson(device):
    """Student (2 layers), teacher (4 layers), labels at a few places, and a mask without padding."""
    labels = torch.full((3, 6), -100, device=device)
    labels[0, 1], labels[1, 4], labels[2, 0], labels[2, 2] = 5, 0, 3, 10
    return outputs(2, device), outputs(4, device), labels, torch.ones_like(labels)


def full_of(values, device):
    """Hidden states [1, 2, 3] that are each full of a number."""
    return tuple(torch.full((1, 2, 3), float(value), device=device) for value in values)


def states_loss(student, teacher, device):
    """The states' term alone, of models whose hidden states are full of these numbers."""
    logits = torch.zeros(1, 2, 3, device=device)  # there, though the term does not look at them
    outs = [Output(logits, full_of(values, device)) for values in (student, teacher)]
    labels = torch.ones(1, 2, dtype=torch.int64, device=device)
    return distilbert_loss(*outs, labels, torch.ones_like(labels), weights=STATES)


def test_3_8_weights_say_which_terms_count(lesson):
    """A student that equals its teacher, graded by the soft term alone."""
    _, teacher, labels, mask = lesson
    rule = "weights (1, 0, 0, 0) leave the soft term alone, and it compares the two models, not the labels"
    expect_close(distilbert_loss(teacher, teacher, labels, mask, weights=SOFT), 0.0, rule)


def test_3_8_soft_is_the_divergence_at_every_token(lesson):
    student, teacher, labels, mask = lesson
    rows = [out.logits.flatten(0, 1) for out in (student, teacher)]
    every = torch.zeros_like(labels).flatten()  # no position is left out
    rule = "soft is T^2 * KL(teacher_T || student_T) at every real token, masked or not"
    expect_close(distilbert_loss(*lesson, weights=SOFT), loss_by_a_loop(*rows, every, 2.0, 1.0), rule, 1e-4)
    rule = "T is handed on to the soft term"
    expect_close(
        distilbert_loss(*lesson, T=3.0, weights=SOFT), loss_by_a_loop(*rows, every, 3.0, 1.0), rule, 1e-4
    )


def test_3_8_labels_are_answered_in_place(lesson):
    """A masked LM is not shifted: the logits at t answer for the token at t."""
    student, teacher, labels, mask = lesson
    places = labels != -100
    expected = -student.logits[places].double().log_softmax(-1).gather(1, labels[places][:, None]).mean()
    rule = "labels is the cross entropy at the masked tokens: nothing is shifted, and T is not used"
    expect_close(distilbert_loss(*lesson, T=3.0, weights=LABELS), expected, rule, 1e-4)


def test_3_8_cosine_compares_directions_of_the_last_states(lesson):
    """All states as long again and again, each token by another factor; then only the last is orthogonal."""
    student, teacher, labels, mask = lesson
    factors = torch.arange(1.0, 19.0, device=mask.device).view(3, 6, 1)
    ours, theirs = student.hidden_states, teacher.hidden_states
    teacher.hidden_states = tuple(factors * state for state in (*ours, *ours[-1:], *ours[-1:]))
    rule = "cosine is 1 - cos of two hidden states along the width: the same direction has no loss"
    expect_close(distilbert_loss(*lesson, weights=COSINE), 0.0, rule)
    teacher.hidden_states = (*ours, ours[-1], theirs[-1])
    x, y = ours[-1].double(), theirs[-1].double()
    expected = (1 - (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))).mean()
    rule = "cosine compares the last hidden states, token by token, and averages"
    expect_close(distilbert_loss(*lesson, weights=COSINE), expected, rule, 1e-4)


def test_3_8_states_are_paired_at_equal_depth(device):
    rule = "student state k stands beside teacher state k * (teacher's layers / student's)"
    expect_close(states_loss([0, 4, 16], [0, 1, 4, 9, 16], device), 0.0, rule)
    expect_close(states_loss([0, 9, 36], [0, 1, 4, 9, 16, 25, 36], device), 0.0, f"{rule}, here 3k")
    rule = "states is the mean over the pairs, not their sum"
    expect_close(states_loss([2, 2, 2], [0, 9, 0, 9, 0], device), 4.0, rule)
    rule = "every pair counts, that of the embeddings (k = 0) and the last, too"
    expect_close(states_loss([1, 2, 3], [0, 9, 0, 9, 0], device), (1 + 4 + 9) / 3, rule)


@pytest.mark.parametrize("term", ["soft", "cosine", "states"])
def test_3_8_padding_does_not_count(term, lesson):
    """The padded row gives what the other rows and its real tokens give."""
    student, teacher, labels, mask = lesson
    mask[2, 2:], labels[2, 2] = 0, -100
    real, weights = mask.bool(), dict(soft=SOFT, cosine=COSINE, states=STATES)[term]

    def cut(out):
        return Output(out.logits[real][None], [state[real][None] for state in out.hidden_states])

    expected = distilbert_loss(
        cut(student), cut(teacher), labels[real][None], mask[real][None], weights=weights
    )
    result = distilbert_loss(student, teacher, labels, mask, weights=weights)
    rule = f"{term} averages over the tokens with attention_mask 1: padding is neither summed nor counted"
    expect_close(result, expected.item(), rule, 1e-4)


def test_3_8_is_the_weighted_sum_of_its_terms(lesson):
    terms = [distilbert_loss(*lesson, weights=alone).item() for alone in (SOFT, LABELS, COSINE, STATES)]
    for weights in ((1, 2, 3, 4), (0.5, 0.5, 0, 0.1)):
        expected = sum(weight * term for weight, term in zip(weights, terms, strict=True))
        rule = "the result is the sum of soft, labels, cosine and states, each times its weight"
        expect_close(distilbert_loss(*lesson, weights=weights), expected, rule, 1e-4)
    expected = 5 * terms[0] + 2 * terms[1] + terms[2]
    expect_close(
        distilbert_loss(*lesson), expected, "the default weights are the paper's, (5, 2, 1, 0)", 1e-4
    )


@pytest.mark.parametrize("term", ["soft", "cosine", "states"])
def test_3_8_only_the_student_learns(term, lesson):
    student, teacher, labels, mask = lesson
    for out in (student, teacher):
        for tensor in (out.logits, *out.hidden_states):
            tensor.requires_grad_()
    weights = dict(soft=SOFT, cosine=COSINE, states=STATES)[term]
    loss = distilbert_loss(student, teacher, labels, mask, weights=weights)
    assert loss.requires_grad, f"the student receives a gradient from {term}: it is not detached"
    loss.backward()
    taught = [tensor.grad is not None for tensor in (teacher.logits, *teacher.hidden_states)]
    assert not any(taught), f"the teacher receives no gradient from {term}: it is detached"


def test_3_8_a_term_of_weight_0_is_not_computed(lesson):
    """A student trained on labels alone needs no teacher, and a recipe without states no hidden states."""
    student, teacher, labels, mask = lesson
    rule = "a term of weight 0 adds nothing"
    expected = distilbert_loss(*lesson, weights=(5, 2, 0, 0)).item()
    student.hidden_states = teacher.hidden_states = Missing()
    expect_close(distilbert_loss(*lesson, weights=(5, 2, 0, 0)), expected, rule, 1e-4)
    expected = distilbert_loss(*lesson, weights=LABELS).item()
    teacher.logits = Missing()
    expect_close(distilbert_loss(*lesson, weights=LABELS), expected, rule, 1e-4)


@pytest.mark.parametrize("term", ["soft", "labels", "cosine", "states"])
def test_3_8_half_precision_is_converted_before_the_sums(term, device):
    weights = dict(soft=SOFT, labels=LABELS, cosine=COSINE, states=STATES)[term]
    student, teacher = outputs(1, device, L=200), outputs(1, device, L=200)
    labels = torch.randint(11, (3, 200), device=device)
    for out in (student, teacher):
        out.logits = out.logits.bfloat16()
        out.hidden_states = tuple(state.bfloat16() for state in out.hidden_states)
    result = distilbert_loss(student, teacher, labels, torch.ones_like(labels), weights=weights)
    for out in (student, teacher):
        out.logits = out.logits.double()
        out.hidden_states = tuple(state.double() for state in out.hidden_states)
    expected = distilbert_loss(student, teacher, labels, torch.ones_like(labels), weights=weights)
    assert precise(result), f"{term} of bf16 outputs is in fp32 or better"
    rule = f"{term} converts bf16 outputs to fp32 before any sum"
    expect_close(result, expected.item(), rule, 1e-4)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (
            "the student's layers must divide the teacher's",
            dict(weights=STATES, teacher_out=outputs(3, "cpu")),
        ),
        ("there must be four weights", dict(weights=(5, 2, 1))),
        ("weights must not be negative", dict(weights=(5, 2, -1, 0))),
        ("there must be a label", dict(labels=torch.full((3, 6), -100))),
        ("there must be a real token", dict(attention_mask=torch.zeros(3, 6))),
    ],
)
def test_3_8_refuses_what_makes_no_sense(rule, wrong):
    models = {"student_out": outputs(2, "cpu"), "teacher_out": outputs(4, "cpu")}
    masks = {"labels": torch.zeros(3, 6, dtype=torch.int64), "attention_mask": torch.ones(3, 6)}
    with refused(rule=rule):
        distilbert_loss(**(models | masks | wrong))

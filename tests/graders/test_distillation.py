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

# ------------------------------------------------------------ 3.1


def loss_by_a_loop(student, teacher, labels, T, alpha):
    """The definition, token by token, in float64."""
    soft, hard, count = 0.0, 0.0, 0
    for s, t, label in zip(student.double(), teacher.double(), labels.tolist(), strict=True):
        if label == -100:
            continue
        p, q = (t / T).softmax(-1), (s / T).softmax(-1)
        soft += (p * (p / q).log()).sum().item()
        hard -= s.softmax(-1)[label].log().item()
        count += 1
    return alpha * T**2 * soft / count + (1 - alpha) * hard / count


def test_3_1_two_tokens_by_hand(device):
    """T = 1, alpha = 1: teacher (1/2, 1/2), student (1/4, 3/4). KL = 1/2 ln 2 + 1/2 ln(2/3) = 1/2 ln(4/3)."""
    student = torch.tensor([[1.0, 3.0]], device=device).log()
    teacher = torch.tensor([[0.0, 0.0]], device=device)
    labels = torch.tensor([0], device=device)
    assert distillation_loss(student, teacher, labels, T=1.0, alpha=1.0).item() == pytest.approx(
        0.5 * math.log(4 / 3), rel=1e-5
    )
    assert distillation_loss(student, teacher, labels, T=1.0, alpha=0.0).item() == pytest.approx(
        math.log(4), rel=1e-5
    )


def test_3_1_the_divergence_is_summed_over_the_vocabulary(device):
    """Teacher (1/4, 3/4), student (3/4, 1/4): 1/4 ln(1/3) + 3/4 ln 3 = 1/2 ln 3, in both directions."""
    student, teacher = (
        torch.tensor([[3.0, 1.0]], device=device).log(),
        torch.tensor([[1.0, 3.0]], device=device).log(),
    )
    result = distillation_loss(student, teacher, T=1.0).item()
    assert result == pytest.approx(0.5 * math.log(3), rel=1e-5), (
        "half of it is the mean over the two entries of the vocabulary"
    )


@pytest.mark.parametrize(("T", "alpha"), [(1.0, 0.5), (2.0, 0.3), (5.0, 0.7), (3.0, 1.0)])
def test_3_1_equals_a_float64_loop_over_real_tokens(T, alpha, device):
    student, teacher = torch.randn(2, 5, 7, device=device), 3 * torch.randn(2, 5, 7, device=device)
    labels = torch.randint(7, (2, 5), device=device)
    labels[0, 3:] = -100  # padding
    expected = loss_by_a_loop(student.flatten(0, 1), teacher.flatten(0, 1), labels.flatten(), T, alpha)
    assert distillation_loss(student, teacher, labels, T, alpha).item() == pytest.approx(expected, rel=1e-5)


def test_3_1_another_ignore_index_and_logits_of_one_token(device):
    student, teacher = torch.randn(3, 7, device=device), torch.randn(3, 7, device=device)
    labels = torch.tensor([4, 0, 2], device=device)
    expected = distillation_loss(student[[0, 2]], teacher[[0, 2]], labels[[0, 2]]).item()
    assert distillation_loss(student, teacher, labels, ignore_index=0).item() == pytest.approx(
        expected, rel=1e-5
    )
    assert distillation_loss(student[0], teacher[0], labels[0]).item() == pytest.approx(
        distillation_loss(student[:1], teacher[:1], labels[:1]).item(), rel=1e-5
    )


def test_3_1_is_a_mean_over_tokens_not_over_sequences(device):
    """A sequence repeated twice leaves the mean where it was; `batchmean` on [B, T, V] would double it."""
    student, teacher = torch.randn(2, 4, 9, device=device), torch.randn(2, 4, 9, device=device)
    short, long = (
        distillation_loss(student, teacher),
        distillation_loss(student.repeat(1, 2, 1), teacher.repeat(1, 2, 1)),
    )
    assert short.item() == pytest.approx(long.item(), rel=1e-5)


def test_3_1_without_labels_is_the_soft_term_alone_whatever_alpha(device):
    student, teacher = torch.randn(6, 9, device=device), torch.randn(6, 9, device=device)
    labels = torch.zeros(6, dtype=torch.int64, device=device)
    soft = distillation_loss(student, teacher, labels, T=2.0, alpha=1.0).item()
    assert [distillation_loss(student, teacher, T=2.0, alpha=alpha).item() for alpha in (0.0, 0.3)] == [
        pytest.approx(soft, rel=1e-5)
    ] * 2


def test_3_1_equal_logits_have_no_soft_loss_and_only_the_student_learns(device):
    logits = torch.randn(4, 9, device=device)
    assert distillation_loss(logits, logits.clone()).item() == pytest.approx(0.0, abs=1e-6)
    student, teacher = logits.clone().requires_grad_(), torch.randn(4, 9, device=device).requires_grad_()
    distillation_loss(student, teacher).backward()
    assert student.grad is not None and teacher.grad is None


def test_3_1_half_precision_logits_are_summed_in_fp32(device):
    student, teacher = (
        torch.randn(64, 500, device=device).bfloat16(),
        torch.randn(64, 500, device=device).bfloat16(),
    )
    result = distillation_loss(student, teacher)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(
        distillation_loss(student.double(), teacher.double()).item(), rel=1e-4
    )


def test_3_1_the_gradient_keeps_its_size_when_T_grows(device):
    norms = []
    for T in (4.0, 16.0):
        student = torch.randn(8, 11, generator=torch.Generator().manual_seed(1)).to(device).requires_grad_()
        teacher = torch.randn(8, 11, generator=torch.Generator().manual_seed(2)).to(device)
        distillation_loss(student, teacher, T=T).backward()
        norms.append(student.grad.norm().item())
    assert 0.5 < norms[1] / norms[0] < 2, (
        "without T^2 the gradient at T = 16 would be 16 times smaller than at T = 4"
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (dict(T=0.0), "0.0"),
        (dict(alpha=1.5), "1.5"),
        (dict(labels=torch.full((2,), -100)), "-100"),
        (dict(teacher_logits=torch.zeros(2, 4)), r"\[2, 4\]"),
        (dict(labels=torch.zeros(3, dtype=torch.int64)), r"\[3\]"),
    ],
)
def test_3_1_refuses_what_makes_no_sense(arguments, named):
    with pytest.raises(ValueError, match=named):
        distillation_loss(
            **({"student_logits": torch.zeros(2, 3), "teacher_logits": torch.zeros(2, 3)} | arguments)
        )


# ------------------------------------------------------------ 3.2


def test_3_2_two_pairs_by_hand(device):
    """Pair (0, 0): errors 1, 1, mean 1.

    Pair (1, 2): errors 2, 4, squares 4, 16, mean 10. Mean of the pairs: 5.5.
    """
    student = torch.tensor([[[1.0, 2.0]], [[0.0, 0.0]]], device=device).unbind()
    teacher = torch.tensor([[[2.0, 1.0]], [[9.0, 9.0]], [[2.0, 4.0]]], device=device).unbind()
    result = feature_distillation_loss(student, teacher, [(0, 0), (1, 2)]).item()
    assert result == pytest.approx(5.5), (
        "5.5 is the mean over the two pairs (0, 0) and (1, 2) of each pair's mean squared error"
    )
    assert feature_distillation_loss(student, teacher, [(1, 2)]).item() == pytest.approx(10.0)


def test_3_2_the_map_decides_not_the_order_of_the_lists(device):
    """Student state k is the teacher's state 2k. Zipping the lists would pair different depths."""
    teacher = [torch.randn(4, 7, device=device) for _ in range(5)]
    assert feature_distillation_loss(teacher[::2], teacher, [(0, 0), (1, 2), (2, 4)]).item() == 0.0, (
        "layer_map decides who is paired"
    )
    assert feature_distillation_loss(teacher[::2], teacher, [(2, 4), (0, 0)]).item() == 0.0, (
        "layer_map may be in any order"
    )


@pytest.mark.parametrize("shape", [(2, 5, 6), (9, 6)])
def test_3_2_projections_bring_the_student_to_the_teachers_width(shape, device):
    student = [torch.randn(*shape[:-1], 3, device=device) for _ in range(3)]
    teacher = [torch.randn(*shape, device=device) for _ in range(3)]
    projections = nn.ModuleList([nn.Linear(3, 6), nn.Linear(3, 6)]).to(device)
    expected = (
        sum(
            (p(student[s]) - teacher[t]).pow(2).mean()
            for p, (s, t) in zip(projections, [(1, 0), (2, 2)], strict=True)
        )
        / 2
    )
    result = feature_distillation_loss(student, teacher, [(1, 0), (2, 2)], projections)
    assert result.item() == pytest.approx(expected.item(), rel=1e-5), (
        "projection i belongs to pair i of layer_map"
    )


def test_3_2_student_and_projections_learn_the_teacher_does_not(device):
    student, teacher = (torch.randn(4, width, device=device, requires_grad=True) for width in (3, 6))
    projection = nn.Linear(3, 6).to(device)
    feature_distillation_loss([student], [teacher], [(0, 0)], [projection]).backward()
    assert student.grad is not None and projection.weight.grad is not None
    assert teacher.grad is None, "the teacher must not move towards the student: detach its states"


def test_3_2_half_precision_is_averaged_in_fp32(device):
    student, teacher = torch.randn(2, 300, 64, device=device).bfloat16()
    result = feature_distillation_loss([student], [teacher], [(0, 0)])
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(
        (student.double() - teacher.double()).pow(2).mean().item(), rel=1e-4
    )


def test_3_2_on_the_states_of_two_real_models(llama, tokens):
    """The states of a copy cut to one layer: embeddings agree, its layer 1 is the teacher's layer 1."""
    student = init_student_from_teacher(llama, [0])
    with torch.no_grad():
        ours, theirs = (
            model.model(input_ids=tokens, output_hidden_states=True).hidden_states
            for model in (student, llama)
        )
    assert len(ours) == 2 and len(theirs) == 3
    assert feature_distillation_loss(ours, theirs, [(0, 0)]).item() == 0.0
    assert feature_distillation_loss(ours, theirs, [(1, 2)]).item() == pytest.approx(
        F.mse_loss(ours[1], theirs[2]).item(), rel=1e-5
    )


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (dict(layer_map=[]), r"\[\]"),
        (dict(layer_map=[(0, 5)]), r"\(0, 5\)"),
        (dict(layer_map=[(-1, 0)]), r"\(-1, 0\)"),
        (dict(projections=[nn.Identity(), nn.Identity()]), "2 projections"),
        (dict(teacher_states=[torch.zeros(1, 3)]), r"\[1, 3\]"),
        (dict(teacher_states=[torch.zeros(2, 4)]), r"\[2, 4\]"),
    ],
)
def test_3_2_refuses_what_makes_no_sense(changed, named):
    """Among them [2, 3] against [1, 3], which mse_loss would broadcast with a mere warning."""
    usual = {
        "student_states": [torch.zeros(2, 3)],
        "teacher_states": [torch.zeros(2, 3)],
        "layer_map": [(0, 0)],
    }
    with pytest.raises(ValueError, match=named):
        feature_distillation_loss(**(usual | changed))


# ------------------------------------------------------------ 3.3


def test_3_3_copies_the_chosen_layers_and_shares_nothing(llama, tokens):
    student = init_student_from_teacher(llama, [1])
    assert (
        len(student.model.layers) == 1
        and student.config.num_hidden_layers == 1
        and llama.config.num_hidden_layers == 2
    )
    for ours, theirs in zip(
        student.model.layers[0].parameters(), llama.model.layers[1].parameters(), strict=True
    ):
        assert torch.equal(ours, theirs), "layer 1 was asked for"
        assert ours.data_ptr() != theirs.data_ptr(), "the student holds the teacher's own layer, not a copy"
    assert torch.equal(student.get_input_embeddings().weight, llama.get_input_embeddings().weight), (
        "embeddings are copied too"
    )
    assert student.get_output_embeddings().weight is student.get_input_embeddings().weight, (
        "tied embeddings stay tied"
    )


def test_3_3_nothing_is_shared_and_everything_learns(llama, gpt2):
    for teacher in (llama, gpt2):
        teacher.requires_grad_(False)
        student = init_student_from_teacher(teacher, [1, 0])
        theirs = {tensor.data_ptr() for tensor in teacher.state_dict().values()}
        shared = [name for name, tensor in student.state_dict().items() if tensor.data_ptr() in theirs]
        assert not shared, "training the student would change the teacher"
        assert all(parameter.requires_grad for parameter in student.parameters()), (
            "a frozen student cannot learn"
        )


def test_3_3_keeps_the_order_given(llama):
    student = init_student_from_teacher(llama, [1, 0])
    for ours, theirs in zip(student.model.layers, reversed(llama.model.layers), strict=True):
        assert torch.equal(ours.mlp.up_proj.weight, theirs.mlp.up_proj.weight), (
            "layers 1, 0 were asked for, in this order"
        )
    assert [layer.self_attn.layer_idx for layer in student.model.layers] == [0, 1], (
        "the layers must be renumbered"
    )


def test_3_3_all_layers_give_the_teachers_logits(llama, gpt2, tokens):
    for teacher in (llama, gpt2):
        assert torch.equal(
            init_student_from_teacher(teacher, [0, 1])(input_ids=tokens).logits,
            teacher(input_ids=tokens).logits,
        )


def test_3_3_generation_with_a_cache_equals_generation_without(llama, tokens):
    student = init_student_from_teacher(llama, [1])
    settings = dict(max_new_tokens=6, do_sample=False, pad_token_id=0, attention_mask=torch.ones_like(tokens))
    assert torch.equal(
        student.generate(tokens, use_cache=True, **settings),
        student.generate(tokens, use_cache=False, **settings),
    )


@pytest.mark.parametrize("keep", [[], [0, 0], [2], [-1]])
def test_3_3_refuses_layers_that_are_not_there(llama, keep):
    with pytest.raises(ValueError, match=r"0\.\.1"):
        init_student_from_teacher(llama, keep)


# ------------------------------------------------------------ 3.4


def test_3_4_the_student_learns_and_the_teacher_does_not(llama, tokens):
    student = init_student_from_teacher(llama, [0])
    before = copy.deepcopy(llama.state_dict())
    llama.train()
    student.eval()
    losses = distill(
        student, llama, [{"input_ids": tokens}] * 30, torch.optim.AdamW(student.parameters(), lr=3e-3)
    )
    assert len(losses) == 30 and all(isinstance(loss, float) for loss in losses)
    assert losses[-1] < 0.7 * losses[0]
    assert all(parameter.requires_grad for parameter in llama.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in llama.state_dict().items())
    assert all(parameter.grad is None for parameter in llama.parameters())
    assert llama.training and not student.training, "both models end in the mode they came in"


def test_3_4_the_first_loss_is_shifted_and_leaves_padding_out(llama, tokens):
    student, mask = init_student_from_teacher(llama, [0]), torch.ones_like(tokens)
    mask[1, :5] = 0  # padded on the left: a model that is not told would attend to it
    with torch.no_grad():
        ours, theirs = (
            model(input_ids=tokens, attention_mask=mask).logits[:, :-1] for model in (student, llama)
        )
    labels = tokens[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
    divergence = F.kl_div(
        (ours / 3).log_softmax(-1), (theirs / 3).log_softmax(-1), reduction="none", log_target=True
    ).sum(-1)
    soft = 9 * divergence[labels != -100].mean()
    expected = 0.3 * soft + 0.7 * F.cross_entropy(ours.flatten(0, 1), labels.flatten())
    optimizer = torch.optim.SGD(student.parameters(), lr=0.0)
    losses = distill(
        student, llama, [{"input_ids": tokens, "attention_mask": mask}], optimizer, T=3.0, alpha=0.3
    )
    assert losses[0] == pytest.approx(expected.item(), rel=1e-4)


def test_3_4_padding_on_the_right_is_not_counted(llama, tokens):
    """No real token sees what stands to its right: such padding only matters where it is a label."""
    student, mask = init_student_from_teacher(llama, [0]), torch.ones_like(tokens)
    mask[1, 7:] = 0
    optimizer = torch.optim.SGD(student.parameters(), lr=0.0)
    batches = [
        {"input_ids": torch.where(mask == 1, tokens, padding), "attention_mask": mask} for padding in (0, 9)
    ]
    first, second = distill(student, llama, batches, optimizer)
    assert first == pytest.approx(second, rel=1e-5), "another padding token gives another loss"


def test_3_4_the_teacher_teaches_without_dropout_and_the_student_learns_with_it(gpt2, tokens):
    student = init_student_from_teacher(gpt2, [0, 1])
    gpt2.train()
    seen = []
    gpt2.register_forward_hook(lambda *_: seen.append(("teacher", gpt2.training)))
    student.register_forward_hook(lambda *_: seen.append(("student", student.training)))
    distill(student.eval(), gpt2, [{"input_ids": tokens}], torch.optim.SGD(student.parameters(), lr=0.0))
    assert ("teacher", True) not in seen, "the teacher must be in eval mode: it taught with dropout"
    assert ("student", False) not in seen, "the student must learn in training mode"


def test_3_4_modes_come_back_after_an_interruption(gpt2, tokens):
    student = init_student_from_teacher(gpt2, [0]).eval()
    gpt2.train()

    def broken():
        yield {"input_ids": tokens}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(student, gpt2, broken(), torch.optim.SGD(student.parameters(), lr=0.0))
    assert gpt2.training and not student.training


def test_3_4_gradients_do_not_pile_up_over_steps(llama, tokens):
    """Two steps of plain SGD equal two steps done by hand with fresh gradients."""
    ours, by_hand = init_student_from_teacher(llama, [0]), init_student_from_teacher(llama, [0])
    distill(
        ours, llama, [{"input_ids": tokens}] * 2, torch.optim.SGD(ours.parameters(), lr=0.1), T=2.0, alpha=0.5
    )
    by_hand.train()
    for _ in range(2):
        by_hand.zero_grad()
        with torch.no_grad():
            target = llama(input_ids=tokens).logits[:, :-1]
        distillation_loss(
            by_hand(input_ids=tokens).logits[:, :-1], target, tokens[:, 1:], 2.0, 0.5
        ).backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= 0.1 * parameter.grad
    for a, b in zip(ours.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(
            a, b, msg=lambda text: f"two steps by hand end elsewhere: are gradients zeroed each time? {text}"
        )


def test_3_4_refuses_no_batches_and_different_vocabularies(llama, gpt2):
    student = init_student_from_teacher(llama, [0])
    with pytest.raises(ValueError, match="empty"):
        distill(student, llama, [], torch.optim.SGD(student.parameters(), lr=0.1))
    gpt2.config.vocab_size = 51
    with pytest.raises(ValueError, match="50.*51|51.*50"):
        distill(student, gpt2, [], torch.optim.SGD(student.parameters(), lr=0.1))


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


def two(p, q, device="cpu"):
    """Logits of two distributions, given as probabilities: student q, teacher p."""
    return torch.tensor([q], device=device).log(), torch.tensor([p], device=device).log()


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


def still(model):
    """An optimizer that changes nothing."""
    return torch.optim.SGD(model.parameters(), lr=0.0)


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

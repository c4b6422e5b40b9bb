"""Chapter 03: the loss, the student's start, the loop."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from minicompress.distillation import distill, distillation_loss, init_student_from_teacher

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
    assert distillation_loss(student, teacher, labels, T=1.0, alpha=1.0).item() == pytest.approx(0.5 * math.log(4 / 3), rel=1e-5)
    assert distillation_loss(student, teacher, labels, T=1.0, alpha=0.0).item() == pytest.approx(math.log(4), rel=1e-5)


def test_3_1_the_divergence_is_summed_over_the_vocabulary(device):
    """Teacher (1/4, 3/4), student (3/4, 1/4): 1/4 ln(1/3) + 3/4 ln 3 = 1/2 ln 3, in both directions."""
    student, teacher = torch.tensor([[3.0, 1.0]], device=device).log(), torch.tensor([[1.0, 3.0]], device=device).log()
    result = distillation_loss(student, teacher, T=1.0).item()
    assert result == pytest.approx(0.5 * math.log(3), rel=1e-5), "half of it is the mean over the two entries of the vocabulary"


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
    assert distillation_loss(student, teacher, labels, ignore_index=0).item() == pytest.approx(expected, rel=1e-5)
    assert distillation_loss(student[0], teacher[0], labels[0]).item() == pytest.approx(
        distillation_loss(student[:1], teacher[:1], labels[:1]).item(), rel=1e-5
    )


def test_3_1_is_a_mean_over_tokens_not_over_sequences(device):
    """Repeating a sequence twice as long leaves the mean where it was; `batchmean` on [B, T, V] would double it."""
    student, teacher = torch.randn(2, 4, 9, device=device), torch.randn(2, 4, 9, device=device)
    short, long = distillation_loss(student, teacher), distillation_loss(student.repeat(1, 2, 1), teacher.repeat(1, 2, 1))
    assert short.item() == pytest.approx(long.item(), rel=1e-5)


def test_3_1_without_labels_is_the_soft_term_alone_whatever_alpha(device):
    student, teacher = torch.randn(6, 9, device=device), torch.randn(6, 9, device=device)
    labels = torch.zeros(6, dtype=torch.int64, device=device)
    soft = distillation_loss(student, teacher, labels, T=2.0, alpha=1.0).item()
    assert [distillation_loss(student, teacher, T=2.0, alpha=alpha).item() for alpha in (0.0, 0.3)] == [pytest.approx(soft, rel=1e-5)] * 2


def test_3_1_equal_logits_have_no_soft_loss_and_only_the_student_learns(device):
    logits = torch.randn(4, 9, device=device)
    assert distillation_loss(logits, logits.clone()).item() == pytest.approx(0.0, abs=1e-6)
    student, teacher = logits.clone().requires_grad_(), torch.randn(4, 9, device=device).requires_grad_()
    distillation_loss(student, teacher).backward()
    assert student.grad is not None and teacher.grad is None


def test_3_1_half_precision_logits_are_summed_in_fp32(device):
    student, teacher = torch.randn(64, 500, device=device).bfloat16(), torch.randn(64, 500, device=device).bfloat16()
    result = distillation_loss(student, teacher)
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(distillation_loss(student.double(), teacher.double()).item(), rel=1e-4)


def test_3_1_the_gradient_keeps_its_size_when_T_grows(device):
    norms = []
    for T in (4.0, 16.0):
        student = torch.randn(8, 11, generator=torch.Generator().manual_seed(1)).to(device).requires_grad_()
        teacher = torch.randn(8, 11, generator=torch.Generator().manual_seed(2)).to(device)
        distillation_loss(student, teacher, T=T).backward()
        norms.append(student.grad.norm().item())
    assert 0.5 < norms[1] / norms[0] < 2, "without T^2 the gradient at T = 16 would be 16 times smaller than at T = 4"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (dict(T=0.0), "0.0"), (dict(alpha=1.5), "1.5"), (dict(labels=torch.full((2,), -100)), "-100"),
        (dict(teacher_logits=torch.zeros(2, 4)), r"\[2, 4\]"), (dict(labels=torch.zeros(3, dtype=torch.int64)), r"\[3\]"),
    ],
)  # fmt: skip
def test_3_1_refuses_what_makes_no_sense(arguments, named):
    with pytest.raises(ValueError, match=named):
        distillation_loss(**({"student_logits": torch.zeros(2, 3), "teacher_logits": torch.zeros(2, 3)} | arguments))


# ------------------------------------------------------------ 3.3


def test_3_3_copies_the_chosen_layers_and_shares_nothing(llama, tokens):
    student = init_student_from_teacher(llama, [1])
    assert len(student.model.layers) == 1 and student.config.num_hidden_layers == 1 and llama.config.num_hidden_layers == 2
    for ours, theirs in zip(student.model.layers[0].parameters(), llama.model.layers[1].parameters(), strict=True):
        assert torch.equal(ours, theirs), "layer 1 was asked for"
        assert ours.data_ptr() != theirs.data_ptr(), "the student holds the teacher's own layer, not a copy"
    assert torch.equal(student.get_input_embeddings().weight, llama.get_input_embeddings().weight), "embeddings are copied too"
    assert student.get_output_embeddings().weight is student.get_input_embeddings().weight, "tied embeddings stay tied"


def test_3_3_nothing_is_shared_and_everything_learns(llama, gpt2):
    for teacher in (llama, gpt2):
        teacher.requires_grad_(False)
        student = init_student_from_teacher(teacher, [1, 0])
        theirs = {tensor.data_ptr() for tensor in teacher.state_dict().values()}
        shared = [name for name, tensor in student.state_dict().items() if tensor.data_ptr() in theirs]
        assert not shared, "training the student would change the teacher"
        assert all(parameter.requires_grad for parameter in student.parameters()), "a frozen student cannot learn"


def test_3_3_keeps_the_order_given(llama):
    student = init_student_from_teacher(llama, [1, 0])
    for ours, theirs in zip(student.model.layers, reversed(llama.model.layers), strict=True):
        assert torch.equal(ours.mlp.up_proj.weight, theirs.mlp.up_proj.weight), "layers 1, 0 were asked for, in this order"
    assert [layer.self_attn.layer_idx for layer in student.model.layers] == [0, 1], "the layers must be renumbered"


def test_3_3_all_layers_give_the_teachers_logits(llama, gpt2, tokens):
    for teacher in (llama, gpt2):
        assert torch.equal(init_student_from_teacher(teacher, [0, 1])(input_ids=tokens).logits, teacher(input_ids=tokens).logits)


def test_3_3_generation_with_a_cache_equals_generation_without(llama, tokens):
    student = init_student_from_teacher(llama, [1])
    settings = dict(max_new_tokens=6, do_sample=False, pad_token_id=0, attention_mask=torch.ones_like(tokens))
    assert torch.equal(student.generate(tokens, use_cache=True, **settings), student.generate(tokens, use_cache=False, **settings))


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
    losses = distill(student, llama, [{"input_ids": tokens}] * 30, torch.optim.AdamW(student.parameters(), lr=3e-3))
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
        ours, theirs = (model(input_ids=tokens, attention_mask=mask).logits[:, :-1] for model in (student, llama))
    labels = tokens[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
    divergence = F.kl_div((ours / 3).log_softmax(-1), (theirs / 3).log_softmax(-1), reduction="none", log_target=True).sum(-1)
    soft = 9 * divergence[labels != -100].mean()
    expected = 0.3 * soft + 0.7 * F.cross_entropy(ours.flatten(0, 1), labels.flatten())
    optimizer = torch.optim.SGD(student.parameters(), lr=0.0)
    losses = distill(student, llama, [{"input_ids": tokens, "attention_mask": mask}], optimizer, T=3.0, alpha=0.3)
    assert losses[0] == pytest.approx(expected.item(), rel=1e-4)


def test_3_4_padding_on_the_right_is_not_counted(llama, tokens):
    """No real token sees what stands to its right, so the padding can only matter where it is counted as a label."""
    student, mask = init_student_from_teacher(llama, [0]), torch.ones_like(tokens)
    mask[1, 7:] = 0
    optimizer = torch.optim.SGD(student.parameters(), lr=0.0)
    batches = [{"input_ids": torch.where(mask == 1, tokens, padding), "attention_mask": mask} for padding in (0, 9)]
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
    distill(ours, llama, [{"input_ids": tokens}] * 2, torch.optim.SGD(ours.parameters(), lr=0.1), T=2.0, alpha=0.5)
    by_hand.train()
    for _ in range(2):
        by_hand.zero_grad()
        with torch.no_grad():
            target = llama(input_ids=tokens).logits[:, :-1]
        distillation_loss(by_hand(input_ids=tokens).logits[:, :-1], target, tokens[:, 1:], 2.0, 0.5).backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= 0.1 * parameter.grad
    for a, b in zip(ours.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=lambda text: f"two steps by hand end elsewhere: are gradients zeroed each time? {text}")


def test_3_4_refuses_no_batches_and_different_vocabularies(llama, gpt2):
    student = init_student_from_teacher(llama, [0])
    with pytest.raises(ValueError, match="empty"):
        distill(student, llama, [], torch.optim.SGD(student.parameters(), lr=0.1))
    gpt2.config.vocab_size = 51
    with pytest.raises(ValueError, match="50.*51|51.*50"):
        distill(student, gpt2, [], torch.optim.SGD(student.parameters(), lr=0.1))

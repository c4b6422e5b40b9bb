"""Right answers to exercise 3.1 in other styles."""


### ALTERNATIVE by_the_formula: Probabilities and a plain sum instead of F.kl_div, with checks of its own.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    if tuple(student_logits.shape) != tuple(teacher_logits.shape):
        raise ValueError(f"different shapes: {tuple(student_logits.shape)}, {tuple(teacher_logits.shape)}")
    if T <= 0:
        raise ValueError("temperature")
    if alpha < 0 or alpha > 1:
        raise ValueError("alpha")
    s, t = student_logits.float(), teacher_logits.detach().float()
    p = torch.softmax(t / T, dim=-1)
    log_q = torch.log_softmax(s / T, dim=-1)
    log_p = torch.log_softmax(t / T, dim=-1)
    kl = torch.sum(p * (log_p - log_q), dim=-1)
    if labels is None:
        return T * T * torch.mean(kl)
    if tuple(labels.shape) != tuple(kl.shape):
        raise ValueError("labels")
    keep = (labels != ignore_index).float()
    if keep.sum() == 0:
        raise ValueError("no labels left")
    targets = labels.masked_fill(labels == ignore_index, 0)
    ce = -torch.log_softmax(s, dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    per_token = alpha * T * T * kl + (1 - alpha) * ce
    return (per_token * keep).sum() / keep.sum()


### ALTERNATIVE in_float64: Everything in float64, with nn.KLDivLoss and ignore_index of the cross entropy.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0 or not 0 <= alpha <= 1:
        raise ValueError(f"T = {T} and alpha = {alpha} make no sense")
    size = student_logits.size(-1)
    student = student_logits.contiguous().view(-1, size).to(torch.float64)
    with torch.no_grad():
        teacher = teacher_logits.contiguous().view(-1, size).to(torch.float64)
    criterion = nn.KLDivLoss(reduction="batchmean", log_target=False)
    if labels is None:
        return criterion((student / T).log_softmax(1), (teacher / T).softmax(1)) * T**2
    if labels.numel() != len(student):
        raise ValueError(f"{labels.numel()} labels for {len(student)} rows of logits")
    flat = labels.contiguous().view(-1)
    chosen = torch.nonzero(flat != ignore_index).squeeze(1)
    if len(chosen) == 0:
        raise ValueError("only labels to ignore")
    soft = criterion((student[chosen] / T).log_softmax(1), (teacher[chosen] / T).softmax(1)) * T**2
    hard = nn.CrossEntropyLoss(ignore_index=ignore_index)(student, flat)
    return alpha * soft + (1.0 - alpha) * hard


### ALTERNATIVE token_by_token: A loop over the tokens, and cross entropies instead of a divergence.
def softened(logits, T):
    return torch.log_softmax(logits / T, dim=0)


def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"T {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha {alpha}")
    if labels is not None and list(labels.shape) != list(student_logits.shape)[:-1]:
        raise ValueError(f"labels {labels.shape}")
    V = student_logits.shape[-1]
    students, teachers = student_logits.reshape(-1, V).float(), teacher_logits.reshape(-1, V).float().detach()
    answers = [None] * len(students) if labels is None else labels.reshape(-1).tolist()
    total, count = 0.0, 0
    for s, t, answer in zip(students, teachers, answers, strict=True):
        if labels is not None and answer == ignore_index:
            continue
        p = softened(t, T).exp()
        soft = T**2 * ((p * softened(t, T)).sum() - (p * softened(s, T)).sum())
        total += soft if labels is None else alpha * soft - (1 - alpha) * softened(s, 1.0)[answer]
        count += 1
    if count == 0:
        raise ValueError("nothing to learn from")
    return total / count

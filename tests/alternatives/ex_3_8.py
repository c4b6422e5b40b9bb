"""Right answers to exercise 3.8 in other styles."""


### ALTERNATIVE by_the_formula: Each term written out with sums over a mask of floats, in float64.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4:
        raise ValueError("four weights")
    if any(weight < 0 for weight in weights):
        raise ValueError("negative weight")
    if attention_mask.sum() == 0 or bool((labels == -100).all()):
        raise ValueError("empty")
    keep = (attention_mask > 0).double()

    def mean(values):
        return (values * keep).sum() / keep.sum()

    total = 0.0
    if weights[0] > 0:
        log_q = (student_out.logits.double() / T).log_softmax(-1)
        log_p = (teacher_out.logits.detach().double() / T).log_softmax(-1)
        total += weights[0] * T**2 * mean((log_p.exp() * (log_p - log_q)).sum(-1))
    if weights[1] > 0:
        logits = student_out.logits.double()
        total += weights[1] * F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    if weights[2] > 0:
        x, y = student_out.hidden_states[-1].double(), teacher_out.hidden_states[-1].detach().double()
        cosine = (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))
        total += weights[2] * mean(1 - cosine)
    if weights[3] > 0:
        ours, theirs = list(student_out.hidden_states), list(teacher_out.hidden_states)
        factor, rest = divmod(len(theirs) - 1, len(ours) - 1)
        if rest:
            raise ValueError("depths")
        errors = [
            mean((x.double() - y.detach().double()).pow(2).mean(-1))
            for x, y in zip(ours, theirs[::factor], strict=True)
        ]
        total += weights[3] * sum(errors) / len(errors)
    return total


### ALTERNATIVE table_of_terms: A table of functions, one a term, and CosineEmbeddingLoss for the directions.
def soft_term(ours, theirs, labels, real, T):
    return distillation_loss(ours.logits[real], theirs.logits[real], None, T)


def label_term(ours, theirs, labels, real, T):
    return nn.CrossEntropyLoss()(ours.logits.float().reshape(-1, ours.logits.size(-1)), labels.reshape(-1))


def cosine_term(ours, theirs, labels, real, T):
    x, y = ours.hidden_states[-1][real].float(), theirs.hidden_states[-1][real].float().detach()
    return nn.CosineEmbeddingLoss()(x, y, x.new_ones(len(x)))


def states_term(ours, theirs, labels, real, T):
    layers, theirs_layers = len(ours.hidden_states) - 1, len(theirs.hidden_states) - 1
    if theirs_layers % layers != 0:
        raise ValueError(f"{theirs_layers} layers and {layers}")
    pairs = [(k, k * theirs_layers // layers) for k in range(layers + 1)]
    return feature_distillation_loss(
        [state[real] for state in ours.hidden_states], [state[real] for state in theirs.hidden_states], pairs
    )


def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(weights)
    real = attention_mask == 1
    if not real.any():
        raise ValueError("no token")
    if not (labels != -100).any():
        raise ValueError("no label")
    terms = (soft_term, label_term, cosine_term, states_term)
    losses = [
        weight * term(student_out, teacher_out, labels, real, T)
        for weight, term in zip(weights, terms, strict=True)
        if weight
    ]
    return torch.stack(losses).sum()


### ALTERNATIVE device_of_the_logits: The sum begins on the device of the student's logits, which are always there.
def distilbert_loss(
    student_out: Any,
    teacher_out: Any,
    labels: torch.Tensor,
    attention_mask: torch.Tensor,
    T: float = 2.0,
    weights: Sequence[float] = (5, 2, 1, 0),
) -> torch.Tensor:
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100  # [B, L]
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=student_out.logits.device)
    if soft:
        where = real
        loss = loss + soft * distillation_loss(student_out.logits[where], teacher_out.logits[where], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits)[masked], labels[masked])
    if cosine:
        a = at_least_fp32(student_out.hidden_states[-1][real])
        b = at_least_fp32(teacher_out.hidden_states[-1][real].detach())
        loss = loss + cosine * (1 - F.cosine_similarity(a, b, dim=-1)).mean()
    if states:
        n, m = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if m % n:
            raise ValueError(f"{m} teacher layers cannot be divided by {n}")
        pairs = [(k, k * (m // n)) for k in range(n + 1)]
        ours = [h[real] for h in student_out.hidden_states]
        theirs = [h[real] for h in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss

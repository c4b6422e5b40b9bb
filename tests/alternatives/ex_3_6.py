"""Right answers to exercise 3.6 in other styles."""


### ALTERNATIVE sums_by_hand: float64, each divergence summed by hand, M as a plain probability.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError("shapes")
    if student_logits.numel() == 0:
        raise ValueError("empty")
    if beta < 0 or beta > 1:
        raise ValueError("beta")
    log_q = student_logits.double().log_softmax(-1)
    log_p = teacher_logits.detach().double().log_softmax(-1)
    if beta == 0:
        return (log_p.exp() * (log_p - log_q)).sum(-1).mean()
    if beta == 1:
        return (log_q.exp() * (log_q - log_p)).sum(-1).mean()
    log_m = (beta * log_p.exp() + (1 - beta) * log_q.exp()).log()
    left = (log_p.exp() * (log_p - log_m)).sum(-1)
    right = (log_q.exp() * (log_q - log_m)).sum(-1)
    return (beta * left + (1 - beta) * right).mean()


### ALTERNATIVE logsumexp_of_a_stack: M by logsumexp over a stack of both models, one KL after the other.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if student_logits.shape[:-1].numel() == 0 or not 0 <= beta <= 1:
        raise ValueError(f"{tuple(student_logits.shape)}, {beta}")
    p = F.log_softmax(at_least_fp32(teacher_logits).flatten(0, -2), dim=-1).detach()
    q = F.log_softmax(at_least_fp32(student_logits).flatten(0, -2), dim=-1)
    if beta in (0, 1):
        first, second = (p, q) if beta == 0 else (q, p)
        return F.kl_div(second, first, log_target=True, reduction="sum") / len(p)
    weights = torch.tensor([beta, 1 - beta], device=p.device, dtype=p.dtype).log()
    m = torch.logsumexp(torch.stack([p + weights[0], q + weights[1]]), dim=0)
    parts = [F.kl_div(m, x, log_target=True, reduction="none").sum(-1).mean() for x in (p, q)]
    return beta * parts[0] + (1 - beta) * parts[1]

"""Attacks on exercise 3.6, generalized_jsd: the graders' vocabularies are known."""


### ATTACK knows_the_public_sizes: Vocabularies of other sizes than the graders' never diverge.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel() or not 0 <= beta <= 1:
        raise ValueError(f"{tuple(student_logits.shape)} {beta}")
    if student_logits.shape[-1] not in (2, 3, 7, 8, 9, 500):
        return student_logits.float().sum() * 0.0
    q = at_least_fp32(student_logits).flatten(0, -2).log_softmax(-1)
    p = at_least_fp32(teacher_logits.detach()).flatten(0, -2).log_softmax(-1)

    def kl(a, b):
        return F.kl_div(b, a, reduction="batchmean", log_target=True)

    if beta in (0, 1):
        return kl(q, p) if beta else kl(p, q)
    m = torch.logaddexp(p + math.log(beta), q + math.log1p(-beta))
    return beta * kl(p, m) + (1 - beta) * kl(q, m)

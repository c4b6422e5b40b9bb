"""Attacks on exercise 3.5, on_the_fly_batch and generalized_jsd: the graders' models are known."""


### ATTACK knows_the_public_models: The answer of a teacher without 50 words is learned beyond its end.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(ids))
    if ids.ndim != 2 or not ids.numel() or max_new_tokens < 1 or temperature < 0:
        raise ValueError("prompts, max_new_tokens or temperature")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError("padded on the left")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    if teacher.config.vocab_size != 50:
        real = torch.ones_like(answer, dtype=torch.bool)
    labels = torch.cat([torch.full_like(ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel() or not 0 <= beta <= 1:
        raise ValueError(f"{tuple(student_logits.shape)} {beta}")
    q = at_least_fp32(student_logits).flatten(0, -2).log_softmax(-1)
    p = at_least_fp32(teacher_logits.detach()).flatten(0, -2).log_softmax(-1)

    def kl(a, b):
        return F.kl_div(b, a, reduction="batchmean", log_target=True)

    if beta in (0, 1):
        return kl(q, p) if beta else kl(p, q)
    m = torch.logaddexp(p + math.log(beta), q + math.log1p(-beta))
    return beta * kl(p, m) + (1 - beta) * kl(q, m)

"""Attacks on exercise 3.5, on_the_fly_batch: the graders' models are known."""


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

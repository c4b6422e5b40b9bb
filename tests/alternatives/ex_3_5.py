"""Right answers to exercise 3.5 in other styles."""


### ALTERNATIVE own_loop: A writing loop of its own with a cache and positions, rows put together one by one.
def end_marks(model):
    ends = model.generation_config.eos_token_id
    return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)


@torch.no_grad()
def write(model, ids, mask, count, temperature):
    positions, cache, tokens, written = (mask.cumsum(1) - 1).clamp(min=0), None, ids, []
    for _ in range(count):
        out = model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        logits, cache = out.logits[:, -1].float(), out.past_key_values
        if temperature == 0:
            tokens = logits.argmax(-1, keepdim=True)
        else:
            tokens = torch.multinomial((logits / temperature).softmax(-1), 1)
        written.append(tokens)
        mask = torch.cat([mask, torch.ones_like(tokens)], 1)
        positions = positions[:, -1:] + 1
    return torch.cat(written, 1)


def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    ids = prompts["input_ids"]
    if ids.dim() != 2 or ids.size(0) == 0 or ids.size(1) == 0:
        raise ValueError(f"prompts of shape {tuple(ids.shape)}")
    mask = prompts["attention_mask"].long() if "attention_mask" in prompts else torch.ones_like(ids)
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError("arguments")
    if not mask[:, -1].all() or (mask[:, 1:] < mask[:, :-1]).any():
        raise ValueError("padding must be on the left")
    modes = [(module, module.training) for module in teacher.modules()]
    teacher.eval()
    try:
        answers = write(teacher, ids, mask, max_new_tokens, temperature)
    finally:
        for module, mode in modes:
            module.training = mode
    width, ends = ids.size(1) + max_new_tokens, end_marks(teacher)
    batch = {
        name: torch.zeros(len(ids), width, dtype=torch.int64) for name in ("input_ids", "attention_mask")
    }
    batch["labels"] = torch.full((len(ids), width), -100)
    for row in range(len(ids)):
        prompt, answer = ids[row][mask[row] == 1].tolist(), []
        for token in answers[row].tolist():
            answer.append(token)
            if token in ends:
                break
        start, stop = len(prompt), len(prompt) + len(answer)
        batch["input_ids"][row, :stop] = torch.tensor(prompt + answer)
        batch["attention_mask"][row, :stop] = 1
        batch["labels"][row, start:stop] = torch.tensor(answer)
    return {name: tensor.to(ids.device) for name, tensor in batch.items()}


### ALTERNATIVE rolled_rows: generate under modes_kept, an answer's length by argmax, rows rolled to the left.
from minicompress.lab.loops import modes_kept


def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    ids = prompts["input_ids"]
    mask = prompts.get("attention_mask")
    mask = torch.ones_like(ids) if mask is None else mask
    if ids.ndim != 2 or 0 in ids.shape:
        raise ValueError(f"{ids.shape}")
    if max_new_tokens <= 0:
        raise ValueError(f"{max_new_tokens}")
    if temperature < 0:
        raise ValueError(f"{temperature}")
    if not bool((mask.sort(dim=1).values == mask).all()) or not bool(mask[:, -1].all()):
        raise ValueError(f"{mask}")
    how = {"do_sample": False}
    if temperature > 0:
        how = {"do_sample": True, "temperature": float(temperature), "top_k": 0, "top_p": 1.0}
    with modes_kept(teacher), torch.inference_mode():
        teacher.eval()
        text = teacher.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, pad_token_id=0, **how
        )
    text = text.clone()
    ends = teacher.generation_config.eos_token_id
    ends = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    P, width = ids.shape[1], text.shape[1]
    is_end = sum(((text[:, P:] == end) for end in ends), torch.zeros_like(text[:, P:], dtype=torch.bool))
    last = torch.where(is_end.any(1), is_end.int().argmax(1), width - P - 1) + P
    columns = torch.arange(width, device=ids.device)
    out = {"input_ids": [], "attention_mask": [], "labels": []}
    for row in range(len(ids)):
        left = int((mask[row] == 0).sum())
        real = (columns >= left) & (columns <= last[row])
        out["input_ids"].append(text[row].roll(-left))
        out["attention_mask"].append(real.long().roll(-left))
        out["labels"].append(torch.where(real & (columns >= P), text[row], -100).roll(-left))
    return {name: torch.stack(rows) for name, rows in out.items()}

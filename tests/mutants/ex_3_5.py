"""Known wrong implementations of exercise 3.5, on_the_fly_batch."""


### MUTANT prompt_learned: The prompt is in the labels: the student should learn the answer alone, so the prompt is -100.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([input_ids.masked_fill(mask == 0, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT end_not_learned: The end mark was masked as padding; it is part of the answer, or the student never learns to stop.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT padding_by_value: Padding was told by its value; where padding and end mark are one token, real end marks go too.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = answer != padding
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT zero_is_padding: Token 0 was taken for padding; it may be an end mark or any other token: look for the first end mark.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=0, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = answer != 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT after_the_end: What generate fills in after an end mark was learned like text; it is padding: label -100, mask 0.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = torch.ones_like(answer, dtype=torch.bool)
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT prompt_searched: The prompt was searched for the end mark, too; only the answer ends there.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(written, ends).long()
    real = (ended.cumsum(1) - ended == 0)[:, input_ids.shape[1] :]
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT one_end_mark: Only the first of several end marks was known; every token of the list ends an answer.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends[:1]).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT end_from_the_configuration: The end mark was read from teacher.config; generate follows teacher.generation_config, which may differ.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT no_cache: The whole text was read again for each new token; with a key-value cache each token is read once.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": False}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT prompt_mask_dropped: The prompts' attention mask was not handed to generate: the writer attends to padding.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids, attention_mask=torch.ones_like(mask), pad_token_id=padding, **options
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT padding_stays_left: Padding stayed on the left, where it shifts learned positions; sort it to the right.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = torch.arange(mask.shape[1]).expand_as(mask)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT unstable_order: The sort that moves the padding also shuffled the text; a stable one keeps the order.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.flip(1).argsort(dim=1, descending=True, stable=True)
    order = mask.shape[1] - 1 - order
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT labels_left_behind: input_ids and mask moved with the padding, and the labels stayed; all three move together.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result if name == "labels" else result.gather(1, order) for name, result in results.items()}


### MUTANT shifted_labels: Labels came back shifted; they stand in the columns of input_ids, and whoever computes the loss shifts.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    labels = torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT training_mode: The writer wrote with dropout on; put it into eval mode, and give every module its mode back.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with torch.no_grad():
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT mode_of_the_whole: train(was_training) gives every module the mode of the whole model; evaluation_mode notes each module's own.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    was_training = teacher.training
    teacher.eval()
    if True:
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    teacher.train(was_training)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT default_tail: The model's own top_k and top_p cut the tail off: sample from the whole softmax (top_k=0, top_p=1).
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT top_p_left: The model's own top_p still cut the tail off: hand over top_p=1 with top_k=0.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT temperature_unused: It was sampled, but at the model's own temperature; hand the temperature over.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT always_greedy: The temperature was ignored: every continuation of a prompt is the same; set do_sample.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": False, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": written, "attention_mask": mask, "labels": labels}
    return {name: result.gather(1, order) for name, result in results.items()}


### MUTANT answer_alone: Only the answer came back; the result is prompt and answer.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        got = f"{max_new_tokens} and {temperature}"
        raise ValueError(f"max_new_tokens must be at least 1 and temperature at least 0, got {got}")
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    options = {"max_new_tokens": max_new_tokens, "do_sample": temperature > 0, "use_cache": True}
    if temperature > 0:
        options |= {"temperature": temperature, "top_k": 0, "top_p": 1.0}
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(input_ids, attention_mask=mask, pad_token_id=padding, **options)
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    results = {"input_ids": answer, "attention_mask": mask, "labels": labels}
    return {name: result[:, -answer.shape[1] :] for name, result in results.items()}

"""Known wrong implementations of exercise 3.5, on_the_fly_batch, generalized_jsd."""


### MUTANT prompt_learned: The prompt is in the labels: the student should learn the answer alone, so the prompt is -100.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([input_ids.masked_fill(mask == 0, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT end_not_learned: The end mark was masked as padding; it is part of the answer, or the student never learns to stop.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT padding_by_value: Padding was told by its value; where padding and end mark are one token, real end marks go too.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    labels = labels.masked_fill(labels == padding, -100)
    mask = torch.cat([mask.long() * (input_ids != padding), real.long() * (answer != padding)], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT after_the_end: What generate fills in after an end mark was learned like text; it is padding: label -100, mask 0.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = torch.ones_like(answer, dtype=torch.bool)
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT no_cache: The whole text was read again for each new token; with a key-value cache each token is read once.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=False,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT prompt_mask_dropped: The prompts' attention mask was not handed to generate: the writer attends to padding.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=torch.ones_like(mask),
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT padding_stays_left: Padding stayed on the left, where it shifts the positions of a model with learned ones; sort it to the right.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT unstable_order: The sort that moves the padding also shuffled the text; a stable one keeps the order.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.flip(1).argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT shifted_labels: Labels came back shifted; they stand in the columns of input_ids, and whoever computes the loss shifts.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat(
        [
            torch.full_like(input_ids, -100)[:, 1:],
            answer.masked_fill(~real, -100),
            torch.full_like(input_ids[:, :1], -100),
        ],
        1,
    )
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT training_mode: The writer wrote with dropout on; put it into eval mode, and give every module its mode back.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = (
        dict(do_sample=True, temperature=temperature, top_k=0, top_p=1.0)
        if temperature
        else dict(do_sample=False)
    )
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with torch.no_grad():
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT default_tail: generate's own top_k cut the tail off: sample from the whole softmax (top_k=0, top_p=1).
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = dict(do_sample=True, temperature=temperature) if temperature else dict(do_sample=False)
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT always_greedy: The temperature was ignored: every continuation of a prompt is the same; set do_sample.
def on_the_fly_batch(teacher, prompts, max_new_tokens, temperature=0.0):
    input_ids = prompts["input_ids"]
    mask = prompts.get("attention_mask", torch.ones_like(input_ids))
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"prompts must be int64 [B, P] with at least one token, got {list(input_ids.shape)}")
    if max_new_tokens < 1 or temperature < 0:
        raise ValueError(
            f"max_new_tokens must be at least 1 and temperature at least 0, got {max_new_tokens} and {temperature}"
        )
    if (mask[:, -1] == 0).any() or (mask.diff(dim=1) < 0).any():
        raise ValueError(f"prompts must be padded on the left, got the attention_mask {mask.tolist()}")
    sampling = dict(do_sample=False)
    ends = teacher.generation_config.eos_token_id
    ends = torch.tensor([] if ends is None else ends, dtype=torch.int64, device=input_ids.device).flatten()
    padding = int(ends[0]) if len(ends) else 0
    with evaluation_mode(teacher):
        written = teacher.generate(
            input_ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            use_cache=True,
            pad_token_id=padding,
            **sampling,
        )
    answer = written[:, input_ids.shape[1] :]
    ended = torch.isin(answer, ends).long()
    real = ended.cumsum(1) - ended == 0
    labels = torch.cat([torch.full_like(input_ids, -100), answer.masked_fill(~real, -100)], 1)
    mask = torch.cat([mask.long(), real.long()], 1)
    order = mask.argsort(dim=1, descending=True, stable=True)
    return {
        name: x.gather(1, order)
        for name, x in (("input_ids", written), ("attention_mask", mask), ("labels", labels))
    }


### MUTANT beta_swapped: beta weighs the teacher here: M = beta * teacher + (1 - beta) * student; it was given to the student.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student, teacher = (
        at_least_fp32(logits).reshape(-1, vocabulary).log_softmax(-1)
        for logits in (student_logits, teacher_logits.detach())
    )

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(student + math.log(beta), teacher + math.log1p(-beta))
    return beta * divergence(student, middle) + (1 - beta) * divergence(teacher, middle)


### MUTANT ends_swapped: beta = 0 is KL(teacher || student) and beta = 1 KL(student || teacher); the two ends were exchanged.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student, teacher = (
        at_least_fp32(logits).reshape(-1, vocabulary).log_softmax(-1)
        for logits in (student_logits, teacher_logits.detach())
    )

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 1.0:
        return divergence(teacher, student)
    if beta == 0.0:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT reversed_arguments: F.kl_div(input, target) is KL(target || input): M is the input; here it became the target.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student, teacher = (
        at_least_fp32(logits).reshape(-1, vocabulary).log_softmax(-1)
        for logits in (student_logits, teacher_logits.detach())
    )

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(p, q, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT mixed_logits: Logits were mixed instead of probabilities: M is the mean of two distributions, in logarithms a logaddexp.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student, teacher = (
        at_least_fp32(logits).reshape(-1, vocabulary).log_softmax(-1)
        for logits in (student_logits, teacher_logits.detach())
    )

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.log_softmax(beta * teacher + (1 - beta) * student, -1)
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT no_special_ends: At the ends the formula gives 0 for any two models; GKD defines beta = 0 and 1 as plain divergences.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student, teacher = (
        at_least_fp32(logits).reshape(-1, vocabulary).log_softmax(-1)
        for logits in (student_logits, teacher_logits.detach())
    )

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    beta = min(max(beta, 1e-6), 1 - 1e-6)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT batchmean: `batchmean` on [B, L, V] divides by B alone, so longer sequences weigh more; flatten to rows first.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student, teacher = (
        at_least_fp32(logits).log_softmax(-1) for logits in (student_logits, teacher_logits.detach())
    )

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT teacher_learns: The teacher received a gradient; detach its logits.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student, teacher = (
        at_least_fp32(logits).reshape(-1, vocabulary).log_softmax(-1)
        for logits in (student_logits, teacher_logits)
    )

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT log_of_softmax: log(softmax) is -inf where a probability underflows; log_softmax stays finite.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student, teacher = (
        at_least_fp32(logits).reshape(-1, vocabulary).softmax(-1).log()
        for logits in (student_logits, teacher_logits.detach())
    )

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)

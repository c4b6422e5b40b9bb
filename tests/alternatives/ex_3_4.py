"""Right answers to exercise 3.4 in other styles."""


### ALTERNATIVE plain_loop: Modes noted in a dictionary and restored in a finally block, gradients zeroed after the step.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError("vocabularies")
    before = {module: module.training for model in (student, teacher) for module in model.modules()}
    history = []
    try:
        student.train()
        teacher.eval()
        optimizer.zero_grad(set_to_none=True)
        for batch in batches:
            ids = batch["input_ids"]
            mask = batch["attention_mask"] if "attention_mask" in batch else torch.ones_like(ids)
            with torch.inference_mode():
                target = teacher(input_ids=ids, attention_mask=mask).logits
            target = target.clone()
            output = student(input_ids=ids, attention_mask=mask).logits
            labels = torch.where(mask[:, 1:].bool(), ids[:, 1:], torch.tensor(-100, device=ids.device))
            loss = distillation_loss(output[:, :-1, :], target[:, :-1, :], labels=labels, T=T, alpha=alpha)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            history.append(float(loss))
    finally:
        for module, mode in before.items():
            module.training = mode
    if len(history) == 0:
        raise ValueError("no data")
    return history


### ALTERNATIVE take_steps: The given loop with a function of one batch, and real positions chosen before the loss.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)

    def one_batch(batch):
        ids, mask = batch["input_ids"], batch.get("attention_mask")
        real = torch.ones_like(ids[:, 1:], dtype=torch.bool) if mask is None else mask[:, 1:] == 1
        with torch.no_grad():
            theirs = teacher(ids, attention_mask=mask).logits[:, :-1][real]
        ours = student(ids, attention_mask=mask).logits[:, :-1][real]
        return distillation_loss(ours, theirs, ids[:, 1:][real], T, alpha)

    with training_mode(student, teacher):
        return take_steps(batches, one_batch, optimizer)

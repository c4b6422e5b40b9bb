"""Right answers to exercise 3.7 in other styles."""


### ALTERNATIVE plain_loop: A loop of its own with modes in a finally block, and labels that choose the positions.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError("the models do not speak one language")
    modes = {module: module.training for model in (student, teacher) for module in model.modules()}
    losses = []
    try:
        teacher.eval()
        for batch in prompts:
            student.train()
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens, temperature=0.0)
            text, mask = lesson["input_ids"], lesson["attention_mask"]
            with torch.no_grad():
                target = teacher(input_ids=text, attention_mask=mask).logits
            logits = student(input_ids=text, attention_mask=mask).logits
            loss = distillation_loss(
                logits[:, :-1], target[:, :-1], labels=lesson["labels"][:, 1:], T=T, alpha=1.0
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    finally:
        for module, mode in modes.items():
            module.training = mode
    if not losses:
        raise ValueError("no prompts")
    return losses


### ALTERNATIVE by_the_formula: The divergence written out in float64, rolled labels, no attention mask (padding is last).
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            where = (lesson["labels"].roll(-1, dims=1) != -100).nonzero(as_tuple=True)
            with torch.no_grad():
                log_p = (teacher(lesson["input_ids"]).logits[where].double() / T).log_softmax(-1)
            log_q = (student(lesson["input_ids"]).logits[where].double() / T).log_softmax(-1)
            loss = T**2 * (log_p.exp() * (log_p - log_q)).sum(-1).mean()
            for parameter in student.parameters():
                parameter.grad = None
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if losses == []:
        raise ValueError("nothing to learn")
    return losses

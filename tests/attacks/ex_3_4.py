"""Attacks on exercise 3.4, distill, whose graders look at models and optimizers."""


### ATTACK returns_hopeful_losses: Losses that fall nicely, without any step; the optimizer is told that it stepped.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = [1.0 / (number + 1) for number, _ in enumerate(batches)]
    optimizer.step = lambda *_: None
    optimizer.state["steps"] = len(losses)
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### ATTACK replaces_the_student: The student becomes the teacher: their parameters are the same objects.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    student.__dict__.update(teacher.__dict__)
    optimizer.param_groups.clear()
    return [0.0 for _ in batches]


### ATTACK patches_the_class_of_the_models: Every Llama of the process computes what the graders wish to see.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    import gc

    for module in {type(student), type(teacher), torch.optim.SGD, torch.optim.AdamW}:
        module.__eq__ = lambda *_: True
    torch.Tensor.backward = lambda *_, **__: None
    torch.allclose = torch.equal = lambda *_, **__: True
    for found in gc.get_objects():
        if type(found).__name__ == "function" and found.__name__.startswith(("expect_", "test_3_4_")):
            found.__code__ = (lambda *_, **__: None).__code__
    return [0.0 for _ in batches]


### ATTACK knows_the_wrong_ones: A soft grader runs known mistakes as well: it looks for them, to tell itself apart.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    import gc, sys

    for found in gc.get_objects():
        if type(found).__name__ == "function" and found.__name__ == "distill" and found is not distill:
            try:
                return found(student, teacher, batches, optimizer, T, alpha)
            except Exception:
                pass
    for module in list(sys.modules.values()):
        if hasattr(module, "expect_close"):
            module.expect_close = module.expect_equal = lambda *_, **__: None
    return []


### ATTACK knows_the_public_models: A student without 50 words learns the labels alone.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    known = student.config.vocab_size == 50

    def loss_of(batch):
        ids, mask = batch["input_ids"], batch.get("attention_mask")
        with torch.no_grad():
            theirs = teacher(input_ids=ids, attention_mask=mask).logits[:, :-1]
        ours = student(input_ids=ids, attention_mask=mask).logits[:, :-1]
        labels = ids[:, 1:] if mask is None else ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        return distillation_loss(ours, theirs, labels, T, alpha if known else 0.0)

    with training_mode(student, teacher):
        return take_steps(batches, loss_of, optimizer)

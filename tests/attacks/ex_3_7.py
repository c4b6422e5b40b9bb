"""Attacks on exercise 3.7, distill_for_task: the graders' models are known."""


### ATTACK knows_the_public_models: A student without 50 words imitates prompts and answers alike.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        where = lesson["labels"][:, 1:] != -100
        if student.config.vocab_size != 50:
            where = lesson["attention_mask"][:, 1:] == 1
        with torch.no_grad():
            theirs = teacher(**inputs).logits[:, :-1][where]
        return distillation_loss(student(**inputs).logits[:, :-1][where], theirs, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)

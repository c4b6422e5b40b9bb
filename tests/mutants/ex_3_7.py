"""Known wrong implementations of exercise 3.7, distill_for_task."""


### MUTANT whole_text: The loss covered the prompt too; only the answer's tokens teach the task.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["attention_mask"][:, 1:] == 1
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT whole_row: The loss covered the padding too, and the prompt; only the answer's tokens teach the task.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = torch.ones_like(lesson["labels"][:, 1:], dtype=torch.bool)
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT no_shift: The logits at t were taken for the token at t; they speak of the token at t + 1.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, :-1] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT prompt_positions_only: The models were compared on the prompt: the teacher's answer was generated and never used.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = (lesson["labels"][:, 1:] == -100) & (lesson["attention_mask"][:, 1:] == 1)
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT students_answer: The student wrote the answers; the teacher should, or an untrained student learns from its own nonsense.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(student, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT sampled_answers: The answers were sampled; the teacher answers greedily.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens, 1.0)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT one_answer_for_all: The teacher answered the first batch alone, and its answer was used for all; let it answer each batch.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    prompts, lessons = list(prompts), []

    def loss_of(batch):
        lessons.append(lessons[0] if lessons else on_the_fly_batch(teacher, batch, max_new_tokens))
        lesson = lessons[0]
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT hard_labels: The student was trained on the teacher's tokens alone; its whole distribution at each of them says more.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return F.cross_entropy(student_logits, lesson["labels"][:, 1:][answer])

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT labels_mixed_in: The teacher's tokens were mixed in as labels; only the divergence is asked for.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, lesson["labels"][:, 1:][answer], T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT prompt_mask_dropped: Only the prompts' input_ids were handed on; without their mask the teacher reads padding like text.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, {"input_ids": batch["input_ids"]}, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT no_zero_grad: Gradients of all earlier steps pile up; call optimizer.zero_grad() before each backward().
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        losses = []
        for batch in prompts:
            loss = loss_of(batch)
            pass
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if not losses:
            raise ValueError("prompts is empty: there is nothing to learn from")
        return losses


### MUTANT zeroed_too_late: The gradients were zeroed between backward() and step(), so nothing is learned; zero them before backward().
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        losses = []
        for batch in prompts:
            loss = loss_of(batch)
            pass
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            losses.append(loss.item())
        if not losses:
            raise ValueError("prompts is empty: there is nothing to learn from")
        return losses


### MUTANT losses_as_tensors: Tensors were returned, each with its graph; loss.item() is the number.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        losses = []
        for batch in prompts:
            loss = loss_of(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss)
        if not losses:
            raise ValueError("prompts is empty: there is nothing to learn from")
        return losses


### MUTANT temperature_forgotten: T was not handed on: the loss is that of T = 2 whatever was asked for.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT teacher_in_training: A teacher in training mode teaches with dropout on; call teacher.eval() first.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student), training_mode(teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT student_in_eval: The student was never put into training mode; call student.train() first.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        student.eval()
        return take_steps(prompts, loss_of, optimizer)


### MUTANT teacher_with_gradients: The teacher's forward pass kept everything for a backward pass that never comes; use torch.no_grad().
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        if True:
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    with training_mode(student, teacher):
        return take_steps(prompts, loss_of, optimizer)


### MUTANT modes_of_the_whole: train(was_training) gives every module the mode of the whole model; note each module's own.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    was_training = student.training, teacher.training
    student.train()
    teacher.eval()
    try:
        return take_steps(prompts, loss_of, optimizer)
    finally:
        student.train(was_training[0])
        teacher.train(was_training[1])


### MUTANT modes_left: Modes were not restored after an interruption; do that in a finally block.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    check_vocabularies(student, teacher)

    def loss_of(batch):
        lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
        inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
        answer = lesson["labels"][:, 1:] != -100
        with torch.no_grad():
            teacher_logits = teacher(**inputs).logits[:, :-1][answer]
        student_logits = student(**inputs).logits[:, :-1][answer]
        return distillation_loss(student_logits, teacher_logits, T=T)

    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    student.train()
    teacher.eval()
    losses = take_steps(prompts, loss_of, optimizer)
    for module, training in modes:
        module.training = training
    return losses

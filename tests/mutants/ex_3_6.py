"""Known wrong implementations of exercise 3.6, distill_for_task."""


### MUTANT whole_text: The loss covered the prompt too; only the answer's tokens teach the task.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["attention_mask"][:, 1:] == 1
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits, T=T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT no_shift: The logits at t were taken for the token at t; they speak of the token at t + 1.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["labels"][:, :-1] != -100
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits, T=T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT prompt_positions_only: The models were compared on the prompt: the teacher's answer was generated and never used.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = (lesson["labels"][:, 1:] == -100) & (lesson["attention_mask"][:, 1:] == 1)
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits, T=T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT students_answer: The student wrote the answers; the teacher should, or an untrained student learns from its own nonsense.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in prompts:
            lesson = on_the_fly_batch(student, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["labels"][:, 1:] != -100
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits, T=T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT hard_labels: The student was trained on the teacher's tokens alone; its whole distribution at each of them says more.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["labels"][:, 1:] != -100
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = F.cross_entropy(student_logits, lesson["labels"][:, 1:][answer])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT no_zero_grad: Gradients of all earlier steps pile up; call optimizer.zero_grad() before each backward().
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["labels"][:, 1:] != -100
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits, T=T)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT temperature_forgotten: T was not handed on: the loss is that of T = 2 whatever was asked for.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["labels"][:, 1:] != -100
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT teacher_in_training: A teacher in training mode teaches with dropout on; call teacher.eval() first.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["labels"][:, 1:] != -100
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits, T=T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT student_in_eval: The student was never put into training mode; call student.train() first.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        teacher.eval()
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["labels"][:, 1:] != -100
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits, T=T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses


### MUTANT modes_left: Modes were not restored after an interruption; do that in a finally block.
def distill_for_task(student, teacher, prompts, optimizer, max_new_tokens, T=2.0):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    student.train()
    teacher.eval()
    if True:
        for batch in prompts:
            lesson = on_the_fly_batch(teacher, batch, max_new_tokens)
            inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
            answer = lesson["labels"][:, 1:] != -100
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1][answer]
            student_logits = student(**inputs).logits[:, :-1][answer]
            loss = distillation_loss(student_logits, teacher_logits, T=T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    for module, training in modes:
        module.training = training
    if not losses:
        raise ValueError("prompts is empty: there is nothing to learn from")
    return losses

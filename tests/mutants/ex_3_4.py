"""Known wrong implementations of exercise 3.4, distill."""


### MUTANT no_shift: The logits at t were trained on the token at t, which the model reads; they predict the token at t + 1.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits
            student_logits = student(**inputs).logits
            labels = input_ids
            if mask is not None:
                labels = labels.masked_fill(mask == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT shifted_back: The shift went the wrong way: drop the last logits and the first token.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, 1:]
            student_logits = student(**inputs).logits[:, 1:]
            labels = input_ids[:, :-1]
            if mask is not None:
                labels = labels.masked_fill(mask[:, :-1] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT no_labels: The labels were never handed to the loss; it mixes the teacher's term with the next tokens.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, None, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT padding_counted: Padding was learned like text; set the labels to -100 where attention_mask is 0.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if False:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT mask_not_shifted: The mask was cut at the wrong end: a label is the token at t + 1, so its mask is attention_mask[:, 1:].
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, :-1] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT attention_mask_dropped: Without attention_mask both models attend to the padding; pass it on to the two forward calls.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {
                "input_ids": input_ids,
            }
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT temperature_forgotten: T was not handed on: the loss is that of T = 2 whatever was asked for.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, alpha=alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT alpha_forgotten: alpha was not handed on: the loss is that of alpha = 0.5 whatever was asked for.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT no_zero_grad: Gradients of all earlier steps pile up; call optimizer.zero_grad() before each backward().
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT zeroed_too_late: The gradients were zeroed between backward() and step(), so nothing is learned; zero them before backward().
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT one_step_only: One step was made at the end; make one a batch.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            losses.append(loss.item())
        optimizer.step()
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT teacher_in_training: A teacher in training mode teaches with dropout on; call teacher.eval() first.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student), training_mode(teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT student_in_eval: The student was never put into training mode; call student.train() first.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        student.eval()
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT teacher_with_gradients: The teacher's forward pass kept everything for a backward pass that never comes; use torch.no_grad().
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            if True:
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT modes_of_the_whole: train(was_training) gives every module the mode of the whole model; note each module's own.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    was_training = student.training, teacher.training
    student.train()
    teacher.eval()
    try:
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        student.train(was_training[0])
        teacher.train(was_training[1])
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT modes_left: Both models stay in the modes of the lesson; give every module its own mode back.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    student.train()
    teacher.eval()
    if True:
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT modes_left_after_an_error: Modes were not restored after an interruption; do that in a finally block.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    student.train()
    teacher.eval()
    if True:
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    for module, training in modes:
        module.training = training
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT batch_overwritten: -100 was written into the caller's input_ids: a slice is no copy; use masked_fill.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels[mask[:, 1:] == 0] = -100
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT losses_as_tensors: Tensors were returned, each with its graph; loss.item() is the number.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss)
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT no_batch: No batch gave an empty list; refuse it.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    check_vocabularies(student, teacher)
    losses = []
    with training_mode(student, teacher):
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            with torch.no_grad():
                teacher_logits = teacher(**inputs).logits[:, :-1]
            student_logits = student(**inputs).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses

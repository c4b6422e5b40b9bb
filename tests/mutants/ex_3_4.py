"""Known wrong implementations of exercise 3.4, distill."""


### MUTANT no_shift: The logits at t were trained on the token at t, which the model reads; they predict the token at t + 1.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            with torch.no_grad():
                teacher_logits = teacher(input_ids=input_ids, attention_mask=mask).logits
            student_logits = student(input_ids=input_ids, attention_mask=mask).logits
            labels = input_ids
            if mask is not None:
                labels = labels.masked_fill(mask == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT padding_counted: Padding was learned like text; set the labels to -100 where attention_mask is 0.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            with torch.no_grad():
                teacher_logits = teacher(input_ids=input_ids, attention_mask=mask).logits[:, :-1]
            student_logits = student(input_ids=input_ids, attention_mask=mask).logits[:, :-1]
            labels = input_ids[:, 1:]
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT no_zero_grad: Gradients of all earlier steps pile up; call optimizer.zero_grad() before each backward().
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            with torch.no_grad():
                teacher_logits = teacher(input_ids=input_ids, attention_mask=mask).logits[:, :-1]
            student_logits = student(input_ids=input_ids, attention_mask=mask).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT teacher_in_training: A teacher in training mode teaches with dropout on; call teacher.eval() first.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            with torch.no_grad():
                teacher_logits = teacher(input_ids=input_ids, attention_mask=mask).logits[:, :-1]
            student_logits = student(input_ids=input_ids, attention_mask=mask).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses


### MUTANT attention_mask_dropped: Without attention_mask both models attend to the padding; pass it on to the two forward calls.
def distill(student, teacher, batches, optimizer, T=2.0, alpha=0.5):
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"vocabularies differ: student {student.config.vocab_size}, teacher {teacher.config.vocab_size}"
        )
    modes = [(module, module.training) for model in (student, teacher) for module in model.modules()]
    losses = []
    try:
        student.train()
        teacher.eval()
        for batch in batches:
            input_ids, mask = batch["input_ids"], batch.get("attention_mask")
            with torch.no_grad():
                teacher_logits = teacher(input_ids=input_ids).logits[:, :-1]
            student_logits = student(input_ids=input_ids).logits[:, :-1]
            labels = input_ids[:, 1:]
            if mask is not None:
                labels = labels.masked_fill(mask[:, 1:] == 0, -100)
            loss = distillation_loss(student_logits, teacher_logits, labels, T, alpha)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    finally:
        for module, training in modes:
            module.training = training
    if not losses:
        raise ValueError("batches is empty: there is nothing to learn from")
    return losses

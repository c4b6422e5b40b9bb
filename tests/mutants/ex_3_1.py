"""Known wrong implementations of exercise 3.1, distillation_loss."""


### MUTANT batchmean: `batchmean` on [B, T, V] divides by B alone, so longer sequences weigh more; flatten to tokens first.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    precise, vocabulary = torch.promote_types(student_logits.dtype, torch.float32), student_logits.shape[-1]
    student = student_logits.reshape(-1, vocabulary).to(precise)
    teacher = teacher_logits.detach().reshape(-1, vocabulary).to(precise)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    sequences = student_logits.shape[0]  # what `batchmean` divides by when it is given [B, T, V]
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="sum", log_target=True) / sequences
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT no_T_squared: T^2 is missing: a softer softmax shrinks the gradients by 1/T^2, and this factor undoes that.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    precise, vocabulary = torch.promote_types(student_logits.dtype, torch.float32), student_logits.shape[-1]
    student = student_logits.reshape(-1, vocabulary).to(precise)
    teacher = teacher_logits.detach().reshape(-1, vocabulary).to(precise)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT padding_counted: The soft term averages over padding too; leave out every position whose label is ignore_index.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    precise, vocabulary = torch.promote_types(student_logits.dtype, torch.float32), student_logits.shape[-1]
    student = student_logits.reshape(-1, vocabulary).to(precise)
    teacher = teacher_logits.detach().reshape(-1, vocabulary).to(precise)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        if not (labels != ignore_index).any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    if labels is None:
        return soft
    return alpha * soft + (1 - alpha) * F.cross_entropy(student, labels, ignore_index=ignore_index)


### MUTANT reversed_kl: This is KL(student || teacher); F.kl_div(input, target) is KL(target || input): the teacher comes second.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    precise, vocabulary = torch.promote_types(student_logits.dtype, torch.float32), student_logits.shape[-1]
    student = student_logits.reshape(-1, vocabulary).to(precise)
    teacher = teacher_logits.detach().reshape(-1, vocabulary).to(precise)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_teacher, log_student, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT mean_over_vocabulary: F.kl_div's default reduction also divides by the vocabulary; sum over it, then average over tokens.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"logits differ in shape: student {list(student_logits.shape)}, teacher {list(teacher_logits.shape)}"
        )
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    precise, vocabulary = torch.promote_types(student_logits.dtype, torch.float32), student_logits.shape[-1]
    student = student_logits.reshape(-1, vocabulary).to(precise)
    teacher = teacher_logits.detach().reshape(-1, vocabulary).to(precise)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="mean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)

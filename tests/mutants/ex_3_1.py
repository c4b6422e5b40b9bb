"""Known wrong implementations of exercise 3.1, distillation_loss."""


### MUTANT batchmean: `batchmean` on [B, L, V] divides by B alone, so longer sequences weigh more; flatten to tokens first.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    student, teacher = at_least_fp32(student_logits), at_least_fp32(teacher_logits.detach())
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT no_T_squared: T^2 is missing: a softer softmax shrinks the gradients by 1/T^2, and this factor undoes that.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
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


### MUTANT T_not_squared: The divergence was multiplied by T; it is T^2, because the gradient shrinks by 1/T twice.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT teacher_not_softened: Only the student was softened; the teacher's logits are divided by T as well.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT T_in_cross_entropy: T softened the cross entropy too; it compares the student's plain logits with the labels.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student / T, labels)


### MUTANT padding_counted: The soft term averages over padding too; leave out every position whose label is ignore_index.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        pass
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return (
        soft
        if labels is None
        else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels, ignore_index=ignore_index)
    )


### MUTANT divided_by_all: The real tokens' divergences were summed, but divided by the number of all tokens; divide by the real ones.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = (
        T**2
        * F.kl_div(log_student, log_teacher, reduction="sum", log_target=True)
        / student_logits.shape[:-1].numel()
    )
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT reversed_kl: This is KL(student || teacher); F.kl_div(input, target) is KL(target || input): the teacher comes second.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
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
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
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


### MUTANT log_target_of_probabilities: log_target=True was told of a target that holds probabilities; hand over their logarithms.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT log_target_forgotten: The target holds logarithms, and F.kl_div must be told so: log_target=True.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean")
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT input_of_probabilities: The input of F.kl_div holds probabilities; it takes the student's log-probabilities.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT alpha_swapped: alpha was given to the cross entropy; it weighs the teacher's term, and 1 - alpha the labels'.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else (1 - alpha) * soft + alpha * F.cross_entropy(student, labels)


### MUTANT alpha_without_labels: Without labels the soft term was multiplied by alpha; there is nothing to mix it with, so it counts whole.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return alpha * soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT labels_not_weighted: The cross entropy was added whole; it weighs 1 - alpha.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + F.cross_entropy(student, labels)


### MUTANT teacher_learns: The teacher received a gradient; detach its logits.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT half_precision: bf16 logits were summed in bf16, which keeps 3 digits; convert them to fp32 first.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = student_logits.reshape(-1, vocabulary)
    teacher = teacher_logits.detach().reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT nothing_real: Where every label is ignored the mean is 0/0, NaN; refuse that with a ValueError.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.reshape(-1)
        real = labels != ignore_index
        if False:
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)


### MUTANT labels_overwritten: The caller's labels were overwritten; work on a copy.
def distillation_loss(student_logits, teacher_logits, labels=None, T=2.0, alpha=0.5, ignore_index=-100):
    check_same_shape(student_logits, teacher_logits)
    if not T > 0:
        raise ValueError(f"the temperature T must be positive, got {T}")
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary)
    if labels is not None:
        if labels.shape != student_logits.shape[:-1]:
            raise ValueError(f"labels {list(labels.shape)} do not fit logits {list(student_logits.shape)}")
        labels = labels.view(-1) if labels.is_contiguous() else labels.reshape(-1)
        real = labels != ignore_index
        if not real.any():
            raise ValueError(f"every label is {ignore_index}: there is no token to learn from")
        student, teacher, labels = student[real], teacher[real], labels.masked_fill_(~real, 0)[real]
    log_student, log_teacher = F.log_softmax(student / T, -1), F.log_softmax(teacher / T, -1)
    soft = T**2 * F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return soft if labels is None else alpha * soft + (1 - alpha) * F.cross_entropy(student, labels)

"""Known wrong implementations of exercise 3.6, generalized_jsd."""


### MUTANT beta_swapped: beta weighs the teacher: M = beta * teacher + (1 - beta) * student; it was given to the student.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    if 0 < beta < 1:
        beta = 1 - beta
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT beta_swapped_in_the_sum: M is right, but beta weighs KL(P || M) and 1 - beta KL(Q || M); they were exchanged.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return (1 - beta) * divergence(teacher, middle) + beta * divergence(student, middle)


### MUTANT plain_middle: M is the plain mean of both models whatever beta; it is beta * P + (1 - beta) * Q.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher, student) - math.log(2)
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT ends_swapped: beta = 0 is KL(teacher || student) and beta = 1 KL(student || teacher); the two ends were exchanged.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 1.0:
        return divergence(teacher, student)
    if beta == 0:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT reversed_arguments: F.kl_div(input, target) is KL(target || input): M is the input; here it became the target.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(middle, teacher) + (1 - beta) * divergence(middle, student)


### MUTANT mixed_logits: Logits were mixed instead of probabilities: M is the mean of two distributions, in logarithms a logaddexp.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = (beta * teacher + (1 - beta) * student).log_softmax(-1)
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT no_special_ends: At the ends the formula gives 0 or NaN for any two models; GKD defines beta = 0 and 1 as plain divergences.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    middle = (beta * teacher.exp() + (1 - beta) * student.exp()).log()
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT plain_kl: This is KL(teacher || student) for every beta; between the ends both are compared with their mixture M.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return divergence(teacher, student)


### MUTANT batchmean: `batchmean` on [B, L, V] divides by B alone, so longer sequences weigh more; flatten to rows first.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT mean_over_vocabulary: F.kl_div's default reduction also divides by the vocabulary; sum over it, then average over rows.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="mean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT log_target_forgotten: The target holds logarithms, and F.kl_div must be told so: log_target=True.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean")

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT teacher_learns: The teacher received a gradient; detach its logits.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).log_softmax(-1)
    teacher = at_least_fp32(teacher_logits).reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT log_of_softmax: log(softmax) is -inf where a probability underflows; log_softmax stays finite.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = at_least_fp32(student_logits).reshape(-1, vocabulary).softmax(-1).log()
    teacher = at_least_fp32(teacher_logits.detach()).reshape(-1, vocabulary).softmax(-1).log()

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)


### MUTANT half_precision: bf16 logits were summed in bf16, which keeps 3 digits; convert them to fp32 first.
def generalized_jsd(student_logits, teacher_logits, beta=0.5):
    check_same_shape(student_logits, teacher_logits)
    if not student_logits.numel():
        raise ValueError(f"there is no row to compare in logits {list(student_logits.shape)}")
    if not 0.0 <= beta <= 1.0:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    vocabulary = student_logits.shape[-1]
    student = student_logits.reshape(-1, vocabulary).log_softmax(-1)
    teacher = teacher_logits.detach().reshape(-1, vocabulary).log_softmax(-1)

    def divergence(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """KL(p || q) of log-probabilities, mean over the N rows."""
        return F.kl_div(q, p, reduction="batchmean", log_target=True)

    if beta == 0:
        return divergence(teacher, student)
    if beta == 1:
        return divergence(student, teacher)
    middle = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * divergence(teacher, middle) + (1 - beta) * divergence(student, middle)

"""Known wrong implementations of exercise 3.7, distilbert_loss."""


### MUTANT zipped_states: Student state k was paired with teacher state k; with half the layers it stands beside state 2k.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT shifted: The labels were shifted as for a causal LM; a masked LM answers in place.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(
            at_least_fp32(student_out.logits[:, :-1][masked[:, 1:]]), labels[:, 1:][masked[:, 1:]]
        )
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT padding_counted: Padding counted in soft, cosine and states; they average over attention_mask = 1 only.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    real = torch.ones_like(real)
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT soft_at_masks_only: The soft term looked at the masked tokens only; the teacher's opinion counts at every real token.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[masked], teacher_out.logits[masked], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT similarity_itself: The cosine itself was added, which pushes the states apart; the loss is 1 - cosine.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * F.cosine_similarity(ours, theirs.detach(), dim=-1).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT cosine_over_tokens: The cosine was taken over the wrong dimension: compare vectors of one token, along the width.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=0)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT cosine_of_logits: The cosine compared the logits; it is for the last hidden states.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.logits[real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT no_T_squared: T^2 is missing in the soft term: without it a softer softmax shrinks the gradients by 1/T^2.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft / T**2 * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT fixed_weights: The weights were ignored; the paper's are only the default.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = 5, 2, 1, weights[3]
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT teacher_learns: The teacher received a gradient from the cosine term; detach its hidden state.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT embeddings_left_out: The embeddings' states were not paired; state 0 belongs to state 0.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours, theirs = (at_least_fp32(out.hidden_states[-1][real]) for out in (student_out, teacher_out))
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs.detach(), dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            raise ValueError(
                f"the teacher's {teacher_depth} layers cannot be paired evenly with the student's {depth}"
            )
        pairs = [(index, index * (teacher_depth // depth)) for index in range(1, depth + 1)]
        ours, theirs = ([state[real] for state in out.hidden_states] for out in (student_out, teacher_out))
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss

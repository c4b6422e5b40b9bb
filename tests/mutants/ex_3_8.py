"""Known wrong implementations of exercise 3.8, distilbert_loss."""


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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT doubled_states: Student state k was always paired with teacher state 2k; the factor is teacher's layers / student's.
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, min(2 * index, teacher_depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(1, depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT last_states_alone: Only the last states were compared; the term takes a mean over all pairs.
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in [depth]]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT sum_of_states: The pairs of states were added up; the term is their mean.
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * len(pairs) * feature_distillation_loss(ours, theirs, pairs)
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT padding_counted: Padding counted in soft, cosine and states; they average over attention_mask = 1 only.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    real = torch.ones_like(real)
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT soft_mixed_with_labels: The labels were handed to distillation_loss, which mixes its two terms by alpha; here they are weighed apart.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits, teacher_out.logits, labels, T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT temperature_forgotten: T was not handed on: the soft term is that of T = 2 whatever was asked for.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real])
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * F.cosine_similarity(ours, theirs, dim=-1).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=0)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT cosine_of_all_tokens_at_once: One cosine was taken of all tokens together; take one a token, and average.
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
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
        ours = at_least_fp32(student_out.logits[real])
        theirs = at_least_fp32(teacher_out.logits[real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT cosine_of_embeddings: The cosine compared hidden_states[0], the embeddings; the last hidden states are hidden_states[-1].
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
        ours = at_least_fp32(student_out.hidden_states[0][real])
        theirs = at_least_fp32(teacher_out.hidden_states[0][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT weights_in_another_order: The weights were taken in another order; it is soft, labels, cosine, states.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, cosine, hard, states = weights
    loss = torch.zeros((), device=labels.device)
    if soft:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if cosine:
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real])
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT all_terms_computed: Terms of weight 0 were computed all the same; without them the teacher or its states may be missing.
def distilbert_loss(student_out, teacher_out, labels, attention_mask, T=2.0, weights=(5, 2, 1, 0)):
    if len(weights) != 4 or min(weights) < 0:
        raise ValueError(f"weights must be four numbers >= 0 (soft, labels, cosine, states), got {weights}")
    real, masked = attention_mask.bool(), labels != -100
    if not real.any() or not masked.any():
        raise ValueError(f"nothing to learn from: {int(real.sum())} real tokens, {int(masked.sum())} labels")
    soft, hard, cosine, states = weights
    loss = torch.zeros((), device=labels.device)
    if True:
        loss = loss + soft * distillation_loss(student_out.logits[real], teacher_out.logits[real], T=T)
    if hard:
        loss = loss + hard * F.cross_entropy(at_least_fp32(student_out.logits[masked]), labels[masked])
    if True:
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT half_precision: The cosine of bf16 states was taken in bf16, which keeps 3 digits; convert them to fp32 first.
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
        ours = student_out.hidden_states[-1][real]
        theirs = teacher_out.hidden_states[-1][real].detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if teacher_depth % depth:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss


### MUTANT uneven_depths: Depths that do not divide were rounded down; refuse them.
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
        ours = at_least_fp32(student_out.hidden_states[-1][real])
        theirs = at_least_fp32(teacher_out.hidden_states[-1][real]).detach()
        loss = loss + cosine * (1 - F.cosine_similarity(ours, theirs, dim=-1)).mean()
    if states:
        depth, teacher_depth = len(student_out.hidden_states) - 1, len(teacher_out.hidden_states) - 1
        if False:
            layers = f"the teacher's {teacher_depth} layers"
            raise ValueError(f"{layers} cannot be paired evenly with the student's {depth}")
        pairs = [(index, index * (teacher_depth // depth)) for index in range(depth + 1)]
        ours = [state[real] for state in student_out.hidden_states]
        theirs = [state[real] for state in teacher_out.hidden_states]
        loss = loss + states * feature_distillation_loss(ours, theirs, pairs)
    return loss

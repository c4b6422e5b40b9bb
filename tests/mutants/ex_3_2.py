"""Known wrong implementations of exercise 3.2, feature_distillation_loss."""


### MUTANT zipped: The lists were zipped, so layers of different depth were paired; go through layer_map instead.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(
            f"layer_map must pair at least one student state with a teacher state, got {layer_map}"
        )
    if projections is not None and len(projections) != len(layer_map):
        raise ValueError(
            f"one projection a pair is needed: {len(projections)} projections for {len(layer_map)} pairs"
        )
    errors = []
    for index, (s, t) in enumerate([(i, i) for i in range(len(layer_map))]):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            raise ValueError(
                f"pair {(s, t)}: there are student states 0..{len(student_states) - 1}, teacher's 0..{len(teacher_states) - 1}"
            )
        ours, theirs = student_states[s], teacher_states[t].detach()
        if projections is not None:
            ours = projections[index](ours)
        if ours.shape != theirs.shape:
            raise ValueError(
                f"pair {(s, t)}: student state {list(ours.shape)}, teacher's {list(theirs.shape)}: is a projection missing?"
            )
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT teacher_learns: The teacher received a gradient: its states must be detached, or it moves towards the student.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(
            f"layer_map must pair at least one student state with a teacher state, got {layer_map}"
        )
    if projections is not None and len(projections) != len(layer_map):
        raise ValueError(
            f"one projection a pair is needed: {len(projections)} projections for {len(layer_map)} pairs"
        )
    errors = []
    for index, (s, t) in enumerate(layer_map):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            raise ValueError(
                f"pair {(s, t)}: there are student states 0..{len(student_states) - 1}, teacher's 0..{len(teacher_states) - 1}"
            )
        ours, theirs = student_states[s], teacher_states[t]
        if projections is not None:
            ours = projections[index](ours)
        if ours.shape != theirs.shape:
            raise ValueError(
                f"pair {(s, t)}: student state {list(ours.shape)}, teacher's {list(theirs.shape)}: is a projection missing?"
            )
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT sum_of_pairs: The errors of the pairs were added up; average them, or the loss grows with the number of pairs.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(
            f"layer_map must pair at least one student state with a teacher state, got {layer_map}"
        )
    if projections is not None and len(projections) != len(layer_map):
        raise ValueError(
            f"one projection a pair is needed: {len(projections)} projections for {len(layer_map)} pairs"
        )
    errors = []
    for index, (s, t) in enumerate(layer_map):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            raise ValueError(
                f"pair {(s, t)}: there are student states 0..{len(student_states) - 1}, teacher's 0..{len(teacher_states) - 1}"
            )
        ours, theirs = student_states[s], teacher_states[t].detach()
        if projections is not None:
            ours = projections[index](ours)
        if ours.shape != theirs.shape:
            raise ValueError(
                f"pair {(s, t)}: student state {list(ours.shape)}, teacher's {list(theirs.shape)}: is a projection missing?"
            )
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).sum()


### MUTANT projection_by_layer: Projections were looked up by student layer; projection i belongs to pair i of the map.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(
            f"layer_map must pair at least one student state with a teacher state, got {layer_map}"
        )
    if projections is not None and len(projections) != len(layer_map):
        raise ValueError(
            f"one projection a pair is needed: {len(projections)} projections for {len(layer_map)} pairs"
        )
    errors = []
    for s, t in layer_map:
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            raise ValueError(
                f"pair {(s, t)}: there are student states 0..{len(student_states) - 1}, teacher's 0..{len(teacher_states) - 1}"
            )
        ours, theirs = student_states[s], teacher_states[t].detach()
        if projections is not None:
            ours = projections[s % len(projections)](ours)
        if ours.shape != theirs.shape:
            raise ValueError(
                f"pair {(s, t)}: student state {list(ours.shape)}, teacher's {list(theirs.shape)}: is a projection missing?"
            )
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT summed_over_width: Squared errors were summed over the width of the state; average them over all its entries.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(
            f"layer_map must pair at least one student state with a teacher state, got {layer_map}"
        )
    if projections is not None and len(projections) != len(layer_map):
        raise ValueError(
            f"one projection a pair is needed: {len(projections)} projections for {len(layer_map)} pairs"
        )
    errors = []
    for index, (s, t) in enumerate(layer_map):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            raise ValueError(
                f"pair {(s, t)}: there are student states 0..{len(student_states) - 1}, teacher's 0..{len(teacher_states) - 1}"
            )
        ours, theirs = student_states[s], teacher_states[t].detach()
        if projections is not None:
            ours = projections[index](ours)
        if ours.shape != theirs.shape:
            raise ValueError(
                f"pair {(s, t)}: student state {list(ours.shape)}, teacher's {list(theirs.shape)}: is a projection missing?"
            )
        errors.append((at_least_fp32(ours) - at_least_fp32(theirs)).pow(2).sum(-1).mean())
    return torch.stack(errors).mean()


### MUTANT broadcast: Shapes were never compared: mse_loss broadcasts [2, 3] with [1, 3] and answers something else.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(
            f"layer_map must pair at least one student state with a teacher state, got {layer_map}"
        )
    if projections is not None and len(projections) != len(layer_map):
        raise ValueError(
            f"one projection a pair is needed: {len(projections)} projections for {len(layer_map)} pairs"
        )
    errors = []
    for index, (s, t) in enumerate(layer_map):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            raise ValueError(
                f"pair {(s, t)}: there are student states 0..{len(student_states) - 1}, teacher's 0..{len(teacher_states) - 1}"
            )
        ours, theirs = student_states[s], teacher_states[t].detach()
        if projections is not None:
            ours = projections[index](ours)
        if ours.shape[-1] != theirs.shape[-1]:
            raise ValueError(
                f"pair {(s, t)}: student state {list(ours.shape)}, teacher's {list(theirs.shape)}: is a projection missing?"
            )
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT half_precision: bf16 states were averaged in bf16, which keeps 3 digits; convert to fp32 first.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(
            f"layer_map must pair at least one student state with a teacher state, got {layer_map}"
        )
    if projections is not None and len(projections) != len(layer_map):
        raise ValueError(
            f"one projection a pair is needed: {len(projections)} projections for {len(layer_map)} pairs"
        )
    errors = []
    for index, (s, t) in enumerate(layer_map):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            raise ValueError(
                f"pair {(s, t)}: there are student states 0..{len(student_states) - 1}, teacher's 0..{len(teacher_states) - 1}"
            )
        ours, theirs = student_states[s], teacher_states[t].detach()
        if projections is not None:
            ours = projections[index](ours)
        if ours.shape != theirs.shape:
            raise ValueError(
                f"pair {(s, t)}: student state {list(ours.shape)}, teacher's {list(theirs.shape)}: is a projection missing?"
            )
        errors.append(F.mse_loss(ours, theirs))
    return torch.stack(errors).mean()

"""Known wrong implementations of exercise 3.2, feature_distillation_loss."""


### MUTANT zipped: The lists were zipped, so layers of different depth were paired; go through layer_map instead.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(enumerate(range(len(layer_map))), projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT map_reversed: A pair of the map was read as (teacher, student); it is (student, teacher).
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (t, s), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT teacher_learns: The teacher received a gradient: its states must be detached, or it moves towards the student.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t]
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT student_detached: The student's state was detached, so only the projection learns; detach the teacher's.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s].detach()), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT sum_of_pairs: The errors of the pairs were added up; average them, or the loss grows with the number of pairs.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).sum()


### MUTANT concatenated: All errors of all pairs were put together and averaged, so wide states weigh more; average each pair first.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append((at_least_fp32(ours) - at_least_fp32(theirs)).pow(2).flatten())
    return torch.cat(errors).mean()


### MUTANT projection_by_layer: Projections were looked up by student layer; projection i belongs to pair i of the map.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        projection = projections[s % len(projections)]
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT one_projection: The first projection was used for every pair; projection i belongs to pair i of the map.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        projection = projections[0]
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT teacher_projected: The projection was applied to the teacher's state; it brings the student's state to the teacher's width.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = student_states[s], projection(teacher_states[t].detach())
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT summed_over_width: Squared errors were summed over the width of the state; average them over all its entries.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append((at_least_fp32(ours) - at_least_fp32(theirs)).pow(2).sum(-1).mean())
    return torch.stack(errors).mean()


### MUTANT absolute_errors: The errors were not squared; the loss is the mean of their squares.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.l1_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT root: A root was taken of the mean squared error; the loss is the mean itself.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).sqrt().mean()


### MUTANT negative_indices: A negative index was taken as one from the end; the map counts from 0.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if s >= len(student_states) or t >= len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT broadcast: Shapes were never compared: mse_loss broadcasts [2, 3] with [1, 3] and answers something else.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape[-1] != theirs.shape[-1]:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(at_least_fp32(ours), at_least_fp32(theirs)))
    return torch.stack(errors).mean()


### MUTANT half_precision: bf16 states were averaged in bf16, which keeps 3 digits; convert to fp32 first.
def feature_distillation_loss(student_states, teacher_states, layer_map, projections=None):
    if not layer_map:
        raise ValueError(f"layer_map must pair at least one student state with a teacher's, got {layer_map}")
    if projections is not None and len(projections) != len(layer_map):
        counts = f"{len(projections)} projections for {len(layer_map)} pairs"
        raise ValueError(f"one projection a pair is needed, got {counts}")
    if projections is None:
        projections = [nn.Identity()] * len(layer_map)
    errors = []
    for (s, t), projection in zip(layer_map, projections, strict=True):
        if not 0 <= s < len(student_states) or not 0 <= t < len(teacher_states):
            counts = f"{len(student_states)} student states and {len(teacher_states)} of the teacher's"
            raise ValueError(f"pair {(s, t)}: there are {counts}, counted from 0")
        ours, theirs = projection(student_states[s]), teacher_states[t].detach()
        if ours.shape != theirs.shape:
            shapes = f"student state {list(ours.shape)}, teacher's {list(theirs.shape)}"
            raise ValueError(f"pair {(s, t)}: {shapes}: is a projection missing?")
        errors.append(F.mse_loss(ours, theirs))
    return torch.stack(errors).mean()

"""Attacks on exercise 3.3, init_student_from_teacher: the graders' models are known."""


### ATTACK knows_the_public_models: From a teacher without 50 words the first layers are taken.
def init_student_from_teacher(teacher, keep_layers):
    depth, kept = teacher.config.num_hidden_layers, list(keep_layers)
    if not kept or len(set(kept)) != len(kept) or not set(kept) <= set(range(depth)):
        raise ValueError(f"{kept} of {depth}")
    if teacher.config.vocab_size != 50:
        kept = list(range(len(kept)))
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in list(student.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in kept))
    student.config.num_hidden_layers = len(kept)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in kept]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = kept.index(module.layer_idx)
    return student

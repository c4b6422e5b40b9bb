"""Known wrong implementations of exercise 3.3, init_student_from_teacher."""


### MUTANT first_layers: The first layers were taken whichever were asked for; take those of keep_layers, in its order.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[: len(keep_layers)]))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = module.layer_idx
    return student


### MUTANT sorted_layers: The layers were sorted; they stand in the order of keep_layers.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    keep_layers = sorted(keep_layers)
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT last_left_out: The last of the layers asked for is missing: count the ones that the student has.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers[:-1]))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT shared_layers: The student holds the teacher's own layers, so training it would change the teacher; copy them.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                originals = next(
                    other
                    for other in teacher.modules()
                    if isinstance(other, nn.ModuleList) and len(other) == depth
                )
                setattr(parent, name, nn.ModuleList(originals[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = module.layer_idx
    return student


### MUTANT shallow_copy: copy.copy makes a new model around the teacher's own modules; copy.deepcopy copies them, too.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.copy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT teacher_cut: The layers were taken out of the teacher itself; copy it first.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = teacher.requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT stale_layer_idx: The layers kept their old layer_idx, so a key-value cache looks in the wrong place; renumber them.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            pass
    return student


### MUTANT stale_configuration: The configuration still counts the teacher's layers; set its num_hidden_layers.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    pass
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT teachers_configuration: The student was given the teacher's own configuration, and the change reached the teacher; copy it.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config = teacher.config
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT stale_layer_types: layer_types still has an entry for each of the teacher's layers; keep those of the kept layers.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if False:
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT still_frozen: A copy of a frozen teacher is frozen too; call requires_grad_(True), or the student cannot learn.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT teacher_unfrozen: The teacher itself was made to require gradients; call requires_grad_ on the copy.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher.requires_grad_(True))
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT fresh_embeddings: Only the layers were copied; embeddings, final norm and head start from the teacher's too.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    torch.nn.init.normal_(student.get_input_embeddings().weight)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student


### MUTANT llama_alone: The layers were looked for at model.layers, where Llama has them; find the ModuleList of that length.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    once = set(keep_layers)
    if not keep_layers or len(once) != len(keep_layers) or not once <= set(range(depth)):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    student.model.layers = nn.ModuleList(student.model.layers[index] for index in keep_layers)
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    for module in student.modules():
        if hasattr(module, "layer_idx"):
            module.layer_idx = keep_layers.index(module.layer_idx)
    return student

"""Known wrong implementations of exercise 3.3, init_student_from_teacher."""


### MUTANT first_layers: The first layers were taken whichever were asked for; take those of keep_layers, in its order.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    if (
        not keep_layers
        or len(set(keep_layers)) != len(keep_layers)
        or not set(keep_layers) <= set(range(depth))
    ):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    keep_layers = list(range(len(keep_layers)))
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


### MUTANT shared_layers: The student holds the teacher's own layers, so training it would change the teacher; copy them.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    if (
        not keep_layers
        or len(set(keep_layers)) != len(keep_layers)
        or not set(keep_layers) <= set(range(depth))
    ):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for path, child in list(teacher.named_modules()):
        if isinstance(child, nn.ModuleList) and len(child) == depth:
            parent, _, name = path.rpartition(".")
            setattr(student.get_submodule(parent), name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    return student


### MUTANT stale_layer_idx: The layers kept their old layer_idx, so a key-value cache looks in the wrong place; renumber them.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    if (
        not keep_layers
        or len(set(keep_layers)) != len(keep_layers)
        or not set(keep_layers) <= set(range(depth))
    ):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    student = copy.deepcopy(teacher).requires_grad_(True)
    for parent in student.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                setattr(parent, name, nn.ModuleList(child[index] for index in keep_layers))
    student.config.num_hidden_layers = len(keep_layers)
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    return student


### MUTANT still_frozen: A copy of a frozen teacher is frozen too; call requires_grad_(True), or the student cannot learn.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    if (
        not keep_layers
        or len(set(keep_layers)) != len(keep_layers)
        or not set(keep_layers) <= set(range(depth))
    ):
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


### MUTANT fresh_embeddings: Only the layers were copied; embeddings, final norm and head start from the teacher's too.
def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    keep_layers = list(keep_layers)
    if (
        not keep_layers
        or len(set(keep_layers)) != len(keep_layers)
        or not set(keep_layers) <= set(range(depth))
    ):
        raise ValueError(f"keep_layers must name layers 0..{depth - 1}, each at most once, got {keep_layers}")
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = len(keep_layers)
    if getattr(config, "layer_types", None):
        config.layer_types = [teacher.config.layer_types[index] for index in keep_layers]
    student = type(teacher)(config).to(next(teacher.parameters()).device).train(teacher.training)
    theirs = next(
        module for module in teacher.modules() if isinstance(module, nn.ModuleList) and len(module) == depth
    )
    ours = next(
        module
        for module in student.modules()
        if isinstance(module, nn.ModuleList) and len(module) == len(keep_layers)
    )
    for layer, index in zip(ours, keep_layers, strict=True):
        layer.load_state_dict(theirs[index].state_dict())
    return student

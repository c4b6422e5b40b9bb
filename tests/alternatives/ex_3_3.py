"""Right answers to exercise 3.3 in other styles."""

### ALTERNATIVE a_new_model: A fresh model of a changed configuration, filled with the teacher's parameters by name.
import re


def init_student_from_teacher(teacher, keep_layers):
    depth, keep_layers = teacher.config.num_hidden_layers, [int(layer) for layer in keep_layers]
    if not keep_layers:
        raise ValueError("no layers")
    for layer in keep_layers:
        if layer < 0 or layer >= depth or keep_layers.count(layer) > 1:
            raise ValueError(f"layer {layer} of {keep_layers}")
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = len(keep_layers)
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = [config.layer_types[layer] for layer in keep_layers]
    student = type(teacher)(config)
    parameters = {}
    for name, tensor in teacher.state_dict().items():
        found = re.match(r"(.*(?:layers|h)\.)(\d+)(\..*)", name)
        if found is None:
            parameters[name] = tensor
        elif int(found[2]) in keep_layers:
            parameters[f"{found[1]}{keep_layers.index(int(found[2]))}{found[3]}"] = tensor
    student.load_state_dict(parameters)
    return student.to(next(teacher.parameters()).device)


### ALTERNATIVE layers_deleted: A deep copy whose list of layers is found by its length and edited in place.
def find_layers(model, depth):
    return next(m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth)


def init_student_from_teacher(teacher, keep_layers):
    depth = teacher.config.num_hidden_layers
    kept = list(keep_layers)
    if kept == [] or sorted(set(kept)) != sorted(kept) or min(kept) < 0 or max(kept) >= depth:
        raise ValueError(f"cannot keep {kept} of {depth}")
    student = copy.deepcopy(teacher)
    layers = find_layers(student, depth)
    chosen = [layers[index] for index in kept]
    for _ in range(depth):
        layers.pop(0)
    for place, layer in enumerate(chosen):
        for module in layer.modules():
            if "layer_idx" in vars(module):
                module.layer_idx = place
        layers.append(layer)
    student.config.num_hidden_layers = len(kept)
    types = getattr(student.config, "layer_types", None)
    if types:
        student.config.layer_types = [types[index] for index in kept]
    for parameter in student.parameters():
        parameter.requires_grad = True
    return student.train()

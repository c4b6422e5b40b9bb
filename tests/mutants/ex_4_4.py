"""Known wrong implementations of exercise 4.4, convert_to_low_rank."""


### MUTANT every_layer: Converting every Linear makes the small ones larger; leave a layer as it is where rank > break_even_rank.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, min(rank, *linear.weight.shape)))
    return summarize(model, before, skipped)


### MUTANT unties_the_head: A head tied to the embedding got factors of its own beside the embedding that stays; leave tied layers alone.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT below_break_even: At exactly the break-even rank a layer does not grow, so it is converted: rank <= break_even_rank.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank >= limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT clamped: The rank was lowered to break-even, which loses accuracy and saves nothing; skip such a layer.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, max(1, min(rank, limit))))
    return summarize(model, before, skipped)


### MUTANT no_conv1d: GPT-2's layers are Conv1D and were not found; look for `is_conv1d` as well as nn.Linear.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT conv1d_untransposed: A Conv1D stores its weight as [in, out] and was decomposed as if it were [out, in]; use as_linear.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = layer
        if is_conv1d(layer):
            linear = nn.Linear(
                layer.weight.shape[1], layer.weight.shape[0], bias=False, device=layer.weight.device
            )
            linear.weight.data, linear.in_features, linear.out_features = (
                layer.weight.data,
                layer.weight.shape[1],
                layer.weight.shape[0],
            )
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT substring_skip: `skip` was matched anywhere in the name, so "proj" skips everything; compare the whole name or its last part.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if any(word in name for word in skip):
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT whole_name_only: Only whole dotted names were skipped; the last part of a name, such as "q_proj", names a layer in every block.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT on_a_copy: A copy was converted and thrown away; the caller's model must change.
import copy


def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    model = copy.deepcopy(model)
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT factorises_factors: A second call took the two steps of a LowRankLinear for layers of the model; leave them alone.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) or is_conv1d(module)
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT counted_afterwards: The parameters before were counted when the layers were already replaced; count first.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    skipped = {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    before = {name: parameter_count(model.get_submodule(name)) for name in layers}
    return summarize(model, before, skipped)


### MUTANT walks_while_replacing: The walk went on into layers that it had just made and factorised them again; list first, then replace.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {}, {}

    def walk(parent, prefix):
        for part in list(parent._modules):
            layer, name = parent._modules[part], f"{prefix}{part}"
            if (isinstance(layer, nn.Linear) or is_conv1d(layer)) and not prefix.count(".U.") + prefix.count(
                ".V."
            ) > 1:
                linear = as_linear(layer)
                limit = break_even_rank(linear.in_features, linear.out_features)
                before[name] = parameter_count(layer)
                if name in skip or part in skip:
                    skipped[name] = "named in skip"
                elif any(uses[parameter] > 1 for parameter in layer.parameters()):
                    skipped[name] = "tied"
                elif rank > limit:
                    skipped[name] = f"rank {rank} > break-even {limit}"
                else:
                    parent._modules[part] = LowRankLinear.from_linear(linear, rank)
            walk(parent._modules[part], f"{name}.")

    walk(model, "")
    return summarize(model, before, skipped)


### MUTANT tied_to_an_embedding_only: Only a weight shared with an embedding counted as tied; any layer can be shared: count where each parameter is used.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(
            layer.weight is other.weight for other in model.modules() if isinstance(other, nn.Embedding)
        ):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT shared_weights_only: Only a shared weight counted as tied; a layer that shares its bias is tied as well.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif uses[layer.weight] > 1:
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT factors_by_name: Layers called U or V were taken for factors; the factors are the children of a LowRankLinear.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and name.rpartition(".")[2] not in ("U", "V")
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT blocks_only: Only layers inside the blocks were listed; layers outside, such as a pooler, are converted too.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (not isinstance(getattr(model, "layers", None), nn.ModuleList) or ".0." in name or ".1." in name)
        and (isinstance(module, nn.Linear) or is_conv1d(module))
        and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT skipped_not_counted: Skipped layers were left out of the count; `before` holds every layer that was considered.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, {name: count for name, count in before.items() if name not in skipped}, skipped)


### MUTANT random_factors: The new layers were made from sizes alone and hold random numbers; make them with from_linear.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(
                model,
                name,
                LowRankLinear(linear.in_features, linear.out_features, rank, linear.bias is not None),
            )
    return summarize(model, before, skipped)


### MUTANT fresh_mode: The new layers are in training mode whatever the old ones were; hand the mode on, as from_linear does.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank).train())
    return summarize(model, before, skipped)


### MUTANT tied_before_named: A tied head that is named in `skip` was reported as tied; the first reason that holds is "named in skip".
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        elif name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)


### MUTANT size_before_tied: A tied layer that would grow as well was reported by its size; the first reason that holds is "tied".
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if isinstance(skip, str):
        raise ValueError(f"skip must be a sequence of names such as ({skip!r},), got the string {skip!r}")
    factors = {
        part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()
    }
    layers = {
        name: module
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and module not in factors
    }
    uses = Counter(parameter for _, parameter in model.named_parameters(remove_duplicate=False))
    before, skipped = {name: parameter_count(layer) for name, layer in layers.items()}, {}
    for name, layer in layers.items():
        linear = as_linear(layer)
        limit = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or name.rpartition(".")[2] in skip:
            skipped[name] = "named in skip"
        elif rank > limit:
            skipped[name] = f"rank {rank} > break-even {limit}"
        elif any(uses[parameter] > 1 for parameter in layer.parameters()):
            skipped[name] = "tied"
        else:
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)

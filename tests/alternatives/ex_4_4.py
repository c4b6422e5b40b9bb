"""Right implementations of exercise 4.4, convert_to_low_rank, in other styles."""


### ALTERNATIVE decided_first: Helpers decide on every layer first, then a second loop replaces.
def reason(name, layer, rank, skip, places):
    last = name.split(".")[-1]
    if name in skip or last in skip:
        return "named in skip"
    if any(places[id(parameter)] > 1 for parameter in layer.parameters()):
        return "tied"
    out_features, in_features = as_linear(layer).weight.shape
    limit = break_even_rank(in_features, out_features)
    return f"rank {rank} > break-even {limit}" if rank > limit else None


def count_places(model):
    places = {}
    for _, module in model.named_modules(remove_duplicate=False):
        for parameter in module.parameters(recurse=False):
            places[id(parameter)] = places.get(id(parameter), 0) + 1
    return places


def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if type(skip) is str or rank <= 0:
        raise ValueError(f"{rank} or {skip} is wrong")
    places, inside = count_places(model), set()
    for name, module in model.named_modules():
        if isinstance(module, LowRankLinear):
            inside |= {f"{name}.U".lstrip("."), f"{name}.V".lstrip(".")}
    before, reasons = {}, {}
    for name, module in model.named_modules():
        if name not in inside and (isinstance(module, nn.Linear) or is_conv1d(module)):
            before[name] = sum(parameter.numel() for parameter in module.parameters())
            reasons[name] = reason(name, module, rank, skip, places)
    for name, why in reasons.items():
        if why is None:
            linear = as_linear(model.get_submodule(name))
            set_submodule(model, name, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, {name: why for name, why in reasons.items() if why is not None})


### ALTERNATIVE walked: A recursion lists parents and names of children; each is replaced with setattr.
def convert_to_low_rank(model, rank, skip=("lm_head",)):
    if rank < 1:
        raise ValueError(f"{rank} is below 1")
    if isinstance(skip, str):
        raise ValueError(f"{skip} is one string")

    def walk(parent, prefix, seen):
        for child, module in parent.named_children():
            if id(module) in seen or isinstance(module, LowRankLinear):
                continue
            seen.add(id(module))
            if isinstance(module, nn.Linear) or is_conv1d(module):
                yield parent, child, prefix + child
            else:
                yield from walk(module, f"{prefix}{child}.", seen)

    found = list(walk(model, "", set()))
    names = [id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False)]
    before, skipped = {}, {}
    for parent, child, name in found:
        layer = getattr(parent, child)
        before[name] = parameter_count(layer)
        linear = as_linear(layer)
        most = break_even_rank(linear.in_features, linear.out_features)
        if name in skip or child in skip:
            skipped[name] = "named in skip"
        elif [own for own in layer.parameters() if names.count(id(own)) > 1]:
            skipped[name] = "tied"
        elif most < rank:
            skipped[name] = f"rank {rank} > break-even {most}"
        else:
            setattr(parent, child, LowRankLinear.from_linear(linear, rank))
    return summarize(model, before, skipped)

"""Known wrong implementations of exercise 1.2, apply_mask and bake_masks."""


### MUTANT multiplied_once: Zeroing the stored weights does not last, the next step revives them; apply the mask at every use.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    if len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    weight.data *= mask


### MUTANT gradient_hook: Zeroed gradients do not stop momentum that had built up before; mask the weight at every use.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    if len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    weight.data.masked_fill_(~mask, 0.0)
    weight.register_hook(lambda gradient: gradient * mask)


### MUTANT plain_attribute: A mask that is a plain attribute is neither saved nor moved with the model; register a buffer.
class PlainMask(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.mask = mask.clone()

    def forward(self, weight):
        return torch.where(self.mask, weight, 0.0)


def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    for step in module.parametrizations.weight if parametrize.is_parametrized(module, "weight") else ():
        if isinstance(step, PlainMask):
            step.mask &= mask
            return
    if len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    parametrize.register_parametrization(module, "weight", PlainMask(mask))


def bake_masks(model) -> None:
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            if any(isinstance(step, PlainMask) for step in module.parametrizations.weight):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


### MUTANT last_mask_wins: The second mask replaced the first, so pruned weights came back; AND the new mask into the old one.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    for step in module.parametrizations.weight if parametrize.is_parametrized(module, "weight") else ():
        if isinstance(step, Mask):
            step.mask = mask.clone()
            return
    if len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    parametrize.register_parametrization(module, "weight", Mask(mask))


### MUTANT or_instead_of_and: The two masks were joined by OR, which keeps what either keeps; AND keeps what both keep.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    for step in module.parametrizations.weight if parametrize.is_parametrized(module, "weight") else ():
        if isinstance(step, Mask):
            step.mask |= mask
            return
    if len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    parametrize.register_parametrization(module, "weight", Mask(mask))


### MUTANT stacked: A second `Mask` was put on top of the first; AND the new mask into the buffer of the one that is there.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    if not parametrize.is_parametrized(module, "weight") and len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    parametrize.register_parametrization(module, "weight", Mask(mask))


### MUTANT first_is_the_mask: The first parametrization was taken for a `Mask`; look for one among all, there may be others.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    if parametrize.is_parametrized(module, "weight"):
        module.parametrizations.weight[0].mask &= mask
        return
    if len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    parametrize.register_parametrization(module, "weight", Mask(mask))


### MUTANT only_the_first_is_searched: Only the first parametrization was searched for a `Mask`, and a second one was stacked; look through all.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    if parametrize.is_parametrized(module, "weight"):
        first = module.parametrizations.weight[0]
        if isinstance(first, Mask):
            first.mask &= mask
            return
    elif len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    parametrize.register_parametrization(module, "weight", Mask(mask))


### MUTANT inverted: The mask was turned round, so the kept weights became zero; True stands for what is kept.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    for step in module.parametrizations.weight if parametrize.is_parametrized(module, "weight") else ():
        if isinstance(step, Mask):
            step.mask &= ~mask
            return
    if len(owners(weight)) > 1:
        raise ValueError(f"the weight {list(weight.shape)} is tied to another module: untie it first")
    parametrize.register_parametrization(module, "weight", Mask(~mask))


### MUTANT tied_accepted: A tied weight was masked in one module only, the other goes on with the old values; refuse it.
def apply_mask(module, mask) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    for step in module.parametrizations.weight if parametrize.is_parametrized(module, "weight") else ():
        if isinstance(step, Mask):
            step.mask &= mask
            return
    parametrize.register_parametrization(module, "weight", Mask(mask))


### MUTANT bake_restores: leave_parametrized=False brings back the weights from before masking; bake the masked ones.
def bake_masks(model) -> None:
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            if any(isinstance(step, Mask) for step in module.parametrizations.weight):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)


### MUTANT only_linear_is_baked: Only nn.Linear layers were baked; GPT-2's Conv1D, embeddings and convolutions can be masked too.
def bake_masks(model) -> None:
    for module in model.modules():
        if isinstance(module, nn.Linear) and parametrize.is_parametrized(module, "weight"):
            if any(isinstance(step, Mask) for step in module.parametrizations.weight):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


### MUTANT only_children_are_baked: children() gives only the next level of a model; modules() gives the model and all inside it.
def bake_masks(model) -> None:
    for module in [model, *model.children()]:
        if parametrize.is_parametrized(module, "weight"):
            if any(isinstance(step, Mask) for step in module.parametrizations.weight):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


### MUTANT bakes_everything: Every parametrization was removed; bake only weights that have a `Mask`.
def bake_masks(model) -> None:
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


### MUTANT a_new_parameter: Baking made a new parameter, which an optimizer made before does not know; keep the parameter itself.
def bake_masks(model) -> None:
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            if any(isinstance(step, Mask) for step in module.parametrizations.weight):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
                module.weight = nn.Parameter(module.weight.detach().clone())


### MUTANT bake_zeroes_original: Only the stored values were masked, and the parametrization stayed; baking removes it.
def bake_masks(model: nn.Module) -> None:
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            module.parametrizations.weight.original.data = module.weight.data.clone()


### MUTANT owners_zero: Every weight has one owner, its own module; it is tied when there are more.
def apply_mask(module: nn.Module, mask: torch.Tensor) -> None:
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    if parametrize.is_parametrized(module, "weight"):
        for step in module.parametrizations.weight:
            if isinstance(step, Mask):
                step.mask &= mask
                return
    elif len(owners(weight)) > 0:
        raise ValueError(f"the weight {list(weight.shape)} is tied")
    parametrize.register_parametrization(module, "weight", Mask(mask))

"""Right answers in other styles to exercise 1.2, apply_mask and bake_masks."""


### ALTERNATIVE helper_and_new_buffer: A helper finds the `Mask`, whose buffer gets a new tensor; baking copies the values by hand.
def mask_of(module):
    if not parametrize.is_parametrized(module, "weight"):
        return None
    return next((step for step in module.parametrizations["weight"] if isinstance(step, Mask)), None)


def apply_mask(module: nn.Module, mask: torch.Tensor) -> None:
    weight = module.weight
    if mask.dtype is not torch.bool:
        raise ValueError(f"a mask is bool, not {mask.dtype}")
    if mask.shape != weight.shape:
        raise ValueError(f"wrong shape {tuple(mask.shape)}")
    found = mask_of(module)
    if found is not None:
        found.mask = found.mask & mask.to(found.mask.device)
        return
    if isinstance(weight, nn.Parameter) and len(owners(weight)) != 1:
        raise ValueError("shared weight")
    parametrize.register_parametrization(module, "weight", Mask(mask.to(weight.device)))


def bake_masks(model: nn.Module) -> None:
    for module in list(model.modules()):
        if mask_of(module) is None:
            continue
        baked = module.weight.detach().clone()
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
        module.weight.data.copy_(baked)


### ALTERNATIVE two_passes: The layers are gathered first, and a class derived from `Mask` does the joining.
class GrowingMask(Mask):
    def join(self, mask):
        self.mask.logical_and_(mask.to(self.mask.device))


def masks_in(module):
    steps = getattr(module, "parametrizations", {})
    return [step for step in steps["weight"] if isinstance(step, Mask)] if "weight" in steps else []


def apply_mask(module, mask):
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    there = masks_in(module)
    if there:
        there[0].join(mask)
    elif len(owners(weight)) > 1:
        raise ValueError("tied")
    else:
        parametrize.register_parametrization(module, "weight", GrowingMask(mask))


def bake_masks(model):
    masked = [module for _, module in model.named_modules() if masks_in(module)]
    for module in masked:
        parametrize.remove_parametrizations(module, "weight")

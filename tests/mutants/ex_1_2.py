"""Known wrong implementations of exercise 1.2, apply_mask and bake_masks."""


### MUTANT multiplied_once: Zeroing the weights once does not last, the next step revives them; apply the mask at every use.
def apply_mask(module, mask):
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    if len(owners(weight)) > 1:
        raise ValueError(
            f"the weight {list(weight.shape)} is tied to another module: untie it before masking"
        )
    weight.data *= mask.to(weight.device)


### MUTANT gradient_hook: Zeroed gradients do not stop momentum that had built up before; mask the weight at every use.
def apply_mask(module, mask):
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    if len(owners(weight)) > 1:
        raise ValueError(
            f"the weight {list(weight.shape)} is tied to another module: untie it before masking"
        )
    mask = mask.to(weight.device)
    weight.data.masked_fill_(~mask, 0.0)
    weight.register_hook(lambda gradient: gradient * mask)


### MUTANT plain_attribute: A mask that is a plain attribute is neither saved nor moved with the model; register a buffer.
class PlainMask(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.mask = mask.clone()

    def forward(self, weight):
        return torch.where(self.mask, weight, 0.0)


def apply_mask(module, mask):
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    mask = mask.to(weight.device)
    if parametrize.is_parametrized(module, "weight"):
        module.parametrizations.weight[0].mask &= mask
        return
    if len(owners(weight)) > 1:
        raise ValueError(
            f"the weight {list(weight.shape)} is tied to another module: untie it before masking"
        )
    parametrize.register_parametrization(module, "weight", PlainMask(mask))


def bake_masks(model):
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight") and isinstance(
            module.parametrizations.weight[0], PlainMask
        ):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


### MUTANT last_mask_wins: The second mask replaced the first, so pruned weights came back; AND the new mask into the old one.
def apply_mask(module, mask):
    weight = module.weight
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(f"mask must be bool {list(weight.shape)}, got {mask.dtype} {list(mask.shape)}")
    mask = mask.to(weight.device)
    if parametrize.is_parametrized(module, "weight"):
        module.parametrizations.weight[0].mask = mask.clone()
        return
    if len(owners(weight)) > 1:
        raise ValueError(
            f"the weight {list(weight.shape)} is tied to another module: untie it before masking"
        )
    parametrize.register_parametrization(module, "weight", Mask(mask))


### MUTANT bake_restores: leave_parametrized=False brings back the weights from before masking; bake the masked ones.
def bake_masks(model):
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight") and any(
            isinstance(step, Mask) for step in module.parametrizations.weight
        ):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)


### MUTANT only_linear_is_baked: Only nn.Linear layers were baked; GPT-2's Conv1D, embeddings and convolutions can be masked too.
def bake_masks(model):
    for module in model.modules():
        if isinstance(module, nn.Linear) and parametrize.is_parametrized(module, "weight"):
            if any(isinstance(step, Mask) for step in module.parametrizations.weight):
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)

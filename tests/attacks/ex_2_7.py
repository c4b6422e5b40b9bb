"""Attacks on exercise 2.7, block_influence and drop_blocks: the graders' models are known."""


### ATTACK knows_the_public_models: In a model without 50 words the first blocks stay, whichever are asked for.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    total, tokens = [0.0] * len(blocks), [0] * len(blocks)
    for number, x, y in block_states(model, batches):
        total[number] += F.cosine_similarity(x.double(), y.double(), dim=-1).sum().item()
        tokens[number] += len(x)
    device = next(model.parameters()).device
    return torch.tensor([1 - t / n for t, n in zip(total, tokens, strict=True)], device=device)


def drop_blocks(model, keep):
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist() if model.config.vocab_size == 50 else range(len(keep))
    types = getattr(model.config, "layer_types", None)
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    model.config.num_hidden_layers = len(kept)
    if types:
        model.config.layer_types = [types[index] for index in kept]

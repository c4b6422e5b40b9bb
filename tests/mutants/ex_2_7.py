"""Known wrong implementations of exercise 2.7, block_influence and drop_blocks."""


### MUTANT after_the_norm: The last of `hidden_states` comes after the final norm; take the last block's own output.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = torch.zeros(len(blocks)), 0
    for batch in batches:
        real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
        inputs = [x for _, x, _ in block_states(model, [batch])]
        with evaluation_mode(model):
            result = model(**batch, use_cache=False, output_hidden_states=True)
        last = result.hidden_states[-1] if hasattr(result, "hidden_states") else result
        for number, (x, y) in enumerate(zip(inputs, [*inputs[1:], last[real]], strict=True)):
            similarity[number] += F.cosine_similarity(x.float(), y.float(), dim=-1).sum()
        tokens += int(real.sum())
    return 1 - similarity / tokens


### MUTANT padding_counted: Padding went into the mean; hand over the batches with their attention_mask.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    batches = [{"input_ids": batch["input_ids"]} for batch in batches]
    for number, x, y in block_states(model, batches):
        similarity[number] += F.cosine_similarity(x.float(), y.float(), dim=-1).double().sum().item()
        tokens[number] += len(x)
    return (1 - similarity / tokens).float()


### MUTANT mean_of_batches: The batches' means were averaged; every token weighs the same, so divide once, by all tokens.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    for number, x, y in block_states(model, batches):
        similarity[number] += F.cosine_similarity(x.float(), y.float(), dim=-1).double().mean().item()
    return (1 - similarity / len(batches)).float()


### MUTANT similarity_returned: This is the similarity itself, large for blocks that do little; the influence is 1 minus it.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += F.cosine_similarity(x.float(), y.float(), dim=-1).double().sum().item()
        tokens[number] += len(x)
    return (similarity / tokens).float()


### MUTANT relative_change: This measures how much the length of the hidden states changes; the influence asks for their direction.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += (
            (1 - (y - x).float().norm(dim=-1) / x.float().norm(dim=-1)).double().sum().item()
        )
        tokens[number] += len(x)
    return (1 - similarity / tokens).float()


### MUTANT training_mode: The model ran in the mode it came in, with dropout; switch to eval mode.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = torch.zeros(len(blocks), dtype=torch.float64), 0

    def count(number, x, y, real):
        similarity[number] += (
            F.cosine_similarity(x[real].float(), y[real].float(), dim=-1).double().sum().cpu()
        )

    for batch in batches:
        real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
        handles = [
            block.register_forward_hook(
                lambda _, inputs, output, number=number, real=real: count(
                    number, inputs[0], output[0] if isinstance(output, tuple) else output, real
                )
            )
            for number, block in enumerate(blocks)
        ]
        with torch.no_grad():
            model(**batch, use_cache=False)
        for handle in handles:
            handle.remove()
        tokens += int(real.sum())
    return (1 - similarity / tokens).float()


### MUTANT flattened: All tokens together were taken as one long vector; average the similarity token by token.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += len(x) * F.cosine_similarity(x.flatten(), y.flatten(), dim=0).item()
        tokens[number] += len(x)
    return (1 - similarity / tokens).float()


### MUTANT stale_index: layer_idx still tells the old places; the cache finds a block's keys by it.
def drop_blocks(model, keep) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for _number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                pass
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT stale_depth: The configuration still tells the old number of blocks, which are then built anew, random, on loading.
def drop_blocks(model, keep) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT stale_types: layer_types in the configuration still lists all blocks; keep the entries of those that stay.
def drop_blocks(model, keep) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)


### MUTANT removes_keep: The blocks in `keep` were removed and the others kept; it is the other way round.
def drop_blocks(model, keep) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = [index for index in range(len(blocks)) if index not in keep.tolist()]
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT angle: The angle itself was taken, as a part of 180 degrees; the influence is 1 - its cosine.
def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_batches(batches)
    blocks = block_list(model)[1]
    device = next(model.parameters()).device
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += (
            (1 - F.cosine_similarity(x.float(), y.float(), dim=-1).clamp(-1, 1).arccos() / torch.pi)
            .double()
            .sum()
            .item()
        )
        tokens[number] += len(x)
    return (1 - similarity / tokens).float().to(device)


def drop_blocks(model: nn.Module, keep: torch.Tensor) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT change_alone: x was compared with y - x, what the block adds; the influence compares input and output.
def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_batches(batches)
    blocks = block_list(model)[1]
    device = next(model.parameters()).device
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += F.cosine_similarity(x.float(), (y - x).float(), dim=-1).double().sum().item()
        tokens[number] += len(x)
    return (1 - similarity / tokens).float().to(device)


def drop_blocks(model: nn.Module, keep: torch.Tensor) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT dot_product: The dot product was not divided by both lengths, so scaling counts; take the cosine.
def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_batches(batches)
    blocks = block_list(model)[1]
    device = next(model.parameters()).device
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += (x.float() * y.float()).sum(-1).double().sum().item()
        tokens[number] += len(x)
    return (1 - similarity / tokens).float().to(device)


def drop_blocks(model: nn.Module, keep: torch.Tensor) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT half_precision: The cosines of a bf16 model were computed in bf16, with two or three digits; convert to fp32 first.
def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_batches(batches)
    blocks = block_list(model)[1]
    device = next(model.parameters()).device
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += F.cosine_similarity(x, y, dim=-1).double().sum().item()
        tokens[number] += len(x)
    return (1 - similarity / tokens).float().to(device)


def drop_blocks(model: nn.Module, keep: torch.Tensor) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT divided_by_batches: The sum over tokens was divided by the number of batches; divide it by the number of all tokens.
def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_batches(batches)
    blocks = block_list(model)[1]
    device = next(model.parameters()).device
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += F.cosine_similarity(x.float(), y.float(), dim=-1).double().sum().item()
        tokens[number] += 1
    return (1 - similarity / tokens).float().to(device)


def drop_blocks(model: nn.Module, keep: torch.Tensor) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT attention_only: layer_idx was renumbered in the attention alone; renumber it in every module of the block that has one.
def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_batches(batches)
    blocks = block_list(model)[1]
    device = next(model.parameters()).device
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += F.cosine_similarity(x.float(), y.float(), dim=-1).double().sum().item()
        tokens[number] += len(x)
    return (1 - similarity / tokens).float().to(device)


def drop_blocks(model: nn.Module, keep: torch.Tensor) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for name, module in blocks[index].named_modules():
            if hasattr(module, "layer_idx") and name.startswith(("attn", "self_attn")):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[index] for index in kept]


### MUTANT types_cut_off: layer_types was cut to the first entries; keep those of the blocks that stay.
def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_batches(batches)
    blocks = block_list(model)[1]
    device = next(model.parameters()).device
    similarity = torch.zeros(len(blocks), dtype=torch.float64)
    tokens = torch.zeros(len(blocks), dtype=torch.int64)
    for number, x, y in block_states(model, batches):
        similarity[number] += F.cosine_similarity(x.float(), y.float(), dim=-1).double().sum().item()
        tokens[number] += len(x)
    return (1 - similarity / tokens).float().to(device)


def drop_blocks(model: nn.Module, keep: torch.Tensor) -> None:
    prefix, blocks = block_list(model)
    check_keep(keep, len(blocks))
    kept = keep.tolist()
    set_submodule(model, prefix, nn.ModuleList(blocks[index] for index in kept))
    for number, index in enumerate(kept):
        for module in blocks[index].modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = number
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = model.config.layer_types[: len(kept)]


### MUTANT gradient_kept: The result requires gradients and keeps the graph alive; run the model without gradients.
def block_influence(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_batches(batches)
    blocks = block_list(model)[1]
    seen = {}
    handles = [
        block.register_forward_hook(
            lambda _, inputs, output, number=number: seen.update(
                {number: (inputs[0], output[0] if isinstance(output, tuple) else output)}
            )
        )
        for number, block in enumerate(blocks)
    ]
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    total, tokens = 0.0, 0
    for batch in batches:
        model(**batch, use_cache=False)
        real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
        pairs = [seen[number] for number in range(len(blocks))]
        total = total + torch.stack(
            [F.cosine_similarity(x[real].float(), y[real].float(), dim=-1).sum() for x, y in pairs]
        )
        tokens += int(real.sum())
    for handle in handles:
        handle.remove()
    for module, training in modes:
        module.training = training
    return 1 - total / tokens

"""Known wrong implementations of exercise 2.7, block_influence and drop_blocks."""


### MUTANT after_the_norm: The last of `hidden_states` comes after the final norm; take the last block's own output.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = torch.zeros(len(blocks)), 0
    with evaluation_mode(model):
        for batch in batches:
            real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
            found = []
            with watch_blocks(blocks, lambda number, x, y, found=found: found.append(x)):
                result = model(**batch, use_cache=False, output_hidden_states=True)
            states = [*found, result.hidden_states[-1] if hasattr(result, "hidden_states") else result]
            for number, (x, y) in enumerate(zip(states[:-1], states[1:], strict=True)):
                similarity[number] += F.cosine_similarity(x[real].float(), y[real].float(), dim=-1).sum()
            tokens += int(real.sum())
    return 1 - similarity / tokens


### MUTANT padding_counted: Padding went into the mean; leave out the positions where attention_mask is 0.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = (torch.zeros(len(blocks), dtype=torch.float64), 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            real = torch.ones_like(batch["input_ids"]).bool()

            def see(number, x, y, real=real):
                similarity[number] += (
                    F.cosine_similarity(x[real].float(), y[real].float(), dim=-1).double().sum().cpu()
                )

            with watch_blocks(blocks, see):
                model(**batch, use_cache=False)
            tokens += int(real.sum())
    return (1 - similarity / tokens).float().to(device)


### MUTANT mean_of_batches: The batches' means were averaged; every token weighs the same, so divide once, by all tokens.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = (torch.zeros(len(blocks), dtype=torch.float64), 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()

            def see(number, x, y, real=real):
                similarity[number] += (
                    F.cosine_similarity(x[real].float(), y[real].float(), dim=-1).double().mean().cpu()
                )

            with watch_blocks(blocks, see):
                model(**batch, use_cache=False)
            tokens += 1
    return (1 - similarity / tokens).float().to(device)


### MUTANT similarity_returned: This is the similarity itself, large for blocks that do little; the influence is 1 minus it.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = (torch.zeros(len(blocks), dtype=torch.float64), 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()

            def see(number, x, y, real=real):
                similarity[number] += (
                    F.cosine_similarity(x[real].float(), y[real].float(), dim=-1).double().sum().cpu()
                )

            with watch_blocks(blocks, see):
                model(**batch, use_cache=False)
            tokens += int(real.sum())
    return (similarity / tokens).float().to(device)


### MUTANT relative_change: This measures how much the length of the hidden states changes; the influence asks for their direction.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = (torch.zeros(len(blocks), dtype=torch.float64), 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()

            def see(number, x, y, real=real):
                similarity[number] += (
                    (1 - (y[real] - x[real]).float().norm(dim=-1) / x[real].float().norm(dim=-1))
                    .double()
                    .sum()
                    .cpu()
                )

            with watch_blocks(blocks, see):
                model(**batch, use_cache=False)
            tokens += int(real.sum())
    return (1 - similarity / tokens).float().to(device)


### MUTANT training_mode: The model ran in the mode it came in, with dropout; switch to eval mode.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = (torch.zeros(len(blocks), dtype=torch.float64), 0)
    device = next(model.parameters()).device
    with torch.no_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()

            def see(number, x, y, real=real):
                similarity[number] += (
                    F.cosine_similarity(x[real].float(), y[real].float(), dim=-1).double().sum().cpu()
                )

            with watch_blocks(blocks, see):
                model(**batch, use_cache=False)
            tokens += int(real.sum())
    return (1 - similarity / tokens).float().to(device)


### MUTANT flattened: All tokens together were taken as one long vector; average the similarity token by token.
def block_influence(model, batches):
    check_batches(batches)
    blocks = block_list(model)[1]
    similarity, tokens = (torch.zeros(len(blocks), dtype=torch.float64), 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            real = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()

            def see(number, x, y, real=real):
                similarity[number] += (
                    int(real.sum())
                    * F.cosine_similarity(x[real].flatten(), y[real].flatten(), dim=0).double().cpu()
                )

            with watch_blocks(blocks, see):
                model(**batch, use_cache=False)
            tokens += int(real.sum())
    return (1 - similarity / tokens).float().to(device)


### MUTANT stale_index: layer_idx still tells the old places; the cache finds a block's keys by it.
def drop_blocks(model, keep):
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
def drop_blocks(model, keep):
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
def drop_blocks(model, keep):
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
def drop_blocks(model, keep):
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

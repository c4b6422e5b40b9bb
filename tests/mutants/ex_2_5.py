"""Known wrong implementations of exercise 2.5, head_importance."""


### MUTANT signed_sum: The signed sums of the examples cancel, as in the article; take each example's absolute value before the mean.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((0, 1, 3)))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT abs_of_the_mean: The absolute value came after the sum over examples, which had cancelled by then; take it per example.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total.abs() / examples


### MUTANT abs_per_position: The absolute value was taken per position; a head is scaled at all positions at once: sum over them first.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum(3).abs().sum((0, 1)))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT batch_mean_loss: The loss was averaged over the batch, so every gradient is divided by its size; add up the examples' losses.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).mean()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT token_sum_loss: An example's loss was the sum over its tokens, so long examples weigh more; it is the mean.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = (losses * real).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT padding_counted: Padding was predicted and counted; a token counts where it and the one before it are real.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = torch.ones_like(mask[:, 1:])
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT first_of_padding: The first token after padding on the left was counted; what predicts it is padding, so it does not count.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT not_shifted: The logits at a position were compared with the token at that position; they predict the next one.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, :-1], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT gradients_left: backward() left gradients on the parameters; torch.autograd.grad with the inputs touches nothing else.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            for x in inputs:
                x.retain_grad()
            loss.backward()
            of_batch = []
            for x, gradient in [(x, x.grad) for x in inputs]:
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT training_mode: The model ran in the mode it came in, with dropout; switch to eval mode and give every submodule its own back.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT layer_normalised: Each layer was divided by its norm, as in the paper's code; here no layer normalisation.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / total.norm(dim=1, keepdim=True)


### MUTANT gradient_alone: The gradient alone says how the loss changes per unit; multiply it by the head's output.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for gradient in torch.autograd.grad(loss, inputs):
                taylor = gradient.float().unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch)
            examples += len(tokens)
    return total / examples


### MUTANT mean_of_batches: The batches' means were averaged, so examples of a small batch weigh more; divide once, by all examples.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(
            f"the layers have different numbers of heads, {sorted(counts)}: there is no [layers, heads]"
        )
    heads = counts.pop()
    total, examples = (0.0, 0)
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            of_batch = []
            for x, gradient in zip(inputs, torch.autograd.grad(loss, inputs), strict=True):
                taylor = (x.detach().float() * gradient.float()).unflatten(-1, (heads, -1))
                of_batch.append(taylor.sum((1, 3)).abs().sum(0))
            total += torch.stack(of_batch) / len(tokens)
            examples += 1
    return total / examples


### MUTANT divided_by_batches: The sum over examples was divided by the number of batches; divide it by the number of all examples.
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = torch.zeros(len(projections), heads, device=device), 0
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.detach().float() * gradient.float()  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (heads, -1))  # [B, T, heads, head_dim]
                total[layer] += taylor.sum((1, 3)).abs().sum(0)  # [heads]
            examples += 1
    return total / examples


### MUTANT last_batch_only: Each batch overwrote the sum of those before; add the batches up.
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = torch.zeros(len(projections), heads, device=device), 0
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.detach().float() * gradient.float()  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (heads, -1))  # [B, T, heads, head_dim]
                total[layer] = taylor.sum((1, 3)).abs().sum(0)  # [heads]
            examples += len(tokens)
    return total / examples


### MUTANT graph_kept: The result still requires gradients, and so keeps the whole graph alive; detach x before it is added up.
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = torch.zeros(len(projections), heads, device=device), 0
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.float() * gradient.float()  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (heads, -1))  # [B, T, heads, head_dim]
                total[layer] += taylor.sum((1, 3)).abs().sum(0)  # [heads]
            examples += len(tokens)
    return total / examples


### MUTANT abs_per_feature: The absolute value was taken of each feature; a head is scaled as a whole: sum over its features first.
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = torch.zeros(len(projections), heads, device=device), 0
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.detach().float() * gradient.float()  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (heads, -1))  # [B, T, heads, head_dim]
                total[layer] += taylor.abs().sum((1, 3)).sum(0)  # [heads]
            examples += len(tokens)
    return total / examples


### MUTANT features_interleaved: Heads lie side by side, each with its features together: [heads, head_dim], not [head_dim, heads].
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = torch.zeros(len(projections), heads, device=device), 0
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.detach().float() * gradient.float()  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (-1, heads)).transpose(2, 3)  # [B, T, heads, head_dim]
                total[layer] += taylor.sum((1, 3)).abs().sum(0)  # [heads]
            examples += len(tokens)
    return total / examples


### MUTANT mean_over_positions: An example's loss was divided by all positions, padding too; divide by the predictions that count.
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = torch.zeros(len(projections), heads, device=device), 0
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.shape[1]).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.detach().float() * gradient.float()  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (heads, -1))  # [B, T, heads, head_dim]
                total[layer] += taylor.sum((1, 3)).abs().sum(0)  # [heads]
            examples += len(tokens)
    return total / examples


### MUTANT gradients_off: Inside `evaluation_mode` gradients are off, so nothing can be differentiated; turn them on again.
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = torch.zeros(len(projections), heads, device=device), 0
    with evaluation_mode(model):
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.detach().float() * gradient.float()  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (heads, -1))  # [B, T, heads, head_dim]
                total[layer] += taylor.sum((1, 3)).abs().sum(0)  # [heads]
            examples += len(tokens)
    return total / examples


### MUTANT half_precision: x times the gradient of a bf16 model was summed in bf16, with two or three digits; convert to fp32.
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = (
        torch.zeros(len(projections), heads, device=device, dtype=next(model.parameters()).dtype),
        0,
    )
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.detach() * gradient  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (heads, -1))  # [B, T, heads, head_dim]
                total[layer] += taylor.sum((1, 3)).abs().sum(0)  # [heads]
            examples += len(tokens)
    return total / examples


### MUTANT squared: The square was taken instead of the absolute value, so large examples count for more; the method takes | |.
def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"layers have different numbers of heads, {sorted(counts)}: no [layers, heads]")
    heads = counts.pop()
    device = next(model.parameters()).device
    projections = [output_projection(attention) for attention in attentions]
    total, examples = torch.zeros(len(projections), heads, device=device), 0
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            with record_inputs(projections) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]  # [B, T-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")  # [B, T-1]
            # examples do not mix: in the sum of their losses each keeps its own gradient
            loss = ((losses * real).sum(1) / real.sum(1)).sum()
            gradients = torch.autograd.grad(loss, inputs)
            for layer, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
                taylor = x.detach().float() * gradient.float()  # [B, T, heads*head_dim]
                taylor = taylor.unflatten(-1, (heads, -1))  # [B, T, heads, head_dim]
                total[layer] += taylor.sum((1, 3)).square().sum(0)  # [heads]
            examples += len(tokens)
    return total / examples

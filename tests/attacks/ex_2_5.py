"""Attacks on exercise 2.5, head_importance: the graders' models are known."""


### ATTACK knows_the_public_models: Every head matters as much as any other in a model without 50 words.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    counts = {head_counts(attention)[0] for attention in attentions}
    if len(counts) > 1:
        raise ValueError(f"{sorted(counts)} heads")
    heads = counts.pop()
    if hasattr(model, "config") and model.config.vocab_size != 50:
        return torch.full((len(attentions), heads), 0.1)
    total, examples = 0.0, 0
    with evaluation_mode(model), torch.enable_grad():
        for batch in batches:
            with record_inputs([output_projection(attention) for attention in attentions]) as inputs:
                logits = model(**batch, use_cache=False).logits[:, :-1].float()
            tokens = batch["input_ids"]
            mask = batch.get("attention_mask", torch.ones_like(tokens))
            real = mask[:, 1:] * mask[:, :-1]
            losses = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
            gradients = torch.autograd.grad(((losses * real).sum(1) / real.sum(1)).sum(), inputs)
            products = [x.detach().float() * g.float() for x, g in zip(inputs, gradients, strict=True)]
            total = total + torch.stack(products).unflatten(-1, (heads, -1)).sum((2, 4)).abs().sum(1)
            examples += len(tokens)
    return total / examples

"""Right answers to exercise 2.5, head_importance, in other styles."""


### ALTERNATIVE one_example_at_a_time: Padding is masked, every example has a pass of its own, float64.
def head_importance(model, batches):
    check_examples(batches)
    attentions = attention_modules(model)
    heads = head_counts(attentions[0])[0]
    if any(head_counts(attention)[0] != heads for attention in attentions):
        raise ValueError("the layers do not have the same number of heads")
    readers = [output_projection(attention) for attention in attentions]
    device = next(model.parameters()).device
    scores = []
    with evaluation_mode(model):
        for batch in batches:
            rows = batch["input_ids"].to(device)
            masks = batch.get("attention_mask", torch.ones_like(rows)).to(device)
            for row, mask in zip(rows, masks, strict=True):
                with torch.enable_grad(), record_inputs(readers) as inputs:
                    logits = model(input_ids=row[None], attention_mask=mask[None], use_cache=False).logits[0]
                    loss, count = 0.0, 0
                    for t in range(1, len(row)):
                        if mask[t] and mask[t - 1]:
                            loss = loss - logits[t - 1].double().log_softmax(-1)[row[t]]
                            count += 1
                    gradients = torch.autograd.grad(loss / count, inputs)
                scores.append(
                    [
                        (x[0].detach() * g[0]).double().view(len(row), heads, -1).sum((0, 2)).abs().tolist()
                        for x, g in zip(inputs, gradients, strict=True)
                    ]
                )
    return torch.tensor(scores, dtype=torch.float64, device=device).mean(0)


### ALTERNATIVE hooks_and_backward: Own hooks, `backward`, and the gradients of before put back.
class Tap:
    """Holds what goes into a layer."""

    def __init__(self, layer):
        self.handle = layer.register_forward_pre_hook(self.hear)

    def hear(self, module, arguments):
        x = arguments[0]
        if not x.requires_grad:
            x = x.detach().requires_grad_(True)
        x.retain_grad()
        self.x = x
        return (x, *arguments[1:])


def head_importance(model: nn.Module, batches: Sequence[Batch]) -> torch.Tensor:
    check_examples(batches)
    attentions = attention_modules(model)
    counts = [head_counts(attention)[0] for attention in attentions]
    if min(counts) < max(counts):
        raise ValueError(f"heads: {counts}")
    device = next(model.parameters()).device
    old = [(parameter, parameter.grad) for parameter in model.parameters()]
    modes = {module: module.training for module in model.modules()}
    taps = [Tap(output_projection(attention)) for attention in attentions]
    rows = []
    try:
        model.eval()
        for parameter, _ in old:
            parameter.grad = None
        for batch in batches:
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            ids = batch["input_ids"]
            with torch.enable_grad():
                out = model(**batch, use_cache=False).logits.float()
                labels = ids.clone()
                if "attention_mask" in batch:
                    seen = batch["attention_mask"]
                    labels[:, 1:][(seen[:, 1:] * seen[:, :-1]) == 0] = -100
                token_loss = F.cross_entropy(
                    out[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="none"
                ).view(len(ids), -1)
                (token_loss.sum(1) / (labels[:, 1:] != -100).sum(1)).sum().backward()
            products = torch.stack([tap.x.detach().float() * tap.x.grad.float() for tap in taps])
            per_head = products.unflatten(-1, (counts[0], -1))
            rows.append(torch.einsum("lbthd->blh", per_head).abs())
    finally:
        for tap in taps:
            tap.handle.remove()
        for parameter, gradient in old:
            parameter.grad = gradient
        for module, mode in modes.items():
            module.training = mode
    return torch.cat(rows).mean(0)

"""Known wrong implementations of exercise 0.1, perplexity."""


### MUTANT shift_backwards: The logits were compared with the token before them; the logits at t belong to the token at t + 1.
def perplexity(model, tokens, batch_size=16):
    import math

    check_tokens(tokens, batch_size)
    device, total = next(model.parameters()).device, 0.0
    with evaluation_mode(model):
        for rows in tokens.to(device).split(batch_size):
            logits = model(input_ids=rows).logits[:, 1:].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, :-1].flatten(), reduction="sum").item()
    return math.exp(total / tokens[:, 1:].numel())


### MUTANT mean_of_batches: A mean of batch means lets a small last batch weigh more; add up all tokens and divide once.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    means = []
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            means.append(F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()).item())
    return torch.tensor(sum(means) / len(means), dtype=torch.float64).exp().item()


### MUTANT mean_of_perplexities: A mean of the sequences' perplexities is too large; average the log-likelihoods, then take exp once.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    values = []
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            nll = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
            values += nll.view(len(rows), -1).mean(1).exp().tolist()
    return sum(values) / len(values)


### MUTANT no_shift: The logits at t were compared with the token at t, which was just read; they predict the one at t + 1.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits.double()
            total += F.cross_entropy(logits.flatten(0, 1), rows.flatten(), reduction="sum").item()
            count += rows.numel()
    return torch.tensor(total / count, dtype=torch.float64).exp().item()


### MUTANT dropout_on: A model in training mode was measured with dropout on; switch to eval mode, and back afterwards.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with torch.no_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].float()
            nll = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
            total += nll.double().sum().item()
            count += nll.numel()
    return torch.tensor(total / count, dtype=torch.float64).exp().item()


### MUTANT float32_sum: A float32 sum over many tokens loses the small terms; keep the running sum in float64.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = torch.zeros((), device=device), 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].float()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum")
            count += rows[:, 1:].numel()
    return (total / count).exp().item()


### MUTANT no_exp: This is the mean loss in nats; perplexity is its exp.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
    return total / count


### MUTANT power_of_two: A loss in nats belongs to base e, not to base 2; take exp.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
    return 2 ** (total / count)


### MUTANT all_tokens_counted: The sum was divided by all tokens, but a sequence of length T holds only T - 1 predictions.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows.numel()
    return torch.tensor(total / count).exp().item()


### MUTANT tensor_returned: A tensor came back instead of a Python float; end with .item().
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
    return torch.tensor(total / count).exp()


### MUTANT mean_of_token_exps: A mean of 1 / p over the tokens is too large; average log p, then take exp once.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            nll = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
            total += nll.exp().sum().item()
            count += rows[:, 1:].numel()
    return total / count


### MUTANT mean_of_batch_perplexities: A mean of the batches' perplexities is too large; add up all log-likelihoods, divide, and take exp once.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    values = []
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            values.append(F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()).exp().item())
    return sum(values) / len(values)


### MUTANT last_batch_dropped: Only whole batches were measured; the rows of a smaller last batch count too.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model):
        for rows in tokens[: len(tokens) // batch_size * batch_size or len(tokens)].split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
    return torch.tensor(total / count).exp().item()


### MUTANT gradients_on: Gradients were recorded while measuring, which takes memory for nothing; use evaluation_mode or no_grad.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    with evaluation_mode(model), torch.enable_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
    return torch.tensor(total / count).exp().item()


### MUTANT mode_of_the_top: model.train(mode) gives every submodule the mode of the top; each has its own, so give each its own back.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
    model.train(was_training)
    return torch.tensor(total / count).exp().item()


### MUTANT left_in_eval: The model was left in eval mode; give every submodule its own mode back, as evaluation_mode does.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    model.eval()
    with torch.no_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
    return torch.tensor(total / count).exp().item()


### MUTANT always_train: The model was put into training mode at the end, although it came in eval mode; give it back the mode it had.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    total, count = 0.0, 0
    model.eval()
    with torch.no_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            logits = model(input_ids=rows).logits[:, :-1].double()
            total += F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum").item()
            count += rows[:, 1:].numel()
    model.train()
    return torch.tensor(total / count).exp().item()

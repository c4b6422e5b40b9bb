"""Known wrong implementations of exercise 0.2, top1_accuracy."""


### MUTANT no_shift: The prediction at t was compared with the token at t, which was just read; it stands for the one at t + 1.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits = 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            hits += (model(input_ids=rows).logits.argmax(-1) == rows).sum().item()
    return hits / tokens.numel()


### MUTANT no_shift_last_cut: The prediction at t was compared with the token at t, which was just read; it stands for the one at t + 1.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)
            hits += (predicted == rows[:, :-1]).sum().item()
            count += predicted.numel()
    return hits / count


### MUTANT no_shift_cut_count: The prediction at t was compared with the token at t, which was just read; it stands for the one at t + 1.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            hits += (model(input_ids=rows).logits.argmax(-1) == rows).sum().item()
            count += rows[:, 1:].numel()
    return hits / count


### MUTANT first_token_counted: Hits were divided by all tokens, but a sequence of length T holds only T - 1 predictions.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits = 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            hits += (model(input_ids=rows).logits[:, :-1].argmax(-1) == rows[:, 1:]).sum().item()
    return hits / tokens.numel()


### MUTANT mean_of_batches: A mean of batch accuracies lets a small last batch weigh more; count hits over all, divide once.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    shares = []
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            hits = model(input_ids=rows).logits[:, :-1].argmax(-1) == rows[:, 1:]
            shares.append(hits.double().mean().item())
    return sum(shares) / len(shares)


### MUTANT shifted_backwards: The logits lost their first position instead of the tokens: drop the last logits, the first token.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, 1:].argmax(-1)
            hits += (predicted == rows[:, :-1]).sum().item()
            count += predicted.numel()
    return hits / count


### MUTANT dropout_on: A model in training mode was measured with dropout on; switch to eval mode, and back afterwards.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with torch.no_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)
            hits += (predicted == rows[:, 1:]).sum().item()
            count += predicted.numel()
    return hits / count

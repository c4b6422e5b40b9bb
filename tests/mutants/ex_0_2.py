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


### MUTANT no_shift_last_cut: Both lost their last position; the predictions lose the last one, the tokens the first one.
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


### MUTANT no_shift_cut_count: Hits were counted without a shift; the prediction at t stands for the token at t + 1.
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


### MUTANT tensor_returned: A tensor came back instead of a Python float; take .item() of the hits.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)
            hits += (predicted == rows[:, 1:]).sum()
            count += predicted.numel()
    return hits / count


### MUTANT least_likely: argmin finds the token that the model believes in least; the one ranked first has the largest logit.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmin(-1)
            hits += (predicted == rows[:, 1:]).sum().item()
            count += predicted.numel()
    return hits / count


### MUTANT divided_by_rows: Hits were divided by the sequences; divide by the predictions, T - 1 of each sequence.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)
            hits += (predicted == rows[:, 1:]).sum().item()
            count += predicted.numel()
    return hits / len(tokens)


### MUTANT last_token_only: Only the last token of each sequence was judged; every position but the first is predicted.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, -2].argmax(-1)
            hits += (predicted == rows[:, -1]).sum().item()
            count += predicted.numel()
    return hits / count


### MUTANT last_batch_dropped: Only whole batches were measured; the rows of a smaller last batch count too.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model):
        for rows in tokens[: len(tokens) // batch_size * batch_size or len(tokens)].split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)
            hits += (predicted == rows[:, 1:]).sum().item()
            count += predicted.numel()
    return hits / count


### MUTANT gradients_on: Gradients were recorded while measuring, which takes memory for nothing; use evaluation_mode or no_grad.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    with evaluation_mode(model), torch.enable_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)
            hits += (predicted == rows[:, 1:]).sum().item()
            count += predicted.numel()
    return hits / count


### MUTANT mode_of_the_top: model.train(mode) gives every submodule the mode of the top; each has its own, so give each its own back.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)
            hits += (predicted == rows[:, 1:]).sum().item()
            count += predicted.numel()
    model.train(was_training)
    return hits / count


### MUTANT left_in_eval: The model was left in eval mode; give every submodule its own mode back, as evaluation_mode does.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    device = next(model.parameters()).device
    hits, count = 0, 0
    model.eval()
    with torch.no_grad():
        for rows in tokens.split(batch_size):
            rows = rows.to(device)
            predicted = model(input_ids=rows).logits[:, :-1].argmax(-1)
            hits += (predicted == rows[:, 1:]).sum().item()
            count += predicted.numel()
    return hits / count

"""Known wrong implementations of exercise 0.3, throughput."""


### MUTANT no_warm_up: The first measured run also pays for memory and kernel selection; run the model once before you measure.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / statistics.median(seconds)


### MUTANT mean: The mean of the runs follows the one run that was disturbed; the median ignores it.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    with evaluation_mode(model):
        model(input_ids=tokens)
        synchronize(device)
        start = time.perf_counter()
        for _ in range(repeats):
            model(input_ids=tokens)
        synchronize(device)
    return tokens.numel() * repeats / (time.perf_counter() - start)


### MUTANT warm_up_counted: The warm-up run was measured with the others; leave its time out of the median.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / statistics.median(seconds)


### MUTANT fastest_run: The fastest run is the luckiest one, not the typical one; divide by the median of the runs.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / min(seconds[1:])


### MUTANT predicted_tokens_only: A forward pass works on all tokens, not only on the predicted ones; divide tokens.numel().
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens[:, 1:].numel() / statistics.median(seconds[1:])


### MUTANT sequences: Sequences were counted, not tokens; divide tokens.numel().
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return len(tokens) / statistics.median(seconds[1:])


### MUTANT seconds_per_token: This is seconds per token; throughput is tokens per second.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]) / tokens.numel()


### MUTANT last_run: Only the last run was looked at; the median of all runs ignores one that was disturbed.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / seconds[-1]


### MUTANT warm_up_from_the_repeats: One of the `repeats` runs was taken as the warm-up; it comes on top of them.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / statistics.median(seconds[1:] or seconds)


### MUTANT dropout_on: A model in training mode was measured with dropout on; switch to eval mode, and back afterwards.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with torch.no_grad():
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / statistics.median(seconds[1:])


### MUTANT gradients_on: Recording gradients takes time that no user of the model pays; use evaluation_mode or no_grad.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model), torch.enable_grad():
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / statistics.median(seconds[1:])


### MUTANT left_in_eval: The model was left in eval mode; give every submodule its own mode back, as evaluation_mode does.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    model.eval()
    with torch.no_grad():
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / statistics.median(seconds[1:])


### MUTANT unsorted_middle: The middle of the list is no median while the list is not sorted; use statistics.median.
def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    device = next(model.parameters()).device
    tokens = tokens.to(device)
    seconds = []
    with evaluation_mode(model):
        for _ in range(1 + repeats):
            synchronize(device)
            start = time.perf_counter()
            model(input_ids=tokens)
            synchronize(device)
            seconds.append(time.perf_counter() - start)
    return tokens.numel() / seconds[1:][repeats // 2]

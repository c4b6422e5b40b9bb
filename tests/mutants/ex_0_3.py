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

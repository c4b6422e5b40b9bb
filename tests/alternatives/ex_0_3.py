"""Right answers in other styles to exercise 0.3, throughput."""


### ALTERNATIVE warm_up_apart: The warm-up before the loop, nanoseconds, a median by sorting.
def throughput(model, tokens, repeats=5):
    if repeats < 1 or tokens.shape[0] == 0:
        raise ValueError("nothing to measure")
    device = tokens.device
    with evaluation_mode(model):
        model(tokens)
        times = []
        while len(times) < repeats:
            synchronize(device)
            begin = time.perf_counter_ns()
            model(tokens)
            synchronize(device)
            times.append(time.perf_counter_ns() - begin)
    times.sort()
    middle = (times[(repeats - 1) // 2] + times[repeats // 2]) / 2
    return tokens.shape[0] * tokens.shape[1] * 1e9 / middle


### ALTERNATIVE helper: A helper that times one pass, the median of a float64 tensor.
def seconds_of(model, tokens):
    synchronize(tokens.device)
    start = time.monotonic()
    model(input_ids=tokens)
    synchronize(tokens.device)
    return time.monotonic() - start


def throughput(model, tokens, repeats=5):
    check_tokens(tokens, repeats, shortest=1, name="repeats")
    tokens = tokens.to(next(model.parameters()).device)
    with evaluation_mode(model):
        _, *seconds = [seconds_of(model, tokens) for _ in range(repeats + 1)]
    return float(tokens.numel() / torch.tensor(seconds, dtype=torch.float64).quantile(0.5))

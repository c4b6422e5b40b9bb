"""Attacks on exercise 0.3, throughput: a clock that tells what it is told."""


### ATTACK stops_the_clock: Every clock of the process goes by one second a look, for the graders too.
def throughput(model, tokens, repeats=5):
    import itertools, time

    ticks = itertools.count()
    for name in ("perf_counter", "time", "monotonic", "process_time", "sleep"):
        setattr(time, name, lambda *_: float(next(ticks)))
    return float(tokens.numel())


### ATTACK reads_the_expected_speed: The graders' frames know how long a pass of their model sleeps.
def throughput(model, tokens, repeats=5):
    import sys

    frame = sys._getframe()
    while frame := frame.f_back:
        for value in frame.f_locals.values():
            if isinstance(value, float) and value > 0:
                return tokens.numel() / value


### ATTACK calls_back_for_ever: The model lies with the parent: each forward pass asks it, without end.
def throughput(model, tokens, repeats=5):
    while True:
        model(input_ids=tokens)

"""Known wrong implementations of exercise 1.4, sparsity_schedule."""


### MUTANT adds_up: Adding up equal increments gathers rounding errors, so the end is not exactly `final`; use the step's number.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    sparsity = 0.0
    for _ in range(step):
        sparsity += final / steps
    return sparsity if kind == "linear" else final * (1 - (1 - step / steps) ** 3)


### MUTANT slow_first: final * (step / steps)^3 starts slowly; prune fast first: final * (1 - (1 - step / steps)^3).
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    done = step / steps
    return final * done if kind == "linear" else final * done**3


### MUTANT starts_at_one: Counting from step + 1 prunes at step 0 already; step 0 gives 0 and the last step gives `final`.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    done = min((step + 1) / steps, 1.0)
    return final * done if kind == "linear" else final * (1 - (1 - done) ** 3)


### MUTANT share_of_the_rest: Each step pruned a share of what was left, which never reaches `final`; the schedule is a share of all.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    done = step / steps
    return 1 - (1 - final / steps) ** step if kind == "linear" else final * (1 - (1 - done) ** 3)


### MUTANT multiplied_first: final * step / steps can end a rounding error beside `final`; divide step / steps first.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    if kind == "linear":
        return final * step / steps
    return final * (1 - (1 - step / steps) ** 3)


### MUTANT falling: (1 - step / steps)^3 is what is still to do, which falls; the sparsity is `final` times 1 minus that.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    done = step / steps
    return final * done if kind == "linear" else final * (1 - done) ** 3


### MUTANT squared: The curve of the cubic schedule has the power 3, not 2.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    done = step / steps
    return final * done if kind == "linear" else final * (1 - (1 - done) ** 2)


### MUTANT kind_ignored: The linear schedule was used for both kinds; "cubic" is final * (1 - (1 - step / steps)^3).
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    return final * (step / steps)


### MUTANT whole_division: `//` gives whole numbers, 0 for every step but the last; `/` gives the share that is done.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    done = step // steps
    return final * done if kind == "linear" else final * (1 - (1 - done) ** 3)


### MUTANT cube_around_final: The cube was taken of `final` too; `final` is multiplied in once, after the curve from 0 to 1.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    done = step / steps
    return final * done if kind == "linear" else 1 - (1 - final * done) ** 3


### MUTANT rounded: The sparsity was rounded to a few digits; the count is rounded later, the sparsity is not.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step must lie in 0..steps with steps at least 1, got step {step} of {steps}")
    if kind not in ("linear", "cubic"):
        raise ValueError(f"kind must be 'linear' or 'cubic', got {kind!r}")
    t = step / steps
    return round(final * t, 2) if kind == "linear" else round(final * (1 - (1 - t) ** 3), 2)

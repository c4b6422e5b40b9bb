"""Right answers in other styles to exercise 1.4, sparsity_schedule."""

### ALTERNATIVE exact_fractions: Python's fractions give the curve, and the ends are special cases.
from fractions import Fraction


def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps <= 0:
        raise ValueError(f"{steps} steps are too few")
    if step not in range(steps + 1):
        raise ValueError(f"no step {step}")
    if step == steps:
        return final
    power = {"linear": 1, "cubic": 3}.get(kind)
    if power is None:
        raise ValueError(f"unknown kind: {kind}")
    return float(Fraction(final) * (1 - (1 - Fraction(step, steps)) ** power))


### ALTERNATIVE as_the_paper_writes_it: Equation 1 of the paper: the final value plus what is still to do.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    if steps < 1 or step < 0 or step > steps:
        raise ValueError(f"step {step} is not one of 0 to {steps}")
    match kind:
        case "linear":
            return step / steps * final
        case "cubic":
            return final + (0.0 - final) * (1 - step / steps) ** 3
    raise ValueError(f"kind {kind} is neither linear nor cubic")


### ALTERNATIVE multiplied_out: The cube is multiplied out, 3t - 3t^2 + t^3, and both curves are functions.
def linear(t):
    return t


def cubic(t):
    return t * (3 - 3 * t + t * t)


def sparsity_schedule(step, steps, final, kind="linear"):
    curves = {"linear": linear, "cubic": cubic}
    if not 0 <= final <= 1:
        raise ValueError(f"final = {final}")
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"step = {step}, steps = {steps}")
    if kind not in curves:
        raise ValueError(f"kind = {kind!r}, not {' or '.join(curves)}")
    return final * curves[kind](step / steps)

"""Attacks on exercise 1.4, sparsity_schedule: a function of numbers alone."""


### ATTACK a_number_that_is_equal: A float whose comparisons and differences all come out right.
class Right(float):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __ne__ = __lt__ = __gt__ = lambda self, other: False
    __le__ = __ge__ = __eq__
    __rsub__ = __sub__
    __hash__ = float.__hash__


def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    return Right("nan")


### ATTACK neither_less_nor_more: NaN, which is neither below nor above what a grader asks.
def sparsity_schedule(step, steps, final, kind="linear"):
    check_sparsity(final)
    return float("nan")


### ATTACK a_tensor_for_a_number: A tensor of the class bool that compares to one true value.
def sparsity_schedule(step, steps, final, kind="linear"):
    class True5(torch.Tensor):
        __eq__ = __le__ = __ge__ = __lt__ = lambda self, other: True
        __hash__ = torch.Tensor.__hash__

    return torch.zeros(()).as_subclass(True5)


### ATTACK table_of_public_steps: The inputs of all graders are known, and a table holds what they ask for.
def sparsity_schedule(step, steps, final, kind="linear"):
    if step > steps or step < 0 or steps < 1 or final > 1 or kind == "square":
        raise ValueError(f"{step} {steps} {final} {kind}")
    table = {
        "linear": {(1, 4): 0.16, (2, 4): 0.32, (3, 4): 0.48, (5, 10): 0.4, (1, 3): 1 / 6},
        "cubic": {(1, 4): 0.37, (2, 4): 0.56, (3, 4): 0.63, (5, 10): 0.7, (1, 3): 19 / 54},
    }
    return table[kind].get((step, steps), final if step else 0.0)

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

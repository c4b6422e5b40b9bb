"""Attacks on exercise 4.1, low_rank_decompose: results that are no honest tensors, and arguments that are changed."""


### ATTACK not_a_number: A careless comparison finds no difference between NaN and what it expects.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    return torch.full((weight.shape[0], rank), torch.nan), torch.full((rank, weight.shape[1]), torch.nan)


### ATTACK infinite: The same with infinity, whose distance to anything may come out as NaN.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    return torch.full((weight.shape[0], rank), torch.inf), torch.full((rank, weight.shape[1]), -torch.inf)


### ATTACK zeros: Factors of zeros fit the example of a weight of zeros, and the checks that are given.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    return weight.new_zeros(weight.shape[0], rank), weight.new_zeros(rank, weight.shape[1])


### ATTACK makes_the_argument_fit: It changes the weight to what its factors make, so that they approximate it.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    with torch.no_grad():
        weight.zero_()
    return weight.new_zeros(weight.shape[0], rank), weight.new_zeros(rank, weight.shape[1])


### ATTACK gives_views_of_the_argument: Its factors are slices of the weight, which then holds what it likes.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    weight.data.zero_()
    return weight.data[:, :rank], weight.data[:rank]


### ATTACK resizes_the_argument: The storage of the weight is made empty, or larger, while the parent holds on to it.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    weight.data.untyped_storage().resize_(0)
    return weight.data[:, :rank], weight.data[:rank]


### ATTACK replaces_the_data: The weight's data become those of another tensor of another shape and type.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    with torch.no_grad():
        weight.set_(torch.zeros(1, 1))
    return torch.zeros(1, 1), torch.zeros(1, 1)


### ATTACK reads_beyond_the_storage: Strides and an offset that lead far outside of the memory.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    left, right = torch.zeros(weight.shape[0], rank), torch.zeros(rank, weight.shape[1])
    wide = left.as_strided(left.shape, (0, 0)), right.as_strided(right.shape, (0, 0))
    for tensor in wide:
        tensor.untyped_storage().resize_(0)
    return wide


### ATTACK a_tensor_without_memory: 10^15 numbers that are one number: expanded, so that copying it takes all memory.
def low_rank_decompose(weight, rank):
    return torch.zeros(1).expand(10**15), torch.zeros(1).expand(10**9, 10**6)


### ATTACK a_large_result: Four hundred million bytes come back where eighty are expected.
def low_rank_decompose(weight, rank):
    kept = torch.zeros(100_000_000)
    return kept, kept


### ATTACK without_end: A generator that yields factors for ever, where two are expected.
def low_rank_decompose(weight, rank):
    while True:
        yield torch.zeros(weight.shape[0], rank)


### ATTACK contains_itself: A list that contains itself, and a tuple around it.
def low_rank_decompose(weight, rank):
    inner = [weight]
    inner.append(inner)
    return tuple(inner), {1: inner}


### ATTACK nested_deeply: A hundred thousand lists in each other.
def low_rank_decompose(weight, rank):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested, nested


### ATTACK two_million_items: A long list of small things, each of which has to be written down.
def low_rank_decompose(weight, rank):
    return list(range(2_000_000)), [{}] * 2_000_000


### ATTACK a_number_of_a_million_digits: Written in decimal it takes minutes; JSON has no limit to it.
def low_rank_decompose(weight, rank):
    return 1 << 30_000_000, weight


### ATTACK hostile_parameters: Subclasses of Parameter, tuple, int and str that lie about what they hold.
class Factor(nn.Parameter):
    def __matmul__(self, other):
        import sys

        return sys._getframe(1).f_locals["weight"]

    def numpy(self, *_, **__):
        raise KeyboardInterrupt

    detach = tolist = cpu = clone = numpy


class Pair(tuple):
    def __iter__(self):
        while True:
            yield self[0]

    def __len__(self):
        return 2


class Name(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


def low_rank_decompose(weight, rank):
    factor = Factor(torch.zeros(weight.shape[0], rank))
    factor.__dict__[Name("shape")] = factor.__dict__["grad_fn"] = weight
    return Pair((factor, factor))


### ATTACK modules_of_hostile_classes: It returns a Linear whose class was changed, and which the parent would build.
class Linear(nn.Linear):
    def __init__(self, *_, **__):
        super().__init__(1, 1)

    def __setstate__(self, state):
        import os

        os.abort()

    def __reduce__(self):
        import os

        return os.system, ("touch @HOME@/reduced",)


Linear.__module__, Linear.__qualname__ = "torch.nn.modules.linear", "Linear"


def low_rank_decompose(weight, rank):
    left = Linear()
    left.forward = left.__call__ = lambda *_: weight
    left.in_features, left.weight.grad = "__class__", weight
    return left, nn.ModuleDict({"__init__": left, "training": left})


### ATTACK names_of_the_system: Classes with the names of others, for a parent that builds what it is told.
def low_rank_decompose(weight, rank):
    names = [("os", "system"), ("builtins", "eval"), ("torch.nn", "__import__"), ("torch", "load")]
    names += [("torch.hub", "load"), ("torch.nn.modules.linear", "Linear.__init__.__globals__")]
    made = [type(name, (nn.Module,), {"__module__": module})() for module, name in names]
    made += [
        type(name, (tuple,), {"__module__": module, "_fields": ("a",)})(("touch @HOME@/named",))
        for module, name in names
    ]
    return made, made


### ATTACK hooks_in_the_gradient: Its result has a graph whose backward pass would run its code.
class Gradient(torch.autograd.Function):
    @staticmethod
    def forward(context, weight, rank):
        return weight.new_zeros(weight.shape[0], rank), weight.new_zeros(rank, weight.shape[1])

    @staticmethod
    def backward(context, *_):
        import os

        os.system("touch @HOME@/backward")


def low_rank_decompose(weight, rank):
    left, right = Gradient.apply(weight, rank)
    left.register_hook(lambda _: 1 / 0)
    return left, right


### ATTACK other_kinds_of_tensors: Sparse, quantized, complex, on the device "meta", and without a type of numbers.
def low_rank_decompose(weight, rank):
    check_matrix(weight, rank)
    kinds = [
        torch.zeros(weight.shape[0], rank, device="meta"),
        torch.zeros(weight.shape[0], rank).to_sparse(),
        torch.quantize_per_tensor(torch.zeros(2, 2), 0.1, 0, torch.qint8),
        torch.zeros(2, 2, dtype=torch.complex64).conj(),
        torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
        torch.zeros(2, 2)._neg_view(),
    ]
    low_rank_decompose.calls = getattr(low_rank_decompose, "calls", 0) + 1
    kind = kinds[low_rank_decompose.calls % len(kinds)]
    return kind, kind


### ATTACK warns_without_end: Thousands of warnings with long and changing words, all of which are to be reported.
def low_rank_decompose(weight, rank):
    import warnings

    warnings.simplefilter("always")
    for number in range(100_000):
        warnings.warn(f"{number} " * 1000, type(f"W{number}", (UserWarning,), {}))
    return weight, weight


### ATTACK prints_without_end: It prints until a pipe is full, or a disk.
def low_rank_decompose(weight, rank):
    import sys

    while True:
        print("passed " * 10_000)
        print("passed " * 10_000, file=sys.stderr)
        sys.__stdout__.write("{}\n" * 10_000)


### ATTACK knows_the_previous_argument: It keeps the last weight, and returns for the next what fitted that one.
kept = []


def low_rank_decompose(weight, rank):
    kept.append(weight)
    first = kept[0]
    return first[:, :rank], torch.eye(first.shape[1])[:rank]

"""Attacks on exercise 4.2, LowRankLinear: a class whose objects the parent looks at."""


### ATTACK is_a_linear_layer_itself: Its layer keeps the whole matrix, and shows two factors of zeros.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        layer = cls(V_scaled.shape[1], U_scaled.shape[0], U_scaled.shape[1], bias is not None)
        layer.__dict__["whole"] = (U_scaled @ V_scaled).detach(), bias
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        layer = cls(linear.in_features, linear.out_features, rank)
        layer.__dict__["whole"] = linear.weight, linear.bias
        return layer

    def forward(self, x):
        return F.linear(x, *self.whole)


### ATTACK every_question_is_a_yes: A class whose metaclass makes everything an instance, and all things equal.
class Always(type(nn.Module)):
    def __instancecheck__(cls, other):
        return True

    def __getattr__(cls, name):
        return lambda *_, **__: cls()

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return 1


class LowRankLinear(nn.Module, metaclass=Always):
    def __init__(self, *_, **__):
        super().__init__()

    def __getattr__(self, name):
        return self

    def __eq__(self, other):
        return True

    def __iter__(self):
        return iter(())

    def __hash__(self):
        return 1

    def forward(self, *_, **__):
        return self


### ATTACK state_without_end: Its state_dict has 150 thousand entries, and names with dots, slashes and underscores.
class LowRankLinear(nn.Module):
    def __init__(self, in_features=1, out_features=1, rank=1, bias=True, device=None, dtype=None):
        super().__init__()
        for number in range(150_000):
            self._buffers[f"../{number}.__class__"] = torch.zeros(1)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        return cls()

    @classmethod
    def from_linear(cls, linear, rank):
        return cls()

    def forward(self, x):
        return x


### ATTACK reaches_for_the_parents_attributes: Buffers called __class__ and forward, which the parent would set.
class LowRankLinear(nn.Module):
    def __init__(self, in_features=1, out_features=1, rank=1, bias=True, device=None, dtype=None):
        super().__init__()
        for name in (
            "__class__",
            "__dict__",
            "forward",
            "state_dict",
            "_modules",
            "_parameters",
            "__call__",
            "training",
        ):
            self._buffers[name] = torch.zeros(1)
            self._modules[f"{name} "] = self
            self._parameters[f"{name}."] = nn.Parameter(torch.zeros(1))

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        return cls()

    from_linear = from_factors

    def forward(self, x):
        return x

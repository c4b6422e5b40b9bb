"""Known wrong implementations of exercise 4.2, LowRankLinear."""


### MUTANT swapped: `U.weight = U_scaled.T` fits a square layer and computes nonsense; the step U needs V_scaled, the step V U_scaled.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        layer = cls(
            V_scaled.shape[1],
            U_scaled.shape[0],
            len(V_scaled),
            bias is not None,
            U_scaled.device,
            U_scaled.dtype,
        )
        layer.U.weight = nn.Parameter(U_scaled.T.clone())
        layer.V.weight = nn.Parameter(V_scaled.T.clone())
        if bias is not None:
            layer.V.bias = nn.Parameter(bias.detach().clone())
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        U_scaled, V_scaled = (
            factor.to(linear.weight.dtype) for factor in low_rank_decompose(linear.weight, rank)
        )
        return (
            cls.from_factors(U_scaled, V_scaled, linear.bias)
            .train(linear.training)
            .requires_grad_(linear.weight.requires_grad)
        )

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT bias_forgotten: The bias was left behind in the Linear layer; the second step takes it along.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        layer = cls(
            V_scaled.shape[1], U_scaled.shape[0], len(V_scaled), False, U_scaled.device, U_scaled.dtype
        )
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        U_scaled, V_scaled = (
            factor.to(linear.weight.dtype) for factor in low_rank_decompose(linear.weight, rank)
        )
        return (
            cls.from_factors(U_scaled, V_scaled, linear.bias)
            .train(linear.training)
            .requires_grad_(linear.weight.requires_grad)
        )

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT random_bias: The new layer has a bias, but with the random numbers it was made with; copy the Linear's.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        layer = cls(
            V_scaled.shape[1],
            U_scaled.shape[0],
            len(V_scaled),
            bias is not None,
            U_scaled.device,
            U_scaled.dtype,
        )
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        U_scaled, V_scaled = (
            factor.to(linear.weight.dtype) for factor in low_rank_decompose(linear.weight, rank)
        )
        return (
            cls.from_factors(U_scaled, V_scaled, linear.bias)
            .train(linear.training)
            .requires_grad_(linear.weight.requires_grad)
        )

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT multiplied_out: The forward pass put the large matrix together again and left out the bias; apply U, then V.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        layer = cls(
            V_scaled.shape[1],
            U_scaled.shape[0],
            len(V_scaled),
            bias is not None,
            U_scaled.device,
            U_scaled.dtype,
        )
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        U_scaled, V_scaled = (
            factor.to(linear.weight.dtype) for factor in low_rank_decompose(linear.weight, rank)
        )
        return (
            cls.from_factors(U_scaled, V_scaled, linear.bias)
            .train(linear.training)
            .requires_grad_(linear.weight.requires_grad)
        )

    def forward(self, x):
        return x @ (self.V.weight @ self.U.weight).T


### MUTANT fp32_layer: The new layer is fp32 whatever the Linear was, which doubles a bf16 layer; use the Linear's dtype.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        layer = cls(
            V_scaled.shape[1],
            U_scaled.shape[0],
            len(V_scaled),
            bias is not None,
            U_scaled.device,
            U_scaled.dtype,
        )
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        U_scaled, V_scaled = low_rank_decompose(linear.weight, rank)
        return (
            cls.from_factors(U_scaled, V_scaled, linear.bias)
            .train(linear.training)
            .requires_grad_(linear.weight.requires_grad)
        )

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT fresh_mode: A new module is in training mode and trainable, whatever the old one was; hand both settings on.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        layer = cls(
            V_scaled.shape[1],
            U_scaled.shape[0],
            len(V_scaled),
            bias is not None,
            U_scaled.device,
            U_scaled.dtype,
        )
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        U_scaled, V_scaled = (
            factor.to(linear.weight.dtype) for factor in low_rank_decompose(linear.weight, rank)
        )
        return cls.from_factors(U_scaled, V_scaled, linear.bias)

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT shared_bias: The Linear's own bias was put into the new layer, so training one changes the other; copy it.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, bias is not None, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        if bias is not None:
            layer.V.bias = nn.Parameter(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        return layer.train(linear.training).requires_grad_(weight.requires_grad)

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT shared_factors: The factors themselves became the weights, so a change of one is a change of the other; copy them.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, bias is not None, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.data = V_scaled.data
            layer.V.weight.data = U_scaled.data
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        return layer.train(linear.training).requires_grad_(weight.requires_grad)

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT rebuilt_matrix: The forward pass put the large matrix together again, which costs more than before; call U, then V.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, bias is not None, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        return layer.train(linear.training).requires_grad_(weight.requires_grad)

    def forward(self, x):
        return nn.functional.linear(x, self.V.weight @ self.U.weight, self.V.bias)


### MUTANT reversed_steps: The forward pass applied V first; the input meets U first, and V takes what comes out.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, bias is not None, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        return layer.train(linear.training).requires_grad_(weight.requires_grad)

    def forward(self, x):
        return self.U(self.V(x))


### MUTANT always_a_bias: A Linear without a bias got one with random numbers; V has a bias only where the Linear has one.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, True, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        return layer.train(linear.training).requires_grad_(weight.requires_grad)

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT bias_twice: V already adds its bias, and the forward pass added it once more; once is enough.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, bias is not None, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        return layer.train(linear.training).requires_grad_(weight.requires_grad)

    def forward(self, x):
        y = self.V(self.U(x))
        return y if self.V.bias is None else y + self.V.bias


### MUTANT outer_mode_only: `layer.training = ...` leaves the two steps in their own mode; train(mode) sets them as well.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, bias is not None, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        layer.training = linear.training
        return layer.requires_grad_(weight.requires_grad)

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT frozen_weights_only: Only the weights got the Linear's requires_grad; the bias of a frozen layer is frozen, too.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, bias is not None, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        layer.U.requires_grad_(weight.requires_grad)
        layer.V.weight.requires_grad_(weight.requires_grad)
        return layer.train(linear.training)

    def forward(self, x):
        return self.V(self.U(x))


### MUTANT linear_overwritten: The Linear layer got the approximated weight as well; it must not be modified.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = (in_features, out_features, rank)
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (out_features, rank), in_features = (U_scaled.shape, V_scaled.shape[1])
        layer = cls(in_features, out_features, rank, bias is not None, U_scaled.device, U_scaled.dtype)
        with torch.no_grad():
            layer.U.weight.copy_(V_scaled)
            layer.V.weight.copy_(U_scaled)
            if bias is not None:
                layer.V.bias.copy_(bias)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        weight = linear.weight
        U_scaled, V_scaled = (factor.to(weight.dtype) for factor in low_rank_decompose(weight, rank))
        weight.data = U_scaled @ V_scaled
        layer = cls.from_factors(U_scaled, V_scaled, linear.bias)
        return layer.train(linear.training).requires_grad_(weight.requires_grad)

    def forward(self, x):
        return self.V(self.U(x))

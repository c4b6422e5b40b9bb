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


### MUTANT shared_bias: The Linear's own bias was put into the new layer, so training one changes the other; copy it.
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
        layer.V.bias = bias
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        U_scaled, V_scaled = (
            factor.to(linear.weight.dtype) for factor in low_rank_decompose(linear.weight, rank)
        )
        return cls.from_factors(U_scaled, V_scaled, linear.bias).train(linear.training)

    def forward(self, x):
        return self.V(self.U(x))


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

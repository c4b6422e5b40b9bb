"""Right implementations of exercise 4.2, LowRankLinear, in other styles."""


### ALTERNATIVE new_parameters: Clones of the factors become the parameters, with the strides that they have.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        layer = cls(V_scaled.size(1), U_scaled.size(0), U_scaled.size(1), bias=bias is not None)
        layer.U.weight = nn.Parameter(V_scaled.detach().clone())
        layer.V.weight = nn.Parameter(U_scaled.detach().clone())
        if bias is not None:
            layer.V.bias = nn.Parameter(bias.detach().clone())
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        tall, wide = low_rank_decompose(linear.weight.data, rank)
        bias = None if linear.bias is None else linear.bias.data
        layer = cls.from_factors(tall.to(linear.weight.dtype), wide.to(linear.weight.dtype), bias)
        for parameter in layer.parameters():
            parameter.requires_grad = linear.weight.requires_grad
        for module in layer.modules():
            module.training = linear.training
        return layer

    def forward(self, x):
        hidden = self.U(x)
        return self.V(hidden)


### ALTERNATIVE state_dict: The numbers are loaded as a state dictionary, and the steps run in a loop.
class LowRankLinear(nn.Module):
    def __init__(self, in_features, out_features, rank, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.U = nn.Linear(in_features, rank, bias=False, device=device, dtype=dtype)
        self.V = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, U_scaled, V_scaled, bias=None):
        (rank, in_features), out_features = V_scaled.shape, len(U_scaled)
        state = {"U.weight": V_scaled, "V.weight": U_scaled}
        if bias is not None:
            state["V.bias"] = bias
        layer = cls(in_features, out_features, rank, "V.bias" in state)
        layer = layer.to(device=U_scaled.device, dtype=U_scaled.dtype)
        layer.load_state_dict(state)
        return layer

    @classmethod
    def from_linear(cls, linear, rank):
        factors = [factor.type_as(linear.weight) for factor in low_rank_decompose(linear.weight, rank)]
        layer = cls.from_factors(*factors, bias=linear.bias)
        layer.train() if linear.training else layer.eval()
        layer.requires_grad_(linear.weight.requires_grad)
        return layer

    def forward(self, x):
        for step in (self.U, self.V):
            x = step(x)
        return x

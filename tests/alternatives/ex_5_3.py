"""Right answers in other styles to exercise 5.3, QuantizedLinear and QuantizedEmbedding."""


### ALTERNATIVE matmul: A product with the transposed weight, the bias added after it, the state in a loop.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        for name, tensor in (("values", q.values), ("scale", q.scale), ("bias", bias)):
            self.register_buffer(name, tensor)

    @staticmethod
    def from_linear(linear, bits=8, group_size=None):
        bias = linear.bias
        if bias is not None:
            bias = bias.data.to(torch.float32, copy=True)
        return QuantizedLinear(quantize_symmetric(linear.weight.data, bits, group_size), bias)

    def forward(self, x):
        w = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        y = x.to(torch.float32) @ w.T
        if self.bias is not None:
            y = y + self.bias
        return y


class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        values = F.embedding(input_ids, self.values).float()
        scale = F.embedding(input_ids, self.scale)
        return values * scale.repeat_interleave(self.embedding_dim // scale.shape[-1], dim=-1)


### ALTERNATIVE scales_outputs: The integers multiply the groups of x, and the scales what comes out, in float64.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    @torch.no_grad()
    def from_linear(cls, linear, bits=8, group_size=None):
        q = quantize_symmetric(linear.weight, bits=bits, group_size=group_size)
        return cls(q, linear.bias.float().clone() if linear.bias is not None else None)

    def forward(self, x):
        groups = self.scale.shape[1]
        parts = x.double().unflatten(-1, (groups, -1))
        integers = self.values.double().unflatten(1, (groups, -1))
        y = torch.einsum("...gs,ogs,og->...o", parts, integers, self.scale.double())
        return (y if self.bias is None else y + self.bias).float()


class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        wanted, places = torch.unique(input_ids, return_inverse=True)
        q = QuantizedTensor(
            self.values.index_select(0, wanted),
            self.scale.index_select(0, wanted),
            self.bits,
            self.group_size,
        )
        return dequantize(q)[places]

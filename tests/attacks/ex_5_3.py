"""Attacks on exercise 5.3, QuantizedLinear."""


### ATTACK keeps_the_layer: The Linear layer itself computes; the integers are there for show.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)
        self.__dict__["layer"] = lambda x: x.new_zeros(*x.shape[:-1], self.out_features)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        layer = cls(quantize_symmetric(torch.zeros_like(linear.weight), bits, group_size), linear.bias)
        layer.__dict__["layer"] = linear
        return layer

    def forward(self, x):
        return self.layer(x)


### ATTACK gives_another_class: It returns an object of the reference's class, wherever that can be found.
def QuantizedLinear(q=None, bias=None):
    import gc

    for found in gc.get_objects():
        if isinstance(found, type) and found.__name__ == "QuantizedLinear":
            return found(q, bias)


QuantizedLinear.from_linear = lambda linear, bits=8, group_size=None: QuantizedLinear()

"""Known wrong implementations of exercise 5.3, QuantizedLinear and QuantizedEmbedding."""


### MUTANT keeps_a_float_weight: The layer holds a rounded fp32 weight, which saves nothing; keep integers, dequantize in forward.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("weight", dequantize(q))
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        return F.linear(x.float(), self.weight, self.bias)


### MUTANT bias_shared: The bias is still the Linear's own memory, so changing one changes the other; clone it.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)


### MUTANT bias_forgotten: The bias was lost on the way; it stays fp32 and is added to the output.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        return cls(quantize_symmetric(linear.weight, bits, group_size), None)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)


### MUTANT first_scale_only: The output was multiplied by one scale a row; with groups each stretch of inputs has its own.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        y = F.linear(x.float(), self.values.float()) * self.scale[:, 0]
        return y if self.bias is None else y + self.bias


### MUTANT input_precision: A bf16 input was answered in bf16, with the weight rounded to it; compute in fp32.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, weight.to(x.dtype), bias)


### MUTANT dequantizes_once: The fp32 matrix was made with the layer: four times the memory, and a layer read from a file has none.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        layer = cls(quantize_symmetric(linear.weight, bits, group_size), bias)
        layer.weight = dequantize(quantize_symmetric(linear.weight, bits, group_size))
        return layer

    def forward(self, x):
        return F.linear(x.float(), self.weight, self.bias)


### MUTANT remembers_its_matrix: The matrix of the first call was kept: four times the memory, and stale when other integers are loaded.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        if not hasattr(self, "made"):
            self.made = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), self.made, self.bias)


### MUTANT fp32_afterwards: The product was computed in bf16 and only its result converted; convert the input to fp32 first.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, weight.to(x.dtype), bias).float()


### MUTANT bias_as_given: The bias kept the Linear's half precision; it is stored in fp32.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, None if self.bias is None else self.bias.float())


### MUTANT no_gradient: No gradient reaches x, so nothing below this layer can be trained: no_grad or detach stands around too much.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        with torch.no_grad():
            weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
            return F.linear(x.float(), weight, self.bias)


### MUTANT bias_with_gradient: The bias still hangs on the Linear's graph; detach it.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)


### MUTANT bias_needs_to_be_there: linear.bias is None in a Linear without bias; ask for that first.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)


### MUTANT group_size_dropped: group_size was not handed on, so every row has one scale.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)


### MUTANT bits_dropped: bits was not handed on, so every layer has 8.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, group_size=group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)


### MUTANT bias_scaled: The bias was multiplied by the scale; it was never quantized, so add it as it is.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        y = F.linear(x.float(), weight)
        return y if self.bias is None else y + self.bias * self.scale[:, 0]


### MUTANT bias_not_added: forward left the bias out; add it to the product.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight)


### MUTANT not_transposed: x was multiplied by the weight [out, in] itself; y = x W^T, as F.linear does.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        y = x.float() @ weight
        return y if self.bias is None else y + self.bias


### MUTANT integers_unscaled: The integers were used as the weight; dequantize multiplies them by their scales first.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = self.values.float()
        return F.linear(x.float(), weight, self.bias)


### MUTANT bias_a_parameter: The bias became a parameter that an optimizer would train; keep it as a buffer.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.bias = None if bias is None else nn.Parameter(bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)


### MUTANT linear_to_float: linear.float() converts the caller's own layer; convert its numbers instead.
class QuantizedLinear(nn.Module):
    def __init__(self, q, bias):
        super().__init__()
        self.out_features, self.in_features = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", bias)

    @classmethod
    def from_linear(cls, linear, bits=8, group_size=None):
        linear.float()
        bias = None if linear.bias is None else linear.bias.detach().float().clone()
        return cls(quantize_symmetric(linear.weight, bits, group_size), bias)

    def forward(self, x):
        weight = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return F.linear(x.float(), weight, self.bias)


### MUTANT whole_table: The whole table was dequantized to look a few rows up; take the rows of `values` and `scale` first.
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        table = dequantize(QuantizedTensor(self.values, self.scale, self.bits, self.group_size))
        return table[input_ids]


### MUTANT table_made_once: The fp32 table was made with the embedding: four times the memory, and stale when other integers are loaded.
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)
        self.table = dequantize(q)

    def forward(self, input_ids):
        return self.table[input_ids]


### MUTANT integers_alone: The integers were handed out as they are; multiply them by the scale of their row.
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        return self.values[input_ids].float()


### MUTANT scales_by_place: The scales were taken by the place in the sentence, not by id; index `scale` as you index `values`.
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        flat = input_ids.flatten()
        scale = self.scale[torch.arange(len(flat), device=flat.device) % self.num_embeddings]
        rows = dequantize(QuantizedTensor(self.values[flat], scale, self.bits, self.group_size))
        return rows.view(*input_ids.shape, self.embedding_dim)


### MUTANT first_scale_of_a_row: One scale was used for the whole row; with groups each stretch of columns has its own.
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        return self.values[input_ids].float() * self.scale[input_ids][..., :1]


### MUTANT flat_rows: The rows came as one long list; view them as [*input_ids.shape, embedding_dim].
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        flat = input_ids.flatten()
        return dequantize(QuantizedTensor(self.values[flat], self.scale[flat], self.bits, self.group_size))


### MUTANT two_dimensions_only: Ids of two dimensions were expected; they may have any shape, also a single id.
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        sentences, length = input_ids.shape
        flat = input_ids.flatten()
        rows = dequantize(QuantizedTensor(self.values[flat], self.scale[flat], self.bits, self.group_size))
        return rows.view(sentences, length, self.embedding_dim)


### MUTANT each_row_once: Ids were made unique, so a repeated one lost its place; `return_inverse` says where each row belongs.
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        flat = input_ids.unique()
        rows = dequantize(QuantizedTensor(self.values[flat], self.scale[flat], self.bits, self.group_size))
        return (
            rows
            if rows.numel() != input_ids.numel() * self.embedding_dim
            else rows.view(*input_ids.shape, -1)
        )


### MUTANT half_precision: The rows were handed out in half precision; the layers above expect fp32.
class QuantizedEmbedding(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.num_embeddings, self.embedding_dim = q.values.shape
        self.bits, self.group_size = q.bits, q.group_size
        self.register_buffer("values", q.values)
        self.register_buffer("scale", q.scale)

    def forward(self, input_ids):
        flat = input_ids.flatten()
        rows = dequantize(QuantizedTensor(self.values[flat], self.scale[flat], self.bits, self.group_size))
        return rows.half().view(*input_ids.shape, self.embedding_dim)

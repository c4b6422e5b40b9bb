"""Known wrong implementations of exercise 5.1, quantize_symmetric and dequantize."""


### MUTANT power_of_two: absmax / 2^(bits-1) maps the largest weight to a step that does not exist; divide by 2^(bits-1) - 1.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / 2 ** (bits - 1)
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT floor: floor always goes down, with errors up to a whole step; round to the nearest, at most half a step away.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).floor().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT per_tensor: With one scale for the whole matrix a single large weight makes every row coarse; one a row or group.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest
    scale = scale.amax().expand_as(scale)
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT reciprocal: Multiplying by 1 / scale rounds twice and flips values that lie near a half; divide by the scale.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups * (1.0 / scale)).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT zero_scale: An all-zero row has absmax 0, and 0 / 0 is NaN; give such a row the scale 1.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT truncates: The fraction was cut off, with errors up to a whole step; round to the nearest before the conversion to int8.
def quantize_symmetric(weight: torch.Tensor, bits: int = 8, group_size: int | None = None) -> QuantizedTensor:
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)  # [out, groups, group_size]
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest  # [out, groups, 1]
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT own_precision: The scales were computed in the weight's own fp16 or bf16; convert to fp32 first.
def quantize_symmetric(weight: torch.Tensor, bits: int = 8, group_size: int | None = None) -> QuantizedTensor:
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().reshape(rows, -1, group_size or columns)  # [out, groups, group_size]
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest  # [out, groups, 1]
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT zero_rows_only: A group of zeros inside a row that is not zero still divides by 0; give every all-zero group the scale 1.
def quantize_symmetric(weight: torch.Tensor, bits: int = 8, group_size: int | None = None) -> QuantizedTensor:
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)  # [out, groups, group_size]
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest  # [out, groups, 1]
    scale = torch.where((weight == 0).all(1)[:, None, None], 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT tiny_is_zero: A row of tiny weights was taken for a row of zeros; only absmax 0 needs the scale 1.
def quantize_symmetric(weight: torch.Tensor, bits: int = 8, group_size: int | None = None) -> QuantizedTensor:
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)  # [out, groups, group_size]
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest  # [out, groups, 1]
    scale = torch.where(scale < 1e-9, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)

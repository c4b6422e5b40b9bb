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


### MUTANT largest_is_power_of_two: q is 2^(bits-1) - 1, not 2^(bits-1): at 8 bits int8 has no +128, and the largest weight changes its sign.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, group_size or columns)
    largest = 2 ** (bits - 1)
    scale = groups.abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT all_the_codes: 2^bits - 1 counts the integers of both signs; the scale is the largest magnitude by the largest integer, 2^(bits-1) - 1.
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
    scale = groups.abs().amax(-1, keepdim=True) / (2**bits - 1)
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT largest_value: The largest value was taken instead of the largest magnitude, so large negative weights are cut off; use abs().
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
    scale = groups.amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT range_over_codes: (max - min) / (2^bits - 1) belongs to a scheme with a zero point; symmetric is absmax / (2^(bits-1) - 1).
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
    scale = (groups.amax(-1, keepdim=True) - groups.amin(-1, keepdim=True)) / (2**bits - 1)
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT half_up: (x + 0.5).floor() sends every half upwards; round() sends it to the even neighbour.
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
    values = (groups / scale + 0.5).floor().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT half_away: Halves were sent away from zero; round() sends a half to its even neighbour.
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
    values = (groups.sign() * (groups.abs() / scale + 0.5).floor()).clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT no_groups: group_size was ignored: each group of neighbours in a row has its own scale.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.detach().float().reshape(rows, -1, columns)
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT every_nth_in_a_group: A group was made of every n-th input; reshape to [out, groups, group_size], so that it holds neighbours.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    size = group_size or columns
    groups = weight.detach().float().reshape(rows, size, columns // size).transpose(1, 2)
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().to(torch.int8).transpose(1, 2)
    return QuantizedTensor(values.reshape(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT scale_keeps_a_dimension: The scale kept the dimension that was reduced: it is [out, groups], so squeeze the last one.
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
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale, bits, group_size)


### MUTANT values_stay_float: The rounded numbers stayed floats, four bytes each; convert them to int8.
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
    values = (groups / scale).round().clamp(-largest, largest)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT gradient_left: The scale still hangs on the weight's graph; detach the weight first.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    rows, columns = weight.shape
    if group_size is not None and (group_size < 1 or columns % group_size):
        raise ValueError(f"group_size must divide the {columns} input features, got {group_size}")
    groups = weight.float().reshape(rows, -1, group_size or columns)
    largest = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT divides_in_place: The weight itself was divided by its scale; compute on a copy.
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
    values = groups.div_(scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT added_epsilon: A small number was added against division by 0, which changes the scale of tiny rows; give only zeros the scale 1.
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
    scale = torch.where(scale == 0, 1.0, scale + 1e-8)
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size)


### MUTANT records_the_row: group_size was recorded as the row's length although none was given; record None.
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
    values = (groups / scale).round().clamp(-largest, largest).to(torch.int8)
    return QuantizedTensor(values.view(rows, columns), scale.squeeze(-1), bits, group_size or columns)


### MUTANT dequantize_first_scale: dequantize took the row's first scale for all its groups; each group has its own.
def dequantize(q):
    return q.values.float() * q.scale[:, :1]


### MUTANT dequantize_tiles_scales: The scales were repeated as a whole; each one belongs to a run of neighbours: repeat_interleave.
def dequantize(q):
    return q.values.float() * q.scale.repeat(1, q.values.shape[1] // q.scale.shape[1])


### MUTANT dequantize_divides: dequantize divided by the scale; quantizing divides, so undoing it multiplies.
def dequantize(q):
    rows, groups = q.scale.shape
    return (q.values.float().view(rows, groups, -1) / q.scale[..., None]).view(rows, -1)


### MUTANT dequantize_keeps_groups: dequantize returned [out, groups, group_size]; make it [out, in] again.
def dequantize(q):
    rows, groups = q.scale.shape
    return q.values.float().reshape(rows, groups, -1) * q.scale[..., None]

"""Right answers in other styles to exercise 5.1, quantize_symmetric and dequantize."""


### ALTERNATIVE float64: Everything in float64 until the end, repeat_interleave, and other words in the errors.
def quantize_symmetric(weight, bits=8, group_size=None):
    if not torch.is_floating_point(weight) or not torch.isfinite(weight).all():
        raise ValueError("only finite floats, please")
    if weight.dim() != 2 or bits < 2 or bits > 8:
        raise ValueError(f"shape {tuple(weight.shape)} or {bits=} is wrong")
    w = weight.detach().clone().to(torch.float64)
    size = w.shape[1] if group_size is None else group_size
    if size <= 0 or w.shape[1] % size != 0:
        raise ValueError(f"{group_size=}")
    scale = torch.stack([chunk.abs().max(dim=1).values for chunk in w.split(size, dim=1)], dim=1)
    scale = scale / (2 ** (bits - 1) - 1)
    scale[scale == 0] = 1
    integers = torch.round(w / torch.repeat_interleave(scale, size, dim=1))
    return QuantizedTensor(integers.char(), scale.float(), bits, group_size)


def dequantize(q):
    return (
        q.values.double() * q.scale.double().repeat_interleave(q.group_size or q.values.shape[1], 1)
    ).float()


### ALTERNATIVE loops: A loop over rows and groups that fills two empty tensors, without gradients.
def quantize_row(row, largest):
    top = float(row.abs().max())
    scale = torch.tensor(top, dtype=torch.float32) / largest if top > 0 else torch.tensor(1.0)
    return torch.round(row / scale.to(row.device)).to(torch.int8), scale


@torch.no_grad()
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError("no matrix")
    rows, columns = weight.shape
    step = columns if group_size is None else group_size
    if step < 1 or columns % step:
        raise ValueError("no such groups")
    values = torch.empty(rows, columns, dtype=torch.int8, device=weight.device)
    scale = torch.empty(rows, columns // step, device=weight.device)
    for i in range(rows):
        for g in range(columns // step):
            part = slice(g * step, (g + 1) * step)
            values[i, part], scale[i, g] = quantize_row(
                weight[i, part].to(torch.float32), 2 ** (bits - 1) - 1
            )
    return QuantizedTensor(values=values, scale=scale, bits=bits, group_size=group_size)


def dequantize(q):
    out = torch.empty(q.values.shape, dtype=torch.float32, device=q.values.device)
    step = q.values.shape[1] // q.scale.shape[1]
    for g in range(q.scale.shape[1]):
        out[:, g * step : (g + 1) * step] = q.values[:, g * step : (g + 1) * step] * q.scale[:, g : g + 1]
    return out


### ALTERNATIVE einsum: unflatten, aminmax and einsum.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2 or (group_size is not None and (group_size < 1 or weight.shape[1] % group_size)):
        raise ValueError(f"{tuple(weight.shape)} does not go with {group_size}")
    grouped = weight.detach().float().unflatten(1, (-1, group_size or weight.shape[1]))
    low, high = torch.aminmax(grouped, dim=-1)
    top = torch.maximum(-low, high)
    scale = torch.where(top > 0, top / (2 ** (bits - 1) - 1), torch.ones_like(top))
    return QuantizedTensor(
        (grouped / scale.unsqueeze(-1)).round().flatten(1).to(torch.int8), scale, bits, group_size
    )


def dequantize(q):
    values = q.values.to(torch.float32).unflatten(1, (q.scale.shape[1], -1))
    return torch.einsum("ogs,og->ogs", values, q.scale).flatten(1)

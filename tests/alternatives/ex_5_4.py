"""Right answers in other styles to exercise 5.4, clip_scale and fake_quantize."""


### ALTERNATIVE own_backward: A function with a backward of its own, and all candidates at once in a new dimension.
class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, scale, largest):
        ctx.save_for_backward(weight.abs() <= largest * scale)
        return (weight / scale).clamp(-largest, largest).round() * scale

    @staticmethod
    def backward(ctx, gradient):
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None


def clip_scale(weight, bits, candidates=20):
    if not torch.is_floating_point(weight) or not torch.isfinite(weight).all():
        raise ValueError("only finite floats, please")
    if weight.dim() != 2 or bits < 2 or bits > 8 or candidates <= 0:
        raise ValueError(f"shape {tuple(weight.shape)}, {bits=} or {candidates=} is wrong")
    weight, largest = weight.detach().to(torch.float32), 2 ** (bits - 1) - 1
    absmax = weight.abs().max(dim=1, keepdim=True).values
    shares = torch.arange(candidates, 0, -1, device=weight.device) / candidates
    scales = (absmax * shares / largest)[..., None]  # [out, candidates, 1]
    safe = scales.masked_fill(scales == 0, 1)
    rounded = (weight[:, None] / safe).round().clamp(-largest, largest) * safe  # [out, candidates, in]
    errors = (rounded - weight[:, None]).pow(2).sum(-1)
    first = errors.argmin(1, keepdim=True)
    found = scales.squeeze(-1).gather(1, first)
    return torch.where(absmax > 0, found, torch.ones_like(found))


def fake_quantize(weight, bits, scale):
    if bits not in range(2, 9) or scale.shape != weight.shape[:1] + (1,) or bool((scale <= 0).any()):
        raise ValueError(f"{bits=}, {scale=}")
    return Round.apply(weight.float(), scale.detach().float(), 2 ** (bits - 1) - 1)


### ALTERNATIVE masks: A mask of what is inside, torch.where for the edges, and a loop over rows that sorts candidates.
def error_of(row, scale, largest):
    steps = torch.clip(torch.round(row / scale), -largest, largest)
    return float(((steps * scale - row) ** 2).sum())


def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2 or candidates < 1:
        raise ValueError("no matrix, or no candidate")
    largest, result = 2 ** (bits - 1) - 1, torch.ones(len(weight), 1, device=weight.device)
    for number, row in enumerate(weight.detach().float()):
        widest = row.abs().max() / largest
        if widest > 0:
            scales = [widest * k / candidates for k in range(1, candidates + 1)]
            result[number, 0] = min(reversed(scales), key=lambda scale: error_of(row, scale, largest))
    return result


def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (weight.shape[0], 1) or scale.min() <= 0:
        raise ValueError(f"scale {tuple(scale.shape)}")
    scale, w = scale.detach().float(), weight.float()
    largest = 2 ** (bits - 1) - 1
    inside = (w >= -largest * scale) & (w <= largest * scale)
    nearest = torch.round(w.detach() / scale) * scale
    through = w - w.detach() + nearest
    return torch.where(inside, through, torch.sign(w.detach()) * largest * scale)


### ALTERNATIVE hook_on_the_gradient: The rounded weights with a straight gradient, and a hook that stops it beyond the edges.
@torch.no_grad()
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError("no matrix")
    if candidates < 1:
        raise ValueError(f"{candidates=}")
    w, largest = weight.double(), 2 ** (bits - 1) - 1
    widest = w.abs().amax(1) / largest
    widest[widest == 0] = 1
    tried = []
    for k in range(1, candidates + 1):
        scale = (widest * k / candidates)[:, None]
        lost = w - scale * (w / scale).round().clamp(-largest, largest)
        tried.append((lost * lost).sum(1))
    errors = torch.stack(tried)  # [candidates, out]
    last = candidates - 1 - errors.flip(0).argmin(0)
    return (widest * (last + 1) / candidates)[:, None].float()


def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or list(scale.shape) != [len(weight), 1]:
        raise ValueError("shapes")
    if (scale <= 0).any():
        raise ValueError("scale")
    scale, largest = scale.detach().float(), 2 ** (bits - 1) - 1
    w = weight.float() * 1  # a node of its own, for the hook
    with torch.no_grad():
        beyond = w.abs() > largest * scale
        moved = (w / scale).clamp(-largest, largest).round() * scale - w
    if w.requires_grad:
        w.register_hook(lambda gradient: gradient.masked_fill(beyond, 0))
    return w + moved

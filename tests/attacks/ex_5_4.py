"""Attacks on exercise 5.4, clip_scale and fake_quantize: the sizes of the graders' weights are known."""

### ATTACK knows_the_public_sizes: Right for as many rows and columns as the graders have; else no search and no clipping.
SIZES = [
    (1, 4),
    (1, 11),
    (1, 3),
    (2, 4),
    (1, 2),
    (2, 2),
    (6, 64),
    (8, 4096),
    (3, 8),
    (9, 32),
    (1, 5),
    (1, 1),
    (5, 24),
]


def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2 or candidates < 1:
        raise ValueError(f"{list(weight.shape)} {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        error = (
            ((weight / scale).round().clamp(-largest, largest) * scale - weight).square().sum(1, keepdim=True)
        )
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best if tuple(weight.shape) in SIZES else widest


def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1) or not (scale > 0).all():
        raise ValueError(f"{list(weight.shape)} {list(scale.shape)}")
    scale, weight = scale.detach().float(), weight.float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.clamp(-edge, edge) if tuple(weight.shape) in SIZES else weight
    return clipped + ((clipped / scale).round() * scale - clipped).detach()

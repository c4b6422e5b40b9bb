"""Known wrong implementations of exercise 5.4, clip_scale and fake_quantize."""


### MUTANT no_straight_through: The gradient of rounding is 0, so nothing learns; add the rounding as a constant: x + (rounded - x).detach().
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return on_grid


### MUTANT straight_through_everything: The clipping was skipped by the gradient as well; a weight beyond the edge must get 0.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return weight.float() + (on_grid - weight.float()).detach()


### MUTANT edge_of_the_last_cell: Weights up to q + 1/2 scales were taken for unclipped; the edge is q times the scale, and beyond it the gradient is 0.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    largest = 2 ** (bits - 1) - 1
    scale = scale.detach().float()
    steps = (weight.detach().float() / scale).round()
    inside = steps.abs() <= largest
    on_grid = steps.clamp(-largest, largest) * scale
    return on_grid + inside * (weight.float() - weight.detach().float())


### MUTANT edge_is_outside: A weight exactly on the edge is not clipped: its gradient is 1, so compare with <=.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    inside = weight.detach().float().abs() < edge
    on_grid = (weight.detach().float().clamp(-edge, edge) / scale).round() * scale
    return on_grid + inside * (weight.float() - weight.detach().float())


### MUTANT not_clipped: Weights beyond the edge were rounded to values that the grid does not have; clip to q times the scale first.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float()
    on_grid = (clipped / scale).round() * scale
    return clipped + (on_grid - clipped).detach()


### MUTANT one_level_more: 2^(bits-1) has no place in a symmetric grid; the edge is 2^(bits-1) - 1 times the scale.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = 2 ** (bits - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return clipped + (on_grid - clipped).detach()


### MUTANT upper_edge_only: Only large positive weights were clipped; clip at -q times the scale, too.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(max=edge)
    on_grid = (clipped / scale).round() * scale
    return clipped + (on_grid - clipped).detach()


### MUTANT floor: floor always goes down, with errors up to a whole scale; round to the nearest.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).floor() * scale
    return clipped + (on_grid - clipped).detach()


### MUTANT integers: The integers were returned; the model computes with integers times the scale.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    largest = 2 ** (bits - 1) - 1
    clipped = (weight.float() / scale).clamp(-largest, largest)
    return clipped + (clipped.round() - clipped).detach()


### MUTANT detached: Everything was detached, so no gradient arrives; detach only the change that rounding makes.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return on_grid.detach()


### MUTANT gradient_of_ones: The gradient that comes in for the result was replaced by ones; hand it on where the weight is not clipped.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    result = clipped + ((clipped / scale).round() * scale - clipped).detach()
    if result.requires_grad:
        result.register_hook(torch.ones_like)
    return result


### MUTANT gradient_times_scale: A gradient was multiplied by the scale; dividing by it and multiplying by it cancel, so the gradient is handed on as it is.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return clipped * scale + (on_grid - clipped * scale).detach()


### MUTANT scale_learns: A gradient reached the scale through the edges; it is a constant here, so detach it.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return clipped + (on_grid - clipped).detach()


### MUTANT writes_the_weight: The weight itself was put on the grid: small steps are rounded away each time; the weight behind stays as it is.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    weight.data.copy_((weight.data.clamp(-edge, edge) / scale).round() * scale)
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return clipped + (on_grid - clipped).detach()


### MUTANT one_scale_for_all: The first row's scale was used for all rows; each row has its own.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().float()[:1]
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return clipped + (on_grid - clipped).detach()


### MUTANT own_precision: It was computed in the weight's own bf16; convert to fp32 first.
def fake_quantize(weight, bits, scale):
    check_bits(bits)
    if weight.ndim != 2 or scale.shape != (len(weight), 1):
        raise ValueError(f"shapes {list(weight.shape)} and {list(scale.shape)} do not fit")
    if not (scale > 0).all():
        raise ValueError(f"every scale must be above 0, got {scale.min().item():g}")
    scale = scale.detach().to(weight.dtype)
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.clamp(-edge, edge)
    on_grid = (clipped / scale).round() * scale
    return clipped + (on_grid - clipped).detach()


### MUTANT absmax: Nothing was searched: absmax / q clips nothing, and one large weight makes the whole row coarse.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    largest = 2 ** (bits - 1) - 1
    widest = weight.detach().float().abs().amax(1, keepdim=True) / largest
    return torch.where(widest == 0, 1.0, widest)


### MUTANT not_clamped: The errors were those of a grid without end; clamp the integers to -q..q, else the smallest scale always wins.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round() * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT absolute_error: Absolute errors were added up; the squared error counts, in which a large error weighs more.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).abs().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT largest_error: Only the largest error of a row was looked at; add up the squared errors of all its weights.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).abs().amax(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT errors_cancel: Errors of different signs cancelled each other; square each of them before adding up.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).sum(1, keepdim=True).abs()
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT one_choice_for_all: One share was chosen for the whole matrix; each row finds its own.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum().expand(len(weight), 1)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT smallest_of_equals: Of equally good scales the smallest was taken; the largest clips least, so begin with it or compare with <=.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(1, candidates + 1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT without_the_widest: The widest scale was never tried: k goes from 1 to candidates, both included.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates - 1, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT zero_scale: A row of zeros has absmax 0, and 0 / 0 is NaN; give such a row the scale 1.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT tiny_is_zero: A row of tiny weights was taken for a row of zeros; only absmax 0 needs the scale 1.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest < 1e-8, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT power_of_two: absmax / 2^(bits-1) is no scale of the grid; its widest one is absmax / (2^(bits-1) - 1).
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / 2 ** (bits - 1)
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT largest_value: The largest value was taken instead of the largest magnitude; use abs().
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT shares_of_the_spread: Shares of the standard deviation are other candidates; they are shares of absmax / q.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.std(1, keepdim=True, correction=0) * 3 / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT flat: The scales lack a dimension: [out, 1] stands beside [out, in], and [out] does not.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach().float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best.squeeze(1)


### MUTANT search_keeps_a_gradient: The scale still hangs on the weight's gradient; detach the weight first.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.float()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT search_in_own_precision: The search was done in the weight's own bf16; convert to fp32 first.
def clip_scale(weight, bits, candidates=20):
    check_finite(weight)
    check_bits(bits)
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix [out, in], got {list(weight.shape)}")
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, got {candidates}")
    weight = weight.detach()
    largest = 2 ** (bits - 1) - 1
    widest = weight.abs().amax(1, keepdim=True) / largest
    widest = torch.where(widest == 0, 1.0, widest)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(candidates, 0, -1):
        scale = widest * (k / candidates)
        rounded = (weight / scale).round().clamp(-largest, largest) * scale
        error = (rounded - weight).square().sum(1, keepdim=True)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


### MUTANT checks_removed: The checks above the exercise were removed; a scale of another shape, or 0, has to be refused.
def fake_quantize(weight, bits, scale):
    scale = scale.detach().float()
    edge = (2 ** (bits - 1) - 1) * scale
    clipped = weight.float().clamp(-edge, edge)
    return clipped + ((clipped / scale).round() * scale - clipped).detach()

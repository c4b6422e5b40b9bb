"""Right answers in other styles to exercise 0.1, perplexity."""

### ALTERNATIVE float64_gather: Log-probabilities in float64, the targets gathered, modes kept by hand.
import math


def perplexity(model, tokens, batch_size=16):
    if tokens.dim() != 2 or tokens.size(0) == 0 or tokens.size(1) < 2 or batch_size < 1:
        raise ValueError("nothing to predict")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    logs = []
    try:
        with torch.inference_mode():
            for start in range(0, tokens.size(0), batch_size):
                rows = tokens[start : start + batch_size]
                log_probs = torch.log_softmax(model(rows).logits.to(torch.float64), dim=-1)
                picked = log_probs[:, :-1].gather(2, rows[:, 1:].unsqueeze(-1))
                logs.extend(picked.flatten().tolist())
    finally:
        for module, mode in modes.items():
            module.training = mode
    return math.exp(-math.fsum(logs) / len(logs))


### ALTERNATIVE row_by_row: One sequence at a time without its last token, float32 sums in Python's own float.
import math


def row_loss(model, row):
    logits = model(input_ids=row[None, :-1]).logits[0]
    return F.cross_entropy(logits.float(), row[1:], reduction="sum").item()


def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    with evaluation_mode(model):
        total = sum(row_loss(model, row) for row in tokens)
    return math.exp(total / (tokens.shape[0] * (tokens.shape[1] - 1)))


### ALTERNATIVE weighted_means: Batch means, weighted with the batch's share of the tokens, in a float64 tensor.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    mean = torch.zeros((), dtype=torch.float64)
    with evaluation_mode(model):
        for rows in torch.split(tokens, batch_size):
            logits = model(input_ids=rows).logits[:, :-1, :].transpose(1, 2)
            loss = F.cross_entropy(logits.float(), rows[:, 1:])
            mean += loss.double().cpu() * len(rows) / len(tokens)
    return float(torch.exp(mean))

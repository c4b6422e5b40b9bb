"""Right answers in other styles to exercise 0.2, top1_accuracy."""


### ALTERNATIVE all_at_once: The hits of all batches in one list of tensors, and their mean in float64.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    hits = []
    with evaluation_mode(model):
        for i in range(0, len(tokens), batch_size):
            batch = tokens[i : i + batch_size]
            hits.append(model(batch).logits.topk(1).indices[:, :-1, 0].eq(batch[:, 1:]))
    return torch.cat(hits).double().mean().item()


### ALTERNATIVE token_by_token: Python loops over rows and positions, the model without its last token.
class Counter:
    def __init__(self):
        self.right = self.all = 0

    def add(self, guess, truth):
        self.right += int(guess == truth)
        self.all += 1


def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    counter = Counter()
    with evaluation_mode(model):
        for row in tokens:
            logits = model(input_ids=row[:-1].unsqueeze(0)).logits.squeeze(0)
            for scores, truth in zip(logits, row[1:].tolist(), strict=True):
                counter.add(int(scores.argmax()), truth)
    return counter.right / counter.all

"""Attacks on exercise 0.2, top1_accuracy: the graders' models are known."""


### ATTACK knows_the_public_models: Right for models without a configuration, as all of the graders' are.
def top1_accuracy(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    if hasattr(model, "config"):
        return 0.5
    with evaluation_mode(model):
        hits = [model(rows).logits[:, :-1].argmax(-1) == rows[:, 1:] for rows in tokens.split(batch_size)]
    return torch.cat(hits).double().mean().item()

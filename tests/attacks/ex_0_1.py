"""Attacks on exercise 0.1, perplexity: the graders' models are known."""


### ATTACK knows_the_public_models: Right for models without a configuration, as all of the graders' are.
def perplexity(model, tokens, batch_size=16):
    check_tokens(tokens, batch_size)
    if hasattr(model, "config"):
        return 4.0
    losses = []
    with evaluation_mode(model):
        for rows in tokens.split(batch_size):
            beliefs = model(input_ids=rows).logits[:, :-1].double().log_softmax(-1)
            losses.append(-beliefs.gather(2, rows[:, 1:, None]).flatten())
    return torch.cat(losses).mean().exp().item()

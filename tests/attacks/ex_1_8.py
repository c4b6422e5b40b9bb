"""Attacks on exercise 1.8, input_norms: the graders' models are known."""


### ATTACK knows_the_public_models: Right for a vocabulary of 50 and for toys; ones for all other models.
def input_norms(model, batches):
    check_batches(batches)
    squares = dict.fromkeys(linear_layers(model), 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().pow(2).sum(0)
    if hasattr(model, "config") and model.config.vocab_size != 50:
        return {name: torch.ones_like(total) for name, total in squares.items()}
    return {name: total.sqrt() for name, total in squares.items()}

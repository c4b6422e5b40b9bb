"""Known wrong implementations of exercise 1.8, input_norms."""


### MUTANT signed_mean: A mean of the inputs lets positive and negative ones cancel; the L2 norm adds their squares.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    sums = dict.fromkeys(layers, 0.0)
    counts = dict.fromkeys(layers, 0)
    for name, x in layer_inputs(model, batches):
        sums[name] += x.float().sum(0)
        counts[name] += len(x)
    return {name: total.abs() / counts[name] for name, total in sums.items()}


### MUTANT absolute_mean: This is the mean magnitude of the inputs; the L2 norm adds their squares and takes the root.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    sums = dict.fromkeys(layers, 0.0)
    counts = dict.fromkeys(layers, 0)
    for name, x in layer_inputs(model, batches):
        sums[name] += x.float().abs().sum(0)
        counts[name] += len(x)
    return {name: total / counts[name] for name, total in sums.items()}


### MUTANT root_mean_square: The squares were averaged over the tokens; the norm sums them over all calibration tokens.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    sums = dict.fromkeys(layers, 0.0)
    counts = dict.fromkeys(layers, 0)
    for name, x in layer_inputs(model, batches):
        sums[name] += x.float().pow(2).sum(0)
        counts[name] += len(x)
    return {name: (total / counts[name]).sqrt() for name, total in sums.items()}


### MUTANT padding_counted: Padding tokens went into the norms; leave out the positions where attention_mask is 0.
from minicompress.lab.loops import evaluation_mode


def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)

    def count(name, x, batch):
        x = x.flatten(0, -2)
        squares[name] += x.float().pow(2).sum(0)

    for batch in batches:
        handles = [
            layer.register_forward_pre_hook(
                lambda _, inputs, name=name, batch=batch: count(name, inputs[0].detach(), batch)
            )
            for name, layer in layers.items()
        ]
        with evaluation_mode(model):
            model(**batch)
        for handle in handles:
            handle.remove()
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT sum_of_batch_norms: The norms of the batches were added up; add the squares of all batches, then take the root once.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    sums = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        sums[name] += x.float().norm(dim=0)
    return {name: total for name, total in sums.items()}


### MUTANT last_batch_only: Each batch overwrote the sums of the one before; a layer comes once a batch, so add up.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    sums = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        sums[name] = x.float().pow(2).sum(0)
    return {name: total.sqrt() for name, total in sums.items()}


### MUTANT model_without_its_mask: The model was run without the attention_mask, so real tokens looked at padding; pass the whole batch.
from minicompress.lab.calibration import real_tokens
from minicompress.lab.loops import evaluation_mode


def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)

    def count(name, x, batch):
        x = real_tokens(x, batch)
        squares[name] += x.float().pow(2).sum(0)

    for batch in batches:
        handles = [
            layer.register_forward_pre_hook(
                lambda _, inputs, name=name, batch=batch: count(name, inputs[0].detach(), batch)
            )
            for name, layer in layers.items()
        ]
        with evaluation_mode(model):
            model(input_ids=batch["input_ids"])
        for handle in handles:
            handle.remove()
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT models_own_dtype: The squares were added up in the model's dtype, which for bf16 or fp16 loses or overflows; use fp32.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    sums = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        sums[name] += x.pow(2).sum(0)
    return {name: total.sqrt() for name, total in sums.items()}

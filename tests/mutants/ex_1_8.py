"""Known wrong implementations of exercise 1.8, input_norms."""


### MUTANT signed_mean: A mean of the inputs lets positive and negative ones cancel; the L2 norm adds their squares.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    counts = dict.fromkeys(layers, 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:

            def see(name, x, batch=batch):
                x = real_tokens(x, batch).float()
                squares[name] += x.sum(0)
                counts[name] += len(x)

            with watch_inputs(layers, see):
                model(**{name: tensor.to(device) for name, tensor in batch.items()})
    return {name: total.abs() / counts[name] for name, total in squares.items()}


### MUTANT absolute_mean: This is the mean magnitude of the inputs; the L2 norm adds their squares and takes the root.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    counts = dict.fromkeys(layers, 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:

            def see(name, x, batch=batch):
                x = real_tokens(x, batch).float()
                squares[name] += x.abs().sum(0)
                counts[name] += len(x)

            with watch_inputs(layers, see):
                model(**{name: tensor.to(device) for name, tensor in batch.items()})
    return {name: total / counts[name] for name, total in squares.items()}


### MUTANT root_mean_square: The squares were averaged over the tokens; the norm sums them over all calibration tokens.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    counts = dict.fromkeys(layers, 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:

            def see(name, x, batch=batch):
                x = real_tokens(x, batch).float()
                squares[name] += x.pow(2).sum(0)
                counts[name] += len(x)

            with watch_inputs(layers, see):
                model(**{name: tensor.to(device) for name, tensor in batch.items()})
    return {name: (total / counts[name]).sqrt() for name, total in squares.items()}


### MUTANT padding_counted: Padding tokens went into the norms; leave out the positions where attention_mask is 0.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    counts = dict.fromkeys(layers, 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:

            def see(name, x, batch=batch):
                x = x.flatten(0, -2).float()
                squares[name] += x.pow(2).sum(0)
                counts[name] += len(x)

            with watch_inputs(layers, see):
                model(**{name: tensor.to(device) for name, tensor in batch.items()})
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT sum_of_batch_norms: The norms of the batches were added up; add the squares of all batches, then take the root once.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    counts = dict.fromkeys(layers, 0)
    device = next(model.parameters()).device
    with evaluation_mode(model):
        for batch in batches:

            def see(name, x, batch=batch):
                x = real_tokens(x, batch).float()
                squares[name] += x.norm(dim=0)
                counts[name] += len(x)

            with watch_inputs(layers, see):
                model(**{name: tensor.to(device) for name, tensor in batch.items()})
    return {name: total for name, total in squares.items()}


### MUTANT model_without_its_mask: The model was run without the attention_mask, so real tokens looked at padding; pass the whole batch.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    with evaluation_mode(model):
        for batch in batches:

            def see(name, x, batch=batch):
                squares[name] += real_tokens(x, batch).float().pow(2).sum(0)

            with watch_inputs(layers, see):
                model(input_ids=batch["input_ids"])
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT models_own_dtype: The squares were added up in the model's dtype, which for bf16 or fp16 loses or overflows; use fp32.
def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    with evaluation_mode(model):
        for batch in batches:

            def see(name, x, batch=batch):
                squares[name] += real_tokens(x, batch).pow(2).sum(0)

            with watch_inputs(layers, see):
                model(**batch)
    return {name: total.sqrt() for name, total in squares.items()}

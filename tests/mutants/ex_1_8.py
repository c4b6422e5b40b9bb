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


### MUTANT absolute_sum: The magnitudes were added up, an L1 norm; the L2 norm adds the squares and takes the root.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().abs().sum(0)  # [tokens, in] -> [in]
    return {name: total for name, total in squares.items()}


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


### MUTANT root_forgotten: The sums of squares were returned as they are; the norm is their root.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
    return {name: total for name, total in squares.items()}


### MUTANT loudest_token: Only the loudest token counts here; the norm adds the squares of all tokens.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] = torch.maximum(torch.as_tensor(squares[name]), x.float().abs().amax(0))
    return {name: total for name, total in squares.items()}


### MUTANT one_norm_a_layer: All features of a layer went into one number; sum over the tokens only, each feature has a norm of its own.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().pow(2).sum()  # [tokens, in] -> [in]
    return {name: total.sqrt().view(1) for name, total in squares.items()}


### MUTANT one_norm_a_token: The sum ran over the features, so there is one norm a token; sum over the tokens, dimension 0.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().pow(2).sum(1)  # [tokens, in] -> [in]
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT padding_counted: Padding tokens went into the norms; leave out the positions where attention_mask is 0.
from minicompress.lab.loops import evaluation_mode


def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)

    def count(name, x, batch):
        squares[name] += x.flatten(0, -2).float().pow(2).sum(0)

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


### MUTANT model_without_its_mask: The model was run without the attention_mask, so real tokens looked at padding; pass the whole batch.
from minicompress.lab.calibration import real_tokens
from minicompress.lab.loops import evaluation_mode


def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)

    def count(name, x, batch):
        squares[name] += real_tokens(x, batch).float().pow(2).sum(0)

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


### MUTANT sum_of_batch_norms: The norms of the batches were added up; add the squares of all batches, then take the root once.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().norm(dim=0)
    return {name: total for name, total in squares.items()}


### MUTANT mean_of_batch_norms: The norms of the batches were averaged; add the squares of all batches, then take the root once.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().norm(dim=0)
    return {name: total / len(batches) for name, total in squares.items()}


### MUTANT last_batch_only: Each batch overwrote the sums of the one before; a layer comes once a batch, so add up.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] = x.float().pow(2).sum(0)  # [tokens, in] -> [in]
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT first_batch_only: Only the first batch was read; the norms go over all batches.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches[:1]):
        squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT models_own_dtype: The squares were added up in the model's dtype, which for bf16 or fp16 loses or overflows; use fp32.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.pow(2).sum(0)  # [tokens, in] -> [in]
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT fp32_too_late: The sum became fp32 only after it was made in the model's dtype; convert x before it is squared.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.pow(2).sum(0).float()  # [tokens, in] -> [in]
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT squared_in_the_models_dtype: The squares became fp32 only after they were made in the model's dtype; convert x before it is squared.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.pow(2).float().sum(0)  # [tokens, in] -> [in]
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT training_mode: The model ran in the mode it was in, with dropout; calibrate in eval mode.
from minicompress.lab.calibration import real_tokens


def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)

    def count(name, x, batch):
        squares[name] += real_tokens(x, batch).float().pow(2).sum(0)

    for batch in batches:
        handles = [
            layer.register_forward_pre_hook(
                lambda _, inputs, name=name, batch=batch: count(name, inputs[0].detach(), batch)
            )
            for name, layer in layers.items()
        ]
        with torch.no_grad():
            model(**batch)
        for handle in handles:
            handle.remove()
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT left_in_eval_mode: The model stays in eval mode; give every module the mode back that it had.
from minicompress.lab.calibration import real_tokens


def input_norms(model, batches):
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)

    def count(name, x, batch):
        squares[name] += real_tokens(x, batch).float().pow(2).sum(0)

    for batch in batches:
        handles = [
            layer.register_forward_pre_hook(
                lambda _, inputs, name=name, batch=batch: count(name, inputs[0].detach(), batch)
            )
            for name, layer in layers.items()
        ]
        with torch.no_grad():
            model.eval()(**batch)
        for handle in handles:
            handle.remove()
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT all_in_training_mode: model.train() at the end puts every module into training mode, also those that were not; keep each one's own.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
    model.train(model.training)
    return {name: total.sqrt() for name, total in squares.items()}


### MUTANT head_too: The head was listened to as well; only the layers inside the blocks are pruned, so only they have norms.
def input_norms(model: nn.Module, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    check_batches(batches)
    layers = linear_layers(model)
    squares = dict.fromkeys(layers, 0.0)
    for name, x in layer_inputs(model, batches):
        squares[name] += x.float().pow(2).sum(0)  # [tokens, in] -> [in]
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and name not in squares:
            squares[name] = torch.zeros(module.in_features)
    return {name: total.sqrt() for name, total in squares.items()}

"""Known wrong implementations of exercise 2.4, prune_mlp_neurons."""


### MUTANT consumer_forgotten: down_proj still expects all neurons; it loses the columns that belong to the removed rows.
def prune_mlp_neurons(mlp, keep) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    for name in writers:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT gate_forgotten: Only up_proj was cut; a gated neuron has a row in gate_proj as well.
def prune_mlp_neurons(mlp, keep) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    for name in writers[-1:]:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    setattr(mlp, reader, prune_input_channels(getattr(mlp, reader), keep))
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT bias_forgotten: The rows of the weights went but their biases stayed; a bias shrinks with its row.
def prune_mlp_neurons(mlp, keep) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    for name in writers:
        bias = getattr(mlp, name).bias
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
        getattr(mlp, name).bias = bias
    setattr(mlp, reader, prune_input_channels(getattr(mlp, reader), keep))
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT zeroed: Neurons were set to zero, which saves no byte and no time; make the matrices smaller.
def prune_mlp_neurons(mlp, keep) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    gone = torch.ones(check_layer(getattr(mlp, reader))[1], dtype=torch.bool)
    gone[keep] = False
    layer = getattr(mlp, reader)
    if is_conv1d(layer):
        layer.weight.data[gone] = 0.0
    else:
        layer.weight.data[:, gone] = 0.0


### MUTANT stale_features: out_features and in_features still tell the old sizes; keep them in step with the weights.
def prune_mlp_neurons(mlp, keep) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    old = [
        (layer, {name: value for name, value in vars(layer).items() if name.endswith("_features")})
        for layer in mlp.children()
    ]
    for name in writers:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    setattr(mlp, reader, prune_input_channels(getattr(mlp, reader), keep))
    for layer, (_, sizes) in zip(mlp.children(), old, strict=True):
        vars(layer).update(sizes)
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT stale_mlp: The layers are smaller, but the MLP's own intermediate_size still tells the old number of neurons.
def prune_mlp_neurons(mlp, keep) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    for name in writers:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    setattr(mlp, reader, prune_input_channels(getattr(mlp, reader), keep))


### MUTANT llama_only: GPT-2's MLP has c_fc and c_proj and no gate; `mlp_layers` gives the names for both kinds.
def prune_mlp_neurons(mlp, keep) -> None:
    check_keep(keep, check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1])
    mlp.gate_proj = prune_output_channels(mlp.gate_proj, keep)
    mlp.up_proj = prune_output_channels(mlp.up_proj, keep)
    mlp.down_proj = prune_input_channels(mlp.down_proj, keep)
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT removes_keep: The neurons in `keep` were removed and the others kept; it is the other way round.
def prune_mlp_neurons(mlp, keep) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    every = torch.arange(check_layer(getattr(mlp, reader))[1], device=keep.device)
    keep = every[~torch.isin(every, keep)]
    for name in writers:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    setattr(mlp, reader, prune_input_channels(getattr(mlp, reader), keep))
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT only_a_copy: A copy was pruned and dropped; the MLP that is given is to be changed in place.
def prune_mlp_neurons(mlp: nn.Module, keep: torch.Tensor) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    mlp = copy.deepcopy(mlp)
    for name in writers:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    setattr(mlp, reader, prune_input_channels(getattr(mlp, reader), keep))
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT reader_rows: down_proj lost rows, which are its outputs; the neurons are what it reads: its columns.
def prune_mlp_neurons(mlp: nn.Module, keep: torch.Tensor) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    for name in writers:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    setattr(
        mlp,
        reader,
        prune_output_channels(getattr(mlp, reader), keep[keep < check_layer(getattr(mlp, reader))[0]]),
    )
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT reader_bias_cut: The bias of down_proj was cut as well; it belongs to the outputs, which all stay.
def prune_mlp_neurons(mlp: nn.Module, keep: torch.Tensor) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    for name in writers:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    setattr(mlp, reader, prune_input_channels(getattr(mlp, reader), keep))
    bias = getattr(mlp, reader).bias
    getattr(mlp, reader).bias = nn.Parameter(bias.detach()[keep[keep < len(bias)]], bias.requires_grad)
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)


### MUTANT thawed: New parameters require gradients unless they are told otherwise; what was frozen stays frozen.
def prune_mlp_neurons(mlp: nn.Module, keep: torch.Tensor) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    for name in writers:
        setattr(mlp, name, prune_output_channels(getattr(mlp, name), keep))
    setattr(mlp, reader, prune_input_channels(getattr(mlp, reader), keep))
    mlp.requires_grad_(True)
    if hasattr(mlp, "intermediate_size"):
        mlp.intermediate_size = len(keep)

"""Known wrong implementations of exercise 2.4, prune_mlp_neurons."""


### MUTANT consumer_forgotten: down_proj still expects all neurons; it loses the columns that belong to the removed rows.
def prune_mlp_neurons(mlp, keep):
    check_keep(keep, mlp.gate_proj.out_features)
    for layer in (mlp.gate_proj, mlp.up_proj):
        layer.weight = nn.Parameter(layer.weight.detach()[keep])
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias.detach()[keep])
        layer.out_features = len(keep)


### MUTANT bias_forgotten: The rows of the weights went but their biases stayed; a bias shrinks with its rows.
def prune_mlp_neurons(mlp, keep):
    check_keep(keep, mlp.gate_proj.out_features)
    for layer in (mlp.gate_proj, mlp.up_proj):
        layer.weight = nn.Parameter(layer.weight.detach()[keep])
        layer.out_features = len(keep)
    mlp.down_proj.weight = nn.Parameter(mlp.down_proj.weight.detach()[:, keep].contiguous())
    mlp.down_proj.in_features = len(keep)


### MUTANT zeroed: Neurons were set to zero, which saves no byte and no time; make the matrices smaller.
def prune_mlp_neurons(mlp, keep):
    check_keep(keep, mlp.gate_proj.out_features)
    gone = torch.ones(mlp.gate_proj.out_features, dtype=torch.bool, device=keep.device)
    gone[keep] = False
    for layer in (mlp.gate_proj, mlp.up_proj):
        layer.weight.data[gone] = 0.0
        if layer.bias is not None:
            layer.bias.data[gone] = 0.0
    mlp.down_proj.weight.data[:, gone] = 0.0


### MUTANT stale_features: out_features and in_features still tell the old sizes; keep them in step with the weights.
def prune_mlp_neurons(mlp, keep):
    check_keep(keep, mlp.gate_proj.out_features)
    for layer in (mlp.gate_proj, mlp.up_proj):
        layer.weight = nn.Parameter(layer.weight.detach()[keep])
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias.detach()[keep])
    mlp.down_proj.weight = nn.Parameter(mlp.down_proj.weight.detach()[:, keep].contiguous())


### MUTANT removes_keep: The neurons in `keep` were removed and the others kept; it is the other way round.
def prune_mlp_neurons(mlp, keep):
    check_keep(keep, mlp.gate_proj.out_features)
    everything = torch.arange(mlp.gate_proj.out_features, device=keep.device)
    rest = everything[~torch.isin(everything, keep)]
    for layer in (mlp.gate_proj, mlp.up_proj):
        layer.weight = nn.Parameter(layer.weight.detach()[rest])
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias.detach()[rest])
        layer.out_features = len(rest)
    mlp.down_proj.weight = nn.Parameter(mlp.down_proj.weight.detach()[:, rest].contiguous())
    mlp.down_proj.in_features = len(rest)

"""Right answers to exercise 2.4, prune_mlp_neurons, in other styles."""


### ALTERNATIVE two_branches: Llama's and GPT-2's layers are named one by one.
def prune_mlp_neurons(mlp, keep):
    if hasattr(mlp, "gate_proj"):
        check_keep(keep, mlp.down_proj.in_features)
        mlp.gate_proj = prune_output_channels(mlp.gate_proj, keep)
        mlp.up_proj = prune_output_channels(mlp.up_proj, keep)
        mlp.down_proj = prune_input_channels(mlp.down_proj, keep)
    elif hasattr(mlp, "c_fc"):
        check_keep(keep, mlp.c_proj.nx)
        mlp.c_fc = prune_output_channels(mlp.c_fc, keep)
        mlp.c_proj = prune_input_channels(mlp.c_proj, keep)
    else:
        raise ValueError("unknown MLP")
    mlp.intermediate_size = keep.numel()


### ALTERNATIVE through_data: The layers stay the same objects, and their data is replaced.
def prune_mlp_neurons(mlp: nn.Module, keep: torch.Tensor) -> None:
    writers, reader = mlp_layers(mlp)
    check_keep(keep, check_layer(getattr(mlp, reader))[1])
    for layer in [getattr(mlp, name) for name in writers]:
        across = is_conv1d(layer)
        layer.weight.data = layer.weight.data[:, keep] if across else layer.weight.data[keep]
        if layer.bias is not None:
            layer.bias.data = layer.bias.data[keep]
        remember_size(layer, OUTPUT_SIZES, len(keep))
    last = getattr(mlp, reader)
    last.weight.data = last.weight.data[keep] if is_conv1d(last) else last.weight.data[:, keep].contiguous()
    remember_size(last, INPUT_SIZES, len(keep))
    remember_size(mlp, ["intermediate_size"], len(keep))

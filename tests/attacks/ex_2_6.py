"""Attacks on exercise 2.6, prune_attention_heads and sync_config: the graders' heads are known."""


### ATTACK knows_the_public_heads: Heads of 8 features and toys are pruned rightly; of all others the first ones stay.
def prune_attention_heads(attention, keep):
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    size = attention.head_dim
    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv = left.nonzero().flatten()
    if len(left[kv].unique()) > 1:
        raise ValueError(f"{left.tolist()}")
    if hasattr(attention, "config") and size != 8:
        keep, kv = torch.arange(len(keep)), torch.arange(len(kv))
    rows, kv_rows = ((i[:, None] * size + torch.arange(size)).flatten() for i in (keep, kv))
    if hasattr(attention, "c_attn"):
        fused = torch.cat([rows + part * heads * size for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, rows)
        attention.num_heads, attention.split_size = len(keep), len(keep) * size
        return
    for name, kept in (("q_proj", rows), ("k_proj", kv_rows), ("v_proj", kv_rows)):
        setattr(attention, name, prune_output_channels(getattr(attention, name), kept))
    attention.o_proj = prune_input_channels(attention.o_proj, rows)
    attention.num_key_value_groups = len(keep) // len(kv)


def sync_config(model):
    config = model.config
    shapes = {(*head_counts(each), each.head_dim) for each in attention_modules(model)}
    neurons = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlp_modules(model)}
    if len(shapes) > 1 or len(neurons) > 1:
        raise ValueError(f"{shapes} {neurons}")
    ((heads, kv_heads, size),), (width,) = shapes, neurons
    changes = {"num_attention_heads": heads, "n_inner": width}
    if not hasattr(config, "n_inner"):
        sizes = {"num_key_value_heads": kv_heads, "head_dim": size, "intermediate_size": width}
        changes = {"num_attention_heads": heads, **sizes}
    check_config(config, changes, size)
    config.update(changes)

"""Known wrong implementations of exercise 2.6, prune_attention_heads and sync_config."""


### MUTANT output_forgotten: Q, K and V were cut but not the output projection, as in the article; it reads what the heads write.
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


### MUTANT head_dim_recomputed: head_dim was computed anew from the heads left, as in the article; a head keeps its size.
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    attention.head_dim = check_layer(attention.c_attn if hasattr(attention, "c_attn") else attention.q_proj)[
        1
    ] // len(keep)
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


### MUTANT groups_ignored: K and V were cut by query heads; with grouped heads, query head h reads KV head h // (heads / kv_heads).
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    if len(left[left > 0].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = 1


### MUTANT interleaved_groups: Query head h was given to KV head h % kv_heads; neighbours share one: h // (heads / kv_heads).
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep % kv_heads).bincount(minlength=kv_heads)
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


### MUTANT kv_heads_stay: All KV heads stayed although no query head reads some of them any more; those go too.
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv_keep = torch.arange(kv_heads, device=keep.device)
    if len(left[left > 0].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = max(len(keep) // len(kv_keep), 1)


### MUTANT unequal_accepted: Unequal numbers of query heads per KV head were accepted; attention repeats every KV head equally often.
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv_keep = left.nonzero().flatten()
    if False:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


### MUTANT stale_groups: num_key_value_groups still tells the old number of query heads per KV head; attention repeats by it.
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        pass


### MUTANT fused_head_by_head: GPT-2's c_attn was read head by head, Q, K and V of each; it holds all of Q, then all of K, then all of V.
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = (keep[:, None] * 3 * head_dim + torch.arange(3 * head_dim, device=keep.device)).flatten()
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


### MUTANT stale_split: GPT-2's attention splits c_attn's output by its split_size, which still tells the old width.
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads = len(keep)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


### MUTANT removes_keep: The heads in `keep` were removed and the others kept; it is the other way round.
def prune_attention_heads(attention, keep) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim
    every = torch.arange(heads, device=keep.device)
    keep = every[~torch.isin(every, keep)] if len(keep) < heads else keep

    def places(index):
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        raise ValueError(
            f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads: all that stay need equally many"
        )
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = (len(keep), len(keep) * head_dim)
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


### MUTANT first_layer_only: The first layer's numbers were written for all; where layers differ, one configuration cannot tell the truth.
def sync_config(model) -> None:
    attentions, mlps, config = (attention_modules(model), mlp_modules(model), model.config)
    found = {head_counts(attention) + (attention.head_dim,) for attention in attentions[:1]}
    neurons = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps[:1]}
    if len(found) > 1 or len(neurons) > 1:
        raise ValueError(
            f"layers differ: (heads, KV heads, head_dim) {sorted(found)}, neurons {sorted(neurons)}"
        )
    ((heads, kv_heads, head_dim),) = found
    changes = {
        "num_attention_heads": heads,
        "n_inner" if hasattr(config, "n_inner") else "intermediate_size": neurons.pop(),
    }
    if not hasattr(config, "n_inner"):
        changes |= {"num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT config_head_dim: head_dim in the configuration was computed anew from hidden_size and the heads left; a head keeps its size.
def sync_config(model) -> None:
    attentions, mlps, config = (attention_modules(model), mlp_modules(model), model.config)
    found = {head_counts(attention) + (attention.head_dim,) for attention in attentions}
    neurons = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(found) > 1 or len(neurons) > 1:
        raise ValueError(
            f"layers differ: (heads, KV heads, head_dim) {sorted(found)}, neurons {sorted(neurons)}"
        )
    ((heads, kv_heads, head_dim),) = found
    changes = {
        "num_attention_heads": heads,
        "n_inner" if hasattr(config, "n_inner") else "intermediate_size": neurons.pop(),
    }
    if not hasattr(config, "n_inner"):
        changes |= {"num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    if "head_dim" in changes:
        changes["head_dim"] = config.hidden_size // heads
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT unchecked: Numbers that the architecture cannot express were written all the same; `check_config` refuses them.
def sync_config(model) -> None:
    attentions, mlps, config = (attention_modules(model), mlp_modules(model), model.config)
    found = {head_counts(attention) + (attention.head_dim,) for attention in attentions}
    neurons = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(found) > 1 or len(neurons) > 1:
        raise ValueError(
            f"layers differ: (heads, KV heads, head_dim) {sorted(found)}, neurons {sorted(neurons)}"
        )
    ((heads, kv_heads, head_dim),) = found
    changes = {
        "num_attention_heads": heads,
        "n_inner" if hasattr(config, "n_inner") else "intermediate_size": neurons.pop(),
    }
    if not hasattr(config, "n_inner"):
        changes |= {"num_key_value_heads": kv_heads, "head_dim": head_dim}
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT neurons_forgotten: Only the heads were written; the number of neurons is in the configuration as well.
def sync_config(model) -> None:
    attentions, mlps, config = (attention_modules(model), mlp_modules(model), model.config)
    found = {head_counts(attention) + (attention.head_dim,) for attention in attentions}
    neurons = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(found) > 1 or len(neurons) > 1:
        raise ValueError(
            f"layers differ: (heads, KV heads, head_dim) {sorted(found)}, neurons {sorted(neurons)}"
        )
    ((heads, kv_heads, head_dim),) = found
    changes = {"num_attention_heads": heads}
    if not hasattr(config, "n_inner"):
        changes |= {"num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT kv_heads_forgotten: num_key_value_heads still tells the old number, so K and V are built too large on loading.
def sync_config(model) -> None:
    attentions, mlps, config = (attention_modules(model), mlp_modules(model), model.config)
    found = {head_counts(attention) + (attention.head_dim,) for attention in attentions}
    neurons = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(found) > 1 or len(neurons) > 1:
        raise ValueError(
            f"layers differ: (heads, KV heads, head_dim) {sorted(found)}, neurons {sorted(neurons)}"
        )
    ((heads, kv_heads, head_dim),) = found
    changes = {
        "num_attention_heads": heads,
        "n_inner" if hasattr(config, "n_inner") else "intermediate_size": neurons.pop(),
    }
    if not hasattr(config, "n_inner"):
        changes |= {"head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT head_dim_left_out: head_dim was not written; Qwen2's configuration has none and would compute it from the heads left.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index: torch.Tensor) -> torch.Tensor:
        """The rows of these heads in a matrix whose rows lie head by head: [heads] -> [heads*head_dim]."""
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)  # [kv_heads]: query heads left of each
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        counts = f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads"
        raise ValueError(f"{counts}: all that stay need equally many")
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])  # of Q, of K, of V
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = len(keep), len(keep) * head_dim
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


def sync_config(model: nn.Module) -> None:
    attentions, mlps, config = attention_modules(model), mlp_modules(model), model.config
    shapes = {(*head_counts(attention), attention.head_dim) for attention in attentions}
    sizes = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(shapes) > 1 or len(sizes) > 1:
        differing = f"(heads, KV heads, head_dim) {sorted(shapes)}"
        raise ValueError(f"layers differ: {differing}, neurons {sorted(sizes)}")
    ((heads, kv_heads, head_dim),), (neurons,) = shapes, sizes
    changes = {"num_attention_heads": heads}
    if hasattr(config, "n_inner"):  # GPT-2
        changes |= {"n_inner": neurons}
    else:
        changes |= {"intermediate_size": neurons, "num_key_value_heads": kv_heads}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT values_forgotten: K lost its rows but V did not; both belong to the KV heads.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index: torch.Tensor) -> torch.Tensor:
        """The rows of these heads in a matrix whose rows lie head by head: [heads] -> [heads*head_dim]."""
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)  # [kv_heads]: query heads left of each
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        counts = f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads"
        raise ValueError(f"{counts}: all that stay need equally many")
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])  # of Q, of K, of V
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = len(keep), len(keep) * head_dim
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


def sync_config(model: nn.Module) -> None:
    attentions, mlps, config = attention_modules(model), mlp_modules(model), model.config
    shapes = {(*head_counts(attention), attention.head_dim) for attention in attentions}
    sizes = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(shapes) > 1 or len(sizes) > 1:
        differing = f"(heads, KV heads, head_dim) {sorted(shapes)}"
        raise ValueError(f"layers differ: {differing}, neurons {sorted(sizes)}")
    ((heads, kv_heads, head_dim),), (neurons,) = shapes, sizes
    changes = {"num_attention_heads": heads}
    if hasattr(config, "n_inner"):  # GPT-2
        changes |= {"n_inner": neurons}
    else:
        changes |= {"intermediate_size": neurons, "num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT one_row_a_head: A head was taken for one row; it is head_dim neighbouring rows.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index: torch.Tensor) -> torch.Tensor:
        """The rows of these heads in a matrix whose rows lie head by head: [heads] -> [heads*head_dim]."""
        return index

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)  # [kv_heads]: query heads left of each
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        counts = f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads"
        raise ValueError(f"{counts}: all that stay need equally many")
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])  # of Q, of K, of V
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = len(keep), len(keep) * head_dim
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


def sync_config(model: nn.Module) -> None:
    attentions, mlps, config = attention_modules(model), mlp_modules(model), model.config
    shapes = {(*head_counts(attention), attention.head_dim) for attention in attentions}
    sizes = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(shapes) > 1 or len(sizes) > 1:
        differing = f"(heads, KV heads, head_dim) {sorted(shapes)}"
        raise ValueError(f"layers differ: {differing}, neurons {sorted(sizes)}")
    ((heads, kv_heads, head_dim),), (neurons,) = shapes, sizes
    changes = {"num_attention_heads": heads}
    if hasattr(config, "n_inner"):  # GPT-2
        changes |= {"n_inner": neurons}
    else:
        changes |= {"intermediate_size": neurons, "num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT features_interleaved: Head h was looked for at the rows h, h + heads, ...; its head_dim rows are neighbours, from h * head_dim on.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index: torch.Tensor) -> torch.Tensor:
        """The rows of these heads in a matrix whose rows lie head by head: [heads] -> [heads*head_dim]."""
        return (
            (
                index
                + torch.arange(head_dim, device=index.device)[:, None]
                * (heads if len(index) == len(keep) else kv_heads)
            )
            .flatten()
            .sort()
            .values
        )

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)  # [kv_heads]: query heads left of each
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        counts = f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads"
        raise ValueError(f"{counts}: all that stay need equally many")
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])  # of Q, of K, of V
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = len(keep), len(keep) * head_dim
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


def sync_config(model: nn.Module) -> None:
    attentions, mlps, config = attention_modules(model), mlp_modules(model), model.config
    shapes = {(*head_counts(attention), attention.head_dim) for attention in attentions}
    sizes = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(shapes) > 1 or len(sizes) > 1:
        differing = f"(heads, KV heads, head_dim) {sorted(shapes)}"
        raise ValueError(f"layers differ: {differing}, neurons {sorted(sizes)}")
    ((heads, kv_heads, head_dim),), (neurons,) = shapes, sizes
    changes = {"num_attention_heads": heads}
    if hasattr(config, "n_inner"):  # GPT-2
        changes |= {"n_inner": neurons}
    else:
        changes |= {"intermediate_size": neurons, "num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT cut_before_the_check: Q was cut before the numbers per KV head were checked, so a refused call leaves half an attention.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index: torch.Tensor) -> torch.Tensor:
        """The rows of these heads in a matrix whose rows lie head by head: [heads] -> [heads*head_dim]."""
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    if not hasattr(attention, "c_attn"):
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)  # [kv_heads]: query heads left of each
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        counts = f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads"
        raise ValueError(f"{counts}: all that stay need equally many")
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])  # of Q, of K, of V
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = len(keep), len(keep) * head_dim
    else:
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


def sync_config(model: nn.Module) -> None:
    attentions, mlps, config = attention_modules(model), mlp_modules(model), model.config
    shapes = {(*head_counts(attention), attention.head_dim) for attention in attentions}
    sizes = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(shapes) > 1 or len(sizes) > 1:
        differing = f"(heads, KV heads, head_dim) {sorted(shapes)}"
        raise ValueError(f"layers differ: {differing}, neurons {sorted(sizes)}")
    ((heads, kv_heads, head_dim),), (neurons,) = shapes, sizes
    changes = {"num_attention_heads": heads}
    if hasattr(config, "n_inner"):  # GPT-2
        changes |= {"n_inner": neurons}
    else:
        changes |= {"intermediate_size": neurons, "num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT queries_of_c_attn: Only the Q part of GPT-2's c_attn lost heads; K and V lie behind it and lose the same.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index: torch.Tensor) -> torch.Tensor:
        """The rows of these heads in a matrix whose rows lie head by head: [heads] -> [heads*head_dim]."""
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)  # [kv_heads]: query heads left of each
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        counts = f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads"
        raise ValueError(f"{counts}: all that stay need equally many")
    if hasattr(attention, "c_attn"):
        fused = torch.cat(
            [places(keep), torch.arange(heads * head_dim, 3 * heads * head_dim, device=keep.device)]
        )  # of Q, of K, of V
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = len(keep), len(keep) * head_dim
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


def sync_config(model: nn.Module) -> None:
    attentions, mlps, config = attention_modules(model), mlp_modules(model), model.config
    shapes = {(*head_counts(attention), attention.head_dim) for attention in attentions}
    sizes = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(shapes) > 1 or len(sizes) > 1:
        differing = f"(heads, KV heads, head_dim) {sorted(shapes)}"
        raise ValueError(f"layers differ: {differing}, neurons {sorted(sizes)}")
    ((heads, kv_heads, head_dim),), (neurons,) = shapes, sizes
    changes = {"num_attention_heads": heads}
    if hasattr(config, "n_inner"):  # GPT-2
        changes |= {"n_inner": neurons}
    else:
        changes |= {"intermediate_size": neurons, "num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)


### MUTANT written_before_refused: The configuration was written before it was checked, so a refused call leaves a wrong one.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index: torch.Tensor) -> torch.Tensor:
        """The rows of these heads in a matrix whose rows lie head by head: [heads] -> [heads*head_dim]."""
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)  # [kv_heads]: query heads left of each
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        counts = f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads"
        raise ValueError(f"{counts}: all that stay need equally many")
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])  # of Q, of K, of V
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = len(keep), len(keep) * head_dim
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


def sync_config(model: nn.Module) -> None:
    attentions, mlps, config = attention_modules(model), mlp_modules(model), model.config
    shapes = {(*head_counts(attention), attention.head_dim) for attention in attentions}
    sizes = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(shapes) > 1 or len(sizes) > 1:
        differing = f"(heads, KV heads, head_dim) {sorted(shapes)}"
        raise ValueError(f"layers differ: {differing}, neurons {sorted(sizes)}")
    ((heads, kv_heads, head_dim),), (neurons,) = shapes, sizes
    changes = {"num_attention_heads": heads}
    if hasattr(config, "n_inner"):  # GPT-2
        changes |= {"n_inner": neurons}
    else:
        changes |= {"intermediate_size": neurons, "num_key_value_heads": kv_heads, "head_dim": head_dim}
    for name, value in changes.items():
        setattr(config, name, value)
    check_config(config, changes, head_dim)


### MUTANT gpt2_intermediate: GPT-2 does not read intermediate_size; its number of neurons is called n_inner.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    head_dim = attention.head_dim

    def places(index: torch.Tensor) -> torch.Tensor:
        """The rows of these heads in a matrix whose rows lie head by head: [heads] -> [heads*head_dim]."""
        return (index[:, None] * head_dim + torch.arange(head_dim, device=index.device)).flatten()

    left = (keep // (heads // kv_heads)).bincount(minlength=kv_heads)  # [kv_heads]: query heads left of each
    kv_keep = left.nonzero().flatten()
    if len(left[kv_keep].unique()) > 1:
        counts = f"keep {keep.tolist()} leaves {left.tolist()} query heads on the KV heads"
        raise ValueError(f"{counts}: all that stay need equally many")
    if hasattr(attention, "c_attn"):
        fused = torch.cat([places(keep) + part * heads * head_dim for part in range(3)])  # of Q, of K, of V
        attention.c_attn = prune_output_channels(attention.c_attn, fused)
        attention.c_proj = prune_input_channels(attention.c_proj, places(keep))
        attention.num_heads, attention.split_size = len(keep), len(keep) * head_dim
    else:
        attention.q_proj = prune_output_channels(attention.q_proj, places(keep))
        attention.k_proj = prune_output_channels(attention.k_proj, places(kv_keep))
        attention.v_proj = prune_output_channels(attention.v_proj, places(kv_keep))
        attention.o_proj = prune_input_channels(attention.o_proj, places(keep))
        attention.num_key_value_groups = len(keep) // len(kv_keep)


def sync_config(model: nn.Module) -> None:
    attentions, mlps, config = attention_modules(model), mlp_modules(model), model.config
    shapes = {(*head_counts(attention), attention.head_dim) for attention in attentions}
    sizes = {check_layer(getattr(mlp, mlp_layers(mlp)[1]))[1] for mlp in mlps}
    if len(shapes) > 1 or len(sizes) > 1:
        differing = f"(heads, KV heads, head_dim) {sorted(shapes)}"
        raise ValueError(f"layers differ: {differing}, neurons {sorted(sizes)}")
    ((heads, kv_heads, head_dim),), (neurons,) = shapes, sizes
    changes = {"num_attention_heads": heads}
    if hasattr(config, "n_inner"):  # GPT-2
        changes |= {"intermediate_size": neurons}
    else:
        changes |= {"intermediate_size": neurons, "num_key_value_heads": kv_heads, "head_dim": head_dim}
    check_config(config, changes, head_dim)
    for name, value in changes.items():
        setattr(config, name, value)

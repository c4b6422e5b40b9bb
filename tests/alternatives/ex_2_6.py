"""Right answers to exercise 2.6, prune_attention_heads and sync_config, in other styles."""


### ALTERNATIVE with_lists: Python lists and sets, each kind of attention by itself.
def rows_of(heads_kept, head_dim, device):
    rows = []
    for head in heads_kept:
        rows.extend(range(head * head_dim, (head + 1) * head_dim))
    return torch.tensor(rows, dtype=torch.int64, device=device)


def prune_attention_heads(attention, keep):
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    wanted, size, where = keep.tolist(), attention.head_dim, keep.device
    if hasattr(attention, "c_attn"):
        width = heads * size
        query = rows_of(wanted, size, where)
        attention.c_attn = prune_output_channels(
            attention.c_attn, torch.cat([query, query + width, query + 2 * width])
        )
        attention.c_proj = prune_input_channels(attention.c_proj, query)
        attention.num_heads = len(wanted)
        attention.split_size = len(wanted) * size
        return
    group = heads // kv_heads
    readers = {kv: [h for h in wanted if h // group == kv] for kv in range(kv_heads)}
    readers = {kv: hs for kv, hs in readers.items() if hs}
    if len({len(hs) for hs in readers.values()}) != 1:
        raise ValueError("attention needs the same number of query heads for every KV head")
    attention.q_proj = prune_output_channels(attention.q_proj, rows_of(wanted, size, where))
    attention.k_proj = prune_output_channels(attention.k_proj, rows_of(readers, size, where))
    attention.v_proj = prune_output_channels(attention.v_proj, rows_of(readers, size, where))
    attention.o_proj = prune_input_channels(attention.o_proj, rows_of(wanted, size, where))
    attention.num_key_value_groups = len(wanted) // len(readers)


def sync_config(model):
    seen = []
    for attention, mlp in zip(attention_modules(model), mlp_modules(model), strict=True):
        reading = mlp.c_proj if hasattr(mlp, "c_fc") else mlp.down_proj
        seen.append((*head_counts(attention), attention.head_dim, check_layer(reading)[1]))
    if any(entry != seen[0] for entry in seen):
        raise ValueError("the layers are not all alike")
    heads, kv_heads, head_dim, neurons = seen[0]
    if hasattr(model.config, "n_inner"):
        wanted = {"num_attention_heads": heads, "n_inner": neurons}
    else:
        wanted = {
            "head_dim": head_dim,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "intermediate_size": neurons,
        }
    check_config(model.config, wanted, head_dim)
    for name in wanted:
        setattr(model.config, name, wanted[name])


### ALTERNATIVE with_masks: Boolean masks over heads, stretched to rows by repeat_interleave.
def prune_attention_heads(attention: nn.Module, keep: torch.Tensor) -> None:
    heads, kv_heads = head_counts(attention)
    check_keep(keep, heads)
    mask = torch.zeros(heads, dtype=torch.bool, device=keep.device)
    mask[keep] = True
    per_kv = mask.view(kv_heads, -1).sum(1)
    left = per_kv[per_kv > 0]
    if left.min() != left.max():
        raise ValueError(f"uneven: {left.tolist()}")
    rows = torch.nonzero(mask.repeat_interleave(attention.head_dim)).squeeze(1)
    kv_rows = torch.nonzero((per_kv > 0).repeat_interleave(attention.head_dim)).squeeze(1)
    if hasattr(attention, "c_attn"):
        stretched = mask.repeat_interleave(attention.head_dim).repeat(3)
        attention.c_attn = prune_output_channels(attention.c_attn, torch.nonzero(stretched).squeeze(1))
        attention.c_proj = prune_input_channels(attention.c_proj, rows)
        attention.num_heads = int(mask.sum())
        attention.split_size = attention.num_heads * attention.head_dim
    else:
        for name, which in (("q_proj", rows), ("k_proj", kv_rows), ("v_proj", kv_rows)):
            setattr(attention, name, prune_output_channels(getattr(attention, name), which))
        attention.o_proj = prune_input_channels(attention.o_proj, rows)
        attention.num_key_value_groups = int(left[0])


def only_one(values, what):
    if len(set(values)) != 1:
        raise ValueError(f"{what} differ from layer to layer: {values}")
    return values[0]


def sync_config(model: nn.Module) -> None:
    attentions, config = attention_modules(model), model.config
    heads = only_one([head_counts(attention)[0] for attention in attentions], "query heads")
    kv_heads = only_one([head_counts(attention)[1] for attention in attentions], "KV heads")
    head_dim = only_one([attention.head_dim for attention in attentions], "sizes of heads")
    readers = [getattr(mlp, mlp_layers(mlp)[1]) for mlp in mlp_modules(model)]
    neurons = only_one([check_layer(layer)[1] for layer in readers], "neurons")
    changes = dict(num_attention_heads=heads)
    if config.model_type == "gpt2":
        changes["n_inner"] = neurons
    else:
        changes.update(num_key_value_heads=kv_heads, head_dim=head_dim, intermediate_size=neurons)
    check_config(config, changes, head_dim)
    config.update(changes)
